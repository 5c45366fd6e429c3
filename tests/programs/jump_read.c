// SPDX-License-Identifier: MIT
/*
 * siglongjmp, longjmp and _longjmp out of a handler that interrupted a blocked
 * read: natively the read is gone with the handler's frame.  It took no byte,
 * whatever arrived while the handler ran, and the stack that held its buffer
 * belongs to others.  A ring still has a pending operation that points there:
 * it may swallow the bytes that the next read waits for, write into the new
 * owner of the frame, or keep the file open so that the peer gets no EPIPE.
 *
 * Data is written before the signal is handled (by the handler itself or by
 * another thread while the handler sleeps), after the jump, or never.
 *
 * Ring: read
 * Timeout: 60
 */
#include <setjmp.h>

#include "common.h"

#define CANARY 0x5a

enum { BY_HANDLER, DURING_HANDLER, AFTER_JUMP, NEVER, ARRIVALS };
enum { SIGLONGJMP, LONGJMP, PLAIN_LONGJMP, ALT_STACK, JUMPS };

static const char *const arrival_name[] = {
	"by the handler", "during the handler", "after the jump", "never",
};
static const char *const jump_name[] = {
	"siglongjmp", "longjmp", "_longjmp", "siglongjmp, other stack",
};

static sigjmp_buf saved;
static jmp_buf plain;
static int channel[2];
static int arrival, jump;
static volatile sig_atomic_t in_handler, written;
static char alt_stack[65536];
static pid_t main_tid;

static void write_record(void)
{
	CHECK(write(channel[1], "0123456789", 10) == 10);
	written = 1;
}

static void handler(int sig)
{
	(void)sig;
	in_handler = 1;
	if (arrival == BY_HANDLER)
		write_record();
	while (arrival == DURING_HANDLER && !written)
		nap_us(200);
	if (arrival == DURING_HANDLER)
		nap_us(500);
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
	if (arrival == DURING_HANDLER) {
		while (!in_handler)
			nap_us(100);
		write_record();
	}
	return NULL;
}

static noinline ssize_t blocked_read(void)
{
	volatile char frame[4096];
	ssize_t n;

	memset((void *)frame, 'x', sizeof(frame));
	n = read(channel[0], (void *)(frame + 2000), 100);
	return frame[0] ? n : 0;
}

/* Own the stack that the read was on, and look whether it is touched. */
static noinline void reuse_frame(void)
{
	volatile char frame[16384];

	memset((void *)frame, CANARY, sizeof(frame));
	if (arrival == AFTER_JUMP)
		write_record();
	nap_us(1500);
	CHECK(poll_fd(channel[0], POLLIN, 0) ==
	      (arrival == NEVER ? 0 : POLLIN));
	for (size_t i = 0; i < sizeof(frame); i++)
		CHECK(frame[i] == CANARY);
}

static void jump_out(void)
{
	if (jump == LONGJMP || jump == PLAIN_LONGJMP) {
		if (setjmp(plain) == 0)
			fail("read returned %s", result(blocked_read()));
		set_mask(SIG_UNBLOCK, SIGUSR1);
		return;
	}
	if (sigsetjmp(saved, 1) == 0)
		fail("read returned %s", result(blocked_read()));
}

static void finish(void)
{
	char buf[64];
	ssize_t n;

	if (arrival != NEVER) {
		n = read(channel[0], buf, sizeof(buf));
		say("    read again: %s", result(n));
		CHECK(n == 10 && !memcmp(buf, "0123456789", 10));
	}
	CHECK(poll_fd(channel[0], POLLIN, 0) == 0);
}

/* Nothing but the jumped call has touched the file: closing it must show. */
static void close_and_look(int kind)
{
	int fds = count_fds();

	CHECK(close(channel[0]) == 0);
	if (kind == TCP) {
		CHECK(poll_fd(channel[1], POLLIN | POLLRDHUP, 5000));
		say("    peer sees %s", result(recv(channel[1], &fds, 1,
						     MSG_DONTWAIT)));
	} else {
		say("    peer sees %s", result(write(channel[1], "y", 1)));
	}
	CHECK(count_fds() == fds - 1 || kind == TCP);
	CHECK(close(channel[1]) == 0);
}

static void one(int kind)
{
	pthread_t thread;
	int fds;

	make_channel(kind, channel);
	in_handler = written = 0;
	on_signal(SIGUSR1, handler, jump == ALT_STACK ? SA_ONSTACK : 0);
	fds = count_fds();
	thread = start(interrupter, NULL);
	jump_out();
	say("  %s, data %s, %s", channel_name[kind], arrival_name[arrival],
	    jump_name[jump]);
	CHECK(count_fds() == fds);
	reuse_frame();
	CHECK(pthread_join(thread, NULL) == 0);
	finish();
	close_and_look(kind);
}

int main(void)
{
	stack_t stack = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };
	int fds = count_fds();

	main_tid = my_tid();
	signal(SIGPIPE, SIG_IGN);
	CHECK(sigaltstack(&stack, NULL) == 0);
	for (int kind = 0; kind < CHANNELS; kind++)
		for (arrival = 0; arrival < ARRIVALS; arrival++)
			for (jump = 0; jump < JUMPS; jump++)
				one(kind);
	CHECK(count_fds() == fds);
	say("tasks %d", settled_tasks(1));
	return 0;
}
