// SPDX-License-Identifier: MIT
/*
 * syscall(3), the function: results and errno as from the kernel, errno left
 * alone on success, all six arguments, no cancellation point whatever the number
 * is, and what it does to descriptors is known to the calls by name, both ways.
 * Also in a handler that interrupts one, and the calls by number that end a
 * thread or a process or make one.
 *
 * Libc: read write openat close
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "common.h"

static void put(const char *path, const char *text)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path,
			  O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK(syscall(SYS_write, fd, text, strlen(text)) == (long)strlen(text));
	CHECK(syscall(SYS_close, fd) == 0);
}

#define TRY(...) do { \
		long ret_; \
		errno = EXDEV; \
		ret_ = syscall(__VA_ARGS__); \
		if (ret_ < 0) \
			say("  %s = %s", #__VA_ARGS__, result(ret_)); \
		else \
			say("  %s = %ld, errno %s", #__VA_ARGS__, ret_, \
			    err_name(errno)); \
	} while (0)

/* An error, and the same call with an errno that has to stay. */
static void results(void)
{
	struct iovec iov[2];
	struct stat st;
	char buf[64] = "", more[8] = "";
	int p[2], fd;

	closefrom(3);
	put("data", "0123456789");
	TRY(SYS_openat, AT_FDCWD, "data", O_RDWR);
	fd = 3;
	TRY(SYS_read, fd, buf, 4);
	TRY(SYS_read, fd, buf + 4, 100);
	TRY(SYS_read, fd, buf, 100);
	say("  %.10s", buf);
	TRY(SYS_pread64, fd, buf, 3, 5L);
	say("  %.3s", buf);
	TRY(SYS_pwrite64, fd, "AB", 2, 8L);
	TRY(SYS_lseek, fd, 6, SEEK_SET);
	TRY(SYS_write, fd, "xyz", 3);
	iov[0] = (struct iovec){ buf, 4 };
	iov[1] = (struct iovec){ more, 4 };
	TRY(SYS_preadv, fd, iov, 2, 5L, 0L);
	say("  %.4s %.4s", buf, more);
	TRY(SYS_preadv2, fd, iov, 2, 2L, 0L, 0);
	TRY(SYS_preadv2, fd, iov, 2, 2L, 0L, 0x4000);
	TRY(SYS_pread64, fd, buf, 3, -1L);
	TRY(SYS_lseek, fd, 2, SEEK_SET);
	TRY(SYS_readv, fd, iov, 2);
	TRY(SYS_writev, fd, iov, 2);
	TRY(SYS_writev, fd, iov, -1);
	TRY(SYS_read, fd, (void *)8, 10);
	TRY(SYS_write, fd, (void *)8, 10);
	TRY(SYS_read, fd, buf, -1L);
	TRY(SYS_read, fd, buf, 0);
	TRY(SYS_fstat, fd, &st);
	say("  size %ld", (long)st.st_size);
	TRY(SYS_close, fd);
	TRY(SYS_close, fd);
	TRY(SYS_read, fd, buf, 1);
	TRY(SYS_write, fd, buf, 1);
	TRY(SYS_close, -1);
	TRY(SYS_open, "missing", O_RDONLY);
	TRY(SYS_open, (char *)8, O_RDONLY);
	TRY(SYS_openat, 77, "data", O_RDONLY);
	TRY(SYS_openat, AT_FDCWD, "data", O_RDONLY | O_DIRECTORY);
	TRY(SYS_openat, AT_FDCWD, "made", O_WRONLY | O_CREAT | O_EXCL, 0640);
	TRY(SYS_openat, AT_FDCWD, "made", O_WRONLY | O_CREAT | O_EXCL, 0640);
	CHECK(stat("made", &st) == 0);
	say("  mode %o", st.st_mode & 0777);
	TRY(SYS_creat, "made too", 0600);
	CHECK(stat("made too", &st) == 0);
	say("  mode %o", st.st_mode & 0777);
	TRY(SYS_close_range, 3, 4, 0);
	TRY(SYS_pipe2, p, O_NONBLOCK);
	TRY(SYS_read, p[0], buf, 1);
	TRY(SYS_write, p[1], "ab", 2);
	TRY(SYS_read, p[0], buf, 8);
	TRY(SYS_dup3, p[0], 9, O_CLOEXEC);
	TRY(SYS_dup2, p[0], p[0]);
	TRY(SYS_dup3, p[0], p[0], 0);
	TRY(SYS_close, 9);
	TRY(SYS_fcntl, p[0], F_GETFL);
	TRY(SYS_ioctl, p[0], 0x541b, buf);
	TRY(SYS_close, p[0]);
	signal(SIGPIPE, SIG_IGN);
	TRY(SYS_write, p[1], "x", 1);
	signal(SIGPIPE, SIG_DFL);
	TRY(SYS_close, p[1]);
	TRY(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	TRY(SYS_connect, 3, "", 0);
	TRY(SYS_connect, 3, (void *)8, 16);
	TRY(SYS_sendto, 3, "x", 1, MSG_NOSIGNAL, NULL, 0);
	TRY(SYS_recvfrom, 3, buf, 1, MSG_DONTWAIT, NULL, NULL);
	TRY(SYS_accept4, 3, NULL, NULL, 0);
	TRY(SYS_close, 3);
	TRY(99999);
	TRY(-1L);
	TRY(-5000L);
}

/* Numbers that are used by name and by number in turn. */
static void mixed(void)
{
	char buf[16];
	int p[2], fd;

	for (int i = 0; i < 20; i++) {
		CHECK(pipe(p) == 0);
		CHECK(write(p[1], "ab", 2) == 2 && read(p[0], buf, 8) == 2);
		CHECK(syscall(SYS_close, p[0]) == 0);
		fd = i % 2 ? open("data", O_RDONLY)
			   : syscall(SYS_openat, AT_FDCWD, "data", O_RDONLY);
		CHECK(fd == p[0]);
		CHECK(read(fd, buf, 3) == 3);
		CHECK(syscall(SYS_read, fd, buf, 3) == 3);
		CHECK(read(fd, buf, 1) == 1 && lseek(fd, 0, SEEK_CUR) == 7);
		CHECK(syscall(SYS_close, p[1]) == 0);
		if (i % 3)
			CHECK(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, p) == 0);
		else
			CHECK(syscall(SYS_pipe, p) == 0);
		CHECK(syscall(SYS_write, p[1], "abc", 3) == 3);
		CHECK(read(p[0], buf, 1) == 1);
		CHECK(syscall(SYS_dup2, p[0], fd) == fd);
		CHECK(read(fd, buf, 8) == 2 && buf[1] == 'c');
		CHECK(close(fd) == 0 && syscall(SYS_read, fd, buf, 1) == -1);
		CHECK(close(p[0]) == 0 && close(p[1]) == 0);
	}
	say("  by name and by number");
}

