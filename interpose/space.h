/* SPDX-License-Identifier: MIT */
/* A blocking write or send that has moved a part; see SHIM_AWAIT_SPACE. */
#ifndef SHIM_SPACE_H
#define SHIM_SPACE_H

#include "call.h"

/*
 * Write on, until all of the segments is written or a handler has run; returns
 * what has been written of them, o->done included.  @point: waiting is a
 * cancellation point.
 */
size_t shim_write_on(struct shim_outcome *o, enum shim_call call, int fd,
		     const struct iovec *iov, size_t count, bool point);

/*
 * The segments but for their first @done bytes, in @rest (SHIM_SEGMENTS of
 * them).  Returns their number.
 */
int shim_rest_of(struct iovec *rest, const struct iovec *iov, size_t count,
		 size_t done);

#endif
