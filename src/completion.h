/* SPDX-License-Identifier: MIT */
/*
 * Completions: where the events of a thread live from submission to CQE.
 *
 *   free -> submitted -> done                      the caller takes the result
 *                     -> cancelled(cancellation) -> free     the CQE drops it
 *
 * A slot holds the event itself, not a pointer to it: the caller's stack frame
 * may be gone (siglongjmp) while the kernel still has the operation.  user_data
 * is slot and generation, so that a late CQE is never taken for another call's.
 * Nothing allocates; all is async-signal-safe.
 */
#ifndef SHIM_COMPLETION_H
#define SHIM_COMPLETION_H

#include "event.h"

#define SHIM_SLOTS 4U

enum shim_slot_state {
	SHIM_SLOT_FREE,
	SHIM_SLOT_SUBMITTED,
	SHIM_SLOT_DONE,
	SHIM_SLOT_CANCELLED,
};

struct shim_slot {
	union shim_any_event event;
	struct shim_cancellation cancellation;
	uint32_t generation;
	uint32_t state;
	int res;              /* the CQE's, when done */
	unsigned index;
};

struct shim_completions {
	struct shim_slot slots[SHIM_SLOTS];
};

/* user_data of an SQE whose CQE interests nobody. */
#define SHIM_NOBODY 0ULL

/* A free slot, in state submitted, with a generation of its own; or NULL. */
struct shim_slot *shim_slot_take(struct shim_completions *c);

/* Give a slot back whose event is not with the kernel. */
static inline void shim_slot_release(struct shim_slot *slot)
{
	slot->state = SHIM_SLOT_FREE;
}

static inline uint64_t shim_slot_user_data(const struct shim_slot *slot)
{
	return (uint64_t)slot->generation << 8 | (slot->index + 1);
}

/* The caller of a submitted event has gone: move what it owns. */
void shim_slot_abandon(struct shim_slot *slot);

/* A CQE has come.  Returns false if it was nobody's. */
bool shim_slot_complete(struct shim_completions *c, uint64_t user_data, int res);

/* Number of slots in @state. */
unsigned shim_slots_in(const struct shim_completions *c,
		       enum shim_slot_state state);

#endif
