// SPDX-License-Identifier: MIT
/*
 * Children that share our memory, as those that libc makes for posix_spawn(3):
 * they take no block, use no ring, and what they do with their descriptors is
 * not believed of ours.  And the memory of a block: only what is counted in is
 * written.
 */
#include "calls.h"

#include <sys/eventfd.h>

static int p[2];
static char buf[16];

/* What calls_open() does, but for the block of this thread. */
static void setup(void)
{
	void *mem;

	calls_open(SHIM_RING_NONE);
	mem = shim_self;
	shim_thread_end();
	CHECK(mem && !shim_self);
	make_pipe(p);
}

static enum shim_route route_now(void)
{
	struct shim_thread *t = NULL;
	enum shim_route route = shim_begin(&t, SHIM_CALL_READ, 0x1000);

	if (route == SHIM_RING)
		shim_end(t);
	return route;
}

static void count_owned(struct shim_thread *t, void *arg)
{
	*(unsigned *)arg += atomic_load(&t->owner) != 0;
}

static unsigned owned_blocks(void)
{
	unsigned n = 0;

	shim_threads_each(count_owned, &n);
	return n;
}

static struct shim_outcome rd(int fd)
{
	struct shim_outcome o = no_outcome();
	struct shim_io what = {
		.call = SHIM_CALL_READ, .fd = fd, .buf = buf,
		.len = sizeof(buf),
	};

	shim_call_io(&o, &what);
	return o;
}

static void check_reads(void)
{
	CHECK_EQ(write(p[1], "abc", 3), 3);
	RING(rd(p[0]), 3);
	CHECK(!memcmp(buf, "abc", 3));
}

/* The parent's thread has no block. */
static int without_a_block(void *arg)
{
	struct shim_outcome o;
	struct shim_thread *t = (void *)8;

	(void)arg;
	CHECK_EQ(shim_begin(&t, SHIM_CALL_READ, 0x1000), SHIM_VFORK);
	CHECK(!t && !shim_self);
	o = rd(p[0]);
	CHECK_EQ(o.rest, SHIM_NATIVE);
	CHECK_EQ(o.route, SHIM_VFORK);
	CHECK(!o.thread && !o.done);
	shim_native = SHIM_OFF;
	CHECK(!shim_thread_for_counting());
	shim_native = SHIM_RING;
	shim_thread_share();
	CHECK(!shim_self);
	CHECK_EQ(owned_blocks(), 0);
	return 0;
}

static void no_block_for_a_child(enum shim_ring_form form)
{
	(void)form;
	setup();
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(run_sharing(without_a_block, NULL), 0);
	CHECK(!shim_self);
	check_pipe_holds(p[0], "abc");
	check_reads();
	CHECK_EQ(owned_blocks(), 1);
	CHECK_EQ(atomic_load(&shim_self->owner), syscall(SYS_gettid));
}

/* Nor of a thread that has one; it is its parent's, and stays as it is. */
static int with_a_block(void *arg)
{
	struct shim_thread *t = shim_self;
	struct shim_outcome o;

	(void)arg;
	o = rd(p[0]);
	CHECK_EQ(o.rest, SHIM_NATIVE);
	CHECK_EQ(o.route, SHIM_VFORK);
	CHECK_EQ(o.done, 0);
	CHECK(shim_self == t && !t->no_ring);
	CHECK_EQ(t->driver.phase, SHIM_PHASE_IDLE);
	CHECK_EQ(owned_blocks(), 1);
	return 0;
}

static void no_ring_for_a_child(enum shim_ring_form form)
{
	int i;

	calls_open(form);
	make_pipe(p);
	check_reads();
	for (i = 0; i < 3; i++) {
		CHECK_EQ(write(p[1], "abc", 3), 3);
		CHECK_EQ(run_sharing(with_a_block, NULL), 0);
		check_pipe_holds(p[0], "abc");
		check_reads();
	}
}

/* A thread of several, whose other threads go on. */
static void *has_a_child(void *arg)
{
	CHECK(!shim_self);
	CHECK_EQ(run_sharing(arg, NULL), 0);
	CHECK(!shim_self);
	check_reads();
	shim_thread_end();
	return NULL;
}

static int child_of_many(void *arg)
{
	(void)arg;
	CHECK_EQ(route_now(), SHIM_VFORK);
	CHECK_EQ(owned_blocks(), 1);
	return 0;
}

static void child_of_a_thread(enum shim_ring_form form)
{
	struct shim_thread *t;

	(void)form;
	setup();
	CHECK_EQ(route_now(), SHIM_RING);
	t = shim_self;
	run_thread(has_a_child, child_of_many);
	CHECK(shim_self == t);
	check_reads();
}

/* The memory now belongs to a forked child, and has a new sharer. */
static int forked_without_a_word(void *arg)
{
	(void)arg;
	CHECK(!shim_self);
	CHECK_EQ(route_now(), SHIM_RING);
	CHECK_EQ(run_sharing(with_a_block, NULL), 0);
	shim_thread_end();
	CHECK_EQ(run_sharing(without_a_block, NULL), 0);
	check_pipe_holds(p[0], "abc");
	check_reads();
	CHECK_EQ(owned_blocks(), 1);
	return 0;
}

static void child_of_a_child(enum shim_ring_form form)
{
	(void)form;
	setup();
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(run_forked(forked_without_a_word, NULL), 0);
	check_reads();
}

/* What a child does with its descriptors is its own. */
static int other_file(void *arg)
{
	int fd = *(int *)arg, q[2];

	make_pipe(q);
	CHECK_EQ(write(q[1], "abc", 3), 3);
	CHECK_EQ(dup2(q[0], fd), fd);
	CHECK_EQ(rd(fd).route, SHIM_VFORK);
	check_pipe_holds(fd, "abc");
	return 0;
}

