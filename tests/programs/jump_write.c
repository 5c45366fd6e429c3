// SPDX-License-Identifier: MIT
/*
 * A handler jumps out of a blocked write.  Natively the bytes that had found
 * room are in the file and not one more ever follows, even when room appears
 * and the buffer has got new contents; the file is held by nobody, so that a
 * close is seen by the reader as end of file at once.  A write still pending on
 * a ring would deliver stale or overwritten bytes later, or hold the file.
 *
 * Small: no more than PIPE_BUF into a full channel, moves nothing.  Large: more
 * than fits into an empty channel, the head moves.
 *
 * Ring: write
 * Timeout: 60
 */
#include <setjmp.h>

#include "common.h"

#define CANARY 0x5a

enum { SIGLONGJMP, LONGJMP, PLAIN_LONGJMP, ALT_STACK, JUMPS };

static const char *const jump_name[] = {
	"siglongjmp", "longjmp", "_longjmp", "siglongjmp, other stack",
};

static sigjmp_buf saved;
static jmp_buf plain;
static int channel[2];
static int jump;
static char alt_stack[65536];
static pid_t main_tid;
static unsigned char data[16 << 20];

static void handler(int sig)
{
	(void)sig;
	if (jump == LONGJMP)
		longjmp(plain, 1);
	if (jump == PLAIN_LONGJMP)
		_longjmp(plain, 1);
	siglongjmp(saved, 1);
}

static void *interrupter(void *arg)
{
	(void)arg;
	CHECK(wait_until_blocked(getpid(), main_tid));
	CHECK(syscall(SYS_tgkill, getpid(), main_tid, SIGUSR1) == 0);
	return NULL;
}

static noinline ssize_t blocked_write(size_t size)
{
	volatile char frame[8192];
	ssize_t n;

	memset((void *)frame, 'w', sizeof(frame));
	if (size <= 2000)
		n = write(channel[1], (void *)(frame + 3000), size);
	else
		n = write(channel[1], data, size);
	return frame[0] ? n : 0;
}

static void jump_out(size_t size)
{
	if (jump == LONGJMP || jump == PLAIN_LONGJMP) {
		if (setjmp(plain) == 0)
			fail("write gave %s", result(blocked_write(size)));
		set_mask(SIG_UNBLOCK, SIGUSR1);
		return;
	}
	if (sigsetjmp(saved, 1) == 0)
		fail("write gave %s", result(blocked_write(size)));
}

/* Take everything out; all of it must be this byte. */
static long drain(char byte)
{
	static char block[65536];
	long total = 0;
	ssize_t n;

	while (poll_fd(channel[0], POLLIN, 30) & POLLIN) {
		n = recv(channel[0], block, sizeof(block), MSG_DONTWAIT);
		if (n < 0 && errno == ENOTSOCK)
			n = read(channel[0], block, sizeof(block));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			CHECK(block[i] == byte);
		total += n;
	}
	return total;
}

static noinline long drain_over_frame(char byte)
{
	volatile char frame[16384];
	long total;

	memset((void *)frame, CANARY, sizeof(frame));
	total = drain(byte);
	for (size_t i = 0; i < sizeof(frame); i++)
		CHECK(frame[i] == CANARY);
	return total;
}

static void close_and_look(int kind)
{
	char byte;

	CHECK(write(channel[1], "z", 1) == 1);
	CHECK(close(channel[1]) == 0);
	CHECK(poll_fd(channel[0], POLLIN, 5000));
	CHECK(read(channel[0], &byte, 1) == 1 && byte == 'z');
	if (kind == TCP)
		CHECK(poll_fd(channel[0], POLLIN, 5000));
	set_nonblock(channel[0], true);
	say("    after close: %s", result(read(channel[0], &byte, 1)));
	CHECK(close(channel[0]) == 0);
}

static void interrupted(size_t size)
{
	pthread_t thread;

	on_signal(SIGUSR1, handler, jump == ALT_STACK ? SA_ONSTACK : 0);
	thread = start(interrupter, NULL);
	jump_out(size);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void small(int kind)
{
	long filled, drained;
	int fds;

	make_channel(kind, channel);
	fds = count_fds();
	filled = fill_up(channel[1], 'f');
	interrupted(kind == PIPE ? 2000 : 64);
	CHECK(count_fds() == fds);
	drained = drain_over_frame('f');
	say("  %s, small, %s: moved %s", channel_name[kind], jump_name[jump],
	    drained == filled ? "nothing" : "something");
	CHECK(drained == filled);
	close_and_look(kind);
}

static void large(int kind)
{
	size_t size = kind == TCP ? sizeof(data) : 1000000;
	long drained;
	int fds;

	make_channel(kind, channel);
	fds = count_fds();
	memset(data, 'd', size);
	interrupted(size);
	memset(data, CANARY, size);
	CHECK(count_fds() == fds);
	drained = drain_over_frame('d');
	CHECK(drained > 0 && drained < (long)size);
	say("  %s, large, %s: moved %ld", channel_name[kind], jump_name[jump],
	    kind == TCP ? 1 : drained);
	close_and_look(kind);
}

int main(void)
{
	stack_t stack = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };
	int fds = count_fds();

	main_tid = my_tid();
	CHECK(sigaltstack(&stack, NULL) == 0);
	for (int kind = 0; kind < CHANNELS; kind++) {
		for (jump = 0; jump < JUMPS; jump++) {
			small(kind);
			large(kind);
		}
	}
	CHECK(count_fds() == fds);
	say("tasks %d", settled_tasks(1));
	return 0;
}
