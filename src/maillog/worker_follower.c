// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker_follower_priv.h"

/* while there is nothing to be watched */
#define RETRY (5 * USEC_PER_SEC)
/* while inotify is not to be had */
#define BLIND_INTERVAL USEC_PER_SEC

/* --- which files --- */

static void take_out(struct follower *follower, unsigned i)
{
	follower->n_files--;
	memmove(follower->files + i, follower->files + i + 1,
		(follower->n_files - i) * sizeof(follower->files[0]));
}

void follower_drop(struct follower *follower, unsigned i)
{
	if (follower->files[i].watch >= 0)
		inotify_rm_watch(follower->fd, follower->files[i].watch);
	tail_close(&follower->files[i]);
	take_out(follower, i);
}

unsigned follower_insert(struct follower *follower, unsigned at, const struct tail *tail)
{
	if (follower->n_files == FOLLOWER_FILES_MAX) {
		follower->gaps++;
		follower_drop(follower, 0);
		at -= at > 0;
	}
	memmove(follower->files + at + 1, follower->files + at,
		(follower->n_files - at) * sizeof(*tail));
	follower->files[at] = *tail;
	follower->n_files++;
	return at + 1;
}

void follower_append(struct follower *follower, struct tail *tail, const char *path, usec_t closes)
{
	tail->closes = closes;
	follower_watch_file(follower, tail, path);
	follower_insert(follower, follower->n_files, tail);
}

static struct tail *newest(struct follower *follower)
{
	return follower->n_files > 0 ? &follower->files[follower->n_files - 1] : NULL;
}

static bool is_same_file(const struct tail *a, const struct tail *b)
{
	return a->inode == b->inode && a->device == b->device;
}

/* Not rotated but replaced by a copy of itself, as editors do. */
static bool is_replacement(const struct tail *tail, const struct tail *old)
{
	struct log_place place;
	struct stat st;

	tail_place(old, &place);
	return fstat(old->fd, &st) == 0 && st.st_nlink == 0 && place.head_bytes > 0 &&
	       tail_has_head(tail, &place);
}

/* Whether the file was there already: then it is the newest now. */
static bool bring_back(struct follower *follower, const struct tail *tail)
{
	struct tail known;

	for (unsigned i = 0; i < follower->n_files; i++) {
		if (!is_same_file(&follower->files[i], tail))
			continue;
		known = follower->files[i];
		known.closes = USEC_NEVER;
		take_out(follower, i);
		follower_insert(follower, follower->n_files, &known);
		return true;
	}
	return false;
}

/* Another file has the name now. */
static void on_renamed(struct follower *follower, struct tail *tail, usec_t now)
{
	struct tail *old = newest(follower);

	if (old)
		old->closes = now + LATE_WRITES;
	if (bring_back(follower, tail)) {
		tail_close(tail);
		return;
	}
	if (old && is_replacement(tail, old)) {
		tail_seek(tail, old->offset);
		follower_drop(follower, follower->n_files - 1);
	} else if (old) {
		follower->rotations++;
		follower_find_later(follower, tail, now);
	}
	follower_append(follower, tail, follower->path, USEC_NEVER);
}

static bool has_name(struct follower *follower)
{
	const struct tail *tail = newest(follower);
	struct stat st;

	return tail && stat(follower->path, &st) == 0 && st.st_ino == tail->inode &&
	       st.st_dev == tail->device;
}

static void look_for_file(struct follower *follower, usec_t now)
{
	struct tail tail;
	int r;

	follower->error = 0;
	follower->named = has_name(follower);
	if (follower->named)
		return;
	r = tail_open(follower->path, &tail);
	follower->named = r == 0;
	follower->error = -r;
	if (follower->places.n > 0 && (r == 0 || r == -ENOENT))
		follower_resume(follower, r == 0 ? &tail : NULL, now);
	else if (r == 0)
		on_renamed(follower, &tail, now);
	else if (r == -ENOENT && follower->n_files > 0)
		follower_find_later(follower, NULL, now);
}

static void look(struct follower *follower, usec_t now)
{
	bool blind = follower->fd < 0;

	follower->look = false;
	/* first: what happens to the name afterwards is told */
	follower_watch_directory(follower);
	look_for_file(follower, now);
	for (unsigned i = 0; i < follower->n_files; i++)
		blind |= follower->files[i].watch < 0;
	follower->next_look = USEC_NEVER;
	if (!follower->named || follower->directory_watch < 0)
		follower->next_look = now + RETRY;
	if (follower->n_files > 0 && blind)
		follower->next_look = now + BLIND_INTERVAL;
}

/* --- reading --- */

/* What was copied since the last look, and cannot be known by its head. */
static bool insert_copies_since(struct follower *follower, unsigned i, usec_t written)
{
	const struct lifetime last = { .begun = written, .written = written };

	return follower_insert_later(follower, i, &last);
}

/* known: as it was at the last look. */
static void on_truncated(struct follower *follower, unsigned i, const struct tail *known)
{
	struct tail *tail = &follower->files[i];
	struct log_place place;

	tail_place(tail, &place);
	if (tail_begin_anew(tail) < 0)
		return;
	follower->truncations++;
	if (follower_insert_copy(follower, i, &place))
		return;
	follower->gaps += known->size > place.offset;
	(void)insert_copies_since(follower, i, known->written);
}

