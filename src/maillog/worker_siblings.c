// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker_priv.h"

/* What gzip writes last: how long it was before, modulo 2^32. */
#define GZIP_LENGTH_BYTES 4

/* false: enough. */
typedef bool visit_fn(void *userdata, const char *path, const char *suffix, const struct stat *st);

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

/* The length of its name without what says how it is compressed. */
static size_t plain_length(const char *name)
{
	static const char *const ends[] = { ".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z" };

	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_with(name, ends[i]))
			return strlen(name) - strlen(ends[i]);
	return strlen(name);
}

static bool is_compressed(const char *name)
{
	return name[plain_length(name)] != '\0';
}

/* ".1", "-20251122", "-2025-11-22.1.gz": as rotation names files; others are people's names. */
static bool is_number_of_rotation(const char *suffix)
{
	size_t length = plain_length(suffix);

	return strchr(".-_", suffix[0]) && strcspn(suffix, "0123456789") < length &&
	       strspn(suffix, ".-_0123456789") >= length;
}

static void visit_siblings(const char *path, visit_fn *visit, void *userdata)
{
	const char *slash = strrchr(path, '/'), *name = slash + 1;
	char other[SIBLING_PATH_MAX];
	struct dirent *entry;
	DIR *directory;
	struct stat st;
	int length;

	length = snprintf(other, sizeof(other), "%.*s", (int)(name - path), path);
	if (length < 0 || (size_t)length >= sizeof(other))
		return;
	directory = opendir(other);
	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		const char *suffix = entry->d_name + strlen(name);
		size_t room = sizeof(other) - (size_t)length;

		/* no links: who may write there shall not choose what is read */
		if (strncmp(entry->d_name, name, strlen(name)) || !*suffix ||
		    (size_t)snprintf(other + length, room, "%s", entry->d_name) >= room ||
		    lstat(other, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!visit(userdata, other, suffix, &st))
			break;
	}
	closedir(directory);
}

struct search {
	const struct log_place *place;
	enum sibling_by by;
	struct sibling *best;
	bool found;
};

static bool is_wanted(const struct search *search, const struct tail *tail)
{
	if (tail->size < search->place->offset || !tail_has_head(tail, search->place))
		return false;
	if (search->by == SIBLING_BY_INODE)
		return tail->inode == search->place->inode;
	/* of several copies the one that was made last */
	return search->place->head_bytes > 0 &&
	       (!search->found || tail->size > search->best->tail.size);
}

static bool visit_for_place(void *userdata, const char *path, const char *suffix,
			    const struct stat *st)
{
	struct search *search = userdata;
	struct tail tail;

	/* most are not even opened */
	if (is_compressed(suffix) ||
	    (search->by == SIBLING_BY_INODE && st->st_ino != search->place->inode) ||
	    (uint64_t)st->st_size < search->place->offset || tail_open(path, &tail) < 0)
		return true;
	if (!is_wanted(search, &tail)) {
		tail_close(&tail);
		return true;
	}
	if (search->found)
		tail_close(&search->best->tail);
	search->best->tail = tail;
	snprintf(search->best->path, sizeof(search->best->path), "%s", path);
	search->found = true;
	return search->by == SIBLING_BY_HEAD;
}

bool sibling_find(const char *path, const struct log_place *place, enum sibling_by by,
		  struct sibling *ret_sibling)
{
	struct search search = { .place = place, .by = by, .best = ret_sibling };

	visit_siblings(path, visit_for_place, &search);
	return search.found;
}

static usec_t written_of(const struct stat *st)
{
	return (usec_t)st->st_mtim.tv_sec * USEC_PER_SEC + (usec_t)st->st_mtim.tv_nsec / 1000;
}

struct zipped {
	char path[SIBLING_PATH_MAX]; /* of the last; "": there is none */
	usec_t written;
};

static bool visit_for_zipped(void *userdata, const char *path, const char *suffix,
			     const struct stat *st)
{
	struct zipped *last = userdata;

	if (ends_with(suffix, ".gz") && written_of(st) >= last->written) {
		last->written = written_of(st);
		snprintf(last->path, sizeof(last->path), "%s", path);
	}
	return true;
}

static bool has_zipped_length(const struct tail *tail, uint64_t length)
{
	uint8_t bytes[GZIP_LENGTH_BYTES];
	uint32_t zipped = 0;

	if (tail->size < sizeof(bytes) ||
	    pread(tail->fd, bytes, sizeof(bytes), (off_t)(tail->size - sizeof(bytes))) !=
		    (ssize_t)sizeof(bytes))
		return false;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		zipped |= (uint32_t)bytes[i] << (8 * i);
	return zipped == (uint32_t)length;
}

