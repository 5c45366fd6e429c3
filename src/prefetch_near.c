// SPDX-License-Identifier: MIT
/*
 * Which inodes come in with which; see prefetch_near.h.  Blocks are remembered in a
 * table without chains: what is lost is asked for again.
 */
#include "prefetch_near.h"

#define SOME 64U  /* looks, before anything is made of them */
#define MANY 512U /* looks, after which the older ones count half */

static uint64_t number_of(uint64_t ino)
{
	return ino / SHIM_NEAR_INODES + 1;
}

static unsigned slot_of(uint64_t ino)
{
	return (unsigned)(number_of(ino) % SHIM_NEAR_BLOCKS);
}

enum shim_near_state shim_near_state(const struct shim_near *near,
				     uint64_t ino)
{
	uint64_t known = near->block[slot_of(ino)];

	if (near->each)
		return SHIM_NEAR_NEW;
	if (!ino)
		return SHIM_NEAR_HERE;
	if (known >> 1 != number_of(ino))
		return SHIM_NEAR_NEW;
	return known & 1 ? SHIM_NEAR_HERE : SHIM_NEAR_ASKED;
}

void shim_near_asked(struct shim_near *near, uint64_t ino)
{
	near->block[slot_of(ino)] = number_of(ino) << 1;
}

void shim_near_came(struct shim_near *near, uint64_t ino)
{
	uint64_t *known = &near->block[slot_of(ino)];

	if (*known >> 1 == number_of(ino))
		*known |= 1;
}

void shim_near_looked(struct shim_near *near, bool slow)
{
	near->looked++;
	near->slow += slow;
	if (near->looked >= SOME && near->slow > near->looked / 4)
		near->each = true;
	if (near->looked >= MANY) {
		near->looked /= 2;
		near->slow /= 2;
	}
}
