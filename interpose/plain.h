/* SPDX-License-Identifier: MIT */
/*
 * The common calls where they are native for the whole process (SHIM_MODE=off and
 * auto), with as little as possible on the way, and less behind it: the processor
 * does not remember across a system call where functions return to, nor where they
 * jump, so that each level of calls costs more than all the counting.
 *
 * All functions are async-signal-safe.
 */
#ifndef SHIM_PLAIN_H
#define SHIM_PLAIN_H

#include "init.h"
#include "native.h"

/*
 * A call begins: the block in which it has been counted, or NULL: it has not been,
 * and must go the long way.
 */
static inline struct shim_thread *shim_plain_begin(enum shim_call call)
{
	struct shim_thread *t = shim_self;
	int route = shim_native;

	if (route == SHIM_RING || shim_counters_file || !t)
		return NULL;
	t->counts[call][route]++;
	return t;
}

/* It has returned @ret. */
static inline long shim_plain_end(struct shim_thread *t, enum shim_call call,
				  long ret)
{
	if (__builtin_expect(ret < 0, 0))
		t->counts[call][SHIM_COL_ERRORS]++;
	return ret;
}

/* The same of one that moves bytes. */
static inline ssize_t shim_plain_moved(struct shim_thread *t,
				       enum shim_call call, ssize_t ret)
{
	if (ret > 0)
		t->counts[call][SHIM_COL_BYTES] += (size_t)ret;
	return shim_plain_end(t, call, ret);
}

#endif
