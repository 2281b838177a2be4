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

int privileges_drop(void)
{
	capng_select_t select = CAPNG_SELECT_CAPS;

	if (capng_get_caps_process() < 0 || !capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN))
		return -EPERM;
	/* the service's user has CAP_NET_ADMIN from the ambient set: keep it from our children */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
		if (prctl(PR_SET_SECUREBITS, ROOT_IS_NOBODY, 0, 0, 0) < 0)
			return -errno;
		select = CAPNG_SELECT_BOTH;
	}
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN) < 0 ||
	    capng_apply(select) < 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}
