// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plays a story (README.md) against the guard: events in, expected ops out. Every op becomes one line
 * of text as it leaves the guard; `expect` lines must name all of them, in order.
 */
#include "story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void advance(struct story *story, usec_t to)
{
	if (to < story->now)
		fail(story, "time goes backwards");
	for (unsigned ticks = 0; guard_next_tick(story->guard) <= to; ticks++) {
		if (ticks == TICKS_MAX)
			fail(story, "the guard's next tick does not move on");
		story->now = MAX_OF(story->now, guard_next_tick(story->guard));
		guard_tick(story->guard, story->now);
	}
	story->now = to;
}

static void make_guard(struct story *story)
{
	if (!story->guard && guard_new(&story->guard, settings_in_force(story), &story->key, on_op, story))
		fail(story, "guard_new failed");
}

static void at(struct story *story)
{
	const char *word = next(story);

	if (*word == '+')
		advance(story, story->now + time_of(story, word + 1));
	else
		advance(story, story->start + time_of(story, word));
	event(story);
}

static void play_line(struct story *story)
{
	const char *word = peek(story);

	if (accept(story, "set")) {
		set(story);
	} else if (accept(story, "allow") || accept(story, "disallow")) {
		allow(story, !strcmp(word, "allow"));
	} else if (accept(story, "service")) {
		service(story);
	} else if (accept(story, "show")) {
		show(story);
	} else {
		make_guard(story);
		if (accept(story, "expect")) {
			expect(story);
		} else if (accept(story, "check")) {
			check(story);
		} else {
			nothing_left(story);
			if (!accept(story, "at"))
				fail(story, "unknown word \"%s\"", word);
			at(story);
		}
	}
	if (story->word < story->n_words)
		fail(story, "too much on the line: %s", peek(story));
}

static void play(const char *path, usec_t start, uint8_t key)
{
	struct story *story = calloc(1, sizeof(*story));
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!story || !file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	story->path = path;
	story->start = story->now = start;
	memset(&story->key, key, sizeof(story->key));
	settings_begin(story);
	while (getline(&line, &size, file) >= 0) {
		story->line++;
		split(story, line);
		if (story->n_words)
			play_line(story);
	}
	nothing_left(story);
	if (ferror(file) || !story->guard)
		fail(story, "no story");
	guard_free(story->guard);
	settings_end(story);
	free(line);
	fclose(file);
	free(story);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: replay STORY...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		play(argv[i], 3600 * USEC_PER_SEC, 1);
		/* window stamps are 32 bits of milliseconds: they wrap a minute into this run */
		play(argv[i], ((usec_t)1 << 32) * USEC_PER_MSEC - 60 * USEC_PER_SEC, 2);
	}
	return 0;
}
