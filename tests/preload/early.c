// SPDX-License-Identifier: MIT
/*
 * A strcmp(3) that makes calls of its own the first time, whoever calls it, as that
 * of a sanitizer does which sets itself up then. libshim itself compares strings,
 * while it is looking for the functions that stand behind its own.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *what, long result)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %ld\n", what, result);

	if (write(2, line, (size_t)n) != n)
		abort();
}

static void descriptors(void)
{
	struct stat st;
	char buf[8];
	int p[2];

	tell("pipe", pipe(p));
	tell("dup", dup(p[0]));
	tell("dup2", dup2(p[0], 20));
	tell("dup3", dup3(p[0], 21, O_CLOEXEC));
	tell("fcntl", fcntl(p[0], F_DUPFD_CLOEXEC, 30));
	tell("fcntl", fcntl(30, F_GETFD));
	tell("eventfd", eventfd(0, 0));
	tell("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	tell("write", write(p[1], "abc", 3));
	tell("read", read(20, buf, sizeof(buf)));
	tell("stat", stat("/", &st));
	tell("lstat", lstat("/nowhere", &st));
	tell("fstatat", fstatat(AT_FDCWD, "/", &st, AT_SYMLINK_NOFOLLOW));
	tell("close_range", close_range((unsigned)p[0], 40, 0));
	tell("dup", dup(p[0]));
}

static void process(void)
{
	stack_t ss = { .ss_size = 0 };
	jmp_buf env;
	int status = -1;
	pid_t pid;

	tell("sigaltstack", sigaltstack(NULL, &ss));
	tell("flags", ss.ss_flags);
	tell("prctl", prctl(PR_GET_DUMPABLE));
	tell("chdir", chdir("."));
	tell("setjmp", 1);
	if (setjmp(env) == 0)
		longjmp(env, 1);
	pid = vfork();
	if (pid == 0)
		_exit(3);
	tell("waitpid", waitpid(pid, &status, 0) == pid);
	tell("status", status);
}

int strcmp(const char *a, const char *b)
{
	static int entered;

	if (!entered++) {
		descriptors();
		process();
	}
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

__attribute__((constructor)) static void constructor(void)
{
	int (*volatile compare)(const char *a, const char *b) = strcmp;

	tell("constructor", compare("a", "a"));
}
