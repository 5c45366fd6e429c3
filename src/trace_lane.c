// SPDX-License-Identifier: MIT
/*
 * Which lane of a recording a thread gets; see format/trace.h.  Without locks,
 * because processes share them that may be killed at any moment.
 */
#include "trace_lane.h"

#include <errno.h>
#include <string.h>

#include "sys.h"

#define load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define add(p, n) __atomic_fetch_add((p), (n), __ATOMIC_ACQ_REL)

static struct shim_trace_lane *lane_at(struct shim_trace_header *header,
				       uint32_t i)
{
	return (struct shim_trace_lane *)(void *)
		((char *)header + SHIM_TRACE_LANES +
		 (uint64_t)i * header->lane_size);
}

static bool take(struct shim_trace_lane *lane, uint32_t was)
{
	return __atomic_compare_exchange_n(&lane->state, &was,
					   SHIM_TRACE_CLAIMED, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static bool thread_is_dead(const struct shim_trace_lane *lane)
{
	return load(&lane->ready) &&
	       shim_sys(SYS_tgkill, lane->pid, lane->tid, 0) == -ESRCH;
}

/* Zero all, with what was in it counted as lost. */
static void forget(struct shim_trace_header *header,
		   struct shim_trace_lane *lane)
{
	uint64_t at, head = lane->head, n = lane->lost;
	uint32_t mark;

	for (at = lane->tail; at < head; at += mark & SHIM_TRACE_SIZE) {
		mark = shim_trace_record_at(header, lane, at)->mark;
		if (!(mark & SHIM_TRACE_SIZE))
			break;
		n += mark & SHIM_TRACE_DONE ? 1 : 0;
	}
	add(&header->lost, n);
	memset(shim_trace_record_at(header, lane, 0), 0,
	       header->lane_size - SHIM_TRACE_PAGE);
	lane->head = lane->tail = lane->lost = 0;
}

/* Nobody reads: one whose thread has gone takes another one. */
static struct shim_trace_lane *
forget_a_lane(struct shim_trace_header *header)
{
	struct shim_trace_lane *lane;
	uint32_t i;

	for (i = 0; i < header->lanes; i++) {
		lane = lane_at(header, i);
		if ((take(lane, SHIM_TRACE_ENDED) || thread_is_dead(lane)) &&
		    __atomic_exchange_n(&lane->ready, 0, __ATOMIC_ACQ_REL)) {
			forget(header, lane);
			return lane;
		}
	}
	return NULL;
}

/* One that nobody ever had, or one that the reader has given back. */
static struct shim_trace_lane *free_lane(struct shim_trace_header *header)
{
	uint32_t i, n = load(&header->used);

	if (n > header->lanes)
		n = header->lanes;
	for (i = 0; i < n; i++) {
		if (load(&lane_at(header, i)->state) == SHIM_TRACE_FREE &&
		    take(lane_at(header, i), SHIM_TRACE_FREE))
			return lane_at(header, i);
	}
	for (i = n; i < header->lanes; i++) {
		if (!take(lane_at(header, i), SHIM_TRACE_FREE))
			continue;
		while (n <= i && !__atomic_compare_exchange_n(
			&header->used, &n, i + 1, false, __ATOMIC_ACQ_REL,
			__ATOMIC_ACQUIRE))
			;
		return lane_at(header, i);
	}
	return load(&header->flags) & SHIM_TRACE_WAIT ? NULL :
		forget_a_lane(header);
}

struct shim_trace_lane *shim_trace_lane_claim(struct shim_trace_header *header,
					      uint32_t pid, uint32_t tid)
{
	struct shim_trace_lane *lane = free_lane(header);

	if (!lane)
		return NULL;
	lane->pid = pid;
	lane->tid = tid;
	__atomic_store_n(&lane->ready, 1, __ATOMIC_RELEASE);
	return lane;
}

bool shim_trace_lane_drop(const struct shim_trace_header *header,
			  struct shim_trace_lane *lane)
{
	uint64_t tail = lane->tail;
	struct shim_trace_record *r = shim_trace_record_at(header, lane, tail);
	uint32_t mark = load(&r->mark);

	if (!(mark & (SHIM_TRACE_DONE | SHIM_TRACE_SKIP)))
		return false;
	memset(r, 0, mark & SHIM_TRACE_SIZE);
	__atomic_store_n(&lane->tail, tail + (mark & SHIM_TRACE_SIZE),
			 __ATOMIC_RELEASE);
	if (mark & SHIM_TRACE_DONE)
		add(&lane->lost, 1);
	return true;
}
