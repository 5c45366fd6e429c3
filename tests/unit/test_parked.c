// SPDX-License-Identifier: MIT
/*
 * The eventfds of parked threads: high numbers, remembered exactly as long as
 * they exist whatever other threads do, few enough, and closed in a child.
 */
#include "support.h"

#include <sched.h>

#include "parked.h"

static void open_close(enum shim_ring_form form)
{
	struct fds before, now;
	int fd, lowest;

	(void)form;
	limit_fds(1024);
	list_fds(&before);
	lowest = dup(2);
	CHECK_EQ(close(lowest), 0);
	fd = shim_parked_open();
	CHECK(fd >= 896);
	CHECK(shim_parked_fd(fd));
	CHECK(!shim_parked_fd(fd + 1));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	/* The program still gets the number that it would have got. */
	CHECK_EQ(dup(2), lowest);
	CHECK_EQ(close(lowest), 0);
	shim_parked_forget(fd);
	CHECK(!shim_parked_fd(fd));
	CHECK_EQ(close(fd), 0);
	list_fds(&now);
	CHECK(same_fds(&before, &now));
}

static void odd_numbers(enum shim_ring_form form)
{
	int fd;

	(void)form;
	fd = shim_parked_open();
	CHECK(fd >= 0);
	CHECK(!shim_parked_fd(-1));
	CHECK(!shim_parked_fd(INT32_MIN));
	CHECK(!shim_parked_fd(INT32_MAX));
	CHECK(!shim_parked_fd(65536));
	CHECK(!shim_parked_fd(65536 + fd));
	CHECK(!shim_parked_fd(0));
}

/* A sixteenth of the limit, and no more. */
static void bounded(enum shim_ring_form form)
{
	int fds[64], i;

	(void)form;
	limit_fds(1024);
	for (i = 0; i < 64; i++) {
		fds[i] = shim_parked_open();
		CHECK(fds[i] >= 896);
	}
	CHECK_EQ(shim_parked_open(), -EMFILE);
	CHECK_EQ(shim_parked_open(), -EMFILE);
	shim_parked_forget(fds[7]);
	CHECK_EQ(close(fds[7]), 0);
	CHECK_EQ(shim_parked_open(), fds[7]);
	CHECK_EQ(shim_parked_open(), -EMFILE);
}

static void no_descriptors(enum shim_ring_form form)
{
	struct fds before, now;
	unsigned limit;

	(void)form;
	list_fds(&before);
	for (limit = 0; limit < 16; limit++) {
		limit_fds(limit);
		CHECK_EQ(shim_parked_open(), -EMFILE);
		limit_fds(1024);
		list_fds(&now);
		CHECK(same_fds(&before, &now));
	}
	CHECK(shim_parked_open() >= 0);
}

/* The limit was lowered after the number had been chosen. */
static void limit_lowered(enum shim_ring_form form)
{
	int fd;

	(void)form;
	limit_fds(1024);
	fd = shim_parked_open();
	CHECK(fd >= 896);
	shim_parked_forget(fd);
	CHECK_EQ(close(fd), 0);
	limit_fds(64);
	fd = shim_parked_open();
	CHECK(fd >= 32 && fd < 64);
	CHECK(shim_parked_fd(fd));
}

static int in_child(void *arg)
{
	int *fds = arg, i;

	shim_parked_fork_child();
	for (i = 0; i < 3; i++) {
		if (shim_parked_fd(fds[i]) || fcntl(fds[i], F_GETFD) != -1)
			return 1;
	}
	/* Again, with nothing to close: nothing is closed. */
	if (dup2(2, fds[0]) != fds[0])
		return 2;
	shim_parked_fork_child();
	if (fcntl(fds[0], F_GETFD) < 0)
		return 3;
	return shim_parked_open() >= 0 ? 0 : 4;
}

static void fork_child(enum shim_ring_form form)
{
	int fds[3], i;

	(void)form;
	for (i = 0; i < 3; i++)
		fds[i] = shim_parked_open();
	CHECK_EQ(run_forked(in_child, fds), 0);
	for (i = 0; i < 3; i++)
		CHECK(shim_parked_fd(fds[i]) && fcntl(fds[i], F_GETFD) >= 0);
}

/* threads */

#define THREADS 4

static atomic_bool stop, lost;

/* Open, be sure that nobody forgets it for us, and give it back. */
static void *churn(void *arg)
{
	int fd;

	(void)arg;
	while (!atomic_load(&stop)) {
		fd = shim_parked_open();
		CHECK(fd >= 0);
		if (!shim_parked_fd(fd))
			atomic_store(&lost, true);
		shim_parked_forget(fd);
		CHECK_EQ(syscall(SYS_close, fd), 0);
	}
	return NULL;
}

static void run_threads(void *(*fn)(void *), void *arg, unsigned ms)
{
	pthread_t t[THREADS];
	unsigned i;

	for (i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, fn, arg), 0);
	for (i = 0; i < ms && !atomic_load(&lost); i++)
		sleep_ms(1);
	atomic_store(&stop, true);
	for (i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void threads_open_close(enum shim_ring_form form)
{
	struct fds before, now;

	(void)form;
	limit_fds(1024);
	list_fds(&before);
	run_threads(churn, NULL, 500);
	CHECK(!atomic_load(&lost));
	list_fds(&now);
	CHECK(same_fds(&before, &now));
}

static void check_mark(struct rig *r, int efd)
{
	int i;

	(void)r;
	for (i = 0; i < 50; i++) {
		if (!shim_parked_fd(efd))
			atomic_store(&lost, true);
		if (i % 10 == 9)
			sched_yield();
	}
}

/* Each waits for its own data, and writes it just before it sleeps. */
static void check_mark_and_wake(struct rig *r, int efd)
{
	int *p = (int *)(void *)(r + 1);

	check_mark(r, efd);
	CHECK_EQ(syscall(SYS_write, p[1], "x", 1), 1);
	check_mark(r, efd);
}

struct waiter {
	struct rig rig;
	int p[2];
};

static void *wait_again_and_again(void *arg)
{
	struct waiter *w = calloc(1, sizeof(*w));
	char c;

	CHECK(w);
	rig_open(&w->rig, *(enum shim_ring_form *)arg);
	make_pipe(w->p);
	w->rig.before_sleep = check_mark_and_wake;
	while (!atomic_load(&stop)) {
		w->rig.d.phase = SHIM_PHASE_BUSY;
		CHECK_EQ(wait_or_skip(&w->rig.d,
					  take_read(&w->rig, w->p[0], &c, 1),
					  false), 0);
	}
	check_at_rest(&w->rig);
	free(w);
	return NULL;
}

/*
 * While a thread is parked its eventfd is known to be ours.  If the mark is
 * lost, a program's close(2) may close it, and a forked child keeps a copy.
 */
static void threads_wait(enum shim_ring_form form)
{
	limit_fds(1024);
	run_threads(wait_again_and_again, &form, 1500);
	CHECK(!atomic_load(&lost));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(open_close),
		ONCE(odd_numbers),
		ONCE(bounded),
		ONCE(no_descriptors),
		ONCE(limit_lowered),
		ONCE(fork_child),
		ONCE(threads_open_close),
		BOTH(threads_wait),
	};

	return RUN_ALL(tests);
}
