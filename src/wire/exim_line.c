// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exim's main log. Lines are told apart by their first bytes behind stamp and pid, which no client
 * can choose; only those about a client are read further.
 */
#include "exim_line_priv.h"

#include <limits.h>

#define PID_DIGITS_MAX 20
/* LOG_BUFFER_SIZE is 8192: what does not fit into it is cut, before this text is put at the end. */
#define CUT_LINE_BYTES_MIN 8000
#define CUT_MARK	   "**** log string overflowed log buffer ****"

/* Lines that are understood, and whose client text is not to be taken for something else. */
static const char *const ignored[] = {
	"H=",
	"cwd=",
	"rejected ",
	"refused connection ",
	"unexpected ",
	"no host name found for ",
	"no IP address found for ",
	"no MAIL in ",
	"TLS error on ",
	"DKIM: ",
	"Start queue run: ",
	"End queue run: ",
	"Sender identification ",
	"failed to find host name ",
	"too many recipients: ",
	"unqualified ",
	"ignoring AUTH=",
	"VRFY failed for ",
	"ETRN ",
	"temporarily rejected ",
};

/* ": 535 Incorrect authentication data (set_id=ACCOUNT)": any text, so up to the last ")" */
struct set_id {
	size_t at; /* SLICE_NONE: there is none from here on */
	size_t close;
};

static struct text_slice account_behind(struct text_slice text, size_t code, struct set_id *set_id)
{
	static const size_t length = sizeof("(set_id=") - 1;

	/* looked for once, as readings come from left to right */
	if (set_id->at < code)
		set_id->at = SLICE_FIND(text, code, "(set_id=");
	if (set_id->at == SLICE_NONE || set_id->close == SLICE_NONE ||
	    set_id->close < set_id->at + length)
		return (struct text_slice){ 0 };
	return slice_part(text, set_id->at + length, set_id->close);
}

/*
 * text is what stands behind "for ". An answer with another code (backend down, AUTH cancelled) is
 * no failure, but its host field is a reading as well: a client that puts a failure into its HELO
 * and then cancels AUTH must not leave the forged one as the only reading.
 */
static enum mail_line_kind read_failure(struct text_slice text, struct mail_line *line)
{
	struct exim_scan scan = { .text = text, .find = exim_find_code };
	struct set_id set_id = { .close = slice_find_last(text, ')') };
	struct exim_host host;
	bool failed = false;

	if (exim_host_is_local(text))
		return MAIL_LINE_IGNORED;
	while (exim_scan_next(&scan, &host)) {
		/* anywhere behind it: an ident can hold another code before the true one */
		if (line->n_readings == 0)
			failed = SLICE_HAS_AT(text, host.ending, ": 535 ") ||
				 SLICE_FIND(text, host.end, ": 535 ") != SLICE_NONE;
		mail_line_add_reading(line, &host.address, host.port,
				      account_behind(text, host.ending, &set_id));
	}
	if (failed)
		return MAIL_LINE_AUTH_FAILURE;
	return line->n_readings ? MAIL_LINE_IGNORED : MAIL_LINE_UNPARSED;
}

static enum mail_line_kind read_hosts(struct text_slice text, size_t from, exim_ending_find *find,
				      enum mail_line_kind kind, struct mail_line *line)
{
	struct exim_scan scan = { .text = text, .find = find, .at = from };
	struct exim_host host;

	while (exim_scan_next(&scan, &host))
		mail_line_add_reading(line, &host.address, host.port, (struct text_slice){ 0 });
	return line->n_readings ? kind : MAIL_LINE_IGNORED;
}

/* text begins with "[ADDR]:PORT": nothing a client chose stands before it. */
static bool read_first_host(struct text_slice text, struct mail_line *line, size_t *ret_end)
{
	struct address address;
	uint16_t port;
	size_t at = SLICE_BEGINS(text, "H=") ? 2 : 0;
	size_t length = slice_host(text, at, &address, &port);

	if (length == 0)
		return false;
	mail_line_add_reading(line, &address, port, (struct text_slice){ 0 });
	*ret_end = at + length;
	return true;
}

/* Where the number of "[ADDR]:PORT I=[..] (TCP/IP connection count = 37)" begins, or SLICE_NONE. */
static size_t find_count(struct text_slice text)
{
	static const char count[] = "(TCP/IP connection count = ";
	size_t at;

	if (text.length == 0 || text.at[text.length - 1] != ')')
		return SLICE_NONE;
	at = slice_find_last(text, '(');
	return slice_has_at(text, at, count, sizeof(count) - 1) ? at + sizeof(count) - 1
								: SLICE_NONE;
}

