// SPDX-License-Identifier: MIT
/*
 * One event from prepare to result: inline, waiting, interrupted, cancelled,
 * retired by a nested call.  The point of most of these is that a pending
 * operation is frozen: whatever happens while its thread sleeps, a byte moves
 * only when the thread itself looks.
 */
#include "support.h"

static struct rig rig;
static int p[2];
static char buf[16];
static struct fds fds_before;
static _Atomic unsigned handled;

static void setup(enum shim_ring_form form)
{
	limit_fds(1024);
	rig_open(&rig, form);
	make_pipe(p);
	list_fds(&fds_before);
}

static struct shim_slot *pending_read(void)
{
	struct shim_slot *slot = take_read(&rig, p[0], buf, sizeof(buf));

	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	return slot;
}

/* The wait is over: no descriptor, no slot, nothing queued; all still works. */
static void check_clean(void)
{
	struct fds now;

	rig.before_sleep = NULL;
	CHECK_EQ(rig.d.phase, SHIM_PHASE_BUSY);
	list_fds(&now);
	CHECK(same_fds(&fds_before, &now));
	check_works(&rig);
}

static void check_got(struct shim_slot *slot, const char *text)
{
	CHECK_EQ(slot->res, (int)strlen(text));
	CHECK(!memcmp(buf, text, strlen(text)));
	CHECK_EQ(readable(p[0]), 0);
}

/* Nobody has touched the caller's buffer. */
static void check_untouched(void)
{
	static const char zeros[sizeof(buf)];

	CHECK(!memcmp(buf, zeros, sizeof(buf)));
}

static int wait_for_read(void)
{
	struct shim_slot *slot = take_read(&rig, p[0], buf, sizeof(buf));

	return wait_or_skip(&rig.d, slot, false);
}

/* submit */

static void inline_read(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(submit_inline(&rig.d, slot), 0);
	check_got(slot, "abc");
	CHECK_EQ(slot->state, SHIM_SLOT_FREE);
	check_at_rest(&rig);
	CHECK_EQ(rig.notes[SHIM_NOTE_WAIT], 0);
}

static void another_event(void)
{
	struct shim_slot *slot = take(&rig);
	int fd = dup(p[0]);

	shim_close_event(&slot->event.close, fd);
	CHECK_EQ(submit_inline(&rig.d, slot), 0);
	CHECK_EQ(slot->res, 0);
	CHECK_EQ(fcntl(fd, F_GETFD), -1);
}

static void pending_is_frozen(enum shim_ring_form form)
{
	struct shim_slot *slot;
	int i;

	setup(form);
	slot = pending_read();
	CHECK_EQ(write(p[1], "abc", 3), 3);
	for (i = 0; i < 20; i++) {
		sleep_ms(1);
		another_event();
		CHECK_EQ(readable(p[0]), 3);
		check_untouched();
	}
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(wait_or_skip(&rig.d, slot, true), 0);
	check_got(slot, "abc");
	check_clean();
}

/* While it is frozen, another process may take what it was waiting for. */
static void pending_data_stolen(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_write };
	struct shim_slot *slot;

	setup(form);
	slot = pending_read();
	CHECK_EQ(write(p[1], "abc", 3), 3);
	check_pipe_holds(p[0], "abc");
	l.fd = p[1];
	l.text = "later";
	act_later(&l);
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(wait_or_skip(&rig.d, slot, true), 0);
	act_done(&l);
	check_got(slot, "later");
	check_clean();
}

