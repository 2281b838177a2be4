// SPDX-License-Identifier: GPL-2.0-or-later
#include "output_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SIZE_FIRST 4096

void output_done(struct output *output)
{
	free(output->data);
	*output = (struct output){ 0 };
}

size_t output_pending(const struct output *output)
{
	return output->end - output->start;
}

static int make_room(struct output *output, size_t length)
{
	size_t size = output->size ? output->size : SIZE_FIRST;
	char *data;

	if (output->start > 0) {
		memmove(output->data, output->data + output->start, output_pending(output));
		output->end -= output->start;
		output->start = 0;
	}
	if (output->size - output->end >= length)
		return 0;
	while (size - output->end < length)
		size *= 2;
	data = realloc(output->data, size);
	if (!data)
		return -ENOMEM;
	output->data = data;
	output->size = size;
	return 0;
}

int output_add(struct output *output, const void *bytes, size_t length, size_t bound)
{
	int r;

	if (length > bound || output_pending(output) > bound - length)
		return OUTPUT_FULL;
	if (output->size - output->end < length) {
		r = make_room(output, length);
		if (r < 0)
			return r;
	}
	memcpy(output->data + output->end, bytes, length);
	output->end += length;
	return 0;
}

int output_send(struct output *output, int fd, bool *ret_progress)
{
	ssize_t n;

	*ret_progress = false;
	if (output_pending(output) == 0)
		return 0;
	n = send(fd, output->data + output->start, output_pending(output),
		 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
	*ret_progress = n > 0;
	output->start += (size_t)n;
	/* an idle client holds no buffer */
	if (output_pending(output) == 0)
		output_done(output);
	return 0;
}