/* An empty file has nothing that a truncation in between could be told by. */
static bool begin_filled(struct tail *tail)
{
	struct stat st;

	return tail->head_bytes == 0 && fstat(tail->fd, &st) == 0 && st.st_size > 0 &&
	       tail_begin_anew(tail) == 0;
}

/* Older files are needed until nobody writes to them; places know of one beside the newest. */
static bool is_over(const struct follower *follower, unsigned i, usec_t now)
{
	return i + 1 < follower->n_files &&
	       (follower->files[i].closes <= now || follower->n_files > LOG_PLACES_MAX);
}

/* Whether the file is done with. */
static bool read_file(struct follower *follower, unsigned i, usec_t now, size_t *budget)
{
	struct tail *tail = &follower->files[i];
	const struct tail known = *tail;
	int r = TAIL_MORE;

	if (!begin_filled(tail) || !insert_copies_since(follower, i, known.written))
		r = tail_read(tail, &follower->sink, budget);
	if (r == TAIL_TRUNCATED)
		on_truncated(follower, i, &known);
	follower->more = r > 0;
	if (r > 0)
		return false;
	if (r < 0 && i + 1 == follower->n_files) {
		follower->error = -r;
		follower->next_look = MIN_OF(follower->next_look, now + RETRY);
		return false;
	}
	if (r < 0)
		follower->gaps++;
	else if (is_over(follower, i, now))
		follower->more = !tail_finish(tail, &follower->sink);
	return r < 0 || is_over(follower, i, now);
}

bool follower_turn(struct follower *follower, usec_t now, size_t budget)
{
	unsigned i = 0;

	if (follower->look || now >= follower->next_look)
		look(follower, now);
	follower->more = false;
	while (i < follower->n_files && !follower->more) {
		if (read_file(follower, i, now, &budget))
			follower_drop(follower, i);
		else
			i++;
	}
	return follower->more;
}

int follower_fd(const struct follower *follower)
{
	return follower->fd;
}

usec_t follower_next(const struct follower *follower)
{
	usec_t next = follower->look ? 0 : follower->next_look;

	for (unsigned i = 0; i + 1 < follower->n_files; i++)
		next = MIN_OF(next, follower->files[i].closes);
	return next;
}

/* --- what is told of it --- */

void follower_places(const struct follower *follower, struct log_places *ret_places)
{
	unsigned n = MIN_OF(follower->n_files, (unsigned)LOG_PLACES_MAX);

	*ret_places = follower->places;
	if (follower->places.n > 0 || n == 0)
		return;
	ret_places->n = n;
	/* of more files only the first is read now, and the second is next */
	for (unsigned i = 0; i < n; i++)
		tail_place(&follower->files[n - 1 - i], &ret_places->place[i]);
}

usec_t follower_written(const struct follower *follower)
{
	unsigned i = 0;

	if (follower->n_files == 0)
		return 0;
	while (i + 1 < follower->n_files && follower->files[i].examined == follower->files[i].size)
		i++;
	return follower->files[i].written;
}

static enum log_state state_of(const struct follower *follower)
{
	if (follower->error == ENOENT)
		return LOG_STATE_MISSING;
	if (follower->error)
		return LOG_STATE_UNREADABLE;
	return follower->more ? LOG_STATE_BEHIND : LOG_STATE_FOLLOWING;
}

void follower_report(const struct follower *follower, struct log_report *report)
{
	const struct line_sink *sink = &follower->sink;

	report->state = state_of(follower);
	report->error = report->state == LOG_STATE_UNREADABLE ? follower->error : 0;
	report->offset = report->size = report->behind_bytes = 0;
	for (unsigned i = 0; i < follower->n_files; i++) {
		const struct tail *tail = &follower->files[i];

		report->behind_bytes += tail->size - tail->examined;
		if (follower->named && i + 1 == follower->n_files) {
			report->offset = tail->offset;
			report->size = tail->size;
		}
	}
	report->lines = sink->lines;
	report->bytes = sink->bytes;
	report->long_lines = sink->long_lines;
	report->rotations = follower->rotations;
	report->truncations = follower->truncations;
	report->gaps = follower->gaps;
}

/* --- its life --- */

struct follower *follower_free(struct follower *follower)
{
	if (follower) {
		while (follower->n_files > 0)
			follower_drop(follower, 0);
		if (follower->fd >= 0)
			close(follower->fd);
		free(follower->directory);
		free(follower);
	}
	return NULL;
}

int follower_new(struct follower **ret_follower, const char *path, const struct log_places *places,
		 line_fn *line, void *userdata)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return -ENOMEM;
	follower->path = path;
	follower->name = strrchr(path, '/') + 1;
	/* the root directory keeps its slash */
	follower->directory = strndup(path, (size_t)MAX_OF(follower->name - path - 1, 1));
	follower->sink = (struct line_sink){ .line = line, .userdata = userdata };
	follower->places = *places;
	follower->directory_watch = -1;
	follower->look = true;
	follower->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (follower->fd < 0)
		follower_warn_once(follower, errno);
	if (!follower->directory) {
		follower_free(follower);
		return -ENOMEM;
	}
	*ret_follower = follower;
	return 0;
}