static void cancel_events_ride(enum shim_ring_form form)
{
	struct shim_slot *slot, *rider;

	setup(form);
	slot = pending_read();
	rider = take(&rig);
	shim_cancel_event(&rider->event.cancel, shim_slot_user_data(slot));
	CHECK_EQ(shim_driver_submit(&rig.d, rider), SHIM_PENDING);
	CHECK_EQ(shim_ring_queued(&rig.d.ring), 1);
	CHECK_EQ(slot->state, SHIM_SLOT_SUBMITTED);
	another_event();
	CHECK_EQ(shim_ring_queued(&rig.d.ring), 0);
	shim_driver_finish(&rig.d, slot);
	CHECK_EQ(slot->res, -ECANCELED);
	CHECK_EQ(rider->state, SHIM_SLOT_DONE);
	CHECK_EQ(rider->res, 0);
	shim_slot_release(rider);
	rig.d.phase = SHIM_PHASE_BUSY;
	check_clean();
}

/* Four may be pending; each completes by itself, the others stay frozen. */
static void slots_are_independent(enum shim_ring_form form)
{
	struct shim_slot *slots[SHIM_SLOTS];
	char bufs[SHIM_SLOTS][8] = { "" };
	int q[SHIM_SLOTS][2];
	unsigned i;

	setup(form);
	for (i = 0; i < SHIM_SLOTS; i++) {
		make_pipe(q[i]);
		slots[i] = take_read(&rig, q[i][0], bufs[i], 8);
		CHECK_EQ(shim_driver_submit(&rig.d, slots[i]), SHIM_PENDING);
	}
	CHECK(!shim_slot_take(&rig.d.completions));
	CHECK_EQ(write(q[2][1], "two", 3), 3);
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(wait_or_skip(&rig.d, slots[2], true), 0);
	CHECK_EQ(slots[2]->res, 3);
	CHECK(!strcmp(bufs[2], "two"));
	CHECK_EQ(shim_slots_in(&rig.d.completions, SHIM_SLOT_SUBMITTED), 3);
	for (i = 0; i < SHIM_SLOTS; i++) {
		if (i != 2)
			CHECK_EQ(shim_driver_cancel(&rig.d, slots[i]),
				 -ECANCELED);
	}
	check_works(&rig);
}

/* wait */

static void check_parked_fd(struct rig *r, int efd)
{
	struct fds now;

	CHECK_EQ(r->d.phase, SHIM_PHASE_PARKED);
	CHECK_EQ(r->d.efd, efd);
	CHECK(efd >= 896);
	CHECK(shim_parked_fd(efd));
	CHECK_EQ(fcntl(efd, F_GETFD), FD_CLOEXEC);
	list_fds(&now);
	CHECK_EQ(count_fds(&now), count_fds(&fds_before) + 1);
}

static void wait_for_data(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_write, .text = "hello" };
	struct shim_slot *slot;
	int i;

	setup(form);
	rig.before_sleep = check_parked_fd;
	l.fd = p[1];
	for (i = 1; i <= 5; i++) {
		memset(buf, 0, sizeof(buf));
		l.nth = (unsigned)i;
		act_later(&l);
		rig.d.phase = SHIM_PHASE_BUSY;
		slot = take_read(&rig, p[0], buf, sizeof(buf));
		CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
		act_done(&l);
		check_got(slot, "hello");
		CHECK_EQ(atomic_load(&rig.sleeps), i);
		CHECK_EQ(rig.notes[SHIM_NOTE_WAIT], i);
	}
	CHECK_EQ(rig.notes[SHIM_NOTE_CANCEL], 0);
	check_clean();
}

static void wait_not_needed(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	check_got(slot, "abc");
	CHECK_EQ(atomic_load(&rig.sleeps), 0);
	check_clean();
}

static void act_close(struct later *l)
{
	close(l->fd);
}

static void wait_for_end_of_file(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_close };
	struct shim_slot *slot;

	setup(form);
	l.fd = p[1];
	act_later(&l);
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	act_done(&l);
	CHECK_EQ(slot->res, 0);
	check_at_rest(&rig);
}

/* signals */

static void counting(int sig)
{
	(void)sig;
	atomic_fetch_add(&handled, 1);
}

