// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration, and who may read and write what belongs to smtpguard.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "smtpguard/base/escape.h"

#include "doctor_priv.h"

#define MAX_BANS_MODERATE 16384
#define FREE_BYTES_LOW	  (256ull << 20)
#define FREE_BYTES_NONE	  (16ull << 20)

/* --- the file itself --- */

static void collect_problem(void *doctor, const char *text)
{
	char shown[FINDING_TEXT_MAX];

	find(doctor, FINDING_CONFIG_BAD, "%s",
	     escape_once(shown, sizeof(shown), text, strlen(text)));
}

void doctor_read_config(struct doctor *doctor)
{
	char full[DOCTOR_PATH_MAX];
	int r;

	doctor_full_path(doctor, doctor->config_path, full);
	if (access(full, R_OK) < 0 && errno == EACCES) {
		find(doctor, FINDING_CONFIG_NOT_CHECKED, "%s cannot be read: not root",
		     doctor->config_path);
		return;
	}
	r = config_load(&doctor->config, full, false, collect_problem, doctor);
	if (r < 0)
		find(doctor, FINDING_CONFIG_NOT_CHECKED, "%s cannot be read: %s",
		     doctor->config_path, strerror(-r));
}

static uint32_t allowed_by_hand(const struct doctor *doctor)
{
	const json_t *bans = json_object_get(doctor->status, "bans");

	return (uint32_t)json_integer_value(json_object_get(bans, "allowed_by_operator"));
}

static void check_warnings(struct doctor *doctor, const char *warnings)
{
	while (*warnings) {
		const size_t length = strcspn(warnings, "\n");

		if (length)
			find(doctor, FINDING_CONFIG_WARNING, "%.*s", (int)length, warnings);
		warnings += length + (warnings[length] == '\n');
	}
}

void doctor_check_config(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const struct guard_settings *guard;
	uint32_t entries;

	if (!config)
		return;
	guard = &config->guard;
	entries = guard->allowed ? prefix_set_count(guard->allowed) : 0;
	find(doctor, FINDING_CONFIG, "%s: %u service%s, %u allow %s", doctor->config_path,
	     guard->n_services, guard->n_services == 1 ? "" : "s", entries,
	     entries == 1 ? "entry" : "entries");
	if (config->warnings)
		check_warnings(doctor, config->warnings);
	if (!guard->observe && !entries && !allowed_by_hand(doctor))
		find(doctor, FINDING_ALLOW_EMPTY, "the allow list is empty");
	if (guard->bans.max_bans > MAX_BANS_MODERATE &&
	    doctor_exists(doctor, "/usr/local/cpanel/version"))
		find(doctor, FINDING_BAN_SETS_LARGE, "bans.max_bans is %u on a cPanel host",
		     guard->bans.max_bans);
}

/* --- permissions --- */

static bool is_open_path(const struct doctor *doctor, const char *path, mode_t bits)
{
	char full[DOCTOR_PATH_MAX];
	struct stat st;

	doctor_full_path(doctor, path, full);
	return stat(full, &st) == 0 && st.st_mode & bits;
}

static void check_config_owner(struct doctor *doctor, const char *path)
{
	char full[DOCTOR_PATH_MAX];
	struct stat st;

	doctor_full_path(doctor, path, full);
	if (stat(full, &st) < 0)
		return;
	if (st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid != 0)) {
		find(doctor, FINDING_CONFIG_WRITABLE,
		     "%s can be written by others than root (mode %04o)", path,
		     (unsigned)(st.st_mode & 07777));
		advise(doctor, "chmod go-w %.300s", path);
	} else if (st.st_uid != 0) {
		find(doctor, FINDING_CONFIG_WRITABLE, "%s belongs to uid %u, not to root", path,
		     (unsigned)st.st_uid);
		advise(doctor, "chown root %.300s", path);
	}
}

static void check_readable(struct doctor *doctor, const char *path)
{
	char parent[DOCTOR_PATH_MAX], text[FINDING_TEXT_MAX];
	struct stat st;

	doctor_parent(path, parent);
	escape(text, sizeof(text), path, strlen(path));
	if (stat(parent, &st) == 0 && !doctor_user_may(doctor, &st, 1))
		find(doctor, FINDING_ALLOW_UNREADABLE,
		     "%.300s cannot be read by user smtpguard: mode %04o of its directory", text,
		     (unsigned)(st.st_mode & 07777));
	else if (stat(path, &st) == 0 && !doctor_user_may(doctor, &st, 4))
		find(doctor, FINDING_ALLOW_UNREADABLE,
		     "%.300s cannot be read by user smtpguard: mode %04o, uid %u, gid %u", text,
		     (unsigned)(st.st_mode & 07777), (unsigned)st.st_uid, (unsigned)st.st_gid);
}

static void check_allow_files(struct doctor *doctor, const struct allow_patterns *patterns)
{
	for (unsigned i = 0; i < patterns->n; i++) {
		glob_t found;

		if (glob(patterns->text[i], 0, NULL, &found) != 0)
			continue;
		for (size_t k = 0; k < found.gl_pathc; k++)
			check_readable(doctor, found.gl_pathv[k]);
		globfree(&found);
	}
}

/* bits: what others must not have. */
static void check_state_of(struct doctor *doctor, const char *path, mode_t bits)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	if (st.st_mode & bits) {
		find(doctor, FINDING_STATE_OPEN, "%s is open to everybody (mode %04o)", path,
		     (unsigned)(st.st_mode & 07777));
		advise(doctor, "chmod o-rwx %.300s", path);
	}
	if (doctor->has_service_user && st.st_uid != doctor->service_uid) {
		find(doctor, FINDING_STATE_OWNER, "%s belongs to uid %u, not to user smtpguard",
		     path, (unsigned)st.st_uid);
		advise(doctor, "chown smtpguard: %.300s", path);
	}
}

enum finding_kind disk_kind(unsigned long long free_bytes)
{
	if (free_bytes < FREE_BYTES_NONE)
		return FINDING_DISK_FULL;
	return free_bytes < FREE_BYTES_LOW ? FINDING_DISK_LOW : FINDING_DISK;
}

static void check_disk(struct doctor *doctor, const char *directory)
{
	unsigned long long free_bytes;
	struct statvfs fs;

	if (statvfs(directory, &fs) < 0)
		return;
	free_bytes = (unsigned long long)fs.f_bavail * fs.f_frsize;
	find(doctor, disk_kind(free_bytes), "%llu MiB free below %s", free_bytes >> 20, directory);
}

void doctor_check_permissions(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	char parent[DOCTOR_PATH_MAX];

	if (!doctor->has_service_user)
		find(doctor, FINDING_SERVICE_USER_MISSING, "there is no user smtpguard");
	doctor_parent(doctor->config_path, parent);
	check_config_owner(doctor, parent);
	check_config_owner(doctor, doctor->config_path);
	if (doctor->has_service_user && config) {
		check_allow_files(doctor, &config->allow_patterns);
		check_allow_files(doctor, &config->cpanel_patterns);
	}
	doctor_parent(doctor->socket_path, parent);
	if (is_open_path(doctor, doctor->socket_path, S_IRWXO) &&
	    is_open_path(doctor, parent, S_IXOTH))
		find(doctor, FINDING_SOCKET_OPEN, "%s is open to everybody", doctor->socket_path);
	if (!config)
		return;
	check_state_of(doctor, config->ledger_path, S_IRWXO);
	doctor_parent(config->ledger_path, parent);
	check_state_of(doctor, parent, S_IWOTH);
	check_disk(doctor, parent);
}
