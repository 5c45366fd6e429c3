// SPDX-License-Identifier: MIT
/* See recording_lane.h. */
#include "recording_lane.h"

#include <string.h>

static const struct shim_trace_header *header_of(const struct recording *r)
{
	return (const struct shim_trace_header *)r->map;
}

static char *memory_of(const struct recording *r, const struct lane *lane)
{
	size_t index = (size_t)(lane - r->lanes);

	return r->map + SHIM_TRACE_LANES + index * r->lane_size;
}

static struct shim_trace_lane *shared(const struct recording *r,
				      const struct lane *lane)
{
	return (struct shim_trace_lane *)memory_of(r, lane);
}

static char *at(const struct recording *r, const struct lane *lane, uint64_t pos)
{
	return memory_of(r, lane) + SHIM_TRACE_PAGE + (pos & (r->room - 1));
}

uint32_t lanes_used(const struct recording *r)
{
	uint32_t used = __atomic_load_n(&header_of(r)->used, __ATOMIC_ACQUIRE);

	return used < r->number ? used : r->number;
}

void lane_look(struct recording *r, struct lane *lane)
{
	struct shim_trace_lane *s;
	uint64_t tail;

	if (lane->known)
		return;
	s = shared(r, lane);
	if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SHIM_TRACE_FREE ||
	    !__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))
		return;
	tail = __atomic_load_n(&s->tail, __ATOMIC_ACQUIRE) & ~7ULL;
	*lane = (struct lane){
		.pid = s->pid, .tid = s->tid, .known = true, .dead = r->over,
		.scan = tail, .last = tail, .taken = tail,
	};
}

uint64_t lane_head(const struct recording *r, const struct lane *lane)
{
	uint64_t head = __atomic_load_n(&shared(r, lane)->head,
					__ATOMIC_ACQUIRE);
	uint64_t most = lane->taken + r->room;

	/* Of one that makes no sense nothing is read. */
	if (head < lane->scan || head > most || head & 7)
		return lane->scan;
	return head;
}

struct shim_trace_record *lane_record(const struct recording *r,
				      struct lane *lane, uint64_t pos,
				      uint32_t *mark)
{
	uint64_t end = r->room - (pos & (r->room - 1));
	struct shim_trace_record *record = (void *)at(r, lane, pos);
	uint32_t size;

	*mark = __atomic_load_n(&record->mark, __ATOMIC_ACQUIRE);
	size = *mark & SHIM_TRACE_SIZE;
	if (!*mark || (size && !(size & 7) && size <= end &&
		       (!(*mark & SHIM_TRACE_DONE) || size >= sizeof(*record))))
		return record;
	lane->torn |= !lane->dead;
	*mark = 0;
	return record;
}

void lane_found(struct shim_trace_record *record, uint32_t mark)
{
	__atomic_store_n(&record->mark, mark | LANE_FOUND, __ATOMIC_RELAXED);
}

void lane_copy(struct recording *r, const struct lane *lane, uint64_t pos,
	       uint32_t size)
{
	memcpy(r->copy, at(r, lane, pos), size);
}

/* In a ring: what is behind its end is at its beginning. */
static void zero(struct recording *r, struct lane *lane, uint64_t from,
		 uint64_t to)
{
	uint64_t end = r->room - (from & (r->room - 1));

	if (to - from > end) {
		memset(at(r, lane, from), 0, end);
		from += end;
	}
	memset(at(r, lane, from), 0, to - from);
}

/* It is empty, but for what was never finished. */
static void give_lane_back(struct recording *r, struct lane *lane)
{
	struct shim_trace_lane *s = shared(r, lane);
	uint64_t head = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);

	if (head > lane->taken)
		zero(r, lane, 0, r->room);
	r->lost += s->lost;
	s->pid = s->tid = s->ready = 0;
	s->head = s->lost = s->tail = 0;
	*lane = (struct lane){ .known = false };
	__atomic_store_n(&s->state, SHIM_TRACE_FREE, __ATOMIC_RELEASE);
}

void lane_release(struct recording *r, struct lane *lane)
{
	struct shim_trace_lane *s;
	uint32_t state;

	if (!lane->known || !r->shared)
		return;
	s = shared(r, lane);
	if (lane->taken > s->tail && lane->taken - s->tail <= r->room) {
		zero(r, lane, s->tail, lane->taken);
		__atomic_store_n(&s->tail, lane->taken, __ATOMIC_RELEASE);
	}
	state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
	if ((state == SHIM_TRACE_ENDED || lane->dead) && !lane->waiting &&
	    lane->scan >= lane_head(r, lane))
		give_lane_back(r, lane);
}

uint64_t lane_lost(const struct recording *r, uint32_t index)
{
	const struct lane *lane = &r->lanes[index];

	return lane->known ? shared(r, lane)->lost : 0;
}
