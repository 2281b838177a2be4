// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/file_watcher.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/log.h"
#include "smtpguard/kernel/event_timer.h"

#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 20)
#define DELAY USEC_PER_SEC
/* when there is nothing to be had from inotify */
#define RETRY (60 * USEC_PER_SEC)
#define BUFFER_BYTES 16384
#define ON_THE_WAY                                                                                 \
	(IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |        \
	 IN_MASK_ADD)
#define WITH_FILES (ON_THE_WAY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_DELETE)

/* One directory may have several names, by links and dots, each with its own place in a pattern. */
struct directory {
	int watch;
	char *path; /* as in the pattern, and a slash */
};

struct file_watcher {
	sd_event *event;
	sd_event_source *io, *timer;
	void (*changed)(void *userdata);
	void *userdata;
	char **patterns;
	unsigned n_patterns;
	int fd; /* < 0: nothing is watched */
	struct directory directories[FILE_WATCHER_DIRECTORIES_MAX];
	unsigned n_directories;
	bool waiting; /* the handler will be told */
	bool warned;
};

static void forget_all(struct file_watcher *watcher)
{
	watcher->io = sd_event_source_unref(watcher->io);
	if (watcher->fd >= 0)
		close(watcher->fd);
	watcher->fd = -1;
	while (watcher->n_directories > 0)
		free(watcher->directories[--watcher->n_directories].path);
}

static void forget_patterns(struct file_watcher *watcher)
{
	while (watcher->n_patterns > 0)
		free(watcher->patterns[--watcher->n_patterns]);
	free(watcher->patterns);
	watcher->patterns = NULL;
}

struct file_watcher *file_watcher_free(struct file_watcher *watcher)
{
	if (watcher) {
		forget_all(watcher);
		forget_patterns(watcher);
		sd_event_source_unref(watcher->timer);
		free(watcher);
	}
	return NULL;
}

/* --- what happens --- */

static void start_timer(struct file_watcher *watcher, usec_t delay)
{
	int r = event_timer_start(watcher->timer, delay);

	if (r < 0)
		log_error("files are not followed any more: %s", strerror(-r));
	watcher->waiting = r >= 0;
}

/* A new file says when it is complete; a link to one, or to a directory, does not. */
static bool will_be_closed(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

/* Whether the path is what a pattern looks for, or a directory on the way to that. */
static bool concerns(const char *pattern, const char *path)
{
	char head[PATH_MAX];
	const char *end = pattern;

	/* as many components of the pattern as the path has */
	for (const char *p = path; *p && *end; p++) {
		if (*p == '/')
			end += 1 + strcspn(end + 1, "/");
	}
	if ((size_t)(end - pattern) >= sizeof(head))
		return false;
	memcpy(head, pattern, (size_t)(end - pattern));
	head[end - pattern] = '\0';
	return fnmatch(head, path, FNM_PATHNAME) == 0;
}

static bool is_entry_of_interest(const struct file_watcher *watcher,
				 const struct directory *directory,
				 const struct inotify_event *event)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s%s", directory->path, event->name) >= sizeof(path))
		return false;
	if ((event->mask & IN_CREATE) && will_be_closed(path))
		return false;
	for (unsigned i = 0; i < watcher->n_patterns; i++)
		if (concerns(watcher->patterns[i], path))
			return true;
	return false;
}

static bool is_of_interest(const struct file_watcher *watcher, const struct inotify_event *event)
{
	if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF))
		return true;
	/* the directory itself may be open to us now */
	if (!event->len)
		return event->mask & IN_ATTRIB;
	for (unsigned i = 0; i < watcher->n_directories; i++)
		if (watcher->directories[i].watch == event->wd &&
		    is_entry_of_interest(watcher, &watcher->directories[i], event))
			return true;
	return false;
}

static int on_readable(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
	struct file_watcher *watcher = userdata;
	_Alignas(struct inotify_event) char buffer[BUFFER_BYTES];
	ssize_t size = read(fd, buffer, sizeof(buffer));

	for (const char *p = buffer; size > 0 && p < buffer + size && !watcher->waiting;) {
		const struct inotify_event *event = (const void *)p;

		if (is_of_interest(watcher, event))
			start_timer(watcher, DELAY);
		p += sizeof(*event) + event->len;
	}
	return 0;
}

/* --- what is watched --- */

static bool is_known(const struct file_watcher *watcher, int wd, const char *path)
{
	for (unsigned i = 0; i < watcher->n_directories; i++)
		if (watcher->directories[i].watch == wd &&
		    !strcmp(watcher->directories[i].path, path))
			return true;
	return false;
}