static void writing(int sig)
{
	counting(sig);
	if (syscall(SYS_write, p[1], "abc", 3) != 3)
		_exit(3);
}

static struct later kicked(void (*handler)(int), int flags)
{
	struct later l = { .r = &rig, .act = act_kill, .sig = SIGUSR1 };

	catch_signal(SIGUSR1, handler, flags);
	rig.d.phase = SHIM_PHASE_BUSY;
	return l;
}

static void eintr_cancels(enum shim_ring_form form)
{
	struct later l;

	setup(form);
	l = kicked(counting, 0);
	act_later(&l);
	CHECK_EQ(wait_for_read(), -EINTR);
	act_done(&l);
	CHECK_EQ(atomic_load(&handled), 1);
	CHECK_EQ(rig.notes[SHIM_NOTE_CANCEL], 1);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	check_pipe_holds(p[0], "abc");
	check_untouched();
	check_clean();
}

/* The data is there before the cancellation: it stays where it is. */
static void eintr_keeps_data(enum shim_ring_form form)
{
	struct later l;

	setup(form);
	l = kicked(writing, 0);
	act_later(&l);
	CHECK_EQ(wait_for_read(), -EINTR);
	act_done(&l);
	check_untouched();
	check_pipe_holds(p[0], "abc");
	check_clean();
}

static void restart_goes_on(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_kill_then_write,
			   .sig = SIGUSR1, .text = "later" };
	struct shim_slot *slot;

	setup(form);
	l.fd = p[1];
	rig.d.phase = SHIM_PHASE_BUSY;
	act_later(&l);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	act_done(&l);
	check_got(slot, "later");
	CHECK_EQ(atomic_load(&rig.sleeps), 1);
	CHECK_EQ(rig.notes[SHIM_NOTE_CANCEL], 0);
	check_clean();
}

static void restart_then_completes(enum shim_ring_form form)
{
	struct shim_slot *slot;
	struct later l;

	setup(form);
	l = kicked(writing, SA_RESTART);
	act_later(&l);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	act_done(&l);
	check_got(slot, "abc");
	CHECK_EQ(atomic_load(&handled), 1);
	check_clean();
}

static void interruptible(enum shim_ring_form form, int flags)
{
	struct later l;

	setup(form);
	l = kicked(writing, flags);
	act_later(&l);
	CHECK_EQ(shim_driver_wait_interruptible(
			 &rig.d, take_read(&rig, p[0], buf, 16)), -EINTR);
	act_done(&l);
	CHECK_EQ(atomic_load(&handled), 1);
	check_untouched();
	check_pipe_holds(p[0], "abc");
	check_clean();
}

static void interruptible_plain(enum shim_ring_form form)
{
	interruptible(form, 0);
}

static void interruptible_restart(enum shim_ring_form form)
{
	interruptible(form, SA_RESTART);
}

static void interruptible_completes(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_write, .text = "later" };
	struct shim_slot *slot;

	setup(form);
	l.fd = p[1];
	rig.d.phase = SHIM_PHASE_BUSY;
	act_later(&l);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(shim_driver_wait_interruptible(&rig.d, slot), 0);
	act_done(&l);
	check_got(slot, "later");
	check_clean();
}

/* What a signal that arrives with the answer does: the answer counts. */
static void interruptible_inline(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(shim_driver_wait_interruptible(&rig.d, slot), 0);
	check_got(slot, "abc");
	check_clean();
}

/* Cancel the pending operation without the driver's knowledge. */
static void cancel_by_hand(struct rig *r, int efd)
{
	struct shim_cancel_event cancel;
	struct io_uring_sqe *sqe;

	(void)efd;
	if (atomic_load(&r->sleeps))
		return;
	sqe = shim_ring_sqe(&r->d.ring);
	shim_cancel_event(&cancel,
			  shim_slot_user_data(&r->d.completions.slots[0]));
	cancel.ev.ops->prepare(&cancel.ev, sqe);
	sqe->user_data = SHIM_NOBODY;
	shim_ring_push(&r->d.ring);
	CHECK(shim_ring_enter(&r->d.ring, 0, IORING_ENTER_GETEVENTS) >= 0);
}

