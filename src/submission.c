// SPDX-License-Identifier: MIT
/*
 * The driver; see submission.h for how a wait works.
 *
 * The rule that keeps this correct under signals: a handler may run, and may
 * never return, between any two instructions.  So the phase tells what the ring
 * may be used for at each moment, the slot table says what the kernel holds,
 * and shim_driver_recover() makes sense of any combination of the two.
 */
#include "submission.h"

#include <stdatomic.h>

#include "parked.h"
#include "sys.h"

static const uint64_t all_signals = ~0ULL;
static atomic_bool frozen;

void shim_rings_freeze(bool freeze)
{
	frozen = freeze;
}

bool shim_rings_frozen(void)
{
	return frozen;
}

int shim_driver_init(struct shim_driver *d, void *memory,
		     enum shim_ring_form form, const struct shim_host *host)
{
	int ret;

	d->efd = -1;
	d->host = host;
	d->ticket = (uint64_t)shim_sys_gettid() << 32;
	ret = shim_ring_setup(&d->ring, memory, form);
	if (!ret)
		shim_driver_release(d);
	return ret;
}

/* user_data of a cancel: that of its target, with this bit. */
#define CANCEL_OF (1ULL << 63)

/*
 * A cancel that finds nothing has a target that completed, whose CQE is there
 * by then, or one that a jump kept from ever being submitted.
 */
static void reap(struct shim_driver *d)
{
	uint64_t never_seen[SHIM_SLOTS];
	struct io_uring_cqe cqe;
	unsigned n = 0;

	while (shim_ring_reap(&d->ring, &cqe)) {
		if (!(cqe.user_data & CANCEL_OF))
			shim_slot_complete(&d->completions, cqe.user_data,
					   cqe.res);
		else if (cqe.res == -ENOENT && n < SHIM_SLOTS)
			never_seen[n++] = cqe.user_data & ~CANCEL_OF;
	}
	while (n)
		shim_slot_complete(&d->completions, never_seen[--n],
				   -ECANCELED);
}

/* Put the SQE of @ev in the queue. */
static int queue(struct shim_driver *d, struct shim_event *ev,
		 uint64_t user_data)
{
	struct io_uring_sqe *sqe = shim_ring_sqe(&d->ring);

	if (!sqe)
		return -EBUSY;
	ev->ops->prepare(ev, sqe);
	sqe->user_data = user_data;
	shim_ring_push(&d->ring);
	return 0;
}

static void queue_cancel(struct shim_driver *d, const struct shim_slot *slot)
{
	struct shim_cancel_event cancel;

	shim_cancel_event(&cancel, shim_slot_user_data(slot));
	queue(d, &cancel.ev, shim_slot_user_data(slot) | CANCEL_OF);
}

/*
 * From here on the number may be anybody's, as soon as the kernel has taken the
 * SQE; whether it has is what the queue tells, should a jump come in between.
 */
static void queue_close_efd(struct shim_driver *d)
{
	struct shim_close_event close;

	if (d->efd < 0)
		return;
	shim_parked_forget(d->efd);
	shim_close_event(&close, d->efd);
	queue(d, &close.ev, SHIM_NOBODY);
	d->closing = true;
}

/* After an enter; one that has failed leaves us to take back and close. */
static void efd_closed(struct shim_driver *d)
{
	if (shim_ring_queued(&d->ring)) {
		shim_ring_rollback(&d->ring);
		if (d->closing)
			shim_sys_close(d->efd);
	}
	d->efd = -1;
	d->closing = false;
}

/* Does the slot still wait for its CQE? */
static bool with_kernel(const struct shim_slot *slot)
{
	return slot->state == SHIM_SLOT_SUBMITTED ||
	       slot->state == SHIM_SLOT_CANCELLED;
}

/*
 * Submit what is queued and run deferred work until @slot has its CQE.  A
 * cancelled operation has it after the first round; the loop is for one that
 * is being completed at this very moment.
 */
