/* SPDX-License-Identifier: MIT */
/*
 * Threads: each has a block with its driver, its counters and the memory of its
 * ring, claimed at its first call.
 *
 * A thread that ends in the ordinary way gives its block back.  Others may end
 * without running any code of ours (the exit system call): their blocks are
 * free when the thread id is gone, which the next thread that needs one finds
 * out.  So memory is bounded by twice the largest number of threads that lived
 * at once.
 *
 * All functions are async-signal-safe.
 */
#ifndef SHIM_THREAD_H
#define SHIM_THREAD_H

#include <stdatomic.h>

#include "counters.h"
#include "counters_file.h"
#include "submission.h"
#include "trace.h"

struct shim_thread {
	atomic_int owner;        /* thread id; 0 free; -1 never again */
	int no_ring;             /* the thread has none and will not */
	enum shim_call call;     /* outermost call in progress */
	int waited_fd;           /* the read that waited last; see call_rw.c */
	unsigned waited;         /* how often since it last did not have to */
	uint64_t vforks;         /* a vfork child may be using this block */
	struct shim_driver driver;
	shim_counts counts;
};

extern __thread struct shim_thread *shim_self;

/* Why every call of this process is native; SHIM_RING when it is not. */
extern volatile int shim_native;

/* See counters.h. */
static inline void shim_count(struct shim_thread *t, enum shim_call call,
			      unsigned column, uint64_t n)
{
	if (column < SHIM_ROUTES)
		shim_trace_last.route = (uint16_t)column;
	if (__builtin_expect(t && !shim_counters_file, 1))
		t->counts[call][column] += n;
	else
		shim_count_anywhere(t, call, column, n);
}

/* Set before anything else. */
void shim_threads_init(const struct shim_host *host);

/* The first thread's stack ends at @top; in that thread. */
void shim_threads_first_stack(uintptr_t top);

/*
 * A call begins, with its frame at address @frame.  Returns SHIM_RING with the
 * driver of *@t in phase BUSY, or the reason to make the call natively; *@t
 * may be NULL then.
 */
enum shim_route shim_begin_slow(struct shim_thread **t, enum shim_call call,
				uintptr_t frame);

static inline enum shim_route shim_begin(struct shim_thread **t,
					 enum shim_call call, uintptr_t frame)
{
	struct shim_thread *self = shim_self;

	if (__builtin_expect(!self || self->driver.phase != SHIM_PHASE_IDLE ||
			     shim_native != SHIM_RING ||
			     self->driver.ring.form == SHIM_RING_REGISTERED, 0))
		return shim_begin_slow(t, call, frame);
	if (!shim_driver_claim(&self->driver, frame))
		return shim_begin_slow(t, call, frame);
	self->call = call;
	*t = self;
	return SHIM_RING;
}

/* A block for a thread that has none, to count native calls in; or NULL. */
struct shim_thread *shim_thread_for_counting(void);

/* The ring part of a call that began with SHIM_RING is over. */
static inline void shim_end(struct shim_thread *t)
{
	/* A child forked by a handler meanwhile has no ring: leave it so. */
	if (__builtin_expect(t->driver.phase == SHIM_PHASE_BUSY, 1))
		shim_driver_release(&t->driver);
}

/*
 * The ring refused this task.  Either the process was forked behind our back,
 * then the caller's thread starts anew; or it shares its parent's memory.
 * Returns the reason for which the call is native.
 */
enum shim_route shim_thread_refused(struct shim_thread *t);

/*
 * Is the calling thread the one that its block belongs to?  Not so in a child
 * that shares memory and thread-local storage with its parent.
 */
bool shim_thread_is_own(void);

/*
 * One page that a forked child finds zero, and a child that shares memory does
 * not: the process that all this belongs to.  NULL: none could be had.
 */
extern atomic_int *shim_alive;

/*
 * Is this the child of a fork that nobody has told us of?  Costs no system call.
 */
static inline bool shim_process_forked(void)
{
	return shim_alive && !atomic_load_explicit(shim_alive,
						   memory_order_relaxed);
}

/*
 * Handlers of the calling thread may run on a stack of which the kernel does not
 * tell (SS_AUTODISARM), or it has several stacks, and may come back to the frames
 * of each: no frame is compared with another one's address any more.
 */
extern __thread bool shim_hidden_stack;

/* May a frame not be compared with another one's address?  A system call. */
bool shim_on_alternate_stack(void);

/*
 * Has the call with the frame at @below, in progress in the calling thread, been
 * left for good if it goes on at @above, a higher address, not on the alternate
 * stack?  Not if one of them is on neither that one nor the stack that the thread
 * was started on: those are user threads, and the call may be come back to.
 */
bool shim_thread_has_left(uintptr_t below, uintptr_t above);

/*
 * A handler is about to put another file behind a descriptor: a call that is
 * pending below it, and restarts, must find the new file.
 */
static inline void shim_thread_retire(void)
{
	struct shim_thread *self = shim_self;

	if (__builtin_expect(self && self->driver.phase ==
			     SHIM_PHASE_PARKED, 0))
		shim_driver_retire(&self->driver);
}

/* The calling thread is about to end, and runs no more code of the program. */
void shim_thread_end(void);

/* This process is a forked child: no thread has a block any more. */
void shim_threads_fork_child(void);

/* The calling thread is about to vfork. */
void shim_thread_vfork(void);

/* This thread will never use a ring again: its TLS is shared with another. */
void shim_thread_share(void);

/* Call @visit for every block that has an owner, or had one. */
void shim_threads_each(void (*visit)(struct shim_thread *t, void *arg),
		       void *arg);

#endif
