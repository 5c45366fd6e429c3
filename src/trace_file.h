/* SPDX-License-Identifier: MIT */
/* The file of a recording: opened, checked, or made. */
#ifndef SHIM_TRACE_FILE_H
#define SHIM_TRACE_FILE_H

#include <stdint.h>

#include "format/trace.h"

/*
 * Map the recording @path ("%p" is the pid).  If there is no such file, or it is
 * empty, it becomes one without a reader, as large as it will ever be, readable
 * by its owner only; @now is CLOCK_MONOTONIC in ns.  No descriptor is kept.  0
 * or -errno; -EEXIST: the file is something else.  Not async-signal-safe
 * against itself.
 */
int shim_trace_map(const char *path, uint64_t now,
		   struct shim_trace_header **header);
void shim_trace_unmap(struct shim_trace_header *header);

#endif
