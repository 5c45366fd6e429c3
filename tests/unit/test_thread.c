// SPDX-License-Identifier: MIT
/*
 * The blocks of threads: claimed once, given back or swept, never more than the
 * threads that lived at once account for; forks of every kind; nested and
 * abandoned calls.
 */
#include "support.h"

#include <sched.h>

#include "thread.h"

static atomic_uint claimed;
static int p[2];
static char buf[16];
static const uintptr_t frame = 0x1000;
static const uintptr_t stack_end = 0x2000;

/* Only what wait_asleep() needs. */
static struct rig asleep;

static int host_sleep(int efd, void (*gone)(void *), void *arg)
{
	uint64_t count;

	(void)gone;
	(void)arg;
	atomic_fetch_add(&asleep.sleeps, 1);
	return syscall(SYS_read, efd, &count, sizeof(count)) < 0 ? -errno : 0;
}

static int host_cancellable(int (*enter)(void *), void (*gone)(void *),
			    void *arg)
{
	(void)gone;
	return enter(arg);
}

static void host_claimed(void *block)
{
	CHECK(block);
	atomic_fetch_add(&claimed, 1);
}

static void host_note(struct shim_driver *d, enum shim_note what)
{
	(void)d;
	(void)what;
}

static const struct shim_host host = {
	.sleep = host_sleep,
	.cancellable = host_cancellable,
	.claimed = host_claimed,
	.note = host_note,
};

static void setup(void)
{
	limit_fds(1024);
	make_pipe(p);
	asleep.tid = (int)syscall(SYS_gettid);
	shim_threads_init(&host);
	shim_threads_first_stack(stack_end);
	shim_native = SHIM_RING;
}

static void count_block(struct shim_thread *t, void *arg)
{
	CHECK(t);
	++*(unsigned *)arg;
}

static unsigned blocks(void)
{
	unsigned n = 0;

	shim_threads_each(count_block, &n);
	return n;
}

static struct shim_thread *begin(void)
{
	struct shim_thread *t = NULL;

	CHECK_EQ(shim_begin(&t, SHIM_CALL_READ, frame), SHIM_RING);
	CHECK(t && t == shim_self);
	CHECK_EQ(atomic_load(&t->owner), syscall(SYS_gettid));
	CHECK_EQ(t->driver.phase, SHIM_PHASE_BUSY);
	CHECK_EQ(t->call, SHIM_CALL_READ);
	return t;
}

static struct shim_slot *read_in(struct shim_thread *t)
{
	struct shim_slot *slot = shim_slot_take(&t->driver.completions);

	CHECK(slot);
	shim_read_event(&slot->event.rw, p[0], buf, sizeof(buf), (uint64_t)-1,
			0);
	return slot;
}

/* A whole call: something is written, and read on the ring. */
static void call(void)
{
	struct shim_thread *t = begin();
	struct shim_slot *slot;
	char c = 0;
	int q[2];

	make_pipe(q);
	CHECK_EQ(write(q[1], "x", 1), 1);
	slot = shim_slot_take(&t->driver.completions);
	CHECK(slot);
	shim_read_event(&slot->event.rw, q[0], &c, 1, (uint64_t)-1, 0);
	CHECK_EQ(submit_inline(&t->driver, slot), 0);
	CHECK_EQ(slot->res, 1);
	CHECK_EQ(c, 'x');
	shim_count(t, SHIM_CALL_READ, SHIM_RING, 1);
	shim_end(t);
	CHECK_EQ(t->driver.phase, SHIM_PHASE_IDLE);
	close(q[0]);
	close(q[1]);
}

static enum shim_route route_now(uintptr_t at)
{
	struct shim_thread *t = NULL;

	return shim_begin(&t, SHIM_CALL_READ, at);
}

static uint64_t calls_counted(void)
{
	shim_counts sum;

	shim_counters_sum(sum);
	return sum[SHIM_CALL_READ][SHIM_RING];
}

static void first_call(enum shim_ring_form form)
{
	struct fds before, now;
	struct shim_thread *t;

	(void)form;
	setup();
	list_fds(&before);
	CHECK_EQ(blocks(), 0);
	call();
	t = shim_self;
	call();
	CHECK(shim_self == t);
	CHECK_EQ(blocks(), 1);
	CHECK_EQ(atomic_load(&claimed), 1);
	list_fds(&now);
	CHECK(same_fds(&before, &now));
}

static void native_modes(enum shim_ring_form form)
{
	static const enum shim_route modes[] = {
		SHIM_EARLY, SHIM_OFF, SHIM_CONFIG, SHIM_SANDBOX, SHIM_STACKED,
	};
	unsigned i;

	(void)form;
	CHECK_EQ(route_now(frame), SHIM_EARLY);
	setup();
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		shim_native = modes[i];
		CHECK_EQ(route_now(frame), modes[i]);
	}
	shim_native = SHIM_RING;
	call();
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		shim_native = modes[i];
		CHECK_EQ(route_now(frame), modes[i]);
		CHECK_EQ(shim_self->driver.phase, SHIM_PHASE_IDLE);
	}
}

