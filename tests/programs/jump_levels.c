// SPDX-License-Identifier: MIT
/*
 * Handlers in handlers, each blocked in a read of its own channel, some on the
 * alternate stack, and a jump out of several of them at once, to any level below.
 * Each level is left or goes on as natively: what is written to the channels of
 * those that were left is there for the next read, what is written to that of
 * the level that was jumped to arrives there.
 *
 * Ring: read write
 * Timeout: 60
 */
#include <setjmp.h>

#include "common.h"

#define LEVELS 4

static const int level_signal[LEVELS] = { 0, SIGUSR1, SIGUSR2, SIGHUP };

static int channel[LEVELS][2];
static sigjmp_buf level_jump[LEVELS];
static volatile sig_atomic_t depth;
static int target;
static pid_t main_tid;
static char alt_stack[1 << 16];

/* Block at this level; the deepest one jumps instead. */
static noinline void be_level(int level)
{
	volatile char guard[512];
	char buf[16] = "";
	ssize_t n;

	memset((void *)guard, 'g', sizeof(guard));
	depth = level;
	if (sigsetjmp(level_jump[level], 1)) {
		say("    level %d jumped to, of %d", level, (int)depth);
		depth = level;
		CHECK(write(channel[level][1], "again", 5) == 5);
	} else if (level == LEVELS - 1) {
		siglongjmp(level_jump[target], 1);
	}
	n = read(channel[level][0], buf, sizeof(buf));
	say("    level %d: %s %s", level, result(n), buf);
	for (size_t i = 0; i < sizeof(guard); i++)
		CHECK(guard[i] == 'g');
}

static void handler(int sig)
{
	int saved = errno;

	for (int level = 1; level < LEVELS; level++) {
		if (level_signal[level] == sig)
			be_level(level);
	}
	errno = saved;
}

/* One signal for each level, when the one below is blocked. */
static void *interrupter(void *arg)
{
	(void)arg;
	for (int level = 1; level < LEVELS; level++) {
		while (depth < level - 1)
			nap_us(100);
		CHECK(wait_until_blocked(getpid(), main_tid));
		CHECK(!syscall(SYS_tgkill, getpid(), main_tid,
			       level_signal[level]));
	}
	return NULL;
}

/* The levels between the target and us go on: give them something. */
static void *feeder(void *arg)
{
	pthread_t thread = start(interrupter, arg);

	CHECK(pthread_join(thread, NULL) == 0);
	for (int level = target - 1; level >= 0; level--) {
		CHECK(wait_until_blocked(getpid(), main_tid));
		CHECK(write(channel[level][1], "late", 4) == 4);
	}
	return NULL;
}

static void left_overs(void)
{
	char buf[16];

	for (int level = 0; level < LEVELS; level++) {
		CHECK(write(channel[level][1], "left", 4) == 4);
		memset(buf, 0, sizeof(buf));
		CHECK(read(channel[level][0], buf, sizeof(buf)) == 4);
		CHECK(!strcmp(buf, "left"));
		CHECK(poll_fd(channel[level][0], POLLIN, 0) == 0);
	}
}

static void one(int kind, int on_stack)
{
	pthread_t thread;

	for (int level = 0; level < LEVELS; level++) {
		make_channel(kind, channel[level]);
		if (level)
			on_signal(level_signal[level], handler,
				  SA_RESTART |
				  (level == on_stack ? SA_ONSTACK : 0));
	}
	depth = -1;
	thread = start(feeder, NULL);
	be_level(0);
	CHECK(pthread_join(thread, NULL) == 0);
	left_overs();
	for (int level = 0; level < LEVELS; level++)
		close_channel(channel[level]);
}

int main(void)
{
	stack_t stack = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };
	int fds = count_fds();

	main_tid = my_tid();
	CHECK(sigaltstack(&stack, NULL) == 0);
	for (int kind = 0; kind < TCP; kind++) {
		for (target = 0; target < LEVELS - 1; target++) {
			for (int on_stack = 0; on_stack < LEVELS; on_stack++) {
				say("  %s, to %d, %d on the other stack",
				    channel_name[kind], target, on_stack);
				one(kind, on_stack);
			}
		}
	}
	CHECK(count_fds() == fds);
	return 0;
}
