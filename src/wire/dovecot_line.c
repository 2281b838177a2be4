// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Logins of Dovecot, which come as "HEAD (TEXT): ELEMENTS", from 2.4 on as "HEAD (TEXT) (EVENT): ELEMENTS",
 * with elements like "user=<..>, method=.., rip=.., lip=..". What stands before the user is Dovecot's own
 * text. The user is the client's: it is cut to 80 bytes, but '>' and ',' stay as they are.
 */
#include "dovecot_line_priv.h"

#define ATTEMPTS_MAX 65535

enum mail_line_kind dovecot_line_relevance(struct text_slice text)
{
	static const char *const words[] = { "auth failed", "LOGIN FAILED" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (slice_find_word(text, 0, words[i], strlen(words[i])) != SLICE_NONE)
			return MAIL_LINE_UNPARSED;
	}
	return MAIL_LINE_IGNORED;
}

bool dovecot_line_place_counts(struct mail_line *line, unsigned n)
{
	if (n == PLACES_MAX)
		line->too_many_readings = true;
	return !line->too_many_readings;
}

/* --- the elements --- */

/* name as it is in the middle: ", rip=". Where the value begins, or SLICE_NONE. */
static size_t element_find(struct text_slice elements, size_t from, const char *name, size_t length)
{
	size_t at;

	if (from == 0 && slice_has_at(elements, 0, name + 2, length - 2))
		return length - 2;
	at = slice_find_word(elements, from, name, length);
	return at == SLICE_NONE ? at : at + length;
}

#define ELEMENT_FIND(elements, from, literal) \
	element_find(elements, from, literal, sizeof(literal) - 1)

static struct text_slice value_at(struct text_slice elements, size_t at)
{
	return slice_part(elements, at, slice_find_byte(elements, at, ','));
}

/* There only if login_log_format_elements has "rport=%{remote_port}". */
static uint16_t remote_port(struct text_slice elements)
{
	size_t at = ELEMENT_FIND(elements, 0, ", rport=");
	struct text_slice value = value_at(elements, at);
	uint32_t port = 0;
	size_t digits = slice_number(value, 0, UINT16_MAX, &port);

	return digits && digits == value.length ? (uint16_t)port : 0;
}

/* An address in front of the user is not the client's text: there is only one. */
static void read_before_user(struct text_slice elements, size_t user, struct mail_line *line)
{
	struct text_slice before = slice_part(elements, 0, user), account = { 0 };
	size_t at = ELEMENT_FIND(before, 0, ", rip=");
	struct address address;

	if (at == SLICE_NONE || !slice_address(value_at(before, at), &address))
		return;
	if (user != SLICE_NONE) {
		size_t end = SLICE_FIND(elements, user, ">, ");

		account = slice_rest(elements, user);
		account = end == SLICE_NONE ? slice_part(account, 0, slice_find_last(account, '>')) :
					      slice_part(elements, user, end);
	}
	mail_line_add_reading(line, &address, remote_port(before), account);
}

/* The user may reach to any ">, ": each address behind one is a reading. */
static void read_behind_user(struct text_slice elements, size_t user, struct mail_line *line)
{
	size_t end = SLICE_NONE, next = SLICE_FIND(elements, user, ">, ");
	size_t at = ELEMENT_FIND(elements, user, ", rip=");
	struct address address;

	for (unsigned n = 0; at != SLICE_NONE && dovecot_line_place_counts(line, n); n++) {
		while (next < at) {
			end = next;
			next = SLICE_FIND(elements, next + 1, ">, ");
		}
		if (end != SLICE_NONE && slice_address(value_at(elements, at), &address))
			mail_line_add_reading(line, &address,
					      remote_port(slice_rest(elements, end + 1)),
					      slice_part(elements, user, end));
		at = ELEMENT_FIND(elements, at, ", rip=");
	}
}

static void read_elements(struct text_slice elements, struct mail_line *line)
{
	size_t user = ELEMENT_FIND(elements, 0, ", user=<");

	read_before_user(elements, user, line);
	if (user != SLICE_NONE)
		read_behind_user(elements, user, line);
}

/* --- the head --- */

