// SPDX-License-Identifier: MIT
/*
 * How a process dies: abort, a bad access, SIGSEGV's handler, an uncaught
 * signal sent to itself, with calls made before and a read blocked in another
 * thread; exit status and core flag are the native ones.  A program that jumps
 * out of its SIGSEGV handler goes on, and gets EFAULT where it would have, the
 * byte kept.
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "common.h"

static int channel[2];
static sigjmp_buf saved;

static void *blocked_thread(void *arg)
{
	char byte;

	(void)arg;
	read(channel[0], &byte, 1);
	return NULL;
}

static void handler(int sig)
{
	say("    handler SIG%s", sigabbrev_np(sig));
}

static void jump(int sig)
{
	(void)sig;
	siglongjmp(saved, 1);
}

static void by_abort(void)
{
	abort();
}

static void by_caught_abort(void)
{
	on_signal(SIGABRT, handler, 0);
	abort();
}

static void by_access(void)
{
	volatile uintptr_t nowhere = 8;

	*(volatile int *)nowhere = 1;
}

static void by_caught_access(void)
{
	on_signal(SIGSEGV, handler, SA_RESETHAND);
	by_access();
}

static void by_raise(void)
{
	raise(SIGQUIT);
}

static void by_thread(void)
{
	start(blocked_thread, NULL);
	nap_us(3000);
	abort();
}

static void by_kill(void)
{
	kill(getpid(), SIGBUS);
}

static void goes_on(void)
{
	char *page = mmap(NULL, 4096, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;

	CHECK(page != MAP_FAILED);
	on_signal(SIGSEGV, jump, 0);
	if (sigsetjmp(saved, 1) == 0) {
		*(volatile char *)page = 1;
		fail("wrote to PROT_NONE");
	}
	CHECK(write(channel[1], "k", 1) == 1);
	say("    read into it %s", result(read(channel[0], page, 1)));
	CHECK(read(channel[0], &byte, 1) == 1 && byte == 'k');
	say("    write from it %s", result(write(channel[1], page, 1)));
	_exit(0);
}

static const struct {
	const char *name;
	void (*die)(void);
} deaths[] = {
	{ "abort", by_abort },
	{ "abort, caught", by_caught_abort },
	{ "bad access", by_access },
	{ "bad access, caught once", by_caught_access },
	{ "SIGQUIT raised", by_raise },
	{ "abort beside a blocked thread", by_thread },
	{ "SIGBUS", by_kill },
	{ "goes on", goes_on },
};

static void one(size_t i)
{
	struct rlimit none = { 0, 0 };
	int status;
	pid_t pid;

	say("  %s", deaths[i].name);
	CHECK(pipe(channel) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		char byte;

		CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
		CHECK(write(channel[1], "x", 1) == 1);
		CHECK(read(channel[0], &byte, 1) == 1);
		deaths[i].die();
		_exit(77);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	say("    exited %d, signal %d, core %d",
	    WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	    WIFSIGNALED(status) ? WTERMSIG(status) : -1,
	    WIFSIGNALED(status) ? !!WCOREDUMP(status) : -1);
	close_channel(channel);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++)
		one(i);
	return 0;
}
