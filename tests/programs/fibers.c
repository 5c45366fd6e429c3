// SPDX-License-Identifier: MIT
/*
 * User threads that a timer switches: the handler leaves the call that it has
 * interrupted for another stack, where other calls are going on, and comes back to
 * it later, or never.  By swapcontext and by siglongjmp, on stacks below the one of
 * the thread and above it, in the first thread and in another.
 *
 * Each fiber passes bytes through a pipe of its own, and numbers to the next fiber.
 *
 * Ring: read write open close
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "common.h"

enum { FIBERS = 5, STACK = 65536, TIMES = 400 };

static struct fiber {
	ucontext_t context;
	sigjmp_buf env;
	bool begun, done;
	int own[2], from_last[2];
	unsigned long sum;
} fibers[FIBERS];

static volatile int current, switches;
static volatile bool running;
static bool by_jump;
static char *stacks;

static struct fiber *next_fiber(void)
{
	current = (current + 1) % FIBERS;
	return &fibers[current];
}

static void jump_to(struct fiber *from, struct fiber *to)
{
	if (sigsetjmp(from->env, 1))
		return;
	if (to->begun)
		siglongjmp(to->env, 1);
	to->begun = true;
	setcontext(&to->context);
}

static void handler(int sig)
{
	struct fiber *from = &fibers[current];
	int saved = errno;

	(void)sig;
	if (!running)
		return;
	switches++;
	if (by_jump)
		jump_to(from, next_fiber());
	else
		swapcontext(&from->context, &next_fiber()->context);
	errno = saved;
}

static ssize_t all_of(int fd, char *buf, size_t n)
{
	size_t done = 0;
	ssize_t ret;

	while (done < n) {
		ret = read(fd, buf + done, n - done);
		if (ret <= 0)
			return ret;
		done += (size_t)ret;
	}
	return (ssize_t)done;
}

/* Calls that do not have to wait. */
static void among_itself(struct fiber *f, int i)
{
	char out[96], in[96] = "";
	int fd;

	memset(out, 'a' + i % 26, sizeof(out));
	CHECK(write(f->own[1], out, sizeof(out)) == sizeof(out));
	CHECK(all_of(f->own[0], in, sizeof(in)) == sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	fd = open("file", O_RDONLY);
	CHECK(fd >= 0);
	CHECK(read(fd, in, sizeof(in)) == 1 && in[0] == '!');
	CHECK(close(fd) == 0);
}

static void work(struct fiber *f)
{
	struct fiber *next = &fibers[(f - fibers + 1) % FIBERS];
	int i, got;

	for (i = 0; i < TIMES; i++) {
		among_itself(f, i);
		CHECK(write(next->from_last[1], &i, sizeof(i)) == sizeof(i));
		CHECK(all_of(f->from_last[0], (char *)&got, sizeof(got)) ==
		      sizeof(got));
		CHECK(got == i);
		f->sum += (unsigned long)got;
	}
	f->done = true;
}

/* The mask changes before the stack does: no switch until both have. */
static void fiber(void)
{
	set_mask(SIG_UNBLOCK, SIGALRM);
	work(&fibers[current]);
	for (;;)
		pause();
}

static bool all_done(void)
{
	for (int i = 0; i < FIBERS; i++) {
		if (!fibers[i].done)
			return false;
	}
	return true;
}

/* A timer that interrupts the calling thread. */
static timer_t ticks_of_this_thread(void)
{
	struct itimerspec every = { { 0, 100000 }, { 0, 100000 } };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM,
	};
	timer_t timer;

	event._sigev_un._tid = my_tid();
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &every, NULL) == 0);
	return timer;
}

static void prepare(struct fiber *f, char *stack)
{
	memset(f, 0, sizeof(*f));
	CHECK(pipe(f->own) == 0 && pipe(f->from_last) == 0);
	CHECK(getcontext(&f->context) == 0);
	f->context.uc_stack.ss_sp = stack;
	f->context.uc_stack.ss_size = STACK;
	f->context.uc_link = NULL;
	sigaddset(&f->context.uc_sigmask, SIGALRM);
	makecontext(&f->context, fiber, 0);
}

static void *run(void *arg)
{
	timer_t timer;

	(void)arg;
	for (int i = 0; i < FIBERS; i++)
		prepare(&fibers[i], stacks + (size_t)i * STACK);
	current = 0;
	fibers[0].begun = true;
	running = true;
	timer = ticks_of_this_thread();
	work(&fibers[0]);
	while (!all_done())
		pause();
	running = false;
	CHECK(timer_delete(timer) == 0);
	for (int i = 0; i < FIBERS; i++) {
		say("    %lu", fibers[i].sum);
		close_channel(fibers[i].own);
		close_channel(fibers[i].from_last);
	}
	return NULL;
}

static void series(const char *where)
{
	for (int jump = 0; jump < 2; jump++) {
		by_jump = jump;
		say("  %s, %s", where, jump ? "siglongjmp" : "swapcontext");
		run(NULL);
		say("  %s, %s, in a thread", where,
		    jump ? "siglongjmp" : "swapcontext");
		CHECK(pthread_join(start(run, NULL), NULL) == 0);
	}
}

int main(void)
{
	static char low[FIBERS * STACK];
	int fds = count_fds(), fd = open("file", O_CREAT | O_WRONLY, 0600);

	CHECK(fd >= 0 && write(fd, "!", 1) == 1 && close(fd) == 0);
	on_signal(SIGALRM, handler, SA_RESTART);
	stacks = low;
	series("below");
	stacks = mmap(NULL, sizeof(low), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(stacks != MAP_FAILED);
	series("mapped");
	say("fds %+d, switched %s", count_fds() - fds,
	    switches > 100 ? "often" : "seldom");
	return 0;
}