/* ECANCELED that nobody asked for is a result like any other. */
static void unasked_cancel(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	rig.before_sleep = cancel_by_hand;
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	CHECK_EQ(slot->res, -ECANCELED);
	check_clean();
}

/* The same; here the caller may also be told that it was interrupted. */
static void unasked_cancel_interruptible(enum shim_ring_form form)
{
	struct shim_slot *slot;
	int ret;

	setup(form);
	rig.before_sleep = cancel_by_hand;
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	alarm(2);
	ret = shim_driver_wait_interruptible(&rig.d, slot);
	CHECK(ret == -EINTR || (!ret && slot->res == -ECANCELED));
	check_clean();
}

/* cancel */

static void cancel_pending(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	slot = pending_read();
	CHECK_EQ(shim_driver_cancel(&rig.d, slot), -ECANCELED);
	CHECK_EQ(slot->state, SHIM_SLOT_FREE);
	CHECK_EQ(rig.notes[SHIM_NOTE_CANCEL], 1);
	rig.d.phase = SHIM_PHASE_BUSY;
	check_clean();
}

static void cancel_wins_over_data(enum shim_ring_form form)
{
	struct shim_slot *slot;
	int i;

	setup(form);
	for (i = 0; i < 100; i++) {
		slot = pending_read();
		CHECK_EQ(write(p[1], "abc", 3), 3);
		CHECK_EQ(shim_driver_cancel(&rig.d, slot), -ECANCELED);
		check_untouched();
		check_pipe_holds(p[0], "abc");
	}
	rig.d.phase = SHIM_PHASE_BUSY;
	check_clean();
}

/* An operation that holds a file open lets go of it when it is cancelled. */
static void cancel_lets_go(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	signal(SIGPIPE, SIG_IGN);
	slot = pending_read();
	close(p[0]);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(shim_driver_cancel(&rig.d, slot), -ECANCELED);
	CHECK_EQ(write(p[1], "abc", 3), -1);
	CHECK_EQ(errno, EPIPE);
	check_works(&rig);
}

/* retire */

static void retiring(int sig)
{
	counting(sig);
	shim_driver_retire(&rig.d);
	CHECK_EQ(rig.d.phase, SHIM_PHASE_PARKED);
	shim_driver_retire(&rig.d);
	if (syscall(SYS_write, p[1], "abc", 3) != 3)
		_exit(3);
	/* Nothing is pending that could take it now. */
	CHECK(shim_ring_enter(&rig.d.ring, 0, IORING_ENTER_GETEVENTS) >= 0);
	CHECK_EQ(readable(p[0]), 3);
	check_untouched();
}

static void retire_then_data(enum shim_ring_form form)
{
	struct shim_slot *slot;
	struct later l;

	setup(form);
	l = kicked(retiring, SA_RESTART);
	act_later(&l);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	act_done(&l);
	check_got(slot, "abc");
	CHECK_EQ(atomic_load(&handled), 1);
	check_clean();
}

static void retire_only(int sig)
{
	counting(sig);
	shim_driver_retire(&rig.d);
}

static void act_kick_until_asleep_again(struct later *l)
{
	unsigned i;

	for (i = 1; i <= 3; i++) {
		wait_asleep(l->r, i);
		kill_thread(l->r->tid, l->sig);
		while (atomic_load(&handled) < i)
			sleep_ms(1);
	}
	wait_asleep(l->r, 4);
	act_write(l);
}