static bool read_connect(struct text_slice text, size_t count, struct mail_line *line)
{
	size_t digits = slice_number(text, count, UINT32_MAX, &line->exim_connections), end;

	return digits && count + digits + 1 == text.length && read_first_host(text, line, &end);
}

/* text is what stands behind "SMTP connection from ": of half of all lines. */
static enum mail_line_kind read_connection(struct text_slice text, unsigned wanted,
					   struct mail_line *line)
{
	size_t count = find_count(text);
	bool connect = count != SLICE_NONE;
	unsigned possible = MAIL_LINE_BIT(MAIL_LINE_DISCONNECT);

	/* or a disconnect all the same, if it cannot be read as one */
	if (connect)
		possible |= MAIL_LINE_BIT(MAIL_LINE_CONNECT);
	if (!(wanted & possible))
		return connect ? MAIL_LINE_CONNECT : MAIL_LINE_DISCONNECT;
	if (connect && read_connect(text, count, line))
		return MAIL_LINE_CONNECT;
	line->exim_connections = 0;
	return read_hosts(text, 0, exim_find_gap, MAIL_LINE_DISCONNECT, line);
}

/* text is what stands behind "Connection from ": Exim knows no HELO yet. */
static enum mail_line_kind read_refused(struct text_slice text, struct mail_line *line)
{
	static const char refused[] = " refused: too many connections";
	size_t at, end;

	if (!read_first_host(text, line, &end))
		return MAIL_LINE_IGNORED;
	at = slice_find_word(text, end, refused, sizeof(refused) - 1);
	if (at == SLICE_NONE)
		return MAIL_LINE_IGNORED;
	text = slice_rest(text, at + sizeof(refused) - 1);
	if (SLICE_BEGINS(text, " from that IP address"))
		return MAIL_LINE_EXIM_HOST_LIMIT;
	return MAIL_LINE_EXIM_FULL;
}

/* text is what stands behind "SMTP ". */
static enum mail_line_kind read_smtp(struct text_slice text, unsigned wanted,
				     struct mail_line *line)
{
	size_t from;

	if (SLICE_BEGINS(text, "connection from "))
		return read_connection(slice_rest(text, sizeof("connection from ") - 1), wanted,
				       line);
	if (SLICE_BEGINS(text, "call from ")) {
		text = slice_rest(text, sizeof("call from ") - 1);
		if (exim_host_is_local(text))
			return MAIL_LINE_IGNORED;
		return read_hosts(text, 0, exim_find_dropped, MAIL_LINE_PROTOCOL_ERROR, line);
	}
	if (!SLICE_BEGINS(text, "syntax error in ") && !SLICE_BEGINS(text, "protocol error in ") &&
	    !SLICE_BEGINS(text, "protocol synchronization error "))
		return MAIL_LINE_IGNORED;
	/* the command is quoted first, and may look like a host field, which comes behind it */
	from = SLICE_FIND(text, 0, " H=");
	if (from == SLICE_NONE)
		return MAIL_LINE_IGNORED;
	return read_hosts(text, from, exim_find_gap, MAIL_LINE_PROTOCOL_ERROR, line);
}

/* By a table and without branches, as nearly half of all lines begin with an id. */
static bool is_id(const char *text, size_t length)
{
	static const bool id_bytes[UCHAR_MAX + 1] = {
		['-'] = true,
		['0' ... '9'] = true,
		['A' ... 'Z'] = true,
		['a' ... 'z'] = true,
	};
	bool is = true;

	for (size_t i = 0; i < length; i++)
		is &= id_bytes[(unsigned char)text[i]];
	return is;
}

/* The length of a message id and the blank behind it, 16 characters until 4.96, then 23; or 0. */
static size_t message_id(struct text_slice text)
{
	size_t length = 0;

	if (text.length < 17 || text.at[6] != '-')
		return 0;
	if (text.at[13] == '-' && text.at[16] == ' ')
		length = 16;
	else if (text.length > 23 && text.at[18] == '-' && text.at[23] == ' ')
		length = 23;
	/* all of it: a HELO at the beginning of a line stands behind "H=(" */
	return length && is_id(text.at, length) ? length + 1 : 0;
}

