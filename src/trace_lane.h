/* SPDX-License-Identifier: MIT */
/* Lanes of a recording: which one a thread gets, and where its records are. */
#ifndef SHIM_TRACE_LANE_H
#define SHIM_TRACE_LANE_H

#include <stdbool.h>

#include "format/trace.h"

/*
 * A lane for the calling thread: a fresh one, or one that the reader has given
 * back; where there is no reader, in the end one whose thread has gone, with
 * what it held counted as lost.  NULL if there is none.  With signals blocked.
 */
struct shim_trace_lane *shim_trace_lane_claim(struct shim_trace_header *header,
					      uint32_t pid, uint32_t tid);

/*
 * Nobody reads: the oldest record of the calling thread's lane gives way, and is
 * counted as lost.  False: it is being written.  Async-signal-safe.
 */
bool shim_trace_lane_drop(const struct shim_trace_header *header,
			  struct shim_trace_lane *lane);

static inline struct shim_trace_record *
shim_trace_record_at(const struct shim_trace_header *header,
		     struct shim_trace_lane *lane, uint64_t at)
{
	uint64_t mask = header->lane_size - SHIM_TRACE_PAGE - 1;

	return (struct shim_trace_record *)(void *)
		((char *)lane + SHIM_TRACE_PAGE + (at & mask));
}

#endif