static void settle(struct shim_driver *d, struct shim_slot *slot)
{
	unsigned want = 0;
	int ret;

	do {
		ret = shim_ring_enter(&d->ring, want, IORING_ENTER_GETEVENTS);
		reap(d);
		want = 1;
	} while (with_kernel(slot) && (ret >= 0 || ret == -EINTR));
	/* The ring is not ours, or gone with all it held. */
	if (with_kernel(slot))
		shim_slot_release(slot);
}

/* Queue the event in @slot, and enter unless it can ride with the next. */
static inline __attribute__((always_inline)) int
submit(struct shim_driver *d, struct shim_slot *slot, unsigned flags)
{
	struct shim_event *ev = &slot->event.ev;
	int ret;

	ret = queue(d, ev, shim_slot_user_data(slot));
	if (ret)
		goto fail;
	if (!ev->ops->is_eager(ev))
		return SHIM_PENDING;
	ret = shim_ring_enter(&d->ring, 0, flags);
	if (shim_ring_queued(&d->ring)) {
		shim_ring_rollback(&d->ring);
		ret = ret < 0 ? ret : -EAGAIN;
		goto fail;
	}
	reap(d);
	return slot->state == SHIM_SLOT_DONE ? 0 : SHIM_PENDING;
fail:
	shim_slot_release(slot);
	return ret;
}

static void take_back(struct shim_driver *d, const struct shim_slot *but);

int shim_driver_submit(struct shim_driver *d, struct shim_slot *slot)
{
	int ret;

	if (__builtin_expect(d->left, 0))
		take_back(d, slot);
	ret = submit(d, slot, 0);
	if (!ret)
		shim_slot_release(slot);
	return ret;
}

/*
 * Register an eventfd, then submit, in this order: what completes in between
 * would signal nobody.  An operation that is pending already is looked at once
 * more instead.  With signals blocked, so that no handler sees the low number
 * that the eventfd has for a moment, or a phase that does not fit the ring.
 */
static int park(struct shim_driver *d, struct shim_slot *slot, bool pending)
{
	uint64_t mask;
	int ret;

	shim_sys_sigmask(&all_signals, &mask);
	ret = shim_parked_open();
	if (ret < 0)
		goto out;
	d->efd = ret;
	ret = shim_ring_eventfd(&d->ring, d->efd);
	if (ret < 0)
		goto out;
	if (pending) {
		shim_ring_enter(&d->ring, 0, IORING_ENTER_GETEVENTS);
		reap(d);
		ret = slot->state == SHIM_SLOT_DONE ? 0 : SHIM_PENDING;
	} else {
		ret = submit(d, slot, IORING_ENTER_GETEVENTS);
	}
	if (ret == SHIM_PENDING) {
		d->retired = false;
		d->phase = SHIM_PHASE_PARKED;
	}
out:
	if (ret != SHIM_PENDING && d->efd >= 0) {
		shim_parked_forget(d->efd);
		shim_sys_close(d->efd);
		d->efd = -1;
	}
	shim_sys_sigmask(&mask, NULL);
	return ret;
}

/* Cancel the event in @slot with its caller present; 0 if it had completed. */
static int cancel(struct shim_driver *d, struct shim_slot *slot)
{
	if (slot->state == SHIM_SLOT_SUBMITTED) {
		d->host->note(d, SHIM_NOTE_CANCEL);
		queue_cancel(d, slot);
	}
	queue_close_efd(d);
	settle(d, slot);
	efd_closed(d);
	if (slot->state == SHIM_SLOT_DONE && slot->res != -ECANCELED)
		return 0;
	return -EINTR;
}

int shim_driver_cancel(struct shim_driver *d, struct shim_slot *slot)
{
	int ret = cancel(d, slot) ? -ECANCELED : 0;

	shim_slot_release(slot);
	return ret;
}

/* A wait in progress. */
struct wait {
	struct shim_driver *d;
	uint64_t ticket;
};