/* Bytes that begin the text and may be in a name of an element or an event. */
static size_t name_length(struct text_slice text, size_t at)
{
	size_t end = at;

	while (end < text.length && ((text.at[end] >= 'a' && text.at[end] <= 'z') || text.at[end] == '_'))
		end++;
	return end - at;
}

/* The first "): NAME=": the offset of the parenthesis. What is said in front of it may hold colons. */
static size_t head_end(struct text_slice body)
{
	size_t at = 0;

	while ((at = SLICE_FIND(body, at, "): ")) != SLICE_NONE) {
		size_t length = name_length(body, at + 3);

		if (length && SLICE_HAS_AT(body, at + 3 + length, "="))
			break;
		at++;
	}
	return at;
}

/*
 * Cuts "(TEXT" off the end of a head whose last parenthesis is gone already, and the blank and the
 * parenthesis in front of that, for the next one.
 */
static struct text_slice cut_group(struct text_slice *head)
{
	size_t at = slice_find_last(*head, '(');
	struct text_slice group = slice_rest(*head, at == SLICE_NONE ? at : at + 1);

	*head = slice_part(*head, 0, at == SLICE_NONE ? 0 : at);
	if (head->length >= 2 && SLICE_HAS_AT(*head, head->length - 2, ") "))
		head->length -= 2;
	else
		head->length = 0;
	return group;
}

/* "TEXT, 3 attempts in 16 secs", "TEXT, 1/3 successful auths in 16 secs". 0: neither. */
static uint32_t attempts_of(struct text_slice group)
{
	size_t at = slice_find_last(group, ','), digits;
	uint32_t first, all;

	if (at == SLICE_NONE || !SLICE_HAS_AT(group, at, ", "))
		return 0;
	at += 2;
	digits = slice_number(group, at, ATTEMPTS_MAX, &first);
	if (!digits)
		return 0;
	at += digits;
	if (SLICE_HAS_AT(group, at, " attempts"))
		return MAX_OF(first, 1u);
	digits = SLICE_HAS_AT(group, at, "/") ? slice_number(group, at + 1, ATTEMPTS_MAX, &all) : 0;
	if (!digits || !SLICE_HAS_AT(group, at + 1 + digits, " successful auths"))
		return 0;
	return all > first ? all - first : 1;
}

/*
 * head: without the last parenthesis. A reason that is no wrong password has another text, or event; that a
 * backend of a proxy said no is no guess that is made here.
 */
static enum mail_line_kind judge_head(struct text_slice head, uint32_t *ret_attempts)
{
	struct text_slice whole = head, group = cut_group(&head);

	if (SLICE_EQUALS(group, "auth_failed")) {
		*ret_attempts = attempts_of(cut_group(&head));
		return *ret_attempts ? MAIL_LINE_AUTH_FAILURE : MAIL_LINE_UNPARSED;
	}
	if ((group.length && name_length(group, 0) == group.length) ||
	    SLICE_BEGINS(group, "proxy dest auth failed"))
		return MAIL_LINE_IGNORED;
	*ret_attempts = SLICE_BEGINS(group, "auth failed, ") ? attempts_of(group) : 0;
	return *ret_attempts ? MAIL_LINE_AUTH_FAILURE : dovecot_line_relevance(whole);
}

static enum mail_line_kind parse_login(struct text_slice body, struct mail_line *line)
{
	enum mail_line_kind kind;
	size_t end;

	if (SLICE_BEGINS(body, "Login: ") || SLICE_BEGINS(body, "Logged in: ")) {
		read_elements(slice_rest(body, SLICE_FIND(body, 0, ": ") + 2), line);
		return MAIL_LINE_AUTH_SUCCESS;
	}
	end = head_end(body);
	if (end == SLICE_NONE ||
	    !(SLICE_BEGINS(body, "Login aborted") || SLICE_BEGINS(body, "Disconnected") ||
	      SLICE_BEGINS(body, "Aborted login")))
		return dovecot_line_relevance(body);
	kind = judge_head(slice_part(body, 0, end), &line->attempts);
	if (kind == MAIL_LINE_AUTH_FAILURE)
		read_elements(slice_rest(body, end + 3), line);
	return kind;
}