bool sibling_is_zipped(const char *path, const struct log_place *place)
{
	struct zipped last = { .written = 0 };
	struct tail tail;
	bool is_it;

	visit_siblings(path, visit_for_zipped, &last);
	/* empty logs are all alike */
	if (place->offset == 0 || !last.path[0] || tail_open(last.path, &tail) < 0)
		return false;
	is_it = has_zipped_length(&tail, place->offset);
	tail_close(&tail);
	return is_it;
}

struct later {
	const struct lifetime *before;
	const struct known_files *known;
	struct sibling *siblings;
	usec_t born[SIBLINGS_MAX];
	unsigned n, missed;
};

/* When the file was created; 0: the file system does not know. */
static usec_t birth_of(const struct tail *tail)
{
	struct statx stx;

	if (statx(tail->fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) < 0 ||
	    !(stx.stx_mask & STATX_BTIME))
		return 0;
	return (usec_t)stx.stx_btime.tv_sec * USEC_PER_SEC + stx.stx_btime.tv_nsec / 1000;
}

struct lifetime lifetime_of(const struct tail *tail)
{
	struct stat st;

	/* the last look at it may have been before its last line came */
	return (struct lifetime){
		.begun = birth_of(tail),
		.written = fstat(tail->fd, &st) == 0 ? written_of(&st) : tail->written,
	};
}

/* A file cannot be a copy of one that had less than a line in it. */
static bool is_same_or_copy(const struct tail *tail, const struct tail *other)
{
	struct log_place place;

	tail_place(other, &place);
	return (tail->inode == other->inode && tail->device == other->device) ||
	       (place.head_bytes > 0 && tail_has_head(tail, &place));
}

static bool is_known(const struct known_files *known, const struct tail *tail)
{
	for (unsigned i = 0; i < known->n; i++)
		if (is_same_or_copy(tail, &known->files[i]))
			return true;
	return known->newest && is_same_or_copy(tail, known->newest);
}

/*
 * Ended later, says the caller, and begun later: an older file may still have been written to after
 * the younger one, and one that was unpacked was begun just now.
 */
static bool is_later(struct later *later, const struct tail *tail)
{
	usec_t born = birth_of(tail);

	if (is_known(later->known, tail))
		return false;
	if (later->before->begun == 0 || born == 0) {
		later->missed++;
		return false;
	}
	return born > later->before->begun;
}

/* In its order; of too many the last are left out. */
static void keep_later(struct later *later, const struct tail *tail, const char *path)
{
	struct sibling *siblings = later->siblings;
	usec_t born = birth_of(tail);
	unsigned i = later->n;

	if (i == SIBLINGS_MAX) {
		later->missed++;
		if (later->born[--i] <= born) {
			close(tail->fd);
			return;
		}
		tail_close(&siblings[i].tail);
	} else {
		later->n++;
	}
	for (; i > 0 && later->born[i - 1] > born; i--) {
		siblings[i] = siblings[i - 1];
		later->born[i] = later->born[i - 1];
	}
	siblings[i].tail = *tail;
	snprintf(siblings[i].path, sizeof(siblings[i].path), "%s", path);
	later->born[i] = born;
}

static bool visit_for_later(void *userdata, const char *path, const char *suffix,
			    const struct stat *st)
{
	struct later *later = userdata;
	usec_t written = written_of(st);
	struct tail tail;
	int r;

	if (!is_number_of_rotation(suffix) || st->st_size == 0 || written <= later->before->written)
		return true;
	/* it keeps its time; not the one before, which is written to until its writers notice */
	if (is_compressed(suffix)) {
		later->missed += written > later->before->begun + LATE_WRITES;
		return true;
	}
	r = tail_open(path, &tail);
	if (r < 0) {
		later->missed += r != -ENOENT;
		return true;
	}
	if (is_later(later, &tail))
		keep_later(later, &tail, path);
	else
		tail_close(&tail);
	return true;
}

unsigned siblings_after(const char *path, const struct lifetime *before,
			const struct known_files *known,
			struct sibling siblings[static SIBLINGS_MAX], unsigned *ret_missed)
{
	struct later later = { .before = before, .known = known, .siblings = siblings };

	visit_siblings(path, visit_for_later, &later);
	*ret_missed = later.missed;
	return later.n;
}