static uint32_t word;

static void *waker(void *arg)
{
	CHECK(wait_until_blocked(getpid(), *(pid_t *)arg));
	return (void *)syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, NULL, NULL,
			       6);
}

/* The fifth and the sixth argument. */
static void six(void)
{
	struct { const sigset_t *set; size_t size; } mask = { NULL, 8 };
	struct timespec short_time = { 0, 1000000 };
	pid_t me = my_tid();
	sigset_t pending;
	pthread_t thread;
	void *woken;
	fd_set set;
	char *map;
	int p[2];
	long fd = open("pages", O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(ftruncate(fd, 3 * 4096) == 0);
	CHECK(pwrite(fd, "second page", 11, 4096) == 11);
	map = (void *)syscall(SYS_mmap, NULL, 4096L, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 4096L);
	CHECK(map != MAP_FAILED);
	say("  mmap with an offset: %s", map);
	errno = 0;
	say("  mmap, odd offset: %s", result(syscall(SYS_mmap, NULL, 4096L,
		PROT_READ, MAP_SHARED, fd, 1L)));
	CHECK(syscall(SYS_munmap, map, 4096L) == 0);
	CHECK(close(fd) == 0 && pipe(p) == 0);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	say("  pselect6, nothing: %s", result(syscall(SYS_pselect6, p[0] + 1, &set,
		NULL, NULL, &short_time, NULL)));
	FD_SET(p[0], &set);
	CHECK(write(p[1], "x", 1) == 1);
	short_time.tv_sec = 20;
	/* The sixth lets a blocked signal in, which nothing else would. */
	say("  pselect6, a byte: %s", result(syscall(SYS_pselect6, p[0] + 1, &set,
		NULL, NULL, &short_time, &mask)));
	mask.size = 7;
	sigemptyset(&pending);
	mask.set = &pending;
	say("  pselect6, bad mask: %s", result(syscall(SYS_pselect6, p[0] + 1, &set,
		NULL, NULL, &short_time, &mask)));
	thread = start(waker, &me);
	short_time.tv_sec = 20;
	say("  futex: %s", result(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0,
		NULL, NULL, 2)));
	CHECK(pthread_join(thread, &woken) == 0);
	say("  waiters woken: %ld", (long)woken);
	say("  futex, no bits: %s", result(syscall(SYS_futex, &word,
		FUTEX_WAIT_BITSET, 0, NULL, NULL, 0)));
	say("  sendto by all: %s", result(syscall(SYS_sendto, p[1], "x", 1L, 0, NULL,
		0)));
	CHECK(pwrite(p[1], "x", 1, 0) == -1);
	CHECK(syscall(SYS_write, p[1], "ab", 2) == 2);
	fd = open("pages", O_RDWR);
	say("  splice: %s", result(syscall(SYS_splice, p[0], NULL, fd,
		&(loff_t){ 100 }, 3L, 0)));
	say("  copy_file_range: %s", result(syscall(SYS_copy_file_range, fd,
		&(loff_t){ 4096 }, fd, &(loff_t){ 0 }, 11L, 1)));
	say("  copy_file_range: %s", result(syscall(SYS_copy_file_range, fd,
		&(loff_t){ 4096 }, fd, &(loff_t){ 0 }, 11L, 0)));
	map = (char[16]){ 0 };
	CHECK(pread(fd, map, 11, 0) == 11);
	say("  %s", map);
	close(fd);
	close_channel(p);
}