/* The outer call submits again each time, and gets its data at last. */
static void retire_again_and_again(enum shim_ring_form form)
{
	struct shim_slot *slot;
	struct later l;

	setup(form);
	l = kicked(retire_only, SA_RESTART);
	l.act = act_kick_until_asleep_again;
	l.fd = p[1];
	l.text = "later";
	act_later(&l);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	act_done(&l);
	check_got(slot, "later");
	CHECK_EQ(atomic_load(&rig.sleeps), 4);
	check_clean();
}

static void retire_then_eintr(enum shim_ring_form form)
{
	struct later l;

	setup(form);
	l = kicked(retiring, 0);
	act_later(&l);
	CHECK_EQ(wait_for_read(), -EINTR);
	act_done(&l);
	check_untouched();
	check_pipe_holds(p[0], "abc");
	check_clean();
}

static void retire_interruptible(enum shim_ring_form form)
{
	struct later l;

	setup(form);
	l = kicked(retiring, SA_RESTART);
	act_later(&l);
	CHECK_EQ(shim_driver_wait_interruptible(
			 &rig.d, take_read(&rig, p[0], buf, 16)), -EINTR);
	act_done(&l);
	check_untouched();
	check_pipe_holds(p[0], "abc");
	check_clean();
}

/* no descriptor to be had */

static void no_fd(enum shim_ring_form form, bool pending)
{
	struct shim_slot *slot;

	setup(form);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	if (pending)
		CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	limit_fds(3);
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(wait_or_skip(&rig.d, slot, pending), -EMFILE);
	limit_fds(1024);
	CHECK_EQ(slot->state, SHIM_SLOT_FREE);
	CHECK_EQ(atomic_load(&rig.sleeps), 0);
	check_untouched();
	check_pipe_holds(p[0], "abc");
	check_clean();
}

static void no_fd_to_submit(enum shim_ring_form form)
{
	no_fd(form, false);
}

static void no_fd_when_pending(enum shim_ring_form form)
{
	no_fd(form, true);
}

/* After the limit is raised again waits are possible again. */
static void no_fd_then_fd(enum shim_ring_form form)
{
	struct later l = { .r = &rig, .act = act_write, .text = "later" };
	struct shim_slot *slot;

	no_fd(form, false);
	l.fd = p[1];
	rig.d.phase = SHIM_PHASE_BUSY;
	act_later(&l);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	act_done(&l);
	check_got(slot, "later");
}

/* The program closes every descriptor that it does not know, ours too. */
static void close_efd(struct rig *r, int efd)
{
	CHECK_EQ(r->d.efd, efd);
	if (atomic_load(&r->sleeps))
		return;
	CHECK_EQ(syscall(SYS_close, efd), 0);
	CHECK_EQ(syscall(SYS_write, p[1], "abc", 3), 3);
}

static void efd_closed_behind_our_back(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	rig.before_sleep = close_efd;
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(wait_or_skip(&rig.d, slot, false), 0);
	check_got(slot, "abc");
	check_clean();
}

/* A program unregisters what it takes for rings of its own, ours among them. */
static void lose_ring(struct rig *r, int efd)
{
	uint64_t one = 1;

	r->d.ring.index = 12;
	CHECK_EQ(syscall(SYS_write, efd, &one, sizeof(one)), sizeof(one));
}

/* Its close cannot ride any more: it must not stay open for that. */
static void efd_without_ring(enum shim_ring_form form)
{
	struct shim_slot *slot;
	struct fds now;
	int index;

	setup(form);
	index = rig.d.ring.index;
	rig.before_sleep = lose_ring;
	rig.d.phase = SHIM_PHASE_BUSY;
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK(wait_or_skip(&rig.d, slot, false) < 0);
	list_fds(&now);
	CHECK(same_fds(&fds_before, &now));
	CHECK_EQ(rig.d.efd, -1);
	CHECK_EQ(slot->state, SHIM_SLOT_FREE);
	/* Nothing of it is submitted by a later enter. */
	CHECK_EQ(shim_ring_queued(&rig.d.ring), 0);
	rig.d.ring.index = index;
	rig.d.phase = SHIM_PHASE_BUSY;
	shim_driver_recover(&rig.d);
	list_fds(&now);
	CHECK(same_fds(&fds_before, &now));
}

