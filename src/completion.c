// SPDX-License-Identifier: MIT
/*
 * The slot table of a thread; see completion.h.  Linear searches: there are
 * four slots, and all but the first are used only while something is abandoned.
 */
#include "completion.h"

#include <stdatomic.h>

struct shim_slot *shim_slot_take(struct shim_completions *c)
{
	struct shim_slot *slot;
	unsigned i;

	for (i = 0; i < SHIM_SLOTS; i++) {
		slot = &c->slots[i];
		if (slot->state != SHIM_SLOT_FREE)
			continue;
		/* A jump may come before the event is there. */
		slot->event.ev.ops = NULL;
		slot->generation++;
		slot->index = i;
		atomic_signal_fence(memory_order_seq_cst);
		slot->state = SHIM_SLOT_SUBMITTED;
		return slot;
	}
	return NULL;
}

void shim_slot_abandon(struct shim_slot *slot)
{
	slot->cancellation = (struct shim_cancellation){ 0 };
	if (slot->event.ev.ops)
		slot->event.ev.ops->cancel(&slot->event.ev,
					   &slot->cancellation);
	slot->state = SHIM_SLOT_CANCELLED;
}

bool shim_slot_complete(struct shim_completions *c, uint64_t user_data, int res)
{
	unsigned index = (unsigned)(user_data & 0xff) - 1;
	struct shim_cancellation cancellation;
	struct shim_slot *slot;

	if (index >= SHIM_SLOTS)
		return false;
	slot = &c->slots[index];
	if (slot->generation != (uint32_t)(user_data >> 8))
		return false;
	if (slot->state == SHIM_SLOT_SUBMITTED) {
		slot->res = res;
		slot->state = SHIM_SLOT_DONE;
		return true;
	}
	if (slot->state != SHIM_SLOT_CANCELLED)
		return false;
	cancellation = slot->cancellation;
	slot->state = SHIM_SLOT_FREE;
	if (cancellation.drop)
		cancellation.drop(&cancellation, res);
	return true;
}

unsigned shim_slots_in(const struct shim_completions *c,
		       enum shim_slot_state state)
{
	unsigned i, n = 0;

	for (i = 0; i < SHIM_SLOTS; i++)
		n += c->slots[i].state == state;
	return n;
}
