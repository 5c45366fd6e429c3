// SPDX-License-Identifier: MIT
/*
 * Leaving a blocked read with setcontext, and being away from it for a while
 * with swapcontext.  No function of the longjmp family runs, so a library sees
 * nothing; natively these are nothing but register loads.
 *
 * gone: the handler calls setcontext; the read is over.
 * detour: the handler swaps to a coroutine, which reads and writes the same
 * and another channel, and swaps back: the outer read still lives.
 * parked: the read blocks in a coroutine; its handler swaps to the main stack,
 * which works with the channel, and resumes the coroutine: its read lives too.
 * Stack addresses tell nothing here about who is nested in whom.
 *
 * Ring: read
 */
#include <ucontext.h>

#include "common.h"

#define STACK 262144

static ucontext_t main_context, side_context, handler_context;
static char stack[STACK];
static int channel[2], other[2];
static volatile sig_atomic_t step;
static pid_t main_tid;

static void reads(int fd, const char *want)
{
	char text[64] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	say("    read %s", result(n));
	if (n >= 0)
		CHECK(!strcmp(text, want));
}

static void *interrupter(void *arg)
{
	const char *late = arg;

	CHECK(wait_until_blocked(getpid(), main_tid));
	CHECK(syscall(SYS_tgkill, getpid(), main_tid, SIGUSR1) == 0);
	if (!late)
		return NULL;
	while (step != 3)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), main_tid));
	CHECK(write(channel[1], late, strlen(late)) > 0);
	return NULL;
}

static void leave(int sig)
{
	(void)sig;
	step = 1;
	setcontext(&main_context);
}

/* Own the frame that the read's buffer was on, whatever arrives. */
static noinline void reuse_frame(void)
{
	volatile char frame[16384];

	memset((void *)frame, 'c', sizeof(frame));
	CHECK(write(channel[1], "kept", 4) == 4);
	CHECK(count_fds() > 0);
	nap_us(1000);
	for (size_t i = 0; i < sizeof(frame); i++)
		CHECK(frame[i] == 'c');
}

static void gone(void)
{
	static pthread_t thread;

	on_signal(SIGUSR1, leave, SA_RESTART);
	step = 0;
	thread = start(interrupter, NULL);
	CHECK(getcontext(&main_context) == 0);
	if (!step) {
		reads(channel[0], "");
		fail("the read returned");
	}
	say("  gone");
	reuse_frame();
	CHECK(pthread_join(thread, NULL) == 0);
	reads(channel[0], "kept");
	CHECK(close(channel[0]) == 0);
	if (poll_fd(channel[1], POLLERR | POLLRDHUP, 5000))
		say("    peer knows");
	CHECK(close(channel[1]) == 0);
}

static void excursion(void)
{
	CHECK(write(other[1], "other", 5) == 5);
	reads(other[0], "other");
	CHECK(write(channel[1], "mine", 4) == 4);
	reads(channel[0], "mine");
	swapcontext(&side_context, &handler_context);
}

static void start_on(void (*fn)(void))
{
	CHECK(getcontext(&side_context) == 0);
	side_context.uc_stack.ss_sp = stack;
	side_context.uc_stack.ss_size = STACK;
	side_context.uc_link = NULL;
	makecontext(&side_context, fn, 0);
}

static void take_detour(int sig)
{
	(void)sig;
	start_on(excursion);
	swapcontext(&handler_context, &side_context);
	step = 3;
}

static void detour(int flags)
{
	pthread_t thread;

	say("  detour, %s", flags ? "SA_RESTART" : "no restart");
	on_signal(SIGUSR1, take_detour, flags);
	step = 0;
	thread = start(interrupter, flags ? (void *)"late" : NULL);
	reads(channel[0], "late");
	CHECK(pthread_join(thread, NULL) == 0);
}

static void coroutine(void)
{
	reads(channel[0], "late");
	say("    coroutine ends");
	step = 4;
	setcontext(&main_context);
}

static void park(int sig)
{
	(void)sig;
	swapcontext(&handler_context, &main_context);
	step = 3;
}

/* On the main stack while the coroutine's read waits in its handler. */
static void meanwhile(void)
{
	say("    main stack");
	CHECK(write(other[1], "other", 5) == 5);
	reads(other[0], "other");
	CHECK(write(channel[1], "mine", 4) == 4);
	reads(channel[0], "mine");
	CHECK(count_fds() > 0);
}

static void parked(int flags)
{
	pthread_t thread;

	say("  parked, %s", flags ? "SA_RESTART" : "no restart");
	on_signal(SIGUSR1, park, flags);
	step = 0;
	thread = start(interrupter, flags ? (void *)"late" : NULL);
	start_on(coroutine);
	swapcontext(&main_context, &side_context);
	meanwhile();
	swapcontext(&main_context, &handler_context);
	CHECK(step == 4);
	CHECK(pthread_join(thread, NULL) == 0);
}

/* Twenty times gone without anything else: what is left must not pile up. */
static void many(void)
{
	volatile int fds = count_fds();

	for (volatile int i = 0; i < 20; i++) {
		static pthread_t thread;
		char byte;

		step = 0;
		thread = start(interrupter, NULL);
		CHECK(getcontext(&main_context) == 0);
		if (!step) {
			read(other[0], &byte, 1);
			fail("the read returned");
		}
		CHECK(pthread_join(thread, NULL) == 0);
		if (i == 0)
			say("  first fds %+d", count_fds() - fds);
	}
	say("  fds %+d", count_fds() - fds);
}

int main(void)
{
	int fds = count_fds();

	main_tid = my_tid();
	for (int kind = 0; kind < CHANNELS; kind++) {
		say("%s", channel_name[kind]);
		make_channel(kind, other);
		make_channel(kind, channel);
		detour(SA_RESTART);
		detour(0);
		parked(SA_RESTART);
		parked(0);
		gone();
		many();
		close_channel(other);
	}
	CHECK(count_fds() == fds);
	return 0;
}
