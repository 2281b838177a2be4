// SPDX-License-Identifier: GPL-2.0-or-later
#include "worker_follower_priv.h"

static void append_sibling(struct follower *follower, struct sibling *sibling, uint64_t offset,
			   usec_t now)
{
	tail_seek(&sibling->tail, offset);
	/* it may have been rotated just now */
	follower_append(follower, &sibling->tail, sibling->path, now + LATE_WRITES);
}

static bool find_sibling(struct follower *follower, const struct log_place *place,
			 enum sibling_by by, usec_t now)
{
	struct sibling sibling;

	if (!sibling_find(follower->path, place, by, &sibling))
		return false;
	append_sibling(follower, &sibling, place->offset, now);
	return true;
}

/* --- what came after another file --- */

static void append_later(struct follower *follower, const struct lifetime *before,
			 const struct tail *newest, usec_t now)
{
	const struct known_files known = { newest, follower->files, follower->n_files };
	struct sibling siblings[SIBLINGS_MAX];
	unsigned missed, n;

	n = siblings_after(follower->path, before, &known, siblings, &missed);
	for (unsigned i = 0; i < n; i++)
		append_sibling(follower, &siblings[i], 0, now);
	follower->rotations += n;
	/* without a newest one it is looked for again and again */
	follower->gaps += newest ? missed : 0;
}

void follower_find_later(struct follower *follower, const struct tail *newest, usec_t now)
{
	const struct lifetime before = lifetime_of(&follower->files[follower->n_files - 1]);

	append_later(follower, &before, newest, now);
}

bool follower_insert_later(struct follower *follower, unsigned i, const struct lifetime *before)
{
	const struct known_files known = { NULL, follower->files, follower->n_files };
	struct sibling siblings[SIBLINGS_MAX];
	unsigned missed, n;

	n = siblings_after(follower->path, before, &known, siblings, &missed);
	for (unsigned k = 0; k < n; k++) {
		siblings[k].tail.closes = 0;
		i = follower_insert(follower, i, &siblings[k].tail);
	}
	follower->truncations += n;
	follower->gaps += missed;
	return n > 0;
}

bool follower_insert_copy(struct follower *follower, unsigned i, const struct log_place *place)
{
	struct lifetime before;
	struct sibling copy;

	if (!sibling_find(follower->path, place, SIBLING_BY_HEAD, &copy))
		return false;
	tail_seek(&copy.tail, place->offset);
	/* it was complete before the file was truncated: nobody writes to it */
	copy.tail.closes = 0;
	before = lifetime_of(&copy.tail);
	i = follower_insert(follower, i, &copy.tail);
	(void)follower_insert_later(follower, i, &before);
	return true;
}

/* --- where the last run stopped --- */

/* A file that was compressed after its end was read is not missed. */
static bool find_older(struct follower *follower, const struct log_place *place, usec_t now)
{
	return find_sibling(follower, place, SIBLING_BY_INODE, now) ||
	       find_sibling(follower, place, SIBLING_BY_HEAD, now) ||
	       sibling_is_zipped(follower->path, place);
}

/* The file that was copied and truncated may have been rotated away itself afterwards. */
static void find_truncated(struct follower *follower, uint64_t inode, usec_t copied, usec_t now)
{
	const struct tail any_head = { .inode = inode };
	struct log_place place;
	struct sibling sibling;

	tail_place(&any_head, &place);
	if (!sibling_find(follower->path, &place, SIBLING_BY_INODE, &sibling))
		return;
	if (sibling.tail.written >= copied) {
		append_sibling(follower, &sibling, 0, now);
		follower->rotations++;
	} else {
		tail_close(&sibling.tail);
	}
}

static bool find_copies(struct follower *follower, const struct log_place *place,
			const struct tail *newest, usec_t now)
{
	bool is_rotated = !newest || newest->inode != place->inode;
	struct lifetime copy;

	if (!find_sibling(follower, place, SIBLING_BY_HEAD, now))
		return false;
	copy = lifetime_of(&follower->files[follower->n_files - 1]);
	if (is_rotated)
		find_truncated(follower, place->inode, copy.written, now);
	else
		follower->truncations++;
	append_later(follower, &copy, newest, now);
	return true;
}

static bool find_newer(struct follower *follower, const struct log_place *place,
		       struct tail *newest, usec_t now)
{
	if (newest && newest->inode == place->inode && tail_has_head(newest, place)) {
		/* the end may be lost after a power failure: what is there was read */
		follower->truncations += newest->size < place->offset;
		tail_seek(newest, place->offset);
		/* an empty file has nothing that a truncation could be told by */
		if (place->head_bytes == 0 && follower->n_files > 0)
			follower_find_later(follower, newest, now);
		return true;
	}
	if (find_sibling(follower, place, SIBLING_BY_INODE, now)) {
		follower->rotations += newest != NULL;
		follower_find_later(follower, newest, now);
		return true;
	}
	/* moved to another file system, or brought back from a copy */
	if (newest && place->head_bytes > 0 && tail_has_head(newest, place)) {
		tail_seek(newest, place->offset);
		return true;
	}
	return find_copies(follower, place, newest, now);
}

void follower_resume(struct follower *follower, struct tail *newest, usec_t now)
{
	const struct log_place *places = follower->places.place;
	bool has_older = follower->places.n < 2 || find_older(follower, &places[1], now);
	bool has_newer = find_newer(follower, &places[0], newest, now);

	if (!has_newer && !newest) {
		while (follower->n_files > 0)
			follower_drop(follower, 0);
		return;
	}
	follower->gaps += !has_older;
	follower->gaps += !has_newer;
	follower->places.n = 0;
	if (newest)
		follower_append(follower, newest, follower->path, USEC_NEVER);
}
