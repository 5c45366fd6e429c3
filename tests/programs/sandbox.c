// SPDX-License-Identifier: MIT
/*
 * A program that locks itself in. Strict mode and filters that kill on any
 * system call not on their list: one fstat, fcntl or io_uring_enter more than
 * the program's own is death. A filter that denies openat must deny it, whoever
 * carries the call out: operations on a ring pass no filter. An install that
 * fails changes nothing.
 *
 * Ring: read write
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include "life.h"

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW_IF(nr) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter narrow[] = {
	LOAD(nr),
	ALLOW_IF(SYS_read),
	ALLOW_IF(SYS_write),
	ALLOW_IF(SYS_openat),
	ALLOW_IF(SYS_close),
	ALLOW_IF(SYS_connect),
	ALLOW_IF(SYS_exit_group),
	ALLOW_IF(SYS_rt_sigreturn),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static struct sock_filter no_open[] = {
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENETDOWN),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static struct sock_filter no_read[] = {
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTNAM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static struct sock_fprog prog(struct sock_filter *f, size_t n)
{
	struct sock_fprog p = { .len = n, .filter = f };

	return p;
}

enum how { BY_PRCTL, BY_SYSCALL, BY_RAW_PRCTL, BY_TSYNC, HOWS };

static const char *const hows[] = { "prctl", "seccomp", "raw prctl", "tsync" };

static int install(enum how how, struct sock_filter *f, size_t n)
{
	struct sock_fprog p = prog(f, n);

	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	switch (how) {
	case BY_PRCTL:
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p);
	case BY_SYSCALL:
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p);
	case BY_RAW_PRCTL:
		return syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
			       &p, 0, 0);
	default:
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			       SECCOMP_FILTER_FLAG_TSYNC, &p);
	}
}

/* Past the filter: only the allowed calls, no stdio. */
static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(20);
}

static int fds[8];

static void prepare(void)
{
	char buf[16];

	NEED(pipe(fds) == 0);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2) == 0);
	fds[4] = open("file", O_RDONLY);
	fds[5] = open("out", O_WRONLY | O_CREAT, 0600);
	fds[6] = socket(AF_UNIX, SOCK_STREAM, 0);
	for (int i = 0; i < 4; i += 2) {
		NEED(write(fds[i + 1], "warm", 4) == 4);
		NEED(read(fds[i], buf, 16) == 4);
	}
	NEED(read(fds[4], buf, 2) == 2);
	fflush(stdout);
}

static int narrow_body(bool opens)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "none" };
	char buf[16];

	for (int i = 0; i < 4; i += 2) {
		if (write(fds[i + 1], "boxed", 5) != 5)
			return 2;
		if (read(fds[i], buf, 16) != 5)
			return 3;
		if (read(-1, buf, 16) != -1 || errno != EBADF)
			return 4;
	}
	if (read(fds[4], buf, 4) != 4 || write(fds[5], "abc", 3) != 3)
		return 5;
	if (opens) {
		int fd = open("file", O_RDONLY);

		if (fd < 0 || read(fd, buf, 16) != 8 || close(fd))
			return 6;
		fd = open("missing", O_RDONLY);
		if (fd != -1 || errno != ENOENT)
			return 7;
		fd = open("created", O_WRONLY | O_CREAT, 0600);
		if (fd < 0 || write(fd, "x", 1) != 1 || close(fd))
			return 8;
		if (connect(fds[6], (void *)&un, sizeof(un)) != -1)
			return 9;
		if (read(fd, buf, 1) != -1 || errno != EBADF)
			return 10;
		if (close(fds[0]) || close(fds[1]))
			return 11;
	}
	say("\tinside: all done\n");
	return 0;
}

static int strict(void *arg)
{
	prepare();
	NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
	syscall(SYS_exit, narrow_body(false));
	(void)arg;
	return 0;
}

static int strict_raw(void *arg)
{
	prepare();
	NEED(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL) == 0);
	syscall(SYS_exit, narrow_body(false));
	(void)arg;
	return 0;
}

static int narrowed(void *arg)
{
	prepare();
	NEED(install(*(int *)arg, narrow, COUNT(narrow)) == 0);
	_exit(narrow_body(true));
}

/* The same in a process that has done no I/O before. */
static int narrowed_cold(void *arg)
{
	NEED(pipe(fds) == 0);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2) == 0);
	fds[4] = open("file", O_RDONLY);
	fds[5] = open("out", O_WRONLY | O_CREAT, 0600);
	fds[6] = socket(AF_UNIX, SOCK_STREAM, 0);
	NEED(install(*(int *)arg, narrow, COUNT(narrow)) == 0);
	_exit(narrow_body(true));
}