/* pthread_cancel */

static void *cancelled_thread(void *arg)
{
	rig_open(&rig, *(enum shim_ring_form *)arg);
	rig.d.phase = SHIM_PHASE_BUSY;
	wait_or_skip(&rig.d, take_read(&rig, p[0], buf, 16), false);
	return NULL;
}

static void *cancelled_interruptible(void *arg)
{
	rig_open(&rig, *(enum shim_ring_form *)arg);
	rig.d.phase = SHIM_PHASE_BUSY;
	shim_driver_wait_interruptible(&rig.d, take_read(&rig, p[0], buf, 16));
	return NULL;
}

/*
 * Asleep on the eventfd even data that has arrived stays where it is.  Asleep
 * in the ring it would be received, and lost with the thread, as natively.
 */
static void thread_cancelled(enum shim_ring_form form, void *(*fn)(void *),
			     bool data_first)
{
	struct fds now;
	pthread_t t;
	void *ret;

	setup(form);
	memset(&rig, 0, sizeof(rig));
	CHECK_EQ(pthread_create(&t, NULL, fn, &form), 0);
	while (!atomic_load(&rig.sleeps))
		sleep_ms(1);
	wait_asleep(&rig, 1);
	if (data_first)
		CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(pthread_cancel(t), 0);
	CHECK_EQ(pthread_join(t, &ret), 0);
	if (!data_first)
		CHECK_EQ(write(p[1], "abc", 3), 3);
	/* The data may have been first; then it was received. */
	CHECK(data_first || ret == PTHREAD_CANCELED);
	if (ret == PTHREAD_CANCELED) {
		check_untouched();
		check_pipe_holds(p[0], "abc");
		CHECK_EQ(rig.notes[SHIM_NOTE_ABANDON], 1);
		CHECK_EQ(rig.d.phase, SHIM_PHASE_IDLE);
	}
	check_at_rest(&rig);
	list_fds(&now);
	CHECK(same_fds(&fds_before, &now));
}

static void cancelled_in_wait(enum shim_ring_form form)
{
	thread_cancelled(form, cancelled_thread, false);
}

static void cancelled_with_data(enum shim_ring_form form)
{
	thread_cancelled(form, cancelled_thread, true);
}

static void cancelled_in_interruptible(enum shim_ring_form form)
{
	thread_cancelled(form, cancelled_interruptible, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(inline_read),
		BOTH(pending_is_frozen),
		BOTH(pending_data_stolen),
		BOTH(cancel_events_ride),
		BOTH(slots_are_independent),
		BOTH(wait_for_data),
		BOTH(wait_not_needed),
		BOTH(wait_for_end_of_file),
		BOTH(eintr_cancels),
		BOTH(eintr_keeps_data),
		BOTH(restart_goes_on),
		BOTH(restart_then_completes),
		BOTH(interruptible_plain),
		BOTH(interruptible_restart),
		BOTH(interruptible_completes),
		BOTH(interruptible_inline),
		BOTH(unasked_cancel),
		BOTH(unasked_cancel_interruptible),
		BOTH(cancel_pending),
		BOTH(cancel_wins_over_data),
		BOTH(cancel_lets_go),
		BOTH(retire_then_data),
		BOTH(retire_again_and_again),
		BOTH(retire_then_eintr),
		BOTH(retire_interruptible),
		BOTH(no_fd_to_submit),
		BOTH(no_fd_when_pending),
		BOTH(no_fd_then_fd),
		BOTH(efd_closed_behind_our_back),
		BOTH(efd_without_ring),
		BOTH(cancelled_in_wait),
		BOTH(cancelled_with_data),
		BOTH(cancelled_in_interruptible),
	};

	return RUN_ALL(tests);
}
