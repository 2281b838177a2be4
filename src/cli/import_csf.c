// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of a CSF installation, in the order in which they depend on each other. */
#include <errno.h>

#include "import_priv.h"

static const char *join(const char *directory, const char *name, char path[static IMPORT_PATH_MAX])
{
	snprintf(path, IMPORT_PATH_MAX, "%s/%s", directory, name);
	return path;
}

int import_csf(struct import *import)
{
	char path[IMPORT_PATH_MAX];

	read_csf_conf(import, join(import->directory, "csf.conf", path));
	/* whether a filter's port matters depends on the services that csf.conf makes */
	read_csf_list(import, join(import->directory, "csf.allow", path), IMPORT_ALLOW_FILE);
	read_csf_ignore(import, join(import->directory, "csf.ignore", path));
	read_csf_list(import, join(import->directory, "csf.deny", path), IMPORT_BAN_COMMAND);
	read_csf_rignore(import, join(import->directory, "csf.rignore", path));
	if (import->n_files == 0)
		return -ENOENT;
	read_csf_temporary(import, join(import->state_directory, "csf.tempallow", path),
			   IMPORT_ALLOW_COMMAND);
	read_csf_temporary(import, join(import->state_directory, "csf.tempban", path),
			   IMPORT_BAN_COMMAND);
	lists_finish(import);
	return import->failure;
}
