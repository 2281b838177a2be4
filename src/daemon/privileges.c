// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/daemon/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

/* With these set a program that root executes gains nothing, and a set-uid one neither. */
#define ROOT_IS_NOBODY                                                                             \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED)

/*
 * Only what is in the bounding set can become inheritable, and capng_apply() cuts the bounding set first:
 * so this comes before everything is dropped.
 */
static bool make_inheritable(unsigned capability)
{
	return capng_have_capability(CAPNG_PERMITTED, capability) &&
	       capng_update(CAPNG_ADD, CAPNG_INHERITABLE, capability) == 0 &&
	       capng_apply(CAPNG_SELECT_CAPS) == 0;
}

int privileges_drop(bool read_logs)
{
	capng_select_t select = CAPNG_SELECT_CAPS;

	if (capng_get_caps_process() < 0 || !capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN))
		return -EPERM;
	/* the service's user has CAP_NET_ADMIN from the ambient set: keep it from our children */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	read_logs = read_logs && make_inheritable(CAP_DAC_READ_SEARCH);
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
		if (prctl(PR_SET_SECUREBITS, ROOT_IS_NOBODY, 0, 0, 0) < 0)
			return -errno;
		select = CAPNG_SELECT_BOTH;
	}
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN) < 0)
		return -EPERM;
	if (read_logs && capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_INHERITABLE,
				      CAP_DAC_READ_SEARCH) < 0)
		return -EPERM;
	if (capng_apply(select) < 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}
