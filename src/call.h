/* SPDX-License-Identifier: MIT */
/*
 * The five calls, each decided and carried out as far as the ring can: which
 * route, the event, the wait, and what to make of the result.
 *
 * Each function fills an outcome.  Where @native is set the caller makes the
 * native call, for what @done has left of the buffer, and that is the whole
 * native semantics because nothing else has moved.
 *
 * All are async-signal-safe and may be re-entered from a handler.  They may not
 * return: a handler may jump, the thread may be cancelled while it waits.
 */
#ifndef SHIM_CALL_H
#define SHIM_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "route.h"

struct shim_thread;

struct shim_outcome {
	struct shim_thread *thread; /* for counting; may be NULL */
	long res;                   /* >= 0 or -errno, unless native */
	size_t done;                /* bytes that the ring has moved already */
	enum shim_route route;
	bool native;
	bool rendezvous;            /* open: see shim_call_open */
};

/*
 * Length is taken modulo the kernel's own limit for one call; see read(2).
 * A call with @done > 0 and @native is a short one that is to be finished.
 */
void shim_call_read(struct shim_outcome *o, int fd, void *buf, size_t len);
void shim_call_write(struct shim_outcome *o, int fd, const void *buf,
		     size_t len);

/*
 * @rendezvous: @res is a descriptor for a FIFO that the kernel has opened
 * without waiting for the other side.  The caller opens it natively while
 * keeping this one, so that a peer sees a reader all the time, and then puts
 * the second in the place of the first.
 */
void shim_call_open(struct shim_outcome *o, enum shim_call call, int dirfd,
		    const char *path, int flags);

void shim_call_connect(struct shim_outcome *o, int fd,
		       const struct sockaddr *addr, socklen_t addrlen);
void shim_call_close(struct shim_outcome *o, int fd);

/* "Is this process single-threaded?"  Points at libc's own answer. */
extern const char *shim_single_threaded;

#endif
