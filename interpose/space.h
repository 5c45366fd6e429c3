/* SPDX-License-Identifier: MIT */
/* What becomes of a call of which the ring has moved a part. */
#ifndef SHIM_SPACE_H
#define SHIM_SPACE_H

#include "call.h"
#include "counters.h"
#include "thread.h"

/*
 * After SHIM_AWAIT_SPACE: write on, until all of the segments is written or a
 * handler has run; counts and returns what has been written of them, o->done
 * included.  @point: waiting is a cancellation point.  @saved: errno as it was
 * before.
 */
ssize_t shim_write_on(struct shim_outcome *o, enum shim_call call, int fd,
		      const struct iovec *iov, size_t count, bool point,
		      int saved);

/*
 * The segments but for their first @done bytes, in @rest (SHIM_SEGMENTS of
 * them).  Returns their number.
 */
int shim_rest_of(struct iovec *rest, const struct iovec *iov, size_t count,
		 size_t done);

/* Count the bytes of a call that has returned @ret, and return that. */
static inline ssize_t shim_moved(enum shim_call call, ssize_t ret)
{
	if (ret > 0)
		shim_count(shim_self, call, SHIM_COL_BYTES, (uint64_t)ret);
	return ret;
}

/*
 * What a call comes to that has moved @done bytes on the ring, and whose native
 * part, all of it or the rest, has given @ret.  Counts its bytes or its error,
 * not its route.  @saved: errno as it was before.
 */
ssize_t shim_together(size_t done, enum shim_call call, ssize_t ret, int saved);

#endif
