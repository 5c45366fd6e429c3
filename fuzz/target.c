// SPDX-License-Identifier: MIT
/* Commands and files for fuzz targets; see target.h. */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FILES 4

static int fds[MOST_FILES];
static char names[MOST_FILES][32];
static int files;

void finding(const char *what)
{
	fprintf(stderr, "finding: %s\n", what);
	abort();
}

const char *empty_file(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || files == MOST_FILES)
		finding("no file for a target");
	fds[files] = fd;
	snprintf(names[files], sizeof(names[files]), "/proc/self/fd/%d", fd);
	return names[files++];
}

const char *file_of(const uint8_t *data, size_t size)
{
	const char *name = empty_file();
	ssize_t n;

	for (; size; data += n, size -= (size_t)n) {
		n = write(fds[files - 1], data, size);
		if (n <= 0)
			finding("no space for a file");
	}
	return name;
}

char *written_file(size_t *size)
{
	struct stat st;
	char *bytes;

	if (fstat(fds[files - 1], &st))
		finding("no file that was written");
	*size = (size_t)st.st_size;
	bytes = malloc(*size + 1);
	if (!bytes || pread(fds[files - 1], bytes, *size, 0) != st.st_size)
		finding("what was written cannot be read");
	bytes[*size] = '\0';
	return bytes;
}

void end_of_files(void)
{
	while (files)
		close(fds[--files]);
}

int run_command(const struct command *command, const char *const *arguments)
{
	char name[32], *argv[MOST_ARGUMENTS + 2] = { name };
	int argc = 1, i;

	snprintf(name, sizeof(name), "shim %s", command->name);
	for (i = 0; i < MOST_ARGUMENTS && arguments[i]; i++) {
		argv[argc] = strdup(arguments[i]);
		if (!argv[argc++])
			finding("no memory");
	}
	optind = 0; /* begin anew: getopt(3) */
	i = command->main(argc, argv);
	while (--argc)
		free(argv[argc]);
	return i;
}