/* Counting is done in off mode too, but without a ring. */
static void off_has_no_ring(enum shim_ring_form form)
{
	struct shim_thread *t;

	(void)form;
	setup();
	CHECK(!shim_thread_for_counting());
	shim_native = SHIM_SANDBOX;
	CHECK(!shim_thread_for_counting());
	shim_native = SHIM_OFF;
	CHECK_EQ(route_now(frame), SHIM_OFF);
	t = shim_thread_for_counting();
	CHECK(t && t == shim_self);
	CHECK_EQ(t->driver.ring.form, SHIM_RING_NONE);
	CHECK_EQ(route_now(frame), SHIM_OFF);
	CHECK_EQ(blocks(), 1);
	shim_count(t, SHIM_CALL_READ, SHIM_RING, 1);
	CHECK_EQ(calls_counted(), 1);
}

/* nested and abandoned */

static void nested(enum shim_ring_form form)
{
	struct shim_thread *t;

	(void)form;
	setup();
	t = begin();
	CHECK_EQ(route_now(frame - 64), SHIM_NESTED);
	CHECK_EQ(route_now(frame - 1), SHIM_NESTED);
	CHECK_EQ(t->driver.phase, SHIM_PHASE_BUSY);
	CHECK_EQ(t->driver.frame, frame);
	shim_end(t);
	call();
}

static void abandoned(enum shim_ring_form form)
{
	struct shim_thread *t;

	(void)form;
	setup();
	t = begin();
	CHECK_EQ(shim_driver_submit(&t->driver, read_in(t)), SHIM_PENDING);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(route_now(frame + 64), SHIM_RING);
	CHECK_EQ(t->driver.frame, frame + 64);
	CHECK_EQ(shim_slots_in(&t->driver.completions, SHIM_SLOT_FREE),
		 SHIM_SLOTS);
	shim_end(t);
	check_pipe_holds(p[0], "abc");
	call();
}

/* Another user thread's calls, here and on a stack above: the call goes on. */
static void left_for_a_while(enum shim_ring_form form)
{
	struct shim_thread *t;

	(void)form;
	setup();
	t = begin();
	CHECK_EQ(shim_driver_submit(&t->driver, read_in(t)), SHIM_PENDING);
	CHECK_EQ(route_now(stack_end + 64), SHIM_NESTED);
	CHECK_EQ(route_now(frame + 64), SHIM_NESTED);
	CHECK_EQ(t->driver.phase, SHIM_PHASE_BUSY);
	CHECK_EQ(t->driver.frame, frame);
	shim_driver_recover(&t->driver);
	call();
}

/* threads */

static void *one_call(void *arg)
{
	call();
	if (arg)
		shim_thread_end();
	return NULL;
}

static void threads_end(enum shim_ring_form form)
{
	unsigned i;

	(void)form;
	setup();
	call();
	for (i = 0; i < 1000; i++)
		run_thread(one_call, &i);
	CHECK(blocks() <= 2);
	CHECK_EQ(calls_counted(), 1001);
	call();
}

static void *call_and_vanish(void *arg)
{
	call();
	*(int *)arg = (int)syscall(SYS_gettid);
	return NULL;
}

/*
 * They end without a word.  The kernel still shows a thread for a moment after
 * it can be joined.
 */
static void threads_vanish(enum shim_ring_form form)
{
	int i, tid = 0;

	(void)form;
	setup();
	call();
	for (i = 0; i < 1000; i++) {
		run_thread(call_and_vanish, &tid);
		while (!syscall(SYS_tgkill, getpid(), tid, 0))
			sched_yield();
	}
	/* No more than two at once; twice that at the most. */
	if (blocks() > 4)
		fail_at(__FILE__, __LINE__, "%u blocks", blocks());
	CHECK_EQ(calls_counted(), 1001);
	call();
}

#define AT_ONCE 20U

/*
 * That a thread's block is free because the thread is dead, only the kernel can
 * tell; ThreadSanitizer takes the reuse for a race.
 */
#ifdef __SANITIZE_THREAD__
#define SOME_VANISH 0
#else
#define SOME_VANISH 1
#endif

