// SPDX-License-Identifier: MIT
/*
 * Making the caches cold before a run; see trial_cold.h.
 *
 * Who is not root can only drop the contents of files, one by one, and has to know
 * which: shim trace tells, of a run that is made for that.  Names, attributes and
 * directories stay in the caches then, and so does what others have mapped.
 */
#include "trial_cold.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "shim.h"
#include "text.h"

#define DROP "/proc/sys/vm/drop_caches"

/* The end of these is the program with its arguments. */
static const char *const watching[] = {
	"trace", "--mode=off", "-f", "-y", "-q", "-e",
	"trace=open,openat,creat", "-o",
};

#define WATCHING (sizeof(watching) / sizeof(watching[0]))

struct cold {
	int all; /* DROP, or -1 and: */
	char self[PATH_MAX], trace[PATH_MAX];
	char **command;
	struct strings files;
	char how[128];
};

static int make_command(struct cold *c, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", c->self, sizeof(c->self) - 1);
	size_t words = 0, i, at = 0;
	int fd;

	if (n <= 0)
		return -errno;
	fd = scratch_file("files", c->trace, sizeof(c->trace));
	if (fd < 0) {
		*c->trace = '\0';
		return fd;
	}
	close(fd);
	while (argv[words])
		words++;
	c->command = calloc(words + WATCHING + 4, sizeof(*c->command));
	if (!c->command)
		return -ENOMEM;
	c->command[at++] = c->self;
	for (i = 0; i < WATCHING; i++)
		c->command[at++] = (char *)watching[i];
	c->command[at++] = c->trace;
	c->command[at++] = (char *)"--";
	memcpy(c->command + at, argv, words * sizeof(*argv));
	return 0;
}

int cold_begin(struct cold **cold, char **argv)
{
	struct cold *c = calloc(1, sizeof(*c));
	int ret = -ENOMEM;

	*cold = c;
	if (c) {
		c->all = open(DROP, O_WRONLY | O_CLOEXEC);
		ret = c->all >= 0 ? 0 : make_command(c, argv);
	}
	if (!ret)
		return 0;
	say("--cold: %s", strerror(-ret));
	return EXIT_CANNOT_RUN;
}

char **cold_command(const struct cold *c)
{
	return c->command;
}

/* As strace(1) writes what is not printable: \ooo, and \\, \n ... */
static size_t unescape(char *s, size_t n)
{
	static const char from[] = "nrtfv\\\"<>", to[] = "\n\r\t\f\v\\\"<>";
	size_t i, at = 0, digits;
	const char *known;

	for (i = 0; i < n; i++) {
		if (s[i] != '\\' || i + 1 == n) {
			s[at++] = s[i];
			continue;
		}
		known = strchr(from, s[i + 1]);
		if (known) {
			s[at++] = to[known - from];
			i++;
			continue;
		}
		s[at] = 0;
		for (digits = 0; digits < 3 && i + 1 < n && s[i + 1] >= '0' &&
		     s[i + 1] <= '7'; digits++)
			s[at] = (char)(s[at] * 8 + s[++i] - '0');
		at++;
	}
	return at;
}

/* "... = 3</a/name>": the name, in which there are no such brackets. */
static int take_line(struct cold *c, char *line)
{
	char *begin = strrchr(line, '<'), *end = strrchr(line, '>'), *digit;
	long id;

	if (!begin || end < begin || begin[1] != '/')
		return 0;
	for (digit = begin; digit > line && digit[-1] >= '0' &&
	     digit[-1] <= '9'; digit--)
		;
	if (digit == begin || digit - line < 3 ||
	    strncmp(digit - 3, " = ", 3) != 0)
		return 0;
	begin++;
	id = strings_add(&c->files, (struct slice){
		begin, unescape(begin, (size_t)(end - begin)) });
	return id < 0 ? (int)id : 0;
}

static bool is_file(const char *name, int *fd)
{
	struct stat st;

	*fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return *fd >= 0 && !fstat(*fd, &st) && S_ISREG(st.st_mode);
}

/* The name of a file, as long as it is kept. */
static const char *name_of(const struct cold *c, size_t i, char *name)
{
	struct slice s = c->files.all[i].s;

	snprintf(name, PATH_MAX, "%.*s", (int)s.n, s.s);
	return name;
}

/* How many of the names are those of files. */
static size_t count_files(const struct cold *c)
{
	char name[PATH_MAX];
	size_t i, n = 0;
	int fd;

	for (i = 0; i < c->files.number; i++) {
		n += is_file(name_of(c, i, name), &fd);
		if (fd >= 0)
			close(fd);
	}
	return n;
}

static int read_trace(struct cold *c)
{
	FILE *trace = fopen(c->trace, "re");
	char *line = NULL;
	size_t room = 0;
	int ret = trace ? 0 : -errno;

	while (!ret && getline(&line, &room, trace) > 0)
		ret = take_line(c, line);
	if (trace)
		fclose(trace);
	free(line);
	return ret;
}

int cold_learn(struct cold *c)
{
	int ret = read_trace(c);
	size_t n;

	if (ret) {
		say("%s: %s", c->trace, strerror(-ret));
		return EXIT_CANNOT_RUN;
	}
	n = count_files(c);
	if (!n) {
		say("--cold: " DROP " is for root, and the program opens no "
		    "file");
		return EXIT_TROUBLE;
	}
	snprintf(c->how, sizeof(c->how), "the contents of the %zu files that it "
		 "opens were dropped, but not what is known about them", n);
	return 0;
}

static void drop_files(const struct cold *c)
{
	char name[PATH_MAX];
	size_t i;
	int fd;

	/* One that has gone meanwhile has nothing in the caches. */
	for (i = 0; i < c->files.number; i++) {
		if (is_file(name_of(c, i, name), &fd))
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (fd >= 0)
			close(fd);
	}
}

int cold_drop(const struct cold *c)
{
	/* What has not been written yet cannot be dropped. */
	sync();
	if (c->all < 0) {
		drop_files(c);
		return 0;
	}
	if (write(c->all, "3", 1) == 1)
		return 0;
	say(DROP ": %s", strerror(errno));
	return EXIT_TROUBLE;
}

const char *cold_how(const struct cold *c)
{
	return c->all < 0 ? c->how : "all caches of the machine were dropped";
}

void cold_end(struct cold *c)
{
	if (!c)
		return;
	if (c->all >= 0)
		close(c->all);
	if (*c->trace)
		unlink(c->trace);
	free(c->command);
	strings_free(&c->files);
	free(c);
}
