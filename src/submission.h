/* SPDX-License-Identifier: MIT */
/*
 * Submission: one event at a time from prepare to result on the ring of the
 * calling thread, with the wait and the cancel path.
 *
 * How a wait works, and why.  io_uring_enter never restarts after a signal and
 * does not tell whether the handler had SA_RESTART, so a thread must not sleep
 * there in place of a call that may restart.  Instead an eventfd is registered
 * with the ring, the operation is submitted, and the thread sleeps in a plain
 * read of the eventfd, which the kernel restarts or ends with EINTR exactly as
 * it would have done with the program's own call:
 *
 *      IDLE --submit--> BUSY --eventfd, submit--> PARKED --read returns--> BUSY
 *       ^                                           |  EINTR, cancelled, jump:
 *       +------------- result <---------------------+  ASYNC_CANCEL, reap
 *
 * While PARKED the operation is frozen (ring.h): it moves no byte until this
 * thread enters the ring again.  So whatever a signal handler does then, and
 * wherever it jumps to, nothing is lost and nothing is written; a cancellation
 * submitted later still finds everything in place.
 *
 * The eventfd exists only while PARKED, close-on-exec, and with a high number
 * so that handlers and other threads get the descriptors they would have got.
 *
 * By default nothing waits here: a call that has to wait is taken back with
 * shim_driver_cancel() and made natively (docs/architecture.md, Waiting).
 *
 * Unless said otherwise all functions are async-signal-safe, but must not be
 * re-entered on the same driver: check the phase first.
 */
#ifndef SHIM_SUBMISSION_H
#define SHIM_SUBMISSION_H

#include "completion.h"
#include "ring.h"

enum shim_phase {
	SHIM_PHASE_NONE,  /* no owner; also what a forked child finds */
	SHIM_PHASE_IDLE,
	SHIM_PHASE_BUSY,  /* the ring is in use: a nested call must not touch it */
	SHIM_PHASE_PARKED,/* one operation pending, ring at rest */
};

enum shim_note {
	SHIM_NOTE_WAIT,    /* a call is about to wait for its event */
	SHIM_NOTE_CANCEL,  /* an event was cancelled with its caller present */
	SHIM_NOTE_ABANDON, /* an event was cancelled because its caller has gone */
};

struct shim_driver;

/* What the core needs from the side that knows libc. */
struct shim_host {
	/*
	 * Block in read(@efd), as a cancellation point.  0 or -errno.
	 * May not return: a handler may jump, or the thread may be cancelled;
	 * then, while it is unwound, @gone(@arg) is called.
	 */
	int (*sleep)(int efd, void (*gone)(void *arg), void *arg);
	/*
	 * Call @enter(@arg) so that the thread can be cancelled at any
	 * instruction of it; otherwise the same.
	 */
	int (*cancellable)(int (*enter)(void *arg), void (*gone)(void *arg),
			   void *arg);
	/*
	 * The frame address of the frame that is being unwound; 0: unknown.
	 * NULL: nothing is ever known.
	 */
	uintptr_t (*frame_of)(void *context);
	/* The calling thread has got a block: see that it gives it back. */
	void (*claimed)(void *block);
	/* Something countable happened.  Async-signal-safe. */
	void (*note)(struct shim_driver *d, enum shim_note what);
};

struct shim_driver {
	struct shim_ring ring;
	struct shim_completions completions;
	volatile int phase;
	volatile int efd;            /* the eventfd while PARKED, or -1 */
	volatile bool closing;       /* its close is queued, or done */
	volatile bool retired;       /* a nested call cancelled the pending one */
	volatile bool left;          /* an event was left pending: frozen rings */
	uint64_t ticket;             /* of the wait that is going on */
	volatile uintptr_t frame;    /* of the outermost call in progress */
	const struct shim_host *host;
};

#define SHIM_PENDING 1

/*
 * Make a driver in phase IDLE for the calling thread.  @d and @memory (see
 * shim_ring_setup) zero.  0 or -errno.
 */
int shim_driver_init(struct shim_driver *d, void *memory,
		     enum shim_ring_form form, const struct shim_host *host);

