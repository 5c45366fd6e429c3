// SPDX-License-Identifier: MIT
/*
 * Streams and calls on stacks that are just large enough: threads with the
 * smallest stack that there may be, and handlers on the smallest alternate stack,
 * below and inside of a call.
 *
 * Ring: read
 */
#include <limits.h>
#include "common.h"

static int pair[2];
static volatile int handled;

static void calls(void)
{
	char buf[8];
	int p[2], fd;

	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "abc", 3) == 3 && read(p[0], buf, 8) == 3);
	close_channel(p);
	fd = open("file", O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, 4) == 4 && close(fd) == 0);
}

static void streams(void)
{
	char line[16];
	FILE *f = fopen("file", "r");

	CHECK(f && fgets(line, sizeof(line), f) && fclose(f) == 0);
	f = fopen("made", "w");
	CHECK(f && fputs(line, f) >= 0 && fclose(f) == 0);
	CHECK(closedir(opendir(".")) == 0);
}

static void handler(int sig)
{
	(void)sig;
	calls();
	CHECK(write(pair[1], "ab", 2) == 2);
	handled++;
}

static void *small(void *arg)
{
	char buf[8];

	for (int i = 0; i < 20; i++) {
		calls();
		streams();
	}
	if (arg) {
		CHECK(raise(SIGUSR1) == 0);
		CHECK(read(pair[0], buf, 8) == 2);
	}
	return (void *)1L;
}

/* Smaller than the manual wants of a thread that does such things, by a little. */
static void on_thread_stack(size_t size, bool with_handler)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *ret;

	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, size) == 0);
	CHECK(pthread_create(&thread, &attr, small, with_handler ? "" : NULL) == 0);
	CHECK(pthread_join(thread, &ret) == 0 && ret);
	pthread_attr_destroy(&attr);
}

static void *poker(void *arg)
{
	CHECK(wait_until_blocked(getpid(), getpid()));
	CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0);
	return arg;
}

/* As much as the kernel needs, and what the calls of the handler may take. */
static void on_alternate_stack(size_t more)
{
	size_t size = sysconf(_SC_MINSIGSTKSZ) + more;
	stack_t stack = { .ss_sp = malloc(size), .ss_size = size };
	struct sigaction action = { .sa_handler = handler,
				    .sa_flags = SA_ONSTACK | SA_RESTART };
	pthread_t thread;
	char buf[8];

	CHECK(stack.ss_sp && sigaltstack(&stack, NULL) == 0);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	CHECK(read(pair[0], buf, 8) == 2);
	thread = start(poker, NULL);
	CHECK(read(pair[0], buf, 8) == 2);
	CHECK(pthread_join(thread, NULL) == 0);
	stack.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&stack, NULL) == 0);
	free(stack.ss_sp);
}

int main(void)
{
	FILE *f = fopen("file", "w");

	CHECK(f && fputs("a line\n", f) >= 0 && fclose(f) == 0);
	CHECK(pipe(pair) == 0);
	on_thread_stack(PTHREAD_STACK_MIN, false);
	say("smallest stack");
	on_signal(SIGUSR1, handler, SA_RESTART);
	on_thread_stack(PTHREAD_STACK_MIN + 4096 + sysconf(_SC_MINSIGSTKSZ), true);
	say("and a handler");
	on_alternate_stack(2048);
	say("alternate stack, handlers %d", handled);
	return 0;
}
