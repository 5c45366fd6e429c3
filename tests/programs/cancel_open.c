// SPDX-License-Identifier: MIT
/*
 * open of a FIFO waits for the other side.  Cancelled, interrupted or jumped
 * out of meanwhile, it leaves no fd and no half-open end behind: the other
 * side's O_NONBLOCK open says ENXIO.  io_uring's inline attempt adds
 * O_NONBLOCK, so that it returns without the rendezvous; its fd would arrive
 * when nobody wants it.
 *
 * Timeout: 60
 */
#include <setjmp.h>

#include "common.h"

static char path[64];
static int flags;
static volatile pid_t tid;
static sigjmp_buf saved;
static volatile sig_atomic_t jumping;

static void handler(int sig)
{
	(void)sig;
	say("    handler");
	if (jumping)
		siglongjmp(saved, 1);
}

static void cleanup(void *arg)
{
	say("    cleanup %s", (const char *)arg);
}

static void *opener(void *arg)
{
	int fd;

	(void)arg;
	tid = my_tid();
	pthread_cleanup_push(cleanup, (void *)"opener");
	if (sigsetjmp(saved, 1) == 0) {
		fd = open(path, flags);
		say("    open %s", result(fd < 0 ? fd : 0));
		if (fd >= 0)
			close(fd);
	} else {
		say("    jumped");
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static pthread_t block(void)
{
	pthread_t thread;

	tid = 0;
	thread = start(opener, NULL);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	return thread;
}

/* Is the side that we were to open free again? */
static void look(int fds)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK);

	say("    writer %s", result(fd));
	CHECK(fd < 0);
	CHECK(count_fds() == fds);
}

static void end(pthread_t thread, int fds)
{
	void *ret;

	CHECK(pthread_join(thread, &ret) == 0);
	say("    %s", ret == PTHREAD_CANCELED ? "cancelled" : "returned");
	look(fds);
}

static void completes(void)
{
	pthread_t thread = block();
	int fd;

	CHECK(pthread_kill(thread, SIGUSR1) == 0);
	CHECK(wait_until_blocked(getpid(), tid));
	fd = open(path, flags == O_RDONLY ? O_WRONLY : O_RDONLY);
	CHECK(fd >= 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(close(fd) == 0);
}

static void all(const char *name)
{
	int fds = count_fds();
	pthread_t thread;

	say("  %s, cancel", name);
	thread = block();
	CHECK(pthread_cancel(thread) == 0);
	end(thread, fds);
	say("  %s, handler", name);
	on_signal(SIGUSR1, handler, 0);
	thread = block();
	CHECK(pthread_kill(thread, SIGUSR1) == 0);
	end(thread, fds);
	say("  %s, handler that jumps", name);
	jumping = 1;
	thread = block();
	CHECK(pthread_kill(thread, SIGUSR1) == 0);
	end(thread, fds);
	say("  %s, handler with SA_RESTART", name);
	jumping = 0;
	on_signal(SIGUSR1, handler, SA_RESTART);
	completes();
	look(fds);
}

int main(void)
{
	snprintf(path, sizeof(path), "/tmp/cancel_open.%d", getpid());
	CHECK(mkfifo(path, 0600) == 0);
	flags = O_RDONLY;
	all("O_RDONLY");
	flags = O_WRONLY;
	all("O_WRONLY");
	CHECK(unlink(path) == 0);
	say("tasks %d", settled_tasks(1));
	return 0;
}