/* "SERVICE: BODY". What other services of Dovecot log is about mail, or for its administrator. */
static enum mail_line_kind parse_dovecot(struct text_slice message, struct mail_line *line)
{
	static const struct {
		const char *name;
		enum mail_protocol protocol;
	} services[] = {
		{ "imap-login", MAIL_PROTOCOL_IMAP },
		{ "pop3-login", MAIL_PROTOCOL_POP3 },
		{ "managesieve-login", MAIL_PROTOCOL_SIEVE },
		{ "submission-login", MAIL_PROTOCOL_SMTP },
	};
	size_t end = SLICE_FIND(message, 0, ": ");
	struct text_slice service = slice_part(message, 0, end);

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		size_t length = strlen(services[i].name);

		if (service.length == length && slice_has_at(service, 0, services[i].name, length)) {
			line->protocol = services[i].protocol;
			return parse_login(slice_rest(message, end + 2), line);
		}
	}
	if (SLICE_FIND(service, 0, "-login") == SLICE_NONE)
		return MAIL_LINE_IGNORED;
	return dovecot_line_relevance(message);
}

/* --- syslog --- */

/* Cuts the "[PID]" off, if there is one. False: this is no "PROGRAM[PID]". */
static bool cut_pid(struct text_slice *program)
{
	size_t bracket = slice_find_byte(*program, 0, '['), digits;
	uint32_t pid;

	if (slice_find_byte(*program, 0, ' ') != SLICE_NONE)
		return false;
	if (bracket == SLICE_NONE)
		return true;
	digits = slice_number(*program, bracket + 1, UINT32_MAX, &pid);
	if (!digits || !SLICE_EQUALS(slice_rest(*program, bracket + 1 + digits), "]"))
		return false;
	program->length = bracket;
	return true;
}

/* "STAMP HOST PROGRAM[PID]: MESSAGE". False: the line has another form. */
static bool split_line(struct log_clock *clock, struct text_slice text, struct text_slice *ret_program,
		       struct text_slice *ret_message)
{
	size_t host = log_time_syslog(clock, text.at, text.length, NULL) + 1, tag, end;

	if (host == 1 || !SLICE_HAS_AT(text, host - 1, " "))
		return false;
	tag = slice_find_byte(text, host, ' ');
	end = SLICE_FIND(text, tag, ": ");
	if (tag == host || end == SLICE_NONE)
		return false;
	*ret_program = slice_part(text, tag + 1, end);
	*ret_message = slice_rest(text, end + 2);
	return cut_pid(ret_program);
}

static enum mail_line_kind parse_line(struct log_clock *clock, struct text_slice text,
				      struct mail_line *line)
{
	struct text_slice program, message;
	enum mail_line_kind kind;

	if (!split_line(clock, text, &program, &message))
		return dovecot_line_relevance(text);
	if (SLICE_EQUALS(program, "dovecot"))
		kind = parse_dovecot(message, line);
	else if (courier_line_is_program(program, &line->protocol))
		kind = courier_line_parse(message, line);
	else
		return MAIL_LINE_IGNORED;
	if (kind != MAIL_LINE_AUTH_FAILURE && kind != MAIL_LINE_AUTH_SUCCESS)
		return kind;
	if (!line->n_readings && !line->too_many_readings)
		return MAIL_LINE_UNPARSED;
	if (!log_time_syslog(clock, text.at, text.length, &line->time))
		return MAIL_LINE_UNPARSED;
	return kind;
}

void dovecot_line_parse(struct log_clock *clock, const char *line, size_t length, unsigned wanted,
			struct mail_line *ret_line)
{
	enum mail_line_kind kind;

	*ret_line = (struct mail_line){ 0 };
	kind = parse_line(clock, (struct text_slice){ line, length }, ret_line);
	/* what was read before it turned out to be nothing */
	if (kind == MAIL_LINE_IGNORED || kind == MAIL_LINE_UNPARSED)
		*ret_line = (struct mail_line){ 0 };
	ret_line->kind = kind;
	mail_line_finish(ret_line, wanted);
}
