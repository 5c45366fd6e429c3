/* SPDX-License-Identifier: MIT */
/*
 * Routes: on the ring, or native and why.
 *
 * The names are short words that appear in the counters, in traces and in the
 * documentation (docs/semantics.md explains each); they are part of the
 * interface.
 */
#ifndef SHIM_ROUTE_H
#define SHIM_ROUTE_H

enum shim_call {
#define SHIM_CALL(call, name) SHIM_CALL_##call,
#define SHIM_COUNTED_CALL(call, name) SHIM_CALL_##call,
#include "calls.def"
#undef SHIM_CALL
#undef SHIM_COUNTED_CALL
	SHIM_CALLS
};

/* The first of those that are only counted. */
#define SHIM_FIRST_COUNTED SHIM_CALL_RECVMMSG

enum shim_route {
	SHIM_RING,
	/* the process, the thread, the moment */
	SHIM_OFF,             /* SHIM_MODE=off */
	SHIM_AUTO,            /* SHIM_MODE=auto: the ring runs ahead of it */
	SHIM_CONFIG,          /* a SHIM_ variable has an unknown value */
	SHIM_EARLY,           /* before this library could be set up */
	SHIM_NO_RING,         /* the kernel gives none: denied, limits, too old */
	SHIM_VALGRIND,        /* which cannot see what a ring writes */
	SHIM_SANDBOX,         /* a seccomp filter is there or on its way */
	SHIM_STACKED,         /* another preloaded library has the call too */
	SHIM_NESTED,          /* in a handler that interrupted another call */
	SHIM_VFORK,           /* in a vfork child: the memory is its parent's */
	/* the descriptor */
	SHIM_KIND,            /* a kind of file whose waits are its own: tty... */
	SHIM_UNKNOWN_FD,      /* close of a descriptor that was never looked at */
	SHIM_DATAGRAM,
	SHIM_UNIX,            /* connect of a unix socket */
	SHIM_NONBLOCK,        /* connect of an O_NONBLOCK socket */
	SHIM_TIMEOUT,         /* SO_RCVTIMEO or SO_SNDTIMEO */
	SHIM_LOWAT,           /* SO_RCVLOWAT */
	SHIM_SHARED_POSITION, /* somebody else may move the file position */
	SHIM_FLUSH,           /* close does work of its own: FUSE, NFS, overlay */
	SHIM_UNSUPPORTED,     /* the file cannot be asked not to wait */
	/* the call */
	SHIM_LENGTH,          /* 0, or more than one call can move; a bad offset */
	SHIM_UNCACHED,        /* would have to wait for a disk */
	SHIM_WORKER,          /* would be moved to a kernel worker thread */
	SHIM_CREATE,          /* O_CREAT, O_TRUNC, O_TMPFILE, unknown flags */
	SHIM_SPECIAL_PATH,    /* below /dev, /proc or /sys; a device, a FIFO; FUSE, NFS */
	SHIM_UNKNOWN_FS,      /* the first open on a file system */
	SHIM_WAITED,          /* a read, recv, accept or connect that waits */
	SHIM_SPACE,           /* a write that waits for space */
	SHIM_MAY_SPLIT,       /* a blocking write that may move a part first */
	SHIM_NO_FD,           /* no descriptor left for a wait on the ring */
	SHIM_RETRY,           /* the ring answered what only the ring can answer */
	SHIM_FLAGS,           /* of this call: only the native one knows them */
	SHIM_ADDRESS,         /* recvfrom or sendto with an address */
	SHIM_CONTROL,         /* sendmsg with control data: descriptors, credentials */
	SHIM_VECTOR,          /* more segments than are looked at, or unreadable ones */
	SHIM_NUMBER,          /* made by syscall(2), and not one of the common ones */
	SHIM_BOOKKEEPING,     /* a call that is only counted */
	SHIM_ROUTES
};

/* "ring", or the reason without "native:".  Static. */
const char *shim_route_name(enum shim_route route);
const char *shim_call_name(enum shim_call call);

/* The number of the system call, x86-64. */
unsigned shim_call_number(enum shim_call call);

#endif
