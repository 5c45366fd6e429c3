/* SPDX-License-Identifier: MIT */
/*
 * The ring of one thread: setup, submit, reap, retire.
 *
 * This is not liburing's struct io_uring, because the best form of ring has
 * neither a descriptor nor a mapping, which liburing 2.3 cannot express: the
 * memory is ours, the kernel pins it, and the ring is known only by its index
 * in the thread's table of registered rings.  liburing gives the structures,
 * the preparation of SQEs and the system calls, but for the one that every event
 * makes, which is inline (see shim_try()).
 *
 * Every ring has IORING_SETUP_DEFER_TASKRUN (6.1): an operation that waits does
 * nothing at all until this thread calls shim_ring_enter() with
 * IORING_ENTER_GETEVENTS.  The rest of the core stands on that: what is pending
 * is frozen.
 *
 * A ring belongs to the thread that made it.  The kernel refuses any other task
 * (-EEXIST, -EBADF or -EINVAL from enter); see shim_ring_rollback().
 *
 * All functions are async-signal-safe; none may run while another is running on
 * the same ring in the same thread (the caller keeps a flag, see thread.h).
 * They return 0 or a count, or -errno.
 */
#ifndef SHIM_RING_H
#define SHIM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <liburing.h>

#include "sys.h"

/* Newer than Debian 12's headers. */
#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14) /* 6.5 */
#endif
#ifndef IORING_SETUP_REGISTERED_FD_ONLY
#define IORING_SETUP_REGISTERED_FD_ONLY (1U << 15) /* 6.5 */
#endif
#ifndef IORING_REGISTER_USE_REGISTERED_RING
#define IORING_REGISTER_USE_REGISTERED_RING (1U << 31) /* 6.3 */
#endif
#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13) /* 6.3 */
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7) /* 6.15 */
#endif
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17) /* 6.15 */
#endif
#ifndef IORING_FEAT_RECVSEND_BUNDLE
#define IORING_FEAT_RECVSEND_BUNDLE (1U << 14) /* 6.10 */
#endif

#define SHIM_PAGE 4096UL
#define SHIM_RING_ENTRIES 8U
#define SHIM_RING_MEMORY (2 * SHIM_PAGE) /* rings, then SQEs */

enum shim_ring_form {
	SHIM_RING_NONE,
	SHIM_RING_REGISTERED_ONLY, /* 6.5: no fd, no mapping, fork-safe */
	SHIM_RING_REGISTERED,      /* 6.1: registered, closed, MADV_DONTFORK */
};

struct shim_ring {
	enum shim_ring_form form;
	int index;            /* in the thread's table of registered rings */
	unsigned wait_flags;  /* what every waiting enter carries */
	bool accept_dontwait; /* 6.10: an accept can be asked not to wait */
	bool by_index;        /* 6.3: io_uring_register knows it by its index */
	unsigned *sq_head, *sq_tail;
	unsigned *cq_head, *cq_tail;
	unsigned sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	void *map[2];         /* mappings of the second form */
	size_t map_len[2];
};

/*
 * Make a ring for the calling thread.  @memory: SHIM_RING_MEMORY bytes, page
 * aligned, zero, that nobody else uses; it belongs to the kernel as well from
 * then on, until the thread has exited (form SHIM_RING_REGISTERED_ONLY), and
 * may be given back only by shim_sys_drop() or munmap, never overwritten.
 * @form: the best form to try; the next ones follow.
 */
int shim_ring_setup(struct shim_ring *ring, void *memory,
		    enum shim_ring_form form);

/*
 * The same with @entries entries and always in the second form, and with at most
 * @workers worker threads of either kind; 0: as many as the kernel likes.  The
 * descriptor that it takes for an instant is one of the calling task's own table.
 */
int shim_ring_setup_registered(struct shim_ring *ring, unsigned entries,
			       unsigned workers);

/*
 * Let go of the ring while its thread is still there.  Only for a thread that is
 * about to end: a teardown makes a later epoll_wait of its thread return EINTR.
 * Without it the teardown comes after the moment at which pthread_join returns,
 * and the dead thread is seen in /proc/self/task for as long as that takes.
 * So it is before 6.3: there only the mappings can be given back here, and the
 * slot of the ring in the table of its thread stays taken.
 */
void shim_ring_close(struct shim_ring *ring);

/* Give back what a dead thread's ring left in this process. */
void shim_ring_retire(struct shim_ring *ring);

/* The next free SQE, zeroed by the prepare call; NULL if the SQ is full. */
static inline struct io_uring_sqe *shim_ring_sqe(struct shim_ring *ring)
{
	unsigned tail = *ring->sq_tail;

	if (tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) >
	    ring->sq_mask)
		return NULL;
	return &ring->sqes[tail & ring->sq_mask];
}

/* Publish the SQE that shim_ring_sqe() gave. */
static inline void shim_ring_push(struct shim_ring *ring)
{
	__atomic_store_n(ring->sq_tail, *ring->sq_tail + 1, __ATOMIC_RELEASE);
}

/* Number of SQEs published and not yet taken by the kernel. */
static inline unsigned shim_ring_queued(const struct shim_ring *ring)
{
	return *ring->sq_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/*
 * Submit all that is queued.  @flags 0: return as soon as it is submitted;
 * what completes inline has its CQE by then.  IORING_ENTER_GETEVENTS: also run
 * the deferred work of pending operations, and wait for @want CQEs.
 * Returns >= 0, or -errno; -EINTR may come with or without a CQE, so look.
 */
static inline int shim_ring_enter(struct shim_ring *ring, unsigned want,
				  unsigned flags)
{
	if (flags)
		flags |= ring->wait_flags;
	return (int)shim_sys6(SYS_io_uring_enter, ring->index,
			      shim_ring_queued(ring), want,
			      flags | IORING_ENTER_REGISTERED_RING, 0,
			      _NSIG / 8);
}

/*
 * Take back what is queued after an enter that failed: the SQ tail that this
 * task advanced would otherwise make the owner submit our junk later (a vfork
 * child shares the memory of its parent, but not its rings).
 */
static inline void shim_ring_rollback(struct shim_ring *ring)
{
	__atomic_store_n(ring->sq_tail,
			 __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
}

/* Take one CQE; false if there is none. */
static inline bool shim_ring_reap(struct shim_ring *ring,
				  struct io_uring_cqe *cqe)
{
	unsigned head = *ring->cq_head;

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*cqe = ring->cqes[head & ring->cq_mask];
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/*
 * Let CQEs signal @fd, an eventfd, from now on, instead of an earlier one.
 * -EOPNOTSUPP before 6.3, where nothing can be told to a ring without descriptor.
 */
int shim_ring_eventfd(struct shim_ring *ring, int fd);

#endif