static void threads_in_rounds(enum shim_ring_form form)
{
	pthread_t t[AT_ONCE];
	unsigned i, round;

	(void)form;
	setup();
	for (round = 0; round < 50; round++) {
		for (i = 0; i < AT_ONCE; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, one_call,
						i % 3 || !SOME_VANISH ?
						&t : NULL), 0);
		for (i = 0; i < AT_ONCE; i++)
			CHECK_EQ(pthread_join(t[i], NULL), 0);
	}
	/* Some of those that vanish are still seen in the rounds after. */
	if (blocks() > 500)
		fail_at(__FILE__, __LINE__, "%u blocks", blocks());
	CHECK_EQ(calls_counted(), 50 * AT_ONCE);
}

static pthread_barrier_t barrier;
static _Atomic(struct shim_thread *) owners[AT_ONCE];
static atomic_uint next_owner;

static void *call_together(void *arg)
{
	unsigned i = atomic_fetch_add(&next_owner, 1), j;

	(void)arg;
	pthread_barrier_wait(&barrier);
	call();
	atomic_store(&owners[i], shim_self);
	pthread_barrier_wait(&barrier);
	for (j = 0; j < AT_ONCE; j++)
		CHECK(j == i || atomic_load(&owners[j]) != shim_self);
	call();
	shim_thread_end();
	CHECK(!shim_self);
	shim_thread_end();
	return NULL;
}

static void threads_at_once(enum shim_ring_form form)
{
	pthread_t t[AT_ONCE];
	unsigned i, round;

	(void)form;
	setup();
	for (round = 0; round < 10; round++) {
		atomic_store(&next_owner, 0);
		CHECK_EQ(pthread_barrier_init(&barrier, NULL, AT_ONCE), 0);
		for (i = 0; i < AT_ONCE; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, call_together,
						NULL), 0);
		for (i = 0; i < AT_ONCE; i++)
			CHECK_EQ(pthread_join(t[i], NULL), 0);
		pthread_barrier_destroy(&barrier);
	}
	CHECK(blocks() <= 2 * AT_ONCE);
	CHECK_EQ(calls_counted(), 20 * AT_ONCE);
}

/* A thread that has ended may still make a call: from another destructor. */
static void call_after_the_end(enum shim_ring_form form)
{
	(void)form;
	setup();
	call();
	shim_thread_end();
	CHECK(!shim_self);
	call();
	CHECK_EQ(calls_counted(), 2);
}

/* It ends in the middle of a call, with an operation pending. */
static void *end_inside(void *arg)
{
	struct shim_thread *t = begin();

	(void)arg;
	CHECK_EQ(shim_driver_submit(&t->driver, read_in(t)), SHIM_PENDING);
	shim_thread_end();
	return NULL;
}

static void end_in_a_call(enum shim_ring_form form)
{
	(void)form;
	setup();
	run_thread(end_inside, NULL);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	check_pipe_holds(p[0], "abc");
	call();
	CHECK_EQ(blocks(), 1);
}

/* forks */

static int child_calls(void *arg)
{
	if (arg)
		shim_threads_fork_child();
	CHECK(!shim_self);
	CHECK_EQ(calls_counted(), 0);
	call();
	call();
	CHECK_EQ(calls_counted(), 2);
	return 0;
}

static void fork_child(enum shim_ring_form form)
{
	unsigned i;

	(void)form;
	setup();
	call();
	for (i = 0; i < 3; i++)
		run_thread(one_call, i & 1 ? NULL : &i);
	CHECK_EQ(run_forked(child_calls, &form), 0);
	call();
	CHECK_EQ(calls_counted(), 5);
}

/* Forked without our being told: the ring refuses, and all starts anew. */
static int child_finds_out(void *arg)
{
	struct shim_thread *t = NULL;
	int ret;

	(void)arg;
	CHECK_EQ(shim_begin(&t, SHIM_CALL_READ, frame), SHIM_RING);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	ret = shim_driver_submit(&t->driver, read_in(t));
	CHECK(ret < 0);
	shim_thread_refused(t);
	CHECK(!shim_self);
	check_pipe_holds(p[0], "abc");
	return child_calls(NULL);
}

static void fork_behind_our_back(enum shim_ring_form form)
{
	(void)form;
	setup();
	call();
	CHECK_EQ(run_forked(child_finds_out, NULL), 0);
	call();
}

static int vfork_child(void *arg)
{
	(void)arg;
	return route_now(frame) == SHIM_VFORK &&
	       route_now(frame + 64) == SHIM_VFORK ? 0 : 1;
}

static void vforked(enum shim_ring_form form)
{
	int i;

	(void)form;
	setup();
	shim_thread_vfork();
	call();
	for (i = 0; i < 3; i++) {
		shim_thread_vfork();
		CHECK_EQ(run_sharing(vfork_child, NULL), 0);
		call();
		call();
	}
	CHECK_EQ(calls_counted(), 7);
}

