// SPDX-License-Identifier: MIT
/*
 * What others see of a process that is blocked in a read: a parent lists its
 * fds and tasks in /proc, another thread lists them and opens a file (whose
 * number must be the lowest free one), a handler lists them, a process with a
 * full fd table (RLIMIT_NOFILE) still reads.  A wait that borrows an fd shows
 * here.
 *
 */
#include <sys/resource.h>

#include "common.h"

static int channel[2];
static volatile pid_t tid;
static volatile int kind;

static void handler(int sig)
{
	char text[512];

	(void)sig;
	say("    in the handler: fds %s, tasks %d",
	    list_fds(0, text, sizeof(text)), count_tasks(0));
}

static void child(void)
{
	char buf[16] = "";

	on_signal(SIGUSR1, handler, SA_RESTART);
	CHECK(read(channel[0], buf, sizeof(buf)) == 5);
	CHECK(!strcmp(buf, "first"));
	handler(0);
	CHECK(read(channel[0], buf, sizeof(buf)) == 5);
	_exit(0);
}

static void look(pid_t pid, const char *when)
{
	char text[512];

	CHECK(wait_until_blocked(pid, pid));
	say("    %s: fds %s, tasks %d", when,
	    list_fds(pid, text, sizeof(text)), count_tasks(pid));
}

static void from_the_parent(void)
{
	int status;
	pid_t pid;

	say("  %s, the parent's view", channel_name[kind]);
	make_channel(kind, channel);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		child();
	look(pid, "blocked");
	CHECK(kill(pid, SIGUSR1) == 0);
	look(pid, "blocked again");
	CHECK(write(channel[1], "first", 5) == 5);
	look(pid, "blocked for the second time");
	CHECK(write(channel[1], "again", 5) == 5);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	close_channel(channel);
}

static void *blocked_thread(void *arg)
{
	char buf[16] = "";

	(void)arg;
	tid = my_tid();
	say("    read %s", result(read(channel[0], buf, 16)));
	return NULL;
}

static pthread_t block(void)
{
	pthread_t thread;

	tid = 0;
	thread = start(blocked_thread, NULL);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	return thread;
}

static void from_another_thread(void)
{
	pthread_t thread;
	char text[512];
	int fd;

	say("  %s, another thread's view", channel_name[kind]);
	make_channel(kind, channel);
	thread = block();
	say("    fds %s, tasks %d", list_fds(0, text, sizeof(text)),
	    settled_tasks(2));
	fd = open("/dev/null", O_RDONLY);
	say("    open %s", result(fd));
	CHECK(close(fd) == 0);
	CHECK(write(channel[1], "hello", 5) == 5);
	CHECK(pthread_join(thread, NULL) == 0);
	close_channel(channel);
}

/* No fd is free, neither before nor while it waits. */
static void full_table(void)
{
	struct rlimit old, few = { 0 };
	pthread_t thread;

	say("  %s, no fd free", channel_name[kind]);
	make_channel(kind, channel);
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	few = old;
	few.rlim_cur = 3;
	thread = block();
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	say("    open %s", result(open("/dev/null", O_RDONLY)));
	CHECK(write(channel[1], "hello", 5) == 5);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	few.rlim_cur = 0;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	tid = 0;
	thread = start(blocked_thread, NULL);
	while (!tid)
		nap_us(100);
	nap_us(20000);
	CHECK(write(channel[1], "hello", 5) == 5);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	close_channel(channel);
}

/* All other fds are closed under the feet of a blocked call. */
static void close_all(void)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		pthread_t thread;

		make_channel(kind, channel);
		thread = block();
		for (int fd = 3; fd < 1024; fd++)
			if (fd != channel[0] && fd != channel[1])
				close(fd);
		CHECK(write(channel[1], "hello", 5) == 5);
		CHECK(pthread_join(thread, NULL) == 0);
		thread = block();
		CHECK(!syscall(SYS_close_range, 10, ~0U, 0));
		CHECK(write(channel[1], "hello", 5) == 5);
		CHECK(pthread_join(thread, NULL) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	say("  %s, everything else closed: status %#x", channel_name[kind],
	    status);
}

int main(void)
{
	int fds = count_fds();

	for (kind = 0; kind < CHANNELS; kind++) {
		from_the_parent();
		from_another_thread();
		full_table();
		close_all();
	}
	CHECK(count_fds() == fds);
	return 0;
}
