// SPDX-License-Identifier: MIT
/*
 * A child that shares the parent's memory but not its descriptors: vfork and
 * clone(CLONE_VM|CLONE_VFORK). It closes, opens, reads, writes and replaces
 * descriptors, and none of that may reach the parent, neither through a ring
 * that the child must not touch nor through a remembered kind: in the child
 * number 3 is a file, in the parent still a pipe. And the other way about, a
 * child that shares the descriptors but not the memory (CLONE_FILES).
 *
 * Ring: read write
 */
#include <linux/sched.h>
#include "life.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int result;

/* Only the five calls: what a child on borrowed memory may do. */
static int borrow(void *arg)
{
	int *p = arg, fd;
	char buf[16];

	close(p[0]);
	fd = open("file", O_RDONLY);
	if (fd != p[0])
		_exit(1);
	if (read(fd, buf, 4) != 4 || buf[0] != 'c')
		_exit(2);
	if (dup2(fd, p[1]) != p[1])
		_exit(3);
	if (read(p[1], buf, 4) != 4 || buf[0] != 'e')
		_exit(4);
	close(fd);
	if (read(fd, buf, 1) != -1 || errno != EBADF)
		_exit(5);
	fd = open("out", O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd != p[0] || write(fd, "x", 1) != 1)
		_exit(6);
	result++;
	_exit(0);
}

static void check_parent(const char *what, int *p, pid_t pid)
{
	char buf[16];

	NEED(reap(pid) == 0);
	for (int i = 0; i < 3; i++) {
		NEED(write(p[1], "parent", 6) == 6);
		NEED(read(p[0], buf, 16) == 6);
	}
	set_nonblock(p[0], true);
	NEED(read(p[0], buf, 16) == -1 && errno == EAGAIN);
	set_nonblock(p[0], false);
	(void)what;
}

static void made(int round, int *p)
{
	if (round & 1)
		NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	else
		NEED(pipe(p) == 0);
	/* So that both numbers are known to whoever remembers them. */
	NEED(write(p[1], "warm", 4) == 4);
	NEED(read(p[0], (char[8]){ 0 }, 8) == 4);
}

static void by_vfork(void)
{
	int p[2];
	pid_t pid;

	for (volatile int i = 0; i < 50; i++) {
		made(i, p);
		pid = vfork();
		NEED(pid >= 0);
		if (pid == 0)
			borrow(p);
		check_parent("vfork", p, pid);
		close(p[0]);
		close(p[1]);
	}
	show(result, "vfork children");
}

static void by_clone(int flags, const char *what)
{
	int p[2];
	pid_t pid;

	result = 0;
	for (int i = 0; i < 20; i++) {
		made(i, p);
		pid = clone(borrow, stack + sizeof(stack), flags | SIGCHLD, p);
		NEED(pid > 0);
		check_parent(what, p, pid);
		close(p[0]);
		close(p[1]);
	}
	show(result, "%s children", what);
}

/* The system call itself, a fork that libc knows nothing of. */
static void by_syscall(bool three)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid;
	int p[2];

	for (int i = 0; i < 20; i++) {
		made(i, p);
		if (three)
			pid = syscall(SYS_clone3, &args, sizeof(args));
		else
			pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		NEED(pid >= 0);
		if (pid == 0)
			borrow(p);
		check_parent("raw fork", p, pid);
		close(p[0]);
		close(p[1]);
	}
	printf("raw %s held\n", three ? "clone3" : "clone");
}

static int swap_kinds(void *arg)
{
	int *p = arg, fd = open("file", O_RDONLY);

	if (dup2(fd, p[0]) != p[0])
		return 1;
	close(fd);
	return 0;
}

/* The child shares our table: what it does to number 3 it does to ours. */
static void shared_table(void)
{
	char buf[16];
	int p[2];
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		made(i, p);
		pid = clone(swap_kinds, stack + sizeof(stack),
			    CLONE_FILES | SIGCHLD, p);
		NEED(pid > 0 && reap(pid) == 0);
		NEED(read(p[0], buf, 4) == 4 && !memcmp(buf, "cont", 4));
		pid = fork();
		NEED(pid >= 0);
		if (pid == 0)
			_exit(read(p[0], buf, 2) == 2 ? 0 : 1);
		NEED(reap(pid) == 0);
		NEED(read(p[0], buf, 16) == 2 && !memcmp(buf, "ts", 2));
		close(p[0]);
		close(p[1]);
	}
	printf("shared table held\n");
}

static void execs(void)
{
	int p[2], st;
	char buf[16];
	pid_t pid;

	for (volatile int i = 0; i < 10; i++) {
		made(i, p);
		pid = vfork();
		NEED(pid >= 0);
		if (pid == 0) {
			dup2(p[1], 1);
			close(p[0]);
			close(p[1]);
			execl("/bin/echo", "echo", "said", NULL);
			_exit(127);
		}
		NEED(read(p[0], buf, 16) == 5 && !memcmp(buf, "said", 4));
		NEED(reap(pid) == 0);
		close(p[0]);
		close(p[1]);
	}
	pid = vfork();
	NEED(pid >= 0);
	if (pid == 0) {
		execl("/nonexistent", "x", NULL);
		_exit(errno == ENOENT ? 9 : 8);
	}
	NEED(waitpid(pid, &st, 0) == pid);
	show_status("failed exec", st);
}

/* A waiting read in another thread while a vfork child has our memory. */
static void *waiting(void *arg)
{
	int *p = arg;
	static char buf[16];

	NEED(read(p[0], buf, 16) == 4);
	return buf;
}

static void beside_a_waiter(void)
{
	int w[2], p[2];
	pthread_t t;
	void *got;
	pid_t pid;

	NEED(pipe(w) == 0);
	NEED(pthread_create(&t, NULL, waiting, w) == 0);
	sleep_ms(20);
	for (volatile int i = 0; i < 10; i++) {
		made(i, p);
		pid = vfork();
		NEED(pid >= 0);
		if (pid == 0)
			borrow(p);
		check_parent("beside", p, pid);
		close(p[0]);
		close(p[1]);
	}
	NEED(write(w[1], "late", 4) == 4);
	NEED(pthread_join(t, &got) == 0);
	printf("waiter: %s\n", (char *)got);
	close(w[0]);
	close(w[1]);
}

int main(void)
{
	struct stat st;

	begin();
	put_file("file", "contents", 8);
	by_vfork();
	by_clone(CLONE_VM | CLONE_VFORK, "CLONE_VM|CLONE_VFORK");
	by_clone(CLONE_VFORK, "CLONE_VFORK");
	by_clone(0, "plain clone");
	by_syscall(false);
	by_syscall(true);
	shared_table();
	execs();
	beside_a_waiter();
	NEED(stat("out", &st) == 0);
	show(st.st_size, "written by children");
	show(count_tasks(), "tasks");
	list_fds("left open");
	return 0;
}