/* A clone that shares our memory, without our being told. */
static int sharing_child(void *arg)
{
	struct shim_thread *t = NULL;

	(void)arg;
	if (shim_begin(&t, SHIM_CALL_READ, frame) != SHIM_RING)
		return 1;
	if (shim_driver_submit(&t->driver, read_in(t)) >= 0)
		return 2;
	shim_thread_refused(t);
	if (shim_self != t || t->no_ring)
		return 3;
	shim_end(t);
	return 0;
}

static void shared_behind_our_back(enum shim_ring_form form)
{
	(void)form;
	setup();
	call();
	CHECK_EQ(run_sharing(sharing_child, NULL), 0);
	call();
	CHECK_EQ(write(p[1], "abc", 3), 3);
	check_pipe_holds(p[0], "abc");
}

static void shared(enum shim_ring_form form)
{
	(void)form;
	setup();
	call();
	shim_thread_share();
	CHECK_EQ(route_now(frame), SHIM_NO_RING);
	CHECK_EQ(route_now(frame), SHIM_NO_RING);
	run_thread(one_call, &form);
}

static volatile int forked_pid = -1;

static void forking(int sig)
{
	struct fds now;
	int efd = shim_self->driver.efd;

	(void)sig;
	forked_pid = (int)syscall(SYS_fork);
	if (forked_pid)
		return;
	shim_threads_fork_child();
	list_fds(&now);
	CHECK_EQ(now.bits[efd / 64] >> (efd % 64) & 1, 0);
	CHECK(!shim_parked_fd(efd));
}

/* In the child, a call of its parent's is on the stack, and comes back. */
static void finish_child(int ret)
{
	CHECK_EQ(ret, -EOWNERDEAD);
	CHECK_EQ(write(p[1], "child", 5), 5);
	call();
	/* Not _exit(2): ThreadSanitizer would miss the parent's threads. */
	syscall(SYS_exit_group, 0);
}

static void fork_in_a_handler(enum shim_ring_form form)
{
	struct later l = { .r = &asleep, .act = act_kill, .sig = SIGUSR1 };
	struct shim_thread *t;
	struct shim_slot *slot;
	int ret, status;

	(void)form;
	setup();
	catch_signal(SIGUSR1, forking, SA_RESTART);
	act_later(&l);
	t = begin();
	slot = read_in(t);
	ret = wait_or_skip(&t->driver, slot, false);
	if (!forked_pid)
		finish_child(ret);
	act_done(&l);
	/* The pipe is shared, the event is ours. */
	CHECK_EQ(ret, 0);
	CHECK_EQ(slot->res, 5);
	CHECK(!memcmp(buf, "child", 5));
	shim_end(t);
	CHECK_EQ(waitpid(forked_pid, &status, 0), forked_pid);
	CHECK_EQ(status, 0);
	call();
}

/* rings that cannot be had */

static void no_room_for_a_ring(enum shim_ring_form form)
{
	struct shim_ring rings[16];
	unsigned i;

	(void)form;
	setup();
	for (i = 0; i < 16; i++)
		CHECK_EQ(shim_ring_setup(&rings[i],
					 map_memory(SHIM_RING_MEMORY),
					 SHIM_RING_REGISTERED_ONLY), 0);
	CHECK_EQ(route_now(frame), SHIM_NO_RING);
	CHECK_EQ(route_now(frame), SHIM_NO_RING);
	/* Another thread has a table of its own. */
	run_thread(one_call, &form);
}

/* The program takes our ring out of its table. */
static void unregistered(enum shim_ring_form form)
{
	struct io_uring_rsrc_update up = { 0 };
	struct shim_thread *t;
	unsigned index;

	(void)form;
	setup();
	call();
	index = (unsigned)shim_self->driver.ring.index;
	up.offset = index;
	CHECK_EQ(io_uring_register(index, IORING_UNREGISTER_RING_FDS |
				   IORING_REGISTER_USE_REGISTERED_RING, &up, 1),
		 1);
	t = begin();
	CHECK(shim_driver_submit(&t->driver, read_in(t)) < 0);
	shim_thread_refused(t);
	shim_end(t);
	CHECK_EQ(route_now(frame), SHIM_NO_RING);
	run_thread(one_call, &form);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(first_call),
		ONCE(native_modes),
		ONCE(off_has_no_ring),
		ONCE(nested),
		ONCE(abandoned),
		ONCE(left_for_a_while),
		ONCE(threads_end),
		ONCE(threads_vanish),
		ONCE(threads_in_rounds),
		ONCE(threads_at_once),
		ONCE(call_after_the_end),
		ONCE(end_in_a_call),
		ONCE(fork_child),
		ONCE(fork_behind_our_back),
		ONCE(vforked),
		ONCE(shared_behind_our_back),
		ONCE(shared),
		ONCE(fork_in_a_handler),
		ONCE(no_room_for_a_ring),
		ONCE(unregistered),
	};

	return RUN_ALL(tests);
}
