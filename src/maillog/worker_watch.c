// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard/base/log.h"
#include "worker_follower_priv.h"

#define EVENTS_BYTES 8192
#define IN_DIRECTORY                                                                               \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |        \
	 IN_MOVE_SELF | IN_ONLYDIR)
#define IN_FILE (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF)

void follower_warn_once(struct follower *follower, int error)
{
	if (!follower->warned)
		log_warning("changes of %s are not told, so it is looked at every second: %s",
			    follower->path, strerror(error));
	follower->warned = true;
}

/* One that is not there, or closed to us, is tried again with the file. */
void follower_watch_directory(struct follower *follower)
{
	if (follower->fd < 0 || follower->directory_watch >= 0)
		return;
	follower->directory_watch =
		inotify_add_watch(follower->fd, follower->directory, IN_DIRECTORY);
	if (follower->directory_watch < 0 && (errno == ENOSPC || errno == ENOMEM))
		follower_warn_once(follower, errno);
}

/* A watch is set by name, which another file may have got meanwhile. */
void follower_watch_file(struct follower *follower, struct tail *tail, const char *path)
{
	struct stat st;

	if (follower->fd < 0)
		return;
	tail->watch = inotify_add_watch(follower->fd, path, IN_FILE);
	if (tail->watch < 0 && errno != ENOENT)
		follower_warn_once(follower, errno);
	if (tail->watch < 0 ||
	    (stat(path, &st) == 0 && st.st_ino == tail->inode && st.st_dev == tail->device))
		return;
	inotify_rm_watch(follower->fd, tail->watch);
	tail->watch = -1;
}

static void on_event(struct follower *follower, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW) {
		follower->look = true;
	} else if (event->wd != follower->directory_watch) {
		follower->look |= (event->mask & (IN_ATTRIB | IN_MOVE_SELF)) != 0;
	} else if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
		if (!(event->mask & IN_IGNORED))
			inotify_rm_watch(follower->fd, follower->directory_watch);
		follower->directory_watch = -1;
		follower->look = true;
	} else {
		follower->look |= !event->len || !strcmp(event->name, follower->name);
	}
}

void follower_on_inotify(struct follower *follower)
{
	_Alignas(struct inotify_event) char events[EVENTS_BYTES];
	ssize_t size;

	while ((size = read(follower->fd, events, sizeof(events))) > 0) {
		for (const char *p = events; p < events + size;) {
			const struct inotify_event *event = (const void *)p;

			on_event(follower, event);
			p += sizeof(*event) + event->len;
		}
	}
}
