// SPDX-License-Identifier: MIT
/*
 * Jumps that begin and end inside a handler, and jumps across two handlers.
 * After the first kind the outer read still lives: it must go on (SA_RESTART)
 * or say EINTR, and get exactly its data, though a jump is what abandons a
 * call elsewhere.  The handler jumps with and without I/O of its own, out of a
 * blocked read of its own (a nested call is abandoned, the outer one is not),
 * and the outer read's data may arrive before the inner jump.
 *
 * Ring: read
 */
#include <setjmp.h>

#include "common.h"

enum { EMPTY_JUMP, JUMP_AFTER_IO, JUMP_OUT_OF_INNER, DATA_THEN_JUMP, INSIDE };

static const char *const inside_name[] = {
	"jump", "I/O, then jump", "jump out of a blocked read",
	"data for the outer read, then jump",
};

static sigjmp_buf outer, inner;
static int channel[2], other[2];
static volatile sig_atomic_t step, stay, all_the_way;
static pid_t main_tid;
static char frame_buf[64];

static void second(int sig)
{
	(void)sig;
	say("    second handler");
	if (all_the_way)
		siglongjmp(outer, 2);
	siglongjmp(inner, 1);
}

static void inner_io(void)
{
	char text[8];

	CHECK(write(other[1], "inside", 6) == 6);
	say("    handler reads %s", result(read(other[0], text, 8)));
	CHECK(!memcmp(text, "inside", 6));
}

/* Blocks in the handler until the second signal's handler jumps. */
static void inner_blocked(void)
{
	char text[8];

	step = 2;
	say("    inner read gave %s", result(read(other[0], text, 8)));
	fail("the inner read returned");
}

static void first(int sig)
{
	(void)sig;
	say("    first handler");
	if (sigsetjmp(inner, 1) == 0) {
		if (stay == JUMP_AFTER_IO)
			inner_io();
		if (stay == JUMP_OUT_OF_INNER)
			inner_blocked();
		if (stay == DATA_THEN_JUMP)
			CHECK(write(channel[1], "outer", 5) == 5);
		siglongjmp(inner, 1);
	}
	say("    back in the first handler");
	step = 3;
}

static void *interrupter(void *arg)
{
	bool restart = *(bool *)arg;

	CHECK(wait_until_blocked(getpid(), main_tid));
	CHECK(syscall(SYS_tgkill, getpid(), main_tid, SIGUSR1) == 0);
	if (stay == JUMP_OUT_OF_INNER) {
		while (step != 2)
			nap_us(100);
		CHECK(wait_until_blocked(getpid(), main_tid));
		CHECK(!syscall(SYS_tgkill, getpid(), main_tid, SIGUSR2));
	}
	while (step != 3 && !all_the_way)
		nap_us(100);
	if (restart && stay != DATA_THEN_JUMP) {
		CHECK(wait_until_blocked(getpid(), main_tid));
		CHECK(write(channel[1], "outer", 5) == 5);
	}
	return NULL;
}

static void outer_read(void)
{
	ssize_t n;

	memset(frame_buf, 'x', sizeof(frame_buf));
	n = read(channel[0], frame_buf, sizeof(frame_buf));
	say("    outer read %s", result(n));
	if (n > 0)
		CHECK(!memcmp(frame_buf, "outerxxx", 8));
}

static void one(int kind, bool restart)
{
	pthread_t thread;

	say("  %s, %s, %s", channel_name[kind], inside_name[stay],
	    restart ? "SA_RESTART" : "no restart");
	on_signal(SIGUSR1, first, restart ? SA_RESTART : 0);
	make_channel(kind, channel);
	make_channel(kind, other);
	step = 0;
	thread = start(interrupter, &restart);
	outer_read();
	CHECK(pthread_join(thread, NULL) == 0);
	if (!restart && stay == DATA_THEN_JUMP)
		outer_read();
	CHECK(poll_fd(channel[0], POLLIN, 0) == 0);
	close_channel(channel);
	close_channel(other);
}

/* Both calls and both handlers are abandoned by one jump. */
static void across(int kind)
{
	bool restart = false;
	pthread_t thread;

	say("  %s, a jump across both handlers", channel_name[kind]);
	stay = JUMP_OUT_OF_INNER;
	all_the_way = 1;
	step = 0;
	make_channel(kind, channel);
	make_channel(kind, other);
	memset(frame_buf, 'x', sizeof(frame_buf));
	thread = start(interrupter, &restart);
	if (sigsetjmp(outer, 1) == 0) {
		read(channel[0], frame_buf, sizeof(frame_buf));
		fail("the outer read returned");
	}
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(write(channel[1], "outer", 5) == 5);
	CHECK(write(other[1], "inner", 5) == 5);
	CHECK(frame_buf[0] == 'x');
	outer_read();
	CHECK(read(other[0], frame_buf, 9) == 5);
	CHECK(!memcmp(frame_buf, "inner", 5));
	close_channel(channel);
	close_channel(other);
	all_the_way = 0;
}

int main(void)
{
	int fds = count_fds();

	main_tid = my_tid();
	on_signal(SIGUSR2, second, 0);
	for (int kind = 0; kind < CHANNELS; kind++) {
		for (int what = 0; what < INSIDE; what++) {
			stay = what;
			one(kind, false);
			one(kind, true);
		}
		across(kind);
	}
	CHECK(count_fds() == fds);
	return 0;
}
