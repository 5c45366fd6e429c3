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

static inline enum shim_route shim_outcome_begin(struct shim_outcome *o,
						 enum shim_call call,
						 uintptr_t frame)
{
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

/* Is SO_RCVTIMEO or SO_SNDTIMEO, whichever @name says, set, or unknown? */
bool shim_has_timeout(int fd, int name);

/*
 * The ring checks the buffer before it looks at the descriptor; the system call
 * does it the other way round.
 */
long shim_fault_or_badf(int fd, int accmode);

#endif
