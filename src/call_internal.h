/* SPDX-License-Identifier: MIT */
/* What the calls share: how an outcome is filled. */
#ifndef SHIM_CALL_INTERNAL_H
#define SHIM_CALL_INTERNAL_H

#include "call.h"
#include "fdtable.h"
#include "sys.h"
#include "thread.h"

static inline void shim_native_route(struct shim_outcome *o,
				     enum shim_route route)
{
	o->rest = SHIM_NATIVE;
	o->route = route;
}

static inline void shim_ring_result(struct shim_outcome *o, long res)
{
	o->rest = SHIM_DONE;
	o->route = SHIM_RING;
	o->res = res;
}

/*
 * The first that every call does, in the frame at address @frame: who unwinds
 * that frame calls shim_unwound() (unwound.c).  0x1b: relative, four bytes.
 */
static inline __attribute__((always_inline)) enum shim_route
shim_outcome_begin(struct shim_outcome *o, enum shim_call call, uintptr_t frame)
{
	__asm__ volatile(".cfi_personality 0x1b, shim_unwound");
	o->done = 0;
	o->rest = SHIM_NATIVE;
	o->route = shim_begin(&o->thread, call, frame);
	return o->route;
}

/*
 * Answers that only a ring gives, or that say that nothing was tried: the
 * native call gives the program's own.  -512 to -516 are the kernel's restart
 * codes, which no program may ever see.
 */
static inline bool shim_only_ring(long res)
{
	return res == -ECANCELED || res == -ENOMEM || res == -EAGAIN ||
	       (res <= -512 && res >= -516);
}

/*
 * An event was not submitted, or not waited for: -EINTR is the result of the
 * call; for any other reason it goes native.
 */
void shim_not_submitted(struct shim_outcome *o, int err);

/*
 * Submit the event in @slot, which may be NULL, and take its result, for one
 * that does not wait.  False: nothing was tried, and the outcome says so.  Inline:
 * each level of functions between the system call and the program costs some 7 ns,
 * because the processor does not remember across it where they return to.
 */
static inline bool shim_try(struct shim_outcome *o, struct shim_slot *slot,
			    long *res)
{
	struct shim_driver *d = &o->thread->driver;
	int ret;

	if (!slot) {
		shim_native_route(o, SHIM_RETRY);
		return false;
	}
	ret = shim_driver_submit(d, slot);
	if (ret < 0) {
		shim_not_submitted(o, ret);
		return false;
	}
	if (ret == SHIM_PENDING)
		shim_driver_finish(d, slot);
	*res = slot->res;
	return true;
}

/*
 * The length of all segments of a vector that may point anywhere.  SHIM_RING, or
 * the reason not to look at it.
 */
enum shim_route shim_vector_length(const struct iovec *iov, size_t count,
				   size_t *len);

/* One read or write moves no more (MAX_RW_COUNT of the kernel). */
#define SHIM_MAX_RW 0x7ffff000UL

/* A blocking write to a socket that is longer may well move a part and wait. */
#define SHIM_MAY_SPLIT_STREAM 16384U

/* Does @fd have O_NONBLOCK now?  Asked, not remembered. */
bool shim_nonblock(int fd);

/*
 * Reads of a descriptor that had to wait the last time mostly have to again, as
 * in a request-reply loop: asking the ring first would be in vain.  Every eighth
 * asks all the same.
 */
static inline bool shim_will_wait(struct shim_thread *t, int fd,
				  const struct shim_fd *info)
{
	return t->waited_fd == fd && ++t->waited % 8 &&
	       !(info->flags & SHIM_FD_NONBLOCK);
}

static inline void shim_did_not_wait(struct shim_thread *t, int fd)
{
	if (t->waited_fd == fd)
		t->waited_fd = -1;
}

/* Is SO_RCVTIMEO or SO_SNDTIMEO, whichever @name says, set, or unknown? */
bool shim_has_timeout(int fd, int name);

/*
 * The ring checks the buffer before it looks at the descriptor; the system call
 * does it the other way round.
 */
long shim_fault_or_badf(int fd, int accmode);

#endif
