/* SPDX-License-Identifier: MIT */
/*
 * The calls, each decided and carried out as far as the ring can: which route,
 * the event, the wait, and what to make of the result.
 *
 * Each function fills an outcome.  Where it says SHIM_NATIVE the caller makes
 * the native call, and that is the whole native semantics because nothing else
 * has moved.
 *
 * All are async-signal-safe and may be re-entered from a handler.  They may not
 * return: a handler may jump, the thread may be cancelled while it waits.
 */
#ifndef SHIM_CALL_H
#define SHIM_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "route.h"

struct iovec;
struct msghdr;
struct shim_thread;

/* What is left to be done natively. */
enum shim_rest {
	SHIM_DONE,        /* nothing: @res is the result */
	SHIM_NATIVE,      /* the call, for what @done has left of the buffer */
	SHIM_AWAIT_SPACE, /* wait until more can be written; call again */
};

struct shim_outcome {
	struct shim_thread *thread; /* for counting; may be NULL */
	long res;                   /* >= 0 or -errno, when SHIM_DONE */
	size_t done;                /* bytes that the ring has moved already */
	enum shim_route route;
	enum shim_rest rest;
};

/*
 * A read or write in any of its forms, as the program gave it.  @iov may point
 * anywhere: it is looked at only where that is safe.
 */
struct shim_io {
	enum shim_call call;
	int fd;
	bool write;
	void *buf;                /* @len bytes; or */
	size_t len;
	bool vector;              /* @count segments at @iov */
	int count;
	const struct iovec *iov;
	bool positioned;          /* @off is given; otherwise the file position */
	int64_t off;
	int flags;                /* of preadv2(2), pwritev2(2) */
	bool wait_natively;       /* even with SHIM_WAIT=ring */
};

/*
 * SHIM_AWAIT_SPACE: a blocking write has moved @done bytes.  Natively it waits
 * for space and returns what it has moved as soon as a handler has run, with
 * SA_RESTART or without.  So the caller sleeps in poll(2), which every handler
 * ends, and then writes on, or returns @done.
 */
void shim_call_io(struct shim_outcome *o, const struct shim_io *io);

/*
 * Write on after SHIM_AWAIT_SPACE.  Never SHIM_NATIVE but for "still no space";
 * raises no SIGPIPE, as the second part of a native write does not.
 */
void shim_call_write_rest(struct shim_outcome *o, enum shim_call call, int fd,
			  const void *buf, size_t len);

/* Without an address; one that waits does so natively, always. */
void shim_call_recv(struct shim_outcome *o, int fd, void *buf, size_t len,
		    int flags);
void shim_call_send(struct shim_outcome *o, int fd, const void *buf, size_t len,
		    int flags);
/* @msg may point anywhere. */
void shim_call_recvmsg(struct shim_outcome *o, int fd, struct msghdr *msg,
		       int flags);
void shim_call_sendmsg(struct shim_outcome *o, int fd, const struct msghdr *msg,
		       int flags);
void shim_call_accept(struct shim_outcome *o, enum shim_call call, int fd,
		      struct sockaddr *addr, socklen_t *addrlen, int flags);

/* Would reading @len bytes at @p work?  At most a page; costs a system call. */
bool shim_readable(const void *p, size_t len);

/* Segments that are looked at; a call with more is native. */
#define SHIM_SEGMENTS 64

void shim_call_open(struct shim_outcome *o, enum shim_call call, int dirfd,
		    const char *path, int flags);

void shim_call_connect(struct shim_outcome *o, int fd,
		       const struct sockaddr *addr, socklen_t addrlen);
void shim_call_close(struct shim_outcome *o, int fd);

/*
 * SHIM_WAIT=ring: a call that has to wait sleeps with its event pending on the
 * ring (submission.h) instead of natively, where the ring can have an eventfd (6.3).
 */
extern bool shim_wait_on_ring;

/*
 * "Is this process single-threaded?"  Points at libc's own answer; NULL when that
 * does not count any more.
 */
extern const char *shim_single_threaded;

#endif