static enum mail_line_kind relevance(struct text_slice text)
{
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		/* the first byte sorts out most of them */
		if (text.length && text.at[0] == ignored[i][0] &&
		    slice_has_at(text, 0, ignored[i], strlen(ignored[i])))
			return MAIL_LINE_IGNORED;
	/* Exim until 4.96 drops all of a text that is too long: a failure with a HELO of 9 kB */
	if (SLICE_BEGINS(text, CUT_MARK))
		return MAIL_LINE_UNPARSED;
	if (SLICE_FIND(text, 0, "authenticator failed") != SLICE_NONE)
		return MAIL_LINE_UNPARSED;
	if (SLICE_FIND(text, 0, "535 ") != SLICE_NONE &&
	    SLICE_FIND(text, 0, "uthentication") != SLICE_NONE)
		return MAIL_LINE_UNPARSED;
	return MAIL_LINE_IGNORED;
}

/* "NAME authenticator failed for ": where the rest begins, or 0. The name is a configured one. */
static size_t behind_authenticator(struct text_slice text)
{
	static const char failed[] = " authenticator failed for ";
	size_t at = 0;

	while (at < text.length && (slice_is_alphanumeric(text.at[at]) || text.at[at] == '_'))
		at++;
	if (at == 0 || !slice_has_at(text, at, failed, sizeof(failed) - 1))
		return 0;
	return at + sizeof(failed) - 1;
}

/* text is what stands behind stamp and pid. */
static enum mail_line_kind read_body(struct text_slice text, unsigned wanted,
				     struct mail_line *line)
{
	size_t id = message_id(text), failed;

	/* what remote hosts said to a delivery is of no interest, also if it is a 535 */
	if (id)
		return SLICE_HAS_AT(text, id, "<= ") || SLICE_HAS_AT(text, id, "(= ")
			       ? exim_message_read(slice_rest(text, id + 3), line)
			       : MAIL_LINE_IGNORED;
	if (SLICE_BEGINS(text, "SMTP "))
		return read_smtp(slice_rest(text, sizeof("SMTP ") - 1), wanted, line);
	if (SLICE_BEGINS(text, "Connection from "))
		return read_refused(slice_rest(text, sizeof("Connection from ") - 1), line);
	if (SLICE_BEGINS(text, "temporarily refused connection from "))
		return read_hosts(text, sizeof("temporarily refused connection from ") - 1,
				  exim_find_reserve, MAIL_LINE_EXIM_FULL, line);
	failed = behind_authenticator(text);
	return failed ? read_failure(slice_rest(text, failed), line) : relevance(text);
}

/* " [4463] " or " ": how long it is, 0 if neither follows the stamp. */
static size_t behind_stamp(struct text_slice text, size_t at)
{
	size_t digits = 0;

	if (!SLICE_HAS_AT(text, at, " "))
		return 0;
	if (!SLICE_HAS_AT(text, at, " ["))
		return 1;
	while (digits < PID_DIGITS_MAX && at + 2 + digits < text.length &&
	       slice_is_digit(text.at[at + 2 + digits]))
		digits++;
	return SLICE_HAS_AT(text, at + 2 + digits, "] ") ? digits + 4 : 1;
}

/* What a client chose may have pushed the true host field out of the line. */
static bool is_cut(struct text_slice text)
{
	return text.length >= CUT_LINE_BYTES_MIN &&
	       SLICE_FIND(text, CUT_LINE_BYTES_MIN - sizeof(CUT_MARK), CUT_MARK) != SLICE_NONE;
}

void exim_line_parse(struct log_clock *clock, const char *line, size_t length, unsigned wanted,
		     struct mail_line *ret_line)
{
	struct text_slice text = { line, length };
	size_t stamp, body;

	mail_line_clear(ret_line);
	stamp = log_time_exim(clock, line, length, &ret_line->time);
	body = stamp ? behind_stamp(text, stamp) : 0;
	if (!body) {
		ret_line->kind = relevance(text);
		return;
	}
	ret_line->kind = read_body(slice_rest(text, stamp + body), wanted, ret_line);
	if (ret_line->n_readings && is_cut(text))
		ret_line->kind = MAIL_LINE_UNPARSED;
	if (ret_line->kind == MAIL_LINE_IGNORED || ret_line->kind == MAIL_LINE_UNPARSED)
		wanted = 0;
	ret_line->attempts = 1;
	mail_line_finish(ret_line, wanted);
}