/* Whose frame is not known: there is none above this one. */
#define SHIM_NO_FRAME UINTPTR_MAX

/*
 * The calling thread begins to use the driver, which was IDLE a moment ago, for a
 * call with its frame at @frame.  False: a signal handler has left this call here
 * for another one, which has begun meanwhile and is to be come back to.
 */
static inline bool shim_driver_claim(struct shim_driver *d, uintptr_t frame)
{
	int was = SHIM_PHASE_IDLE;

	/* Before, so that a jump at any instruction finds both; a handler's calls
	 * leave theirs, therefore once more. */
	d->frame = frame;
	/* One instruction is enough, within a thread: no lock prefix. */
	__asm__ volatile("cmpxchgl %2, %1" : "+a"(was), "+m"(d->phase)
			 : "r"(SHIM_PHASE_BUSY) : "cc", "memory");
	d->frame = was == SHIM_PHASE_IDLE ? frame : SHIM_NO_FRAME;
	return was == SHIM_PHASE_IDLE;
}

/* And ends it. */
static inline void shim_driver_release(struct shim_driver *d)
{
	d->phase = SHIM_PHASE_IDLE;
}

/*
 * Submit the event in @slot (from shim_slot_take).  Returns 0 when it has
 * completed (slot->res, the slot is free again), SHIM_PENDING, or -errno when
 * nothing was submitted (the slot is free again).
 */
int shim_driver_submit(struct shim_driver *d, struct shim_slot *slot);

/*
 * Submit the event in @slot, unless it is @pending already, and sleep until it
 * has completed.  For events that move nothing while pending.  Returns
 *    0             completed; slot->res
 *    -EINTR        a handler without SA_RESTART ran; cancelled, nothing moved
 *    -EOWNERDEAD   this is a forked child now; the event is the parent's
 *    -ESTALE       the same, and a handler without SA_RESTART ran
 *    -EPERM        rings are frozen (shim_rings_freeze); the event stays as
 *                  it is, and is taken back if they are ever used again
 *    other -errno  not waited (no descriptor for the eventfd); nothing moved
 * In all but those two the slot is free again.  Cancellation point; cancels
 * and reaps when the thread is cancelled here.
 */
int shim_driver_wait(struct shim_driver *d, struct shim_slot *slot,
		     bool pending);

/*
 * The same, but any signal that a handler saw, and any stop, ends the wait
 * with -EINTR, as the kernel does with a call that has moved something already.
 */
int shim_driver_wait_interruptible(struct shim_driver *d,
				   struct shim_slot *slot);

/*
 * Cancel a pending event with its caller present.  Returns 0 when it had
 * completed all the same (slot->res), or -ECANCELED.  The slot is free.
 */
int shim_driver_cancel(struct shim_driver *d, struct shim_slot *slot);

/*
 * Wait for a pending event that nothing can interrupt (a regular file), with
 * signals left for afterwards, as the kernel does.  slot->res; the slot is free.
 */
void shim_driver_finish(struct shim_driver *d, struct shim_slot *slot);

/*
 * A nested call is about to do something that a pending operation of the outer
 * call must not outlast (close, exit): cancel it.  The outer call submits it
 * again when it gets to run.  Only in phase PARKED.
 */
void shim_driver_retire(struct shim_driver *d);

/*
 * The call in progress has been left for good (siglongjmp, exception,
 * cancelled thread), whatever it was doing: take back what is queued, abandon
 * what is pending, and leave the driver IDLE.  Callable at any phase.
 */
void shim_driver_recover(struct shim_driver *d);

/*
 * From now on no ring of this process is entered: a seccomp filter is about to
 * be installed that neither sees ring operations nor expects io_uring_enter.
 */
void shim_rings_freeze(bool freeze);
bool shim_rings_frozen(void);

/* Is @fd an eventfd of ours?  The program has no such descriptor. */
bool shim_parked_fd(int fd);

/* In a forked child: close the copies of its parent's eventfds. */
void shim_parked_fork_child(void);

#endif
