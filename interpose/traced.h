/* SPDX-License-Identifier: MIT */
/*
 * The entries (entry.h) with a record before and after: where calls arrive
 * instead when there is a recording.  Where there is none nobody comes here.
 *
 * What holds for an entry holds for its twin.
 */
#ifndef SHIM_TRACED_H
#define SHIM_TRACED_H

#include <errno.h>

#include "entry.h"
#include "trace.h"

#define SHIM_ENTRY(function) \
	__typeof__(shim_entry_##function) shim_traced_##function;
#define SHIM_PRIVATE_SYMBOL(symbol, entry) \
	__typeof__(shim_entry_##entry) shim_traced_##entry;
#include "each.def"

/*
 * syscall(2) with the number of a call that is only counted, or native by
 * number.
 */
long shim_traced_number(long nr, long a, long b, long c, long d, long e,
			long f);
/* open(2) by its own number, which libc's open(3) does not use. */
int shim_traced_open_number(const char *path, int flags, mode_t mode);

/* What libc's functions return as the result of a system call. */
static inline int64_t shim_trace_result(long ret)
{
	return ret < 0 ? -errno : ret;
}

#endif