static int watch(struct file_watcher *watcher, const char *path, bool with_files)
{
	struct directory *directory = &watcher->directories[watcher->n_directories];
	int wd = inotify_add_watch(watcher->fd, path, with_files ? WITH_FILES : ON_THE_WAY);
	char *copy;

	if (wd < 0)
		return -errno;
	if (asprintf(&copy, "%s%s", path, strcmp(path, "/") ? "/" : "") < 0)
		return -ENOMEM;
	if (is_known(watcher, wd, copy) || watcher->n_directories == FILE_WATCHER_DIRECTORIES_MAX) {
		int r = is_known(watcher, wd, copy) ? 0 : -ENOSPC;

		free(copy);
		return r;
	}
	*directory = (struct directory){ .watch = wd, .path = copy };
	watcher->n_directories++;
	return 0;
}

static void warn_once(struct file_watcher *watcher, int error)
{
	if (!watcher->warned)
		log_warning("not every change of the files that are followed will be noticed: %s",
			    error == -ENOSPC ? "too many directories" : strerror(-error));
	watcher->warned = true;
}

/* Every directory that the part of the pattern before `end` matches. */
static void watch_matches(struct file_watcher *watcher, const char *pattern, const char *end,
			  bool with_files)
{
	char head[PATH_MAX] = "/";
	glob_t matches = { 0 };

	if ((size_t)(end - pattern) >= sizeof(head)) {
		warn_once(watcher, -ENAMETOOLONG);
		return;
	}
	memcpy(head, pattern, (size_t)(end - pattern));
	if (glob(head, GLOB_NOSORT, NULL, &matches) == 0) {
		for (size_t i = 0; i < matches.gl_pathc; i++) {
			int r = watch(watcher, matches.gl_pathv[i], with_files);

			/* gone since, no directory, or closed to us like its files: nothing to follow */
			if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -EACCES)
				warn_once(watcher, r);
		}
	}
	globfree(&matches);
}

/* From above: what appears below a directory while it is looked at is seen either way. */
static void watch_pattern(struct file_watcher *watcher, const char *pattern)
{
	for (const char *slash = pattern; slash; slash = strchr(slash + 1, '/'))
		watch_matches(watcher, pattern, slash, !strchr(slash + 1, '/'));
}

static int watch_all(struct file_watcher *watcher)
{
	int r;

	forget_all(watcher);
	watcher->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watcher->fd < 0)
		return -errno;
	r = sd_event_add_io(watcher->event, &watcher->io, watcher->fd, EPOLLIN, on_readable, watcher);
	if (r >= 0)
		r = sd_event_source_set_priority(watcher->io, PRIORITY);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < watcher->n_patterns; i++)
		watch_pattern(watcher, watcher->patterns[i]);
	return 0;
}

static int on_timer(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct file_watcher *watcher = userdata;
	int r = watch_all(watcher);

	watcher->waiting = false;
	if (r < 0) {
		warn_once(watcher, r);
		start_timer(watcher, RETRY);
	}
	watcher->changed(watcher->userdata);
	return 0;
}

static bool is_followed(const struct file_watcher *watcher, const char *const *patterns, unsigned n)
{
	if (n != watcher->n_patterns)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (strcmp(patterns[i], watcher->patterns[i]))
			return false;
	return true;
}

int file_watcher_set(struct file_watcher *watcher, const char *const *patterns, unsigned n)
{
	if (is_followed(watcher, patterns, n))
		return 0;
	forget_all(watcher);
	forget_patterns(watcher);
	watcher->warned = false;
	start_timer(watcher, n > 0 ? DELAY : USEC_NEVER);
	watcher->waiting &= n > 0;
	watcher->patterns = calloc(n ? n : 1, sizeof(*watcher->patterns));
	if (!watcher->patterns)
		return -ENOMEM;
	for (; watcher->n_patterns < n; watcher->n_patterns++) {
		char *copy = strdup(patterns[watcher->n_patterns]);

		if (!copy) {
			forget_patterns(watcher);
			return -ENOMEM;
		}
		watcher->patterns[watcher->n_patterns] = copy;
	}
	return 0;
}

int file_watcher_new(struct file_watcher **ret_watcher, sd_event *event,
		     void (*changed)(void *userdata), void *userdata)
{
	struct file_watcher *watcher = calloc(1, sizeof(*watcher));
	int r;

	if (!watcher)
		return -ENOMEM;
	watcher->event = event;
	watcher->fd = -1;
	watcher->changed = changed;
	watcher->userdata = userdata;
	r = event_timer_add(event, &watcher->timer, on_timer, PRIORITY, watcher);
	if (r < 0) {
		file_watcher_free(watcher);
		return r;
	}
	*ret_watcher = watcher;
	return 0;
}
