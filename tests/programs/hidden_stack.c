// SPDX-License-Identifier: MIT
/*
 * Handlers on an alternate stack that is above the stack of the call which they
 * interrupt, and which the kernel does not tell of while they run
 * (SS_AUTODISARM): from addresses alone it looks as if the call had been left.
 * Each handler has calls of its own, and in turn returns at once, jumps within
 * itself first, or leaves the call for good.  The stack is set by name and by
 * number, and each has a thread to itself.
 *
 * Ring: read write
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "common.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

enum { STACK = 65536, TIMES = 1500 };
enum { RETURNS, JUMPS_WITHIN, LEAVES, WAYS };

static const char *const way_name[WAYS] = {
	"returns", "jumps within", "leaves",
};

static volatile int way, handled;
static int channel[2], inner[2];
static sigjmp_buf outside;
static char *above;
static bool by_number;

static noinline void inner_call(char byte)
{
	char got = 0;

	CHECK(write(inner[1], &byte, 1) == 1);
	CHECK(read(inner[0], &got, 1) == 1 && got == byte);
}

static void tick(long us)
{
	struct itimerval every = { { 0, us }, { 0, us } };

	CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
}

static void handler(int sig)
{
	jmp_buf inside;
	int saved = errno;

	(void)sig;
	inner_call('a');
	handled++;
	if (way == JUMPS_WITHIN && !_setjmp(inside)) {
		inner_call('b');
		longjmp(inside, 1);
	}
	/* The mask changes before the stack does: the next must not come yet. */
	if (way == LEAVES) {
		tick(0);
		siglongjmp(outside, 1);
	}
	inner_call('c');
	errno = saved;
}

static void set_stack(void)
{
	stack_t ss = {
		.ss_sp = above, .ss_size = STACK,
		.ss_flags = (int)SS_AUTODISARM,
	};

	if (by_number)
		CHECK(syscall(SYS_sigaltstack, &ss, NULL) == 0);
	else
		CHECK(sigaltstack(&ss, NULL) == 0);
}

/* What has been written and not been read: a call that was left did half. */
static void start_again(void)
{
	close_channel(channel);
	CHECK(pipe(channel) == 0);
	if (handled < TIMES)
		tick(50);
}

static void calls(void)
{
	long i, got;

	handled = 0;
	CHECK(pipe(channel) == 0);
	if (sigsetjmp(outside, 1)) {
		set_stack();
		start_again();
	} else {
		set_stack();
		tick(50);
	}
	for (i = 0; handled < TIMES; i++) {
		CHECK(write(channel[1], &i, sizeof(i)) == sizeof(i));
		CHECK(read(channel[0], &got, sizeof(got)) == sizeof(got));
		CHECK(got == i);
	}
	tick(0);
	close_channel(channel);
	say("  %s", way_name[way]);
}

static void *thread(void *arg)
{
	by_number = arg;
	set_mask(SIG_UNBLOCK, SIGALRM);
	for (way = 0; way < WAYS; way++)
		calls();
	return NULL;
}

/* One mapping with the stack of the thread below, that of handlers on top. */
static void run(void *arg)
{
	char *both = mmap(NULL, 16 * STACK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t t;

	CHECK(both != MAP_FAILED);
	above = both + 15 * STACK;
	say("%s", arg ? "by number" : "by name");
	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstack(&attr, both, 15 * STACK) == 0);
	CHECK(pthread_create(&t, &attr, thread, arg) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(pthread_attr_destroy(&attr) == 0);
	CHECK(munmap(both, 16 * STACK) == 0);
}

int main(void)
{
	struct sigaction action = {
		.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART,
	};

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	set_mask(SIG_BLOCK, SIGALRM);
	CHECK(pipe(inner) == 0);
	run(NULL);
	run("");
	return 0;
}
