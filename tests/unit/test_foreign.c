// SPDX-License-Identifier: MIT
/*
 * A driver in the hands of a task that its ring does not belong to (a vfork
 * child, another thread, a forked child), and rings that are frozen because a
 * seccomp filter is about to be there.
 */
#include "support.h"

static struct rig rig;
static int p[2];
static char buf[16];

static void setup(enum shim_ring_form form)
{
	limit_fds(1024);
	rig_open(&rig, form);
	make_pipe(p);
}

static void check_refused(int ret)
{
	if (ret != -EEXIST && ret != -EBADF && ret != -EINVAL)
		fail_at(__FILE__, __LINE__, "not refused: %d", ret);
}

static void check_untouched(void)
{
	static const char zeros[sizeof(buf)];

	CHECK(!memcmp(buf, zeros, sizeof(buf)));
}

/* Every way of using the driver is refused, and leaves it as it was. */
static int use(void *arg)
{
	struct shim_slot *slot;
	struct fds before, now;

	(void)arg;
	list_fds(&before);
	check_refused(shim_driver_submit(&rig.d,
					 take_read(&rig, p[0], buf, 16)));
	slot = take(&rig);
	shim_close_event(&slot->event.close, p[0]);
	check_refused(shim_driver_submit(&rig.d, slot));
	check_refused(wait_or_skip(&rig.d, take_read(&rig, p[0], buf, 16),
				       false));
	check_refused(shim_driver_wait_interruptible(
		&rig.d, take_read(&rig, p[0], buf, 16)));
	CHECK_EQ(atomic_load(&rig.sleeps), 0);
	check_at_rest(&rig);
	list_fds(&now);
	CHECK(same_fds(&before, &now));
	return 0;
}

static void *use_thread(void *arg)
{
	use(arg);
	return NULL;
}

static void check_owner_goes_on(void)
{
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK(shim_ring_enter(&rig.d.ring, 0, IORING_ENTER_GETEVENTS) >= 0);
	check_untouched();
	check_pipe_holds(p[0], "abc");
	check_works(&rig);
}

static void vfork_child(enum shim_ring_form form)
{
	setup(form);
	CHECK_EQ(run_sharing(use, NULL), 0);
	check_owner_goes_on();
}

static void other_thread(enum shim_ring_form form)
{
	setup(form);
	run_thread(use_thread, NULL);
	check_owner_goes_on();
}

/* The memory of the second form is not in a forked child at all. */
static void forked_child(enum shim_ring_form form)
{
	setup(form);
	if (form == SHIM_RING_REGISTERED_ONLY)
		CHECK_EQ(run_forked(use, NULL), 0);
	check_owner_goes_on();
}

/* The owner has something pending meanwhile, and does not lose it. */
static int submit_only(void *arg)
{
	(void)arg;
	check_refused(shim_driver_submit(&rig.d,
					 take_read(&rig, p[0], buf, 16)));
	CHECK_EQ(shim_ring_queued(&rig.d.ring), 0);
	return 0;
}

static void pending_meanwhile(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	CHECK_EQ(run_sharing(submit_only, NULL), 0);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	check_untouched();
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(wait_or_skip(&rig.d, slot, true), 0);
	CHECK_EQ(slot->res, 3);
	check_works(&rig);
}

/* Recovery by a task that may not: it ends, and drops what was owned. */
static unsigned released;

static void release(void *what)
{
	(void)what;
	released++;
}

static int recover_child(void *arg)
{
	(void)arg;
	shim_driver_recover(&rig.d);
	return rig.d.phase == SHIM_PHASE_IDLE ? 0 : 1;
}

static void recovered_by_a_child(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	slot = take_owned_read(&rig, p[0], buf, sizeof(buf), release);
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	if (form == SHIM_RING_REGISTERED_ONLY)
		CHECK_EQ(run_forked(recover_child, NULL), 0);
	CHECK_EQ(released, 0);
	CHECK_EQ(shim_driver_cancel(&rig.d, slot), -ECANCELED);
	check_owner_goes_on();
}

/* frozen */

static void freeze(struct rig *r, int efd)
{
	(void)r;
	(void)efd;
	shim_rings_freeze(true);
	CHECK_EQ(syscall(SYS_write, p[1], "abc", 3), 3);
}

static void act_wake(struct later *l)
{
	uint64_t one = 1;

	CHECK_EQ(write(l->r->d.efd, &one, sizeof(one)), 8);
}

static int frozen_wait(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_wake };
	int ret;

	setup(form);
	rig.before_sleep = freeze;
	act_later(&l);
	rig.d.phase = SHIM_PHASE_BUSY;
	ret = wait_or_skip(&rig.d, take_read(&rig, p[0], buf, 16), false);
	act_done(&l);
	return ret;
}

static void frozen_during_wait(enum shim_ring_form form)
{
	CHECK(!shim_rings_frozen());
	CHECK_EQ(frozen_wait(form), -EPERM);
	CHECK(shim_rings_frozen());
	/* Nothing of ours touches the ring any more. */
	shim_driver_recover(&rig.d);
	shim_driver_retire(&rig.d);
	check_untouched();
	check_pipe_holds(p[0], "abc");
	CHECK_EQ(shim_ring_queued(&rig.d.ring), 0);
}

static void act_freeze_and_write(struct later *l)
{
	shim_rings_freeze(true);
	act_write(l);
}

/* What has moved by then is a result; "go native" would move it twice. */
static void frozen_during_interruptible(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_freeze_and_write,
			   .text = "abc" };
	struct shim_slot *slot;
	int ret;

	setup(form);
	l.fd = p[1];
	act_later(&l);
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	ret = shim_driver_wait_interruptible(&rig.d, slot);
	act_done(&l);
	if (ret == -EPERM)
		check_pipe_holds(p[0], "abc");
	else
		CHECK(!ret && slot->res == 3 && !memcmp(buf, "abc", 3));
}

static void act_write_then_look(struct later *l)
{
	act_write(l);
	sleep_ms(100);
	check_untouched();
}

/*
 * The filter was refused, and the rings are used again.  The call that was told
 * to go native has returned long since, and its buffer is somebody else's.
 */
static void thawed(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_write_then_look, .nth = 2,
			   .text = "next" };
	char fresh[16] = "";

	CHECK_EQ(frozen_wait(form), -EPERM);
	shim_rings_freeze(false);
	rig.before_sleep = NULL;
	/* The native call takes what was there; then the next piece comes. */
	check_pipe_holds(p[0], "abc");
	l.fd = p[1];
	act_later(&l);
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(wait_or_skip(&rig.d, take_read(&rig, p[0], fresh, 16),
				  false), 0);
	act_done(&l);
	CHECK(!strcmp(fresh, "next"));
	check_works(&rig);
}

static void frozen_recover(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	slot = take_owned_read(&rig, p[0], buf, sizeof(buf), release);
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	shim_rings_freeze(true);
	shim_driver_recover(&rig.d);
	CHECK_EQ(rig.d.phase, SHIM_PHASE_IDLE);
	/* The kernel still has it, so it is not dropped. */
	CHECK_EQ(released, 0);
	check_untouched();
	check_pipe_holds(p[0], "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(vfork_child),
		BOTH(other_thread),
		BOTH(forked_child),
		BOTH(pending_meanwhile),
		BOTH(recovered_by_a_child),
		BOTH(frozen_during_wait),
		BOTH(frozen_during_interruptible),
		BOTH(thawed),
		BOTH(frozen_recover),
	};

	return RUN_ALL(tests);
}
