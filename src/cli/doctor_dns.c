// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which servers the resolver asks. Whether they answer the daemon knows: nothing is sent from here.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/address.h"

#include "doctor_priv.h"

struct servers {
	unsigned n, loopback;
};

static void count_server(struct servers *servers, char *text)
{
	struct address address;

	/* a zone (fe80::1%eth0) is no part of the address */
	text[strcspn(text, "% \t;#")] = '\0';
	if (address_parse(text, &address) < 0)
		return;
	servers->n++;
	servers->loopback += address_is_loopback(&address);
}

static int count_servers(const struct doctor *doctor, struct servers *servers)
{
	char *text, *cursor, *line;
	int r = doctor_read(doctor, "/etc/resolv.conf", DOCTOR_FILE_BYTES_MAX, &text);

	if (r < 0)
		return r;
	for (cursor = text; (line = doctor_line(&cursor));) {
		const size_t length = strlen("nameserver");

		line = doctor_trim(line);
		if (strncmp(line, "nameserver", length) == 0 &&
		    strpbrk(line, " \t") == line + length)
			count_server(servers, doctor_trim(line + length));
	}
	free(text);
	return 0;
}

void doctor_check_dns(struct doctor *doctor)
{
	struct servers servers = { 0 };

	if (doctor->config && doctor->config->resolver_servers[0]) {
		find(doctor, FINDING_DNS, "resolver.servers: %s", doctor->config->resolver_servers);
		return;
	}
	if (count_servers(doctor, &servers) < 0) {
		find(doctor, FINDING_DNS_NO_SERVER, "/etc/resolv.conf cannot be read");
		return;
	}
	if (!servers.n) {
		find(doctor, FINDING_DNS_NO_SERVER, "/etc/resolv.conf names no server");
		return;
	}
	find(doctor, FINDING_DNS, "%u server%s in /etc/resolv.conf", servers.n,
	     servers.n == 1 ? "" : "s");
	if (!servers.loopback)
		find(doctor, FINDING_DNS_NO_LOOPBACK,
		     "no server in /etc/resolv.conf is on this host");
}
