// SPDX-License-Identifier: MIT
/*
 * Two idioms of servers around a blocked read.  Self-pipe: the handler writes
 * into the very pipe that the read waits for, with and without SA_RESTART.
 * SIGCHLD: the handler reaps in a waitpid loop while children end, some of them
 * together, and the read goes on (or is repeated after EINTR); no child is lost
 * and the handler's errno does not leak.
 *
 * Ring: read
 */
#include "common.h"

#define CHILDREN 40

static int channel[2];
static volatile sig_atomic_t reaped, codes;

static void wake_up(int sig)
{
	int saved = errno;
	char byte = sig;

	CHECK(write(channel[1], &byte, 1) == 1);
	errno = saved;
}

static void reap(int sig)
{
	int saved = errno, status;

	(void)sig;
	while (waitpid(-1, &status, WNOHANG) > 0) {
		reaped++;
		codes += WEXITSTATUS(status);
	}
	errno = saved;
}

static void self_pipe(int kind, int flags)
{
	pid_t parent = getpid(), child;
	char byte = 0;
	int eintr = 0;
	ssize_t n;

	say("  self-pipe, %s%s", channel_name[kind],
	    flags ? ", SA_RESTART" : "");
	make_channel(kind, channel);
	on_signal(SIGUSR1, wake_up, flags);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		CHECK(wait_until_blocked(parent, parent));
		kill(parent, SIGUSR1);
		_exit(0);
	}
	while ((n = read(channel[0], &byte, 1)) < 0 && errno == EINTR)
		eintr++;
	say("    read %s, EINTR %d", result(n), eintr);
	CHECK(byte == SIGUSR1);
	CHECK(waitpid(child, NULL, 0) == child);
	close_channel(channel);
}

/* The last child writes, when all others have ended. */
static void children(int kind, int flags)
{
	char text[8] = "";
	sigset_t set;
	ssize_t n;

	say("  SIGCHLD, %s%s", channel_name[kind],
	    flags ? ", SA_RESTART" : "");
	make_channel(kind, channel);
	reaped = codes = 0;
	on_signal(SIGCHLD, reap, flags);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		CHECK(child >= 0);
		if (child)
			continue;
		nap_us(i * 150 + (i == CHILDREN - 1) * 30000);
		if (i == CHILDREN - 1)
			CHECK(write(channel[1], "last", 4) == 4);
		_exit(i);
	}
	while ((n = read(channel[0], text, 8)) < 0 && errno == EINTR)
		;
	say("    read %s", result(n));
	CHECK(!strcmp(text, "last"));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (reaped < CHILDREN) {
		sigset_t none;

		sigemptyset(&none);
		sigsuspend(&none);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	say("    children %d, codes %d", reaped, codes);
	signal(SIGCHLD, SIG_DFL);
	close_channel(channel);
}

int main(void)
{
	int fds = count_fds();

	for (int kind = 0; kind < CHANNELS; kind++) {
		self_pipe(kind, SA_RESTART);
		self_pipe(kind, 0);
		children(kind, SA_RESTART);
		children(kind, 0);
	}
	CHECK(count_fds() == fds);
	return 0;
}
