// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "smtpguard/wire/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is asked for and shown: a host name and nothing else. */
static void require_host(const char text[static DNS_HOST_TEXT_MAX])
{
	size_t length = strnlen(text, DNS_HOST_TEXT_MAX);

	if (length == 0 || length == DNS_HOST_TEXT_MAX)
		abort();
	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != length)
		abort();
}

/* The first byte chooses what the message answers: PTR, A or AAAA. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_addresses addresses;
	struct dns_hosts hosts;
	uint8_t *copy;

	if (size == 0)
		return 0;
	copy = malloc(size - 1 ? size - 1 : 1);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] % 3 == 0 && dns_hosts_read(copy, size - 1, &hosts) == 0) {
		if (hosts.n > DNS_HOSTS_MAX || (hosts.n && hosts.outcome != DNS_FOUND))
			abort();
		for (unsigned i = 0; i < hosts.n; i++)
			require_host(hosts.text[i]);
	}
	if (data[0] % 3 && dns_addresses_read(copy, size - 1, data[0] % 3 == 1 ? AF_INET : AF_INET6,
					      &addresses) == 0) {
		if (addresses.n > DNS_ADDRESSES_MAX ||
		    (addresses.n > 0) != (addresses.outcome == DNS_FOUND))
			abort();
	}
	free(copy);
	return 0;
}