/* A cancellation is waiting; calls by number do not mind. */
static int pair[2];
static volatile pid_t tid;
static volatile int stage;

static void unwound(void *arg)
{
	(void)arg;
	say("    unwound at stage %d", stage);
}

static void *pending_main(void *arg)
{
	char buf[8];
	long fd;

	(void)arg;
	pthread_cleanup_push(unwound, NULL);
	stage = 1;
	pthread_cancel(pthread_self());
	CHECK(syscall(SYS_write, pair[1], "ab", 2) == 2);
	CHECK(syscall(SYS_read, pair[0], buf, 8) == 2);
	fd = syscall(SYS_openat, AT_FDCWD, "data", O_RDONLY);
	CHECK(fd >= 0);
	CHECK(syscall(SYS_pread64, fd, buf, 2, 0L) == 2);
	CHECK(syscall(SYS_close, fd) == 0);
	stage = 2;
	CHECK(syscall(SYS_nanosleep, &(struct timespec){ 0, 1000000 }, NULL) == 0);
	stage = 3;
	say("    by number, a cancellation pending");
	CHECK(read(pair[0], buf, 0) == 0);
	say("    not reached");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *blocked_main(void *arg)
{
	char buf[8] = "";

	(void)arg;
	pthread_cleanup_push(unwound, NULL);
	stage = 4;
	tid = my_tid();
	say("    read by number: %s", result(syscall(SYS_read, pair[0], buf, 8)));
	stage = 5;
	pthread_testcancel();
	say("    not reached");
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancelled(void)
{
	pthread_t thread;
	void *ret;

	CHECK(pipe(pair) == 0);
	CHECK(pthread_join(start(pending_main, NULL), &ret) == 0);
	CHECK(ret == PTHREAD_CANCELED);
	tid = 0;
	thread = start(blocked_main, NULL);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(pthread_cancel(thread) == 0);
	CHECK(wait_until_blocked(getpid(), tid));
	say("    still at stage %d", stage);
	CHECK(write(pair[1], "end", 3) == 3);
	CHECK(pthread_join(thread, &ret) == 0);
	CHECK(ret == PTHREAD_CANCELED);
	close_channel(pair);
}

static volatile int handled;

static void handler(int sig)
{
	char buf[8];

	(void)sig;
	handled++;
	if (pair[1] >= 0 && handled == 2)
		CHECK(syscall(SYS_write, pair[1], "ab", 2) == 2);
	CHECK(syscall(SYS_read, -1, buf, 1) == -1 && errno == EBADF);
	errno = 0;
}

static void *poker(void *arg)
{
	(void)arg;
	for (int i = 1; i <= 2; i++) {
		CHECK(wait_until_blocked(getpid(), getpid()));
		CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0);
		while (handled < i)
			nap_us(100);
	}
	return NULL;
}

static void interrupted(void)
{
	pthread_t thread;
	char buf[8];

	CHECK(pipe(pair) == 0);
	for (int restart = 0; restart < 2; restart++) {
		on_signal(SIGUSR1, handler, restart ? SA_RESTART : 0);
		handled = 0;
		thread = start(poker, NULL);
		say("    interrupted: %s", result(syscall(SYS_read, pair[0], buf, 8)));
		if (!restart)
			say("    again: %s", result(syscall(SYS_read, pair[0], buf, 8)));
		if (!restart)
			say("    and again: %s", result(syscall(SYS_read, pair[0], buf, 8)));
		CHECK(pthread_join(thread, NULL) == 0);
		say("    handlers %d", handled);
	}
	close_channel(pair);
}

static char child_stack[65536] __attribute__((aligned(64)));

static int shown(pid_t pid, const char *what)
{
	int status;

	CHECK(syscall(SYS_wait4, pid, &status, __WALL, NULL) == pid);
	say("  %s: status %x", what, status);
	return status;
}

static int child_pipe[2];

static void __attribute__((noreturn)) on_own_stack(void)
{
	char buf[8];

	CHECK(syscall(SYS_write, child_pipe[1], "abc", 3) == 3);
	CHECK(read(child_pipe[0], buf, 2) == 2);
	CHECK(write(child_pipe[1], "child", 5) == 5);
	syscall(SYS_exit_group, 50);
	__builtin_unreachable();
}

/* syscall(3) comes back on the new stack: to what stands there as its caller. */
static void own_stack(unsigned long flags, int p[2])
{
	void **top = (void **)(child_stack + sizeof(child_stack) - 64);
	char buf[8];
	long pid;

	child_pipe[0] = p[0];
	child_pipe[1] = p[1];
	*top = (void *)on_own_stack;
	pid = syscall(SYS_clone, flags, top, NULL, NULL, NULL);
	CHECK(pid > 0);
	shown(pid, "a child with a stack");
	CHECK(read(p[0], buf, 8) == 6 && !memcmp(buf, "cchild", 6));
}

/* A new process by number: with its own memory, and with a stack. */
static void processes(void)
{
	struct clone_args args = { .flags = 0, .exit_signal = SIGCHLD };
	char buf[8];
	int p[2];
	long pid;

	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "ab", 2) == 2 && read(p[0], buf, 8) == 2);
	for (int way = 0; way < 4; way++) {
		switch (way) {
		case 0:
			pid = syscall(SYS_fork);
			break;
		case 1:
			pid = syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L);
			break;
		case 2:
			pid = syscall(SYS_clone3, &args, sizeof(args));
			break;
		default:
			pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0L, 0L, 0L, 0L);
			break;
		}
		CHECK(pid >= 0);
		if (pid == 0) {
			CHECK(write(p[1], "child", 5) == 5);
			CHECK(syscall(SYS_read, p[0], buf, 2) == 2);
			if (way % 2)
				syscall(SYS_exit_group, 30 + way);
			syscall(SYS_exit, 40 + way);
		}
		shown(pid, "a child by number");
		CHECK(read(p[0], buf, 8) == 3);
	}
	say("  no arguments: %s", result(syscall(SYS_clone3, NULL, 0)));
	say("  at no address: %s", result(syscall(SYS_clone3, 8, 64)));
	own_stack(SIGCHLD, p);
	own_stack(CLONE_VM | CLONE_VFORK | SIGCHLD, p);
	close_channel(p);
}

static void *thread_exit(void *arg)
{
	pair[0] = 5;
	syscall(SYS_exit, 0);
	return arg;
}

int main(void)
{
	long pid;

	say("results");
	results();
	say("mixed");
	mixed();
	say("six arguments");
	six();
	say("cancelled");
	cancelled();
	say("interrupted");
	interrupted();
	say("processes");
	processes();
	CHECK(pthread_join(start(thread_exit, NULL), NULL) == 0);
	say("a thread has left by number");
	pid = fork();
	if (pid == 0) {
		printf("in the buffer");
		syscall(SYS_exit_group, 8);
	}
	shown(pid, "exit_group");
	return 0;
}
