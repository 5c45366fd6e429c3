// SPDX-License-Identifier: MIT
/*
 * A handler forks while a read is blocked.  The child leaves at once, or comes
 * back from the handler and *continues the outer read* in a process of its own,
 * where no ring has an operation for it; the parent's read must not take the
 * child's bytes, nor the child's end close anything.  Also by vfork, and by a
 * thread that is not the one that waits.
 *
 * Ring: read
 */
#include "common.h"

static int channel[2];
static pid_t main_pid, main_tid;
static volatile sig_atomic_t step;
static int way;

enum { CHILD_EXITS, CHILD_READS, CHILD_USES_OTHER, VFORK, WAYS };

static const char *const way_name[] = {
	"child leaves", "child continues the read",
	"child reads in the handler", "vfork",
};

static void reap(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	say("    child status %#x", status);
}

static pid_t forks(void)
{
	pid_t child;

	if (way == VFORK) {
		child = vfork();
		if (!child)
			_exit(9);
		return child;
	}
	return fork();
}

static void handler(int sig)
{
	char text[16] = "";
	pid_t child;

	(void)sig;
	if (getpid() != main_pid)
		return;
	child = forks();
	CHECK(child >= 0);
	if (!child && way == CHILD_EXITS)
		_exit(5);
	if (!child && way == CHILD_USES_OTHER) {
		say("    child reads %s", result(read(channel[0], text, 5)));
		CHECK(!strcmp(text, "child"));
		_exit(6);
	}
	if (!child)
		return;
	if (way == CHILD_READS || way == CHILD_USES_OTHER) {
		CHECK(wait_until_blocked(child, child));
		CHECK(write(channel[1], "child", 5) == 5);
	}
	reap(child);
	step = 3;
}

static void *interrupter(void *arg)
{
	CHECK(wait_until_blocked(main_pid, main_tid));
	CHECK(syscall(SYS_tgkill, main_pid, main_tid, SIGUSR1) == 0);
	while (step != 3)
		nap_us(100);
	if (arg) {
		CHECK(wait_until_blocked(main_pid, main_tid));
		CHECK(write(channel[1], "parent", 6) == 6);
	}
	return NULL;
}

static void outer(void)
{
	char text[16] = "";
	ssize_t n;

	n = read(channel[0], text, sizeof(text));
	if (getpid() == main_pid) {
		say("    parent %s", result(n));
		CHECK(n < 0 || !strcmp(text, "parent"));
		return;
	}
	say("    child %s", result(n));
	if (n < 0) {
		n = read(channel[0], text, sizeof(text));
		say("    child %s", result(n));
	}
	CHECK(!strcmp(text, "child"));
	_exit(7);
}

static void one(int kind, int flags)
{
	pthread_t thread;
	char byte;

	say("  %s: %s%s", channel_name[kind], way_name[way],
	    flags ? ", SA_RESTART" : "");
	make_channel(kind, channel);
	on_signal(SIGUSR1, handler, flags);
	step = 0;
	thread = start(interrupter, flags ? channel : NULL);
	outer();
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(poll_fd(channel[0], POLLIN, 0) == 0);
	CHECK(write(channel[1], "x", 1) == 1);
	CHECK(close(channel[1]) == 0);
	CHECK(read(channel[0], &byte, 1) == 1);
	CHECK(read(channel[0], &byte, 1) == 0);
	CHECK(close(channel[0]) == 0);
}

static void *blocked_reader(void *arg)
{
	char text[16] = "";

	*(pid_t *)arg = my_tid();
	say("    thread %s", result(read(channel[0], text, 16)));
	CHECK(!strcmp(text, "parent"));
	return NULL;
}

/* The child of another thread does not inherit the waiting one's operation. */
static void by_another_thread(int kind)
{
	static volatile pid_t tid;
	char text[16] = "";
	pthread_t thread;
	pid_t child;

	say("  %s: fork beside a blocked thread", channel_name[kind]);
	make_channel(kind, channel);
	tid = 0;
	thread = start(blocked_reader, (void *)&tid);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(main_pid, tid));
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		set_nonblock(channel[0], true);
		say("    child %s", result(read(channel[0], text, 16)));
		set_nonblock(channel[0], false);
		say("    child has %d tasks", count_tasks(0));
		_exit(0);
	}
	reap(child);
	CHECK(write(channel[1], "parent", 6) == 6);
	CHECK(pthread_join(thread, NULL) == 0);
	close_channel(channel);
}

int main(void)
{
	int fds = count_fds();

	main_pid = getpid();
	main_tid = my_tid();
	for (int kind = 0; kind < CHANNELS; kind++) {
		for (way = 0; way < WAYS; way++) {
			one(kind, SA_RESTART);
			one(kind, 0);
		}
		by_another_thread(kind);
	}
	CHECK(count_fds() == fds);
	return 0;
}
