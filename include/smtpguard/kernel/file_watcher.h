/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Follows files by inotify(7): those that a list of patterns (glob(7)) matches, those that will match, and
 * those that do not any more. What is watched are the directories on the way to them, so files and
 * directories may be missing, appear later, and be replaced by others of the same name. The target of a link
 * is followed only where it is a directory.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "smtpguard/base/compiler.h"

#define FILE_WATCHER_DIRECTORIES_MAX 128 /* further ones are not followed, with a warning */

struct file_watcher;

/*
 * The handler is told about a second after a change that concerns a pattern, however many changes there
 * were; what it reads then is watched already.
 */
int file_watcher_new(struct file_watcher **ret_watcher, sd_event *event,
		     void (*changed)(void *userdata), void *userdata) MUST_CHECK;
struct file_watcher *file_watcher_free(struct file_watcher *watcher);

/*
 * Follows these absolute patterns instead of those before. If they are others than before, the handler is
 * told in a second, in case something changed before this. -ENOMEM: nothing is followed.
 */
int file_watcher_set(struct file_watcher *watcher, const char *const *patterns, unsigned n) MUST_CHECK;
