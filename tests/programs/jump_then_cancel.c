// SPDX-License-Identifier: MIT
/*
 * A thread whose handlers have jumped out of blocked calls is cancelled later,
 * or ends by itself: the frames that were left belong to others by then, and
 * nothing of the clean-up may look there.
 */
#include <setjmp.h>

#include "common.h"

enum end { CANCEL, EXIT, ENDS };

static int channel[2];
static sigjmp_buf saved;
static pid_t victim;
static pthread_t victim_thread;
static int end;

static void leave(int sig)
{
	(void)sig;
	siglongjmp(saved, 1);
}

static void clean_up(void *arg)
{
	say("    cleaned up %s", (const char *)arg);
}

static noinline void blocked_read(void)
{
	char buf[512];

	say("    returned %s", result(read(channel[0], buf, sizeof(buf))));
}

/* What was the frame of the read is anything but that now. */
static noinline void reuse_frame(int byte)
{
	volatile char frame[32768];

	memset((void *)frame, byte, sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
}

static noinline void end_here(void)
{
	if (end == EXIT)
		pthread_exit(NULL);
	for (;;)
		pause();
}

static void *jump_and_end(void *arg)
{
	(void)arg;
	victim = my_tid();
	pthread_cleanup_push(clean_up, "outside");
	if (!sigsetjmp(saved, 1))
		blocked_read();
	reuse_frame(0);
	if (!sigsetjmp(saved, 1))
		blocked_read();
	reuse_frame(0x41);
	pthread_cleanup_push(clean_up, "inside");
	end_here();
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void kick(void)
{
	while (!victim)
		nap_us(200);
	CHECK(wait_until_blocked(getpid(), victim));
	CHECK(syscall(SYS_tgkill, getpid(), victim, SIGUSR1) == 0);
	nap_us(2000);
}

int main(void)
{
	void *ret;

	on_signal(SIGUSR1, leave, 0);
	for (end = 0; end < ENDS; end++) {
		say("  %s", end == CANCEL ? "cancelled" : "ends by itself");
		make_channel(PIPE, channel);
		victim = 0;
		victim_thread = start(jump_and_end, NULL);
		kick();
		kick();
		if (end == CANCEL) {
			CHECK(wait_until_blocked(getpid(), victim));
			CHECK(pthread_cancel(victim_thread) == 0);
		}
		CHECK(pthread_join(victim_thread, &ret) == 0);
		say("    %s", ret == PTHREAD_CANCELED ? "cancelled" : "ended");
		close_channel(channel);
	}
	return 0;
}