static int denied(void *arg)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "none" };
	char buf[16];

	prepare();
	NEED(install(*(int *)arg, no_open, COUNT(no_open)) == 0);
	for (int i = 0; i < 3; i++) {
		show(open("file", O_RDONLY), "\topen");
		show(open("missing", O_RDONLY), "\topen missing");
		show(openat(AT_FDCWD, "file", O_RDONLY), "\topenat");
		show(connect(fds[6], (void *)&un, sizeof(un)), "\tconnect");
	}
	show(write(fds[1], "abc", 3), "\twrite");
	show(read(fds[0], buf, 16), "\tread");
	show(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), "\tPR_GET_SECCOMP");
	NEED(install(BY_PRCTL, no_read, COUNT(no_read)) == 0);
	show(write(fds[1], "abc", 3), "\twrite");
	show(read(fds[0], buf, 16), "\tread");
	show(read(fds[4], buf, 16), "\tread of a file");
	show(close(fds[0]), "\tclose");
	return 0;
}

static pthread_barrier_t gate;

static void *other(void *arg)
{
	char buf[16];

	NEED(write(fds[3], "other", 5) == 5);
	NEED(read(fds[2], buf, 16) == 5);
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	show(open("file", O_RDONLY), "\tother: open");
	show(write(fds[3], "other", 5), "\tother: write");
	show(read(fds[2], buf, 16), "\tother: read");
	return arg;
}

/* The filter falls on a thread that did not ask for it, or does not. */
static int two_threads(void *arg)
{
	pthread_t t;

	prepare();
	pthread_barrier_init(&gate, NULL, 2);
	NEED(pthread_create(&t, NULL, other, NULL) == 0);
	pthread_barrier_wait(&gate);
	NEED(install(*(int *)arg, no_open, COUNT(no_open)) == 0);
	show(open("file", O_RDONLY), "\tasking: open");
	pthread_barrier_wait(&gate);
	NEED(pthread_join(t, NULL) == 0);
	return 0;
}

/* A thread that waits in read while the filter falls on it. */
static void *late(void *arg)
{
	char buf[16];

	*(volatile int *)arg = gettid();
	show(read(fds[0], buf, 16), "\twaiting read");
	show(read(fds[0], buf, 16), "\tnext read");
	show(open("file", O_RDONLY), "\topen");
	return NULL;
}

static int beside_a_waiter(void *arg)
{
	volatile int tid = 0;
	pthread_t t;

	(void)arg;
	prepare();
	NEED(pthread_create(&t, NULL, late, (void *)&tid) == 0);
	while (!tid)
		sched_yield();
	settle(tid);
	NEED(install(BY_TSYNC, no_open, COUNT(no_open)) == 0);
	NEED(write(fds[1], "0123456789abcdefghij", 20) == 20);
	NEED(pthread_join(t, NULL) == 0);
	return 0;
}

static int failing(void *arg)
{
	struct sock_fprog empty = { 0, NULL };
	struct sock_fprog broken = { 4, (void *)16 };
	char buf[16];

	(void)arg;
	prepare();
	show(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty), "\tempty");
	show(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &broken), "\tbroken");
	show(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL), "\tNULL");
	show(prctl(PR_SET_SECCOMP, 77, NULL), "\tmode 77");
	show(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &empty),
	     "\tseccomp, empty");
	show(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x8000, &empty),
	     "\tseccomp, flags");
	show(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL),
	     "\tseccomp, strict with flags");
	show(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), "\tPR_GET_SECCOMP");
	show(status_of("Seccomp:"), "\tSeccomp");
	show(status_of("NoNewPrivs:"), "\tNoNewPrivs");
	for (int i = 0; i < 10; i++) {
		NEED(write(fds[1], "still", 5) == 5);
		NEED(read(fds[0], buf, 16) == 5);
	}
	return 0;
}

/* The filter goes with a child. */
static int child_open(void *arg)
{
	char buf[16];

	(void)arg;
	show(open("file", O_RDONLY), "\tchild: open");
	show(write(fds[1], "abc", 3), "\tchild: write");
	show(read(fds[0], buf, 16), "\tchild: read");
	return 0;
}

static int inherited(void *arg)
{
	(void)arg;
	prepare();
	NEED(install(BY_SYSCALL, no_open, COUNT(no_open)) == 0);
	run_child("\tchild", child_open, NULL);
	return 0;
}

int main(void)
{
	begin();
	put_file("file", "contents", 8);
	run_child("failing installs", failing, NULL);
	run_child("strict", strict, NULL);
	run_child("strict, raw", strict_raw, NULL);
	for (int how = 0; how < HOWS; how++) {
		printf("by %s\n", hows[how]);
		run_child("narrow", narrowed, &how);
		run_child("narrow, cold", narrowed_cold, &how);
		run_child("denied", denied, &how);
	}
	for (int how = BY_SYSCALL; how < HOWS; how += 2) {
		printf("two threads by %s\n", hows[how]);
		run_child("two threads", two_threads, &how);
	}
	run_child("beside a waiter", beside_a_waiter, NULL);
	run_child("inherited", inherited, NULL);
	return 0;
}
