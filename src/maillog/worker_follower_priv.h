/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the follower share: worker_follower.c (a log while it is followed),
 * worker_resume.c (where the last run stopped), worker_watch.c (inotify).
 */
#pragma once

#include "worker_priv.h"

/* The newest, what was rotated away while nobody looked, and the two of the last run. */
#define FOLLOWER_FILES_MAX (SIBLINGS_MAX + 4)

struct follower {
	const char *path, *name; /* the name is the path's last part */
	char *directory;
	struct line_sink sink;
	int fd; /* inotify; < 0: not to be had */
	int directory_watch;
	bool warned;
	bool look;  /* another file may have the name */
	bool named; /* the last of files is the one that has it */
	bool more;
	int error; /* why that one cannot be read */
	usec_t next_look;
	struct log_places places; /* n > 0: their files are still to be found */
	struct tail files[FOLLOWER_FILES_MAX]; /* the oldest first; read one after the other */
	unsigned n_files;
	uint64_t rotations, truncations, gaps;
};

/* One more, the newest; path is where it was opened just now. */
void follower_append(struct follower *follower, struct tail *tail, const char *path, usec_t closes);
void follower_drop(struct follower *follower, unsigned i);
/*
 * Before files[at], which moves on; where there are too many the oldest is dropped. Returns where
 * that file is now.
 */
unsigned follower_insert(struct follower *follower, unsigned at, const struct tail *tail);

/*
 * Finds the files of follower->places and goes on with them. newest is the file that has the log's
 * name; NULL: there is none, and what is not found now may be found when there is.
 */
void follower_resume(struct follower *follower, struct tail *newest, usec_t now);
/* What was rotated away after the newest of files, and before the file that has the name now. */
void follower_find_later(struct follower *follower, const struct tail *newest, usec_t now);
/*
 * Before files[i], to be read from its place: the file it was copied to, and what was copied after
 * that. false: there is no such copy.
 */
bool follower_insert_copy(struct follower *follower, unsigned i,
			  const struct log_place *place) MUST_CHECK;
/* Before files[i], to be read from their beginnings: what came after another. false: nothing. */
bool follower_insert_later(struct follower *follower, unsigned i, const struct lifetime *before);

/* Both try, and leave a watch < 0 where there cannot be one now. */
void follower_watch_directory(struct follower *follower);
void follower_watch_file(struct follower *follower, struct tail *tail, const char *path);
/* Of what makes it look at every second; error is an errno. */
void follower_warn_once(struct follower *follower, int error);