static bool still_ours(const struct wait *w)
{
	return w->d->phase == SHIM_PHASE_PARKED && w->d->ticket == w->ticket;
}

/* The thread is cancelled and unwound through the sleep. */
static void gone(void *arg)
{
	struct wait *w = arg;

	if (still_ours(w))
		shim_driver_recover(w->d);
}

static void wait_begin(struct wait *w, struct shim_driver *d,
		       const struct shim_slot *slot)
{
	if (d->left)
		take_back(d, slot);
	w->d = d;
	w->ticket = ++d->ticket;
	d->host->note(d, SHIM_NOTE_WAIT);
}

/*
 * Sleep in phase PARKED.  -EOWNERDEAD: not the same process, or recovered; an
 * interrupted call is interrupted there too (-ESTALE).
 */
static int sleep_parked(struct wait *w)
{
	struct shim_driver *d = w->d;
	int ret;

	ret = d->host->sleep(d->efd, gone, w);
	if (!still_ours(w))
		return ret == -EINTR ? -ESTALE : -EOWNERDEAD;
	d->phase = SHIM_PHASE_BUSY;
	return ret;
}

/*
 * The eventfd has been signalled: look for the CQE.  The eventfd is closed in
 * the same enter, because nearly always the CQE is there; when somebody else
 * took the data, the operation has armed itself again.
 */
static int look(struct shim_driver *d, struct shim_slot *slot, int slept)
{
	if (slept == -EBADF) {
		/* Closed behind our back: the number is not ours any more. */
		shim_parked_forget(d->efd);
		efd_closed(d);
	}
	queue_close_efd(d);
	shim_ring_enter(&d->ring, 0, IORING_ENTER_GETEVENTS);
	efd_closed(d);
	reap(d);
	if (slot->state != SHIM_SLOT_DONE)
		return SHIM_PENDING;
	if (!d->retired || slot->res != -ECANCELED)
		return 0;
	slot->state = SHIM_SLOT_SUBMITTED;
	slot->generation++;
	return -ECANCELED;
}

int shim_driver_wait(struct shim_driver *d, struct shim_slot *slot,
		     bool pending)
{
	struct wait w;
	int ret;

	wait_begin(&w, d, slot);
	for (;;) {
		ret = park(d, slot, pending);
		if (ret != SHIM_PENDING)
			break;
		ret = sleep_parked(&w);
		if (ret == -EOWNERDEAD || ret == -ESTALE)
			return ret;
		if (frozen) {
			d->left = true;
			return -EPERM;
		}
		if (ret == -EINTR) {
			ret = cancel(d, slot);
			break;
		}
		ret = look(d, slot, ret);
		if (!ret)
			break;
		pending = ret == SHIM_PENDING;
	}
	if (ret < 0 && slot->state == SHIM_SLOT_SUBMITTED && pending)
		ret = cancel(d, slot) ? ret : 0;
	shim_slot_release(slot);
	return ret;
}

static int enter_one(void *arg)
{
	struct wait *w = arg;

	return shim_ring_enter(&w->d->ring, 1, IORING_ENTER_GETEVENTS);
}

/* One enter that waits; the phase lets a nested call retire the operation. */
static int enter_parked(struct wait *w)
{
	struct shim_driver *d = w->d;
	int ret;

	d->phase = SHIM_PHASE_PARKED;
	ret = d->host->cancellable(enter_one, gone, w);
	if (!still_ours(w))
		return -EOWNERDEAD;
	d->phase = SHIM_PHASE_BUSY;
	return ret;
}

int shim_driver_wait_interruptible(struct shim_driver *d,
				   struct shim_slot *slot)
{
	struct wait w;
	int ret;

