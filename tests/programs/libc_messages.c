// SPDX-License-Identifier: MIT
/*
 * What libc writes by itself: messages of assert, abort, malloc, the fortified
 * functions, perror, error and err, with stderr open, closed, full or a pipe that
 * nobody reads; and an exit in the middle of it.
 *
 * Libc: write
 */
#include <assert.h>
#include <err.h>
#include <error.h>
#include <malloc.h>
#include "life.h"

void __chk_fail(void) __attribute__((noreturn));
void __stack_chk_fail(void) __attribute__((noreturn));
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
int __open_2(const char *path, int flags);
int __printf_chk(int flag, const char *format, ...);

static void say_assert(void) { assert(!"possible"); }
static void say_fortify(void) { __chk_fail(); }
static void say_stack(void) { __stack_chk_fail(); }

/* By address: compilers know better than to let that pass. */
static void (*volatile release)(void *) = free;

static void say_free(void)
{
	char *volatile p = malloc(100);

	release(p + 16);
}

static void say_twice(void)
{
	void *volatile p = malloc(3000), *volatile q = malloc(3000);

	release(p);
	release(p);
	release(q);
}

static void say_read(void)
{
	char buf[8];

	show(__read_chk(open("letters", O_RDONLY), buf, 8, 8), "  fits");
	__read_chk(0, buf, 9, 8);
}

static void say_open(void) { __open_2("letters", O_RDWR | O_CREAT); }

static void say_perror(void)
{
	errno = ENOENT;
	perror("perror");
	perror(NULL);
	psignal(SIGHUP, "psignal");
}

static void say_error(void)
{
	/* The name that a program is run by is not the same everywhere. */
	program_invocation_name = program_invocation_short_name = (char *)"name";
	warn("warn");
	warnx("warnx %d", 5);
	error(0, EACCES, "error %d", 5);
	error_at_line(0, 0, "file", 7, "at line");
	err(9, "err");
}

static void say_printf(void)
{
	char format[] = "%n";

	fprintf(stderr, "unbuffered %d %s\n", 5, "text");
	malloc_info(1, stderr);
	__printf_chk(1, format, &(int){ 0 });
}

static const struct {
	const char *name;
	void (*run)(void);
} messages[] = {
	{ "assert", say_assert }, { "fortify", say_fortify }, { "stack", say_stack },
	{ "free", say_free }, { "free twice", say_twice }, { "read", say_read },
	{ "open", say_open }, { "perror", say_perror }, { "error", say_error },
	{ "printf", say_printf },
};

enum { TO_PIPE, TO_FILE, TO_NOBODY, TO_FULL, TO_NOTHING, PLACES };

static const char *const place_name[] = {
	"pipe", "file", "pipe without a reader", "full", "closed",
};

static int one(void *arg)
{
	int which = *(int *)arg;

	messages[which].run();
	return 4;
}

static void message(int which, int place)
{
	char text[4096] = "", *line, *rest;
	int p[2], was = fcntl(2, F_DUPFD_CLOEXEC, 100), fd = -1;
	pid_t pid;
	ssize_t n;

	NEED(was >= 0 && pipe(p) == 0);
	fflush(stdout);
	switch (place) {
	case TO_PIPE:
		dup2(p[1], 2);
		break;
	case TO_FILE:
		fd = open("messages", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
		dup2(fd, 2);
		break;
	case TO_NOBODY:
		dup2(p[1], 2);
		close(p[0]);
		break;
	case TO_FULL:
		fd = open("/dev/full", O_WRONLY);
		dup2(fd, 2);
		break;
	case TO_NOTHING:
		close(2);
		break;
	}
	close(p[1]);
	pid = start(one, &which);
	dup2(was, 2);
	close(was);
	show_status(messages[which].name, reap(pid));
	n = place == TO_PIPE ? read_full(p[0], text, sizeof(text) - 1) :
	    place == TO_FILE ? pread(fd, text, sizeof(text) - 1, 0) : 0;
	NEED(n >= 0);
	for (line = text; (line = strtok_r(line, "\n", &rest)); line = NULL) {
		/* malloc_info has numbers of its own; assert our file's name. */
		if (line[0] == '<' || strstr(line, ".c:"))
			printf("  something %d\n", line[0] == '<' ? '<' : ':');
		else
			printf("  %s\n", line);
	}
	if (place != TO_NOBODY)
		close(p[0]);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	struct rlimit none = { 0, 0 };

	begin();
	closefrom(3);
	NEED(setrlimit(RLIMIT_CORE, &none) == 0);
	put_file("letters", "abcdefghijklmnopqrstuvwxyz", 26);
	setenv("LIBC_FATAL_STDERR_", "1", 1);
	for (int place = 0; place < PLACES; place++) {
		printf("stderr: %s\n", place_name[place]);
		for (size_t i = 0; i < COUNT(messages); i++)
			message(i, place);
	}
	list_fds("left open");
	return 0;
}
