// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BYTES ((size_t)4096)

struct content {
	char *text;
	size_t length, size; /* size without the NUL */
};

/* 1: there was more; 0: the end; -errno. */
static int read_piece(int fd, struct content *content)
{
	ssize_t n = read(fd, content->text + content->length, content->size - content->length);

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	content->length += (size_t)n;
	return n > 0;
}

static int grow(struct content *content, size_t most)
{
	size_t size = MIN_OF(MAX_OF(2 * content->size, FIRST_BYTES), most);
	char *grown = realloc(content->text, size + 1);

	if (!grown)
		return -ENOMEM;
	content->text = grown;
	content->size = size;
	return 0;
}

static int read_descriptor(int fd, size_t max_bytes, struct content *content)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return FILE_NOT_REGULAR;
	do {
		r = content->length == content->size ? grow(content, max_bytes) : 0;
		if (r == 0)
			r = read_piece(fd, content);
	} while (r > 0 && content->length < max_bytes);
	if (r >= 0)
		content->text[content->length] = '\0';
	return MIN_OF(r, 0);
}

int file_read_head(const char *path, size_t max_bytes, char **ret_text, size_t *ret_length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
	struct content content = { .text = NULL };

	if (fd < 0)
		return -errno;
	r = read_descriptor(fd, max_bytes, &content);
	close(fd);
	if (r) {
		free(content.text);
		return r;
	}
	*ret_text = content.text;
	*ret_length = content.length;
	return 0;
}

int file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_length)
{
	size_t length;
	char *text;
	int r = file_read_head(path, max_bytes + 1, &text, &length);

	if (r)
		return r;
	if (length > max_bytes) {
		free(text);
		return FILE_TOO_LARGE;
	}
	*ret_text = text;
	*ret_length = length;
	return 0;
}

const char *file_read_error(int result)
{
	if (result == FILE_NOT_REGULAR)
		return "not a regular file";
	if (result == FILE_TOO_LARGE)
		return "file too large";
	return strerror(-result);
}