static void descriptors_of_a_child(enum shim_ring_form form)
{
	int fd = open("/dev/zero", O_RDONLY);

	(void)form;
	setup();
	CHECK_EQ(run_sharing(other_file, &fd), 0);
	CHECK_EQ(shim_fd_known(fd).kind, SHIM_FD_UNKNOWN);
	NATIVE(rd(fd), SHIM_KIND);
	/* With a block of its parent's, which the parent has told of. */
	shim_thread_vfork();
	CHECK_EQ(run_sharing(other_file, &fd), 0);
	CHECK_EQ(shim_fd_known(fd).kind, SHIM_FD_UNKNOWN);
	NATIVE(rd(fd), SHIM_KIND);
}

/* whose block is it? */

static int not_own(void *arg)
{
	(void)arg;
	return shim_thread_is_own();
}

static void *not_own_thread(void *arg)
{
	(void)arg;
	CHECK(!shim_thread_is_own());
	CHECK_EQ(route_now(), SHIM_RING);
	CHECK(shim_thread_is_own());
	shim_thread_end();
	CHECK(!shim_thread_is_own());
	return NULL;
}

static int forked_own(void *arg)
{
	(void)arg;
	CHECK(!shim_thread_is_own());
	shim_threads_fork_child();
	CHECK(!shim_thread_is_own());
	CHECK_EQ(route_now(), SHIM_RING);
	CHECK(shim_thread_is_own());
	return 0;
}

static void is_own(enum shim_ring_form form)
{
	(void)form;
	CHECK(!shim_thread_is_own());
	setup();
	CHECK(!shim_thread_is_own());
	CHECK_EQ(route_now(), SHIM_RING);
	CHECK(shim_thread_is_own());
	CHECK_EQ(run_sharing(not_own, NULL), 0);
	run_thread(not_own_thread, NULL);
	CHECK_EQ(run_forked(forked_own, NULL), 0);
	shim_thread_vfork();
	CHECK(shim_thread_is_own());
	CHECK_EQ(run_sharing(not_own, NULL), 0);
	shim_thread_end();
	CHECK(!shim_thread_is_own());
}

/* The reason that is counted for a ring which refuses. */
static int refused_forked(void *arg)
{
	CHECK_EQ(shim_thread_refused(arg), SHIM_RETRY);
	CHECK(!shim_self);
	return 0;
}

static int refused_sharing(void *arg)
{
	CHECK_EQ(shim_thread_refused(arg), SHIM_VFORK);
	CHECK(shim_self == arg);
	return 0;
}

static void refused(enum shim_ring_form form)
{
	(void)form;
	setup();
	CHECK_EQ(route_now(), SHIM_RING);
	CHECK_EQ(run_sharing(refused_sharing, shim_self), 0);
	CHECK_EQ(run_forked(refused_forked, shim_self), 0);
	check_reads();
	CHECK_EQ(shim_thread_refused(shim_self), SHIM_RETRY);
	CHECK_EQ(route_now(), SHIM_NO_RING);
}

/* memory */

/* KiB that somebody has written in the mapping that @at is in. */
static unsigned written(const void *at)
{
	unsigned long from, to, n, found = ~0UL;
	FILE *f = fopen("/proc/self/smaps", "r");
	bool here = false;
	char line[512];

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (here && sscanf(line, "Anonymous: %lu", &n) == 1)
			found = n;
	}
	fclose(f);
	CHECK(found != ~0UL);
	return (unsigned)found;
}

static void common_calls(void)
{
	static const enum shim_call calls[] = {
		SHIM_CALL_OPEN, SHIM_CALL_OPENAT, SHIM_CALL_CREAT,
		SHIM_CALL_READ, SHIM_CALL_WRITE, SHIM_CALL_CONNECT,
		SHIM_CALL_CLOSE,
	};
	unsigned i, j;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (j = 0; j < SHIM_COLUMNS; j++)
			shim_count(shim_self, calls[i], j, 1);
	}
}

static void *call_and_end(void *arg)
{
	CHECK_EQ(route_now(), SHIM_RING);
	CHECK(shim_self == arg);
	common_calls();
	return NULL;
}

/* Neither counting, nor summing, nor the next owner of a block writes more. */
static void pages(enum shim_ring_form form)
{
	static shim_counts sum;
	struct shim_thread *t;
	unsigned before;

	(void)form;
	setup();
	CHECK_EQ(route_now(), SHIM_RING);
	t = shim_self;
	before = written(t);
	common_calls();
	shim_counters_sum(sum);
	CHECK_EQ(written(t), before);
	shim_thread_end();
	run_thread(call_and_end, t);
	shim_counters_fold(t->counts);
	shim_counters_clear(t->counts);
	CHECK(written(t) <= before);
	before = written(t);
	shim_count(t, SHIM_CALL_SPLICE, SHIM_BOOKKEEPING, 1);
	CHECK_EQ(written(t), before + 4);
	shim_counters_sum(sum);
	CHECK_EQ(sum[SHIM_CALL_SPLICE][SHIM_BOOKKEEPING], 1);
	CHECK_EQ(sum[SHIM_CALL_CLOSE][SHIM_RING], 2);
	shim_counters_clear(t->counts);
	CHECK_EQ(t->counts[SHIM_CALL_SPLICE][SHIM_BOOKKEEPING], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(no_block_for_a_child),
		BOTH(no_ring_for_a_child),
		ONCE(child_of_a_thread),
		ONCE(child_of_a_child),
		ONCE(descriptors_of_a_child),
		ONCE(is_own),
		ONCE(refused),
		ONCE(pages),
	};

	return RUN_ALL(tests);
}
