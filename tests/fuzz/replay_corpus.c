// SPDX-License-Identifier: GPL-2.0-or-later
/* Gives every file of a corpus to a fuzz target, as a normal test: it crashes, or all is well. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 0 or -errno; the caller frees *ret_bytes. */
static int read_file(int directory, const char *name, uint8_t **ret_bytes, size_t *ret_size)
{
	int r = 0, fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes = NULL;
	size_t size = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!(bytes = malloc((size_t)st.st_size + 1)))
		r = -ENOMEM;
	while (r == 0 && size < (size_t)st.st_size) {
		ssize_t n = read(fd, bytes + size, (size_t)st.st_size - size);

		if (n <= 0)
			r = n < 0 ? -errno : -EIO;
		else
			size += (size_t)n;
	}
	close(fd);
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

int main(int argc, char **argv)
{
	DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	unsigned n = 0;

	if (!directory) {
		fprintf(stderr, "usage: %s DIRECTORY: %s\n", argv[0], strerror(errno));
		return EXIT_FAILURE;
	}
	while ((entry = readdir(directory))) {
		uint8_t *bytes = NULL;
		size_t size = 0;
		int r;

		if (entry->d_name[0] == '.')
			continue;
		r = read_file(dirfd(directory), entry->d_name, &bytes, &size);
		if (r < 0) {
			fprintf(stderr, "%s/%s: %s\n", argv[1], entry->d_name, strerror(-r));
			closedir(directory);
			return EXIT_FAILURE;
		}
		/* named first: after a crash this is the line that counts */
		fprintf(stderr, "%s\n", entry->d_name);
		LLVMFuzzerTestOneInput(bytes, size);
		free(bytes);
		n++;
	}
	closedir(directory);
	if (n == 0) {
		fprintf(stderr, "%s: no files\n", argv[1]);
		return EXIT_FAILURE;
	}
	printf("%u files\n", n);
	return EXIT_SUCCESS;
}
