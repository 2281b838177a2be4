// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "smtpguard/base/parse.h"

#include "import_priv.h"

#define PORT_TEXT_MAX 32

static const struct {
	uint16_t port;
	enum mail_class class;
	const char *name, *alias; /* of /etc/services, which iptables takes too */
} mail_ports[] = {
	{ 25, MAIL_SMTP, "smtp", "mail" },
	{ 26, MAIL_SUBMISSION, NULL, NULL },
	{ 465, MAIL_SUBMISSION, "smtps", "submissions" },
	{ 587, MAIL_SUBMISSION, "submission", NULL },
	{ 2525, MAIL_SUBMISSION, NULL, NULL },
	{ 110, MAIL_POP3, "pop3", NULL },
	{ 995, MAIL_POP3, "pop3s", NULL },
	{ 143, MAIL_IMAP, "imap", "imap2" },
	{ 993, MAIL_IMAP, "imaps", NULL },
};
_Static_assert(ARRAY_SIZE(mail_ports) == MAIL_PORTS, "a bit for each");

uint16_t mail_port(unsigned index)
{
	return mail_ports[index].port;
}

enum mail_class mail_port_class(unsigned index)
{
	return mail_ports[index].class;
}

static int parse_name(const char *text, uint32_t *ports)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	/* names of other services are ports that do not matter here */
	if (text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] || !strpbrk(text, letters))
		return -EINVAL;
	for (unsigned i = 0; i < MAIL_PORTS; i++)
		if ((mail_ports[i].name && strcmp(text, mail_ports[i].name) == 0) ||
		    (mail_ports[i].alias && strcmp(text, mail_ports[i].alias) == 0))
			*ports |= 1u << i;
	return 0;
}

/* One port, range or name. */
static int parse_one(char *text, uint32_t *ports)
{
	char *high_text = strpbrk(text, "_:");
	uint64_t low, high;

	if (!high_text && parse_name(text, ports) == 0)
		return 0;
	if (high_text)
		*high_text++ = '\0';
	if (parse_number(text, 0, UINT16_MAX, &low) < 0 ||
	    parse_number(high_text ? high_text : text, low, UINT16_MAX, &high) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < MAIL_PORTS; i++)
		if (mail_ports[i].port >= low && mail_ports[i].port <= high)
			*ports |= 1u << i;
	return 0;
}

int ports_parse(const char *text, uint32_t *ret_ports)
{
	uint32_t ports = 0;

	for (;;) {
		size_t length = strcspn(text, ",");
		char one[PORT_TEXT_MAX];
		int r;

		if (length >= sizeof(one))
			return -EINVAL;
		memcpy(one, text, length);
		one[length] = '\0';
		r = parse_one(trim(one), &ports);
		if (r < 0)
			return r;
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	*ret_ports = ports;
	return 0;
}

const char *ports_format(uint32_t ports, char text[static 64])
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < MAIL_PORTS; i++)
		if (ports & (1u << i))
			used += (size_t)snprintf(text + used, 64 - used, "%s%u", used ? ", " : "",
						 mail_ports[i].port);
	return text;
}
