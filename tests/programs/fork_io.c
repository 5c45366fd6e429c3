// SPDX-License-Identifier: MIT
/*
 * fork in the middle of everything: while threads of the parent wait in read
 * and write, in a row, nested, from a thread, in fork handlers that do I/O
 * themselves. The child has one thread, no ring of the parent's, no descriptor
 * more, and eats nothing that belongs to the parent's waiting calls.
 *
 * Ring: read write
 */
#include "life.h"

#define WAITERS 4

struct waiter {
	int fd;
	volatile int tid;
	char got[16];
	ssize_t n;
};

static void *wait_for_data(void *arg)
{
	struct waiter *w = arg;

	w->tid = gettid();
	w->n = read(w->fd, w->got, sizeof(w->got));
	return NULL;
}

/* A little of everything, in a child of whatever sort. */
static int work(void *arg)
{
	char buf[16];
	int p[2], fd;

	(void)arg;
	NEED(count_tasks() == 1);
	NEED(pipe(p) == 0);
	NEED(write(p[1], "child", 5) == 5);
	NEED(read(p[0], buf, 16) == 5);
	NEED(close(p[1]) == 0);
	NEED(read(p[0], buf, 16) == 0);
	NEED(close(p[0]) == 0);
	fd = open("file", O_RDONLY);
	NEED(fd >= 0 && read(fd, buf, 16) == 8);
	NEED(close(fd) == 0);
	return 7;
}

static int list_work(void *arg)
{
	list_fds("\tchild");
	return work(arg);
}

static void while_waiting(void)
{
	struct waiter w[WAITERS] = { 0 };
	pthread_t t[WAITERS];
	int p[WAITERS][2];

	for (int i = 0; i < WAITERS; i++) {
		if (i & 1)
			NEED(!socketpair(AF_UNIX, SOCK_STREAM, 0, p[i]));
		else
			NEED(pipe(p[i]) == 0);
		w[i].fd = p[i][0];
		NEED(!pthread_create(&t[i], NULL, wait_for_data, &w[i]));
	}
	for (int i = 0; i < WAITERS; i++) {
		while (!w[i].tid)
			sleep_ms(1);
		settle(w[i].tid);
	}
	for (int i = 0; i < 20; i++)
		NEED(WEXITSTATUS(reap(start(work, NULL))) == 7);
	for (int i = 0; i < WAITERS; i++)
		NEED(write(p[i][1], "for the parent", 14) == 14);
	for (int i = 0; i < WAITERS; i++) {
		NEED(pthread_join(t[i], NULL) == 0);
		show(w[i].n, "waiter %d", i);
		printf("\t%.14s\n", w[i].got);
		close(p[i][0]);
		close(p[i][1]);
	}
	run_child("after the threads", work, NULL);
}

/* The child of a thread that never did I/O, and of one that waits. */
static void *forks(void *arg)
{
	run_child(arg, work, NULL);
	return NULL;
}

static void from_threads(void)
{
	pthread_t t;

	NEED(pthread_create(&t, NULL, forks, "fresh thread") == 0);
	NEED(pthread_join(t, NULL) == 0);
	for (int i = 0; i < 3; i++)
		run_child("main thread", list_work, NULL);
}

static int nested(void *arg)
{
	int depth = *(int *)arg;
	char buf[8];
	int p[2], left = depth - 1;
	pid_t pid;

	if (!depth)
		return work(NULL);
	NEED(pipe(p) == 0);
	pid = start(nested, &left);
	NEED(write(p[1], "deep", 4) == 4);
	NEED(read(p[0], buf, 8) == 4);
	NEED(WEXITSTATUS(reap(pid)) == (left ? depth - 1 : 7));
	return depth;
}

/* Parent and child talk, the child's end closes when the child ends. */
static void conversation(void)
{
	for (int i = 0; i < 50; i++) {
		int a[2], b[2];
		char buf[32];
		pid_t pid;

		NEED(pipe(a) == 0 && pipe(b) == 0);
		NEED(write(a[1], "before", 6) == 6);
		pid = fork();
		NEED(pid >= 0);
		if (pid == 0) {
			close(a[1]);
			close(b[0]);
			NEED(read_full(a[0], buf, 32) == 12);
			NEED(write(b[1], buf, 12) == 12);
			_exit(0);
		}
		close(a[0]);
		close(b[1]);
		NEED(write(a[1], " after", 6) == 6);
		close(a[1]);
		NEED(read_full(b[0], buf, 32) == 12);
		NEED(!memcmp(buf, "before after", 12));
		close(b[0]);
		NEED(reap(pid) == 0);
	}
	printf("conversations held\n");
}

static int hooks[2], hook_calls;

static void hook(void)
{
	char c;

	NEED(write(hooks[1], "h", 1) == 1);
	NEED(read(hooks[0], &c, 1) == 1);
	hook_calls++;
}

static int count_hooks(void *arg)
{
	(void)arg;
	return hook_calls;
}

static void with_handlers(void)
{
	NEED(pipe(hooks) == 0);
	NEED(pthread_atfork(hook, hook, hook) == 0);
	run_child("with fork handlers, child", count_hooks, NULL);
	show(hook_calls, "\tparent");
	run_child("with fork handlers, work", work, NULL);
}

static int in_background(void *arg)
{
	int p = *(int *)arg;
	char text[64];

	NEED(daemon(1, 0) == 0);
	NEED(getppid() != 0);
	NEED(getsid(0) != 0 && isatty(0) == 0);
	snprintf(text, sizeof(text), "daemon %d tasks", count_tasks());
	NEED(write(p, text, strlen(text)) > 0);
	return 0;
}

static void daemons(void)
{
	char buf[64] = "";
	int p[2];

	NEED(pipe(p) == 0);
	run_child("daemon's parent", in_background, &p[1]);
	close(p[1]);
	read_full(p[0], buf, 63);
	printf("\t%s\n", buf);
	close(p[0]);
}

/* Orphans of orphans still write into our pipe. */
static void double_fork(void)
{
	char buf[64] = "";
	int p[2];
	pid_t pid;

	NEED(pipe(p) == 0);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		if (fork() == 0) {
			NEED(work(NULL) == 7);
			NEED(write(p[1], "grandchild", 10) == 10);
		}
		_exit(0);
	}
	close(p[1]);
	NEED(reap(pid) == 0);
	show(read_full(p[0], buf, 63), "double fork");
	printf("\t%s\n", buf);
	close(p[0]);
}

int main(void)
{
	int depth = 4;

	begin();
	put_file("file", "contents", 8);
	run_child("first", work, NULL);
	while_waiting();
	from_threads();
	run_child("nested", nested, &depth);
	conversation();
	daemons();
	double_fork();
	with_handlers();
	show(count_tasks(), "tasks");
	list_fds("left open");
	return 0;
}
