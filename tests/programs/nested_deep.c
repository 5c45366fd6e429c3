// SPDX-License-Identifier: MIT
/*
 * Three handlers deep, each level blocked in a read of its own channel; the
 * data arrives outermost first, innermost first, or all of it before any level
 * can take it.  Each level gets its own bytes, when its own turn comes; then
 * every level asks again whether anything is left.
 *
 * Ring: read
 */
#include "common.h"

#define LEVELS 4

static int channel[LEVELS][2];
static const int level_signal[LEVELS] = { 0, SIGUSR1, SIGUSR2, SIGHUP };
static volatile sig_atomic_t depth;
static pid_t main_tid;
static int order, flags;

enum { OUTER_FIRST, INNER_FIRST, EVERY_LEVEL_ITSELF, ORDERS };

static void read_level(int level)
{
	char text[16] = "", want[16];
	ssize_t n;

	snprintf(want, sizeof(want), "level%d", level);
	do {
		n = read(channel[level][0], text, sizeof(text));
		say("    level %d: %s", level, result(n));
	} while (n < 0 && errno == EINTR);
	CHECK(n == 6 && !strcmp(text, want));
	CHECK(poll_fd(channel[level][0], POLLIN, 0) == 0);
}

static void feed(int level)
{
	char text[16];

	snprintf(text, sizeof(text), "level%d", level);
	CHECK(write(channel[level][1], text, 6) == 6);
}

static void handler(int sig)
{
	int level = sig == SIGUSR1 ? 1 : sig == SIGUSR2 ? 2 : 3;

	depth = level;
	if (order == EVERY_LEVEL_ITSELF)
		feed(level - 1);
	read_level(level);
	depth = level - 1;
}

static void *interrupter(void *arg)
{
	(void)arg;
	for (int level = 1; level < LEVELS; level++) {
		CHECK(wait_until_blocked(getpid(), main_tid));
		CHECK(syscall(SYS_tgkill, getpid(), main_tid,
			      level_signal[level]) == 0);
		while (depth != level)
			nap_us(100);
	}
	CHECK(wait_until_blocked(getpid(), main_tid));
	if (order == OUTER_FIRST)
		for (int level = 0; level < LEVELS; level++)
			feed(level);
	else if (order == EVERY_LEVEL_ITSELF)
		feed(LEVELS - 1);
	for (int level = LEVELS - 1; order == INNER_FIRST && level >= 0;
	     level--) {
		CHECK(wait_until_blocked(getpid(), main_tid));
		feed(level);
		while (level && depth == level)
			nap_us(100);
	}
	return NULL;
}

static void one(int kind)
{
	pthread_t thread;

	say("  %s, order %d%s", channel_name[kind], order,
	    flags ? ", SA_RESTART" : "");
	for (int level = 0; level < LEVELS; level++)
		make_channel(kind, channel[level]);
	for (int level = 1; level < LEVELS; level++)
		on_signal(level_signal[level], handler, flags);
	depth = 0;
	thread = start(interrupter, NULL);
	read_level(0);
	CHECK(pthread_join(thread, NULL) == 0);
	for (int level = 0; level < LEVELS; level++)
		close_channel(channel[level]);
}

int main(void)
{
	int fds = count_fds();

	main_tid = my_tid();
	for (int kind = 0; kind < CHANNELS; kind++) {
		for (order = 0; order < ORDERS; order++) {
			flags = SA_RESTART;
			one(kind);
			flags = 0;
			one(kind);
		}
	}
	CHECK(count_fds() == fds);
	return 0;
}