	wait_begin(&w, d, slot);
	d->retired = false;
	ret = submit(d, slot, IORING_ENTER_GETEVENTS);
	while (ret == SHIM_PENDING) {
		ret = enter_parked(&w);
		if (ret == -EOWNERDEAD)
			return ret;
		reap(d);
		if (slot->state == SHIM_SLOT_DONE &&
		    (slot->res != -ECANCELED || !d->retired)) {
			ret = 0;
		} else if (frozen) {
			d->left = true;
			return -EPERM;
		} else if (ret < 0) {
			ret = cancel(d, slot);
		} else if (slot->state == SHIM_SLOT_DONE) {
			d->retired = false;
			slot->state = SHIM_SLOT_SUBMITTED;
			slot->generation++;
			ret = submit(d, slot, IORING_ENTER_GETEVENTS);
		} else {
			ret = SHIM_PENDING;
		}
	}
	shim_slot_release(slot);
	return ret;
}

void shim_driver_finish(struct shim_driver *d, struct shim_slot *slot)
{
	uint64_t mask;

	/* An error is deferred work even where a result would be inline. */
	shim_ring_enter(&d->ring, 0, IORING_ENTER_GETEVENTS);
	reap(d);
	if (with_kernel(slot)) {
		shim_sys_sigmask(&all_signals, &mask);
		settle(d, slot);
		shim_sys_sigmask(&mask, NULL);
	}
	shim_slot_release(slot);
}

/*
 * The CQE of the cancelled operation is left for the outer call, whose sleep it
 * ends: as an event of the eventfd, or as the CQE that its enter waits for.
 */
void shim_driver_retire(struct shim_driver *d)
{
	unsigned i;

	if (d->retired || frozen)
		return;
	d->phase = SHIM_PHASE_BUSY;
	for (i = 0; i < SHIM_SLOTS; i++) {
		if (d->completions.slots[i].state == SHIM_SLOT_SUBMITTED)
			queue_cancel(d, &d->completions.slots[i]);
	}
	shim_ring_enter(&d->ring, 0, IORING_ENTER_GETEVENTS);
	if (shim_ring_queued(&d->ring))
		shim_ring_rollback(&d->ring);
	d->retired = true;
	d->phase = SHIM_PHASE_PARKED;
}

static void abandon(struct shim_driver *d, struct shim_slot *slot)
{
	d->host->note(d, SHIM_NOTE_ABANDON);
	shim_slot_abandon(slot);
	queue_cancel(d, slot);
}

/* A result that nobody will look at: what comes with it is dropped now. */
static void discard(struct shim_slot *slot)
{
	struct shim_cancellation c = { 0 };

	slot->event.ev.ops->cancel(&slot->event.ev, &c);
	shim_slot_release(slot);
	if (c.drop)
		c.drop(&c, slot->res);
}

/* Take back all that is queued, pending or done, but for one slot. */
static void take_back(struct shim_driver *d, const struct shim_slot *but)
{
	struct shim_slot *slot;
	unsigned i;

	if (frozen)
		return;
	if (d->closing && !shim_ring_queued(&d->ring))
		efd_closed(d);
	shim_ring_rollback(&d->ring);
	reap(d);
	for (i = 0; i < SHIM_SLOTS; i++) {
		slot = &d->completions.slots[i];
		if (slot == but)
			continue;
		if (slot->state == SHIM_SLOT_SUBMITTED)
			abandon(d, slot);
		else if (slot->state == SHIM_SLOT_DONE)
			discard(slot);
	}
	queue_close_efd(d);
	for (i = 0; i < SHIM_SLOTS; i++) {
		slot = &d->completions.slots[i];
		if (slot->state == SHIM_SLOT_CANCELLED)
			settle(d, slot);
	}
	if (shim_ring_queued(&d->ring))
		shim_ring_enter(&d->ring, 0, IORING_ENTER_GETEVENTS);
	efd_closed(d);
	reap(d);
	d->left = false;
}

void shim_driver_recover(struct shim_driver *d)
{
	d->phase = SHIM_PHASE_BUSY;
	if (frozen)
		d->left = true;
	take_back(d, NULL);
	d->ticket++;
	shim_driver_release(d);
}
