/* SPDX-License-Identifier: MIT */
/* A lane of a recording: where its records are, and what becomes of its space. */
#ifndef SHIM_CLI_RECORDING_LANE_H
#define SHIM_CLI_RECORDING_LANE_H

#include "recording.h"

/* A record that waits to be taken; size 0: none. */
struct found {
	uint32_t lane, size;
	uint64_t pos;
	uint64_t from; /* where the one before it in its lane ended */
};

struct recording {
	char *map;
	size_t size;
	uint32_t number;
	size_t lane_size, room;
	struct lane *lanes;
	struct found *window; /* by number */
	uint64_t next;        /* the number that is to be taken */
	uint64_t far;         /* the smallest that is outside the window */
	uint64_t gap, gap_since;
	uint32_t waiting;
	unsigned count;       /* taken, ever */
	uint64_t lost;        /* in lanes that were given back */
	bool shared, over;
	char *copy;           /* of one record */
};

/* The reader's own mark: found behind one that is held. */
#define LANE_FOUND 0x10000000U

/* How many have ever been claimed. */
uint32_t lanes_used(const struct recording *r);

/* Has it been claimed since? */
void lane_look(struct recording *r, struct lane *lane);

/* What is before it has been reserved, ever: from the memory, but sane. */
uint64_t lane_head(const struct recording *r, const struct lane *lane);

/*
 * The record at @pos, before the head, and its mark: 0, or with a size that is
 * possible there.
 */
struct shim_trace_record *lane_record(const struct recording *r,
				      struct lane *lane, uint64_t pos,
				      uint32_t *mark);
void lane_found(struct shim_trace_record *record, uint32_t mark);

/* Copy it to r->copy. */
void lane_copy(struct recording *r, const struct lane *lane, uint64_t pos,
	       uint32_t size);

/* Give back what was taken, and the lane itself if nobody needs it any more. */
void lane_release(struct recording *r, struct lane *lane);

uint64_t lane_lost(const struct recording *r, uint32_t index);

#endif
