// SPDX-License-Identifier: MIT
/*
 * A library that opens, reads and writes before main and after it, whatever
 * the order in which it and libshim are set up and taken down.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void use(const char *who)
{
	char buf[32] = "", line[128];
	int p[2], fd, n = -1, z = -1;

	if (pipe(p) == 0 && write(p[1], "library", 7) == 7)
		n = read(p[0], buf, sizeof(buf) - 1);
	close(p[0]);
	close(p[1]);
	fd = open("/dev/zero", O_RDONLY);
	if (fd >= 0)
		z = read(fd, line, 10);
	close(fd);
	fd = open("/nonexistent", O_RDONLY);
	n = snprintf(line, sizeof(line), "%s: %d %s %d %s\n", who, n, buf, z,
		     fd < 0 ? strerrorname_np(errno) : "opened");
	/* Some programs close their standard output before they end. */
	if (write(1, line, n) != n)
		return;
}

__attribute__((constructor(110))) static void first(void)
{
	use("library, first constructor");
}

__attribute__((constructor)) static void later(void)
{
	use("library, constructor");
}

__attribute__((destructor)) static void gone(void)
{
	use("library, destructor");
}

__attribute__((destructor(110))) static void last(void)
{
	use("library, last destructor");
}
