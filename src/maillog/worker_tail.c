// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker_priv.h"

/* It and what it is copied from stay in the second-level cache. */
#define READ_BYTES (256u << 10)

/* For all files: what is incomplete is read again. */
static char buffer[READ_BYTES];

static ssize_t read_at(int fd, void *target, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, target, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int look(const struct tail *tail, struct stat *ret_st)
{
	return fstat(tail->fd, ret_st) < 0 ? -errno : 0;
}

static void note_look(struct tail *tail, const struct stat *st)
{
	tail->size = (uint64_t)st->st_size;
	tail->written = (usec_t)st->st_mtim.tv_sec * USEC_PER_SEC +
			(usec_t)st->st_mtim.tv_nsec / 1000;
}

/* 0: it begins as before, and as much of it as there is is known now. */
static int check_head(struct tail *tail)
{
	uint8_t head[LOG_HEAD_BYTES];
	ssize_t n = read_at(tail->fd, head, sizeof(head), 0);

	if (n < 0)
		return (int)n;
	if ((size_t)n < tail->head_bytes || memcmp(head, tail->head, tail->head_bytes))
		return TAIL_TRUNCATED;
	memcpy(tail->head, head, (size_t)n);
	tail->head_bytes = (uint32_t)n;
	return 0;
}

int tail_begin_anew(struct tail *tail)
{
	struct stat st;
	int r = look(tail, &st);

	if (r < 0)
		return r;
	note_look(tail, &st);
	tail->offset = tail->examined = 0;
	tail->passing_over = false;
	tail->head_bytes = 0;
	return check_head(tail);
}

int tail_open(const char *path, struct tail *ret_tail)
{
	/* nothing waits for the other end of a FIFO, and no terminal becomes ours */
	struct tail tail = { .watch = -1, .closes = USEC_NEVER };
	struct stat st;
	int r;

	tail.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (tail.fd < 0)
		return -errno;
	r = look(&tail, &st);
	if (r == 0 && !S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (r == 0) {
		tail.device = st.st_dev;
		tail.inode = st.st_ino;
		r = tail_begin_anew(&tail);
	}
	if (r < 0) {
		tail_close(&tail);
		return r;
	}
	*ret_tail = tail;
	return 0;
}

void tail_close(struct tail *tail)
{
	if (tail->fd >= 0)
		close(tail->fd);
	tail->fd = -1;
}

void tail_seek(struct tail *tail, uint64_t offset)
{
	char before = '\n';
	ssize_t n = 1;

	tail->offset = tail->examined = MIN_OF(offset, tail->size);
	if (tail->offset > 0)
		n = read_at(tail->fd, &before, 1, tail->offset - 1);
	/* half a line is text that somebody else may have chosen */
	tail->passing_over = n != 1 || before != '\n';
}

/* Hands out the complete lines among n bytes from `from` on. false: the sink has enough. */
static bool hand_out(struct tail *tail, struct line_sink *sink, uint64_t from, size_t n)
{
	const char *at = buffer, *end = buffer + n, *newline;
	bool wanted = true;

	while (wanted && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		size_t length = (size_t)(newline - at);

		tail->offset = from + (uint64_t)(newline + 1 - buffer);
		if (tail->passing_over) {
			tail->passing_over = false;
		} else if (length > LINE_BYTES_MAX) {
			sink->long_lines++;
		} else {
			sink->lines++;
			wanted = sink->line(sink->userdata, at, length);
		}
		at = newline + 1;
	}
	tail->examined = wanted ? from + n : tail->offset;
	if (wanted && end - at > LINE_BYTES_MAX && !tail->passing_over) {
		tail->passing_over = true;
		sink->long_lines++;
	}
	return wanted;
}

/* One buffer full. */
static int read_some(struct tail *tail, struct line_sink *sink, size_t *budget)
{
	uint64_t from = tail->passing_over ? tail->examined : tail->offset, before = tail->examined;
	ssize_t n = read_at(tail->fd, buffer, sizeof(buffer), from);
	bool wanted;
	int r;

	if (n < 0)
		return (int)n;
	/* afterwards: as long as the head is the same, so is what was just read */
	r = check_head(tail);
	if (r != 0)
		return r;
	if (from + (uint64_t)n <= tail->examined)
		return TAIL_TRUNCATED;
	wanted = hand_out(tail, sink, from, (size_t)n);
	tail->size = MAX_OF(tail->size, tail->examined);
	sink->bytes += tail->examined > before ? tail->examined - before : 0;
	*budget -= MIN_OF(*budget, (size_t)n);
	return wanted ? 0 : TAIL_MORE;
}

int tail_read(struct tail *tail, struct line_sink *sink, size_t *budget)
{
	struct stat st;
	int r = look(tail, &st);

	if (r < 0)
		return r;
	if ((uint64_t)st.st_size < tail->examined)
		return TAIL_TRUNCATED;
	note_look(tail, &st);
	/* what was put in its place may have the same length */
	if (tail->examined == tail->size)
		return check_head(tail);
	while (r == 0 && tail->examined < tail->size) {
		if (*budget == 0)
			return TAIL_MORE;
		r = read_some(tail, sink, budget);
	}
	return r;
}

bool tail_finish(struct tail *tail, struct line_sink *sink)
{
	uint64_t offset = tail->offset;
	ssize_t n = 0;

	if (!tail->passing_over && tail->examined > offset)
		n = read_at(tail->fd, buffer, (size_t)(tail->examined - offset), offset);
	tail->offset = tail->examined;
	if (n <= 0)
		return true;
	sink->lines++;
	return sink->line(sink->userdata, buffer, (size_t)n);
}

void tail_place(const struct tail *tail, struct log_place *ret_place)
{
	static const struct siphash_key zero_key;

	*ret_place = (struct log_place){
		.inode = tail->inode,
		.offset = tail->offset,
		.head_hash = siphash(&zero_key, tail->head, tail->head_bytes),
		.head_bytes = tail->head_bytes,
	};
}

bool tail_has_head(const struct tail *tail, const struct log_place *place)
{
	static const struct siphash_key zero_key;

	return tail->head_bytes >= place->head_bytes &&
	       siphash(&zero_key, tail->head, place->head_bytes) == place->head_hash;
}
