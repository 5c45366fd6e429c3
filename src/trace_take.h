/* SPDX-License-Identifier: MIT */
/*
 * What the arguments of a call point at, as parts of a record; see trace_take.c.
 * All functions are async-signal-safe.
 */
#ifndef SHIM_TRACE_TAKE_H
#define SHIM_TRACE_TAKE_H

#include "trace.h"

enum shim_what {
	VALUE,
	FD,
	PATH,
	IN,      /* the kernel reads, as many bytes as the next argument says */
	OUT,     /* the kernel writes, as many as the result says */
	IN_IOV,  /* segments, as many as the next argument says */
	OUT_IOV,
	IN_MSG,
	OUT_MSG,
	IN_MMSG, /* the same, as many as the next argument says */
	OUT_MMSG,/* as many as the result says */
	IN_ADDR, /* a socket address, of the length in the next argument */
	OUT_ADDR,/* the same, of the length behind the next argument */
	LENGTH,
	OFFSET,
	TIMEOUT,
	PAIR,
	FCNTL,   /* what the command has, if anything */
};

/* What an argument is and where its parts go. */
struct shim_taking {
	struct shim_trace_parts *parts;
	const uint64_t *args;
	uint8_t arg;
	uint64_t safe; /* bytes that the kernel has read or written */
	bool ask;      /* otherwise */
};

/* Is there anything to take of an argument, before the call and after it? */
#define SHIM_TAKE(what) (1U << (what))
#define SHIM_TAKE_BUFFERS (SHIM_TAKE(IN) | SHIM_TAKE(IN_IOV) | \
			   SHIM_TAKE(IN_MSG) | SHIM_TAKE(IN_MMSG))
#define SHIM_TAKE_BEFORE (SHIM_TAKE(PATH) | SHIM_TAKE(OUT_MSG) | \
			  SHIM_TAKE(IN_ADDR) | SHIM_TAKE(LENGTH) | \
			  SHIM_TAKE(OFFSET) | SHIM_TAKE(TIMEOUT) | \
			  SHIM_TAKE(FCNTL))
#define SHIM_TAKE_NEVER (SHIM_TAKE(VALUE) | SHIM_TAKE(FD))

/*
 * Before the call: what the kernel is going to read, if that can be read.
 * @early: buffers as well.
 */
void shim_trace_take_before(const struct shim_taking *t,
			    enum shim_what what, bool early);

/* After it: what the kernel has written, or has read and was not taken before. */
void shim_trace_take_after(const struct shim_taking *t,
			   const struct shim_traced *call,
			   enum shim_what what, int64_t result);

#endif
