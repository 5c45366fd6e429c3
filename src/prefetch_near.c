// SPDX-License-Identifier: MIT
/*
 * Which inodes come in with which; see prefetch_near.h.  Groups are remembered in a
 * table without chains: what is lost is asked for again.
 */
#include "prefetch_near.h"

#include <linux/magic.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

#define SOME 64U  /* looks, before anything is made of them */
#define MANY 512U /* looks, after which the older ones count half */

/*
 * ext4 reads 32 blocks of 16 (inode_readahead_blks); XFS, btrfs and others have some
 * 16 to 64 in what they read.  One look in so many may be slow, or the guess is wrong.
 */
static const struct {
	unsigned inodes, slow;
} guesses[] = { { 512, 64 }, { 16, 8 }, { 1, 1 } };

#define LAST (sizeof(guesses) / sizeof(guesses[0]) - 1)

/* Where nothing is known of the kind, or a server is asked, each is a wait of its own. */
void shim_near_begin(struct shim_near *near, long type)
{
	*near = (struct shim_near){ .guess = LAST };
	if (type == EXT4_SUPER_MAGIC)
		near->guess = 0;
	if (type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC)
		near->guess = 1;
}

bool shim_near_each(const struct shim_near *near)
{
	return near->guess == LAST;
}

static uint64_t number_of(const struct shim_near *near, uint64_t ino)
{
	return ino / guesses[near->guess].inodes + 1;
}

static uint64_t *slot_of(struct shim_near *near, uint64_t ino)
{
	uint64_t hash = number_of(near, ino) * 0x9e3779b97f4a7c15ULL;

	return &near->group[(hash >> 32) % SHIM_NEAR_SLOTS];
}

enum shim_near_state shim_near_state(struct shim_near *near, uint64_t ino)
{
	uint64_t known = *slot_of(near, ino);

	if (shim_near_each(near))
		return SHIM_NEAR_NEW;
	if (!ino)
		return SHIM_NEAR_HERE;
	if (known >> 1 != number_of(near, ino))
		return SHIM_NEAR_NEW;
	return known & 1 ? SHIM_NEAR_HERE : SHIM_NEAR_ASKED;
}

void shim_near_asked(struct shim_near *near, uint64_t ino)
{
	*slot_of(near, ino) = number_of(near, ino) << 1;
}

void shim_near_came(struct shim_near *near, uint64_t ino)
{
	uint64_t *known = slot_of(near, ino);

	if (*known >> 1 == number_of(near, ino))
		*known |= 1;
}

/* Fewer come together.  What is in the table has numbers of another kind. */
static void guess_again(struct shim_near *near)
{
	*near = (struct shim_near){ .guess = near->guess + 1 };
}

void shim_near_looked(struct shim_near *near, bool slow)
{
	if (shim_near_each(near))
		return;
	near->looked++;
	near->slow += slow;
	if (near->looked >= SOME &&
	    near->slow * guesses[near->guess].slow > near->looked) {
		guess_again(near);
	} else if (near->looked >= MANY) {
		near->looked /= 2;
		near->slow /= 2;
	}
}
