// SPDX-License-Identifier: MIT
/*
 * Which inodes come in with which; see prefetch_near.h.  Groups are remembered in a
 * table without chains: what is lost is asked for again.
 */
#include "prefetch_near.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include "sys.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

#define SOME 64U  /* looks, before anything is made of them */
#define MANY 512U /* looks, after which the older ones count half */

/*
 * ext4 reads 32 blocks (inode_readahead_blks) of inodes, of which nobody tells how large
 * they are: 256 bytes, mostly.  Of 128 there are more, and one is asked for twice as
 * often as it need be, which is little; of larger ones there are less, which shows.
 */
#define EXT4_BLOCKS 32U
#define EXT4_INODE 256U
#define LARGEST 65536U

/*
 * XFS, btrfs and others have some 16 to 64 in what they read; but btrfs has beside the
 * inode of a directory what is in it.
 */
#define FEWEST 16U
#define STEP 4U
/* So many looks at what comes together may be slow: it need not begin where we think. */
#define PER_GROUP 8U
#define OFTEN 8U

/* Where nothing is known of the kind, or a server is asked, each is a wait of its own. */
void shim_near_begin(struct shim_near *near, long type, unsigned long block)
{
	*near = (struct shim_near){ .inodes = 1 };
	if (type == EXT4_SUPER_MAGIC && block >= 1024 && block <= LARGEST)
		near->inodes = EXT4_BLOCKS * (unsigned)block / EXT4_INODE;
	if (type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC)
		near->inodes = FEWEST;
	near->dirs_apart = type == BTRFS_SUPER_MAGIC;
}

void shim_near_begin_at(struct shim_near *near, int fd)
{
	struct statfs fs = { 0 };

	if (fd >= 0 && !shim_sys(SYS_fstatfs, fd, &fs, 0))
		shim_near_begin(near, (long)fs.f_type,
				(unsigned long)fs.f_bsize);
	else
		shim_near_begin(near, 0, 0);
}

bool shim_near_each(const struct shim_near *near)
{
	return near->inodes == 1;
}

static uint64_t number_of(const struct shim_near *near, uint64_t ino)
{
	return ino / near->inodes + 1;
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

void shim_near_came(struct shim_near *near, uint64_t ino, uint32_t now)
{
	uint64_t *known = slot_of(near, ino);

	if (*known >> 1 != number_of(near, ino) || *known & 1)
		return;
	*known |= 1;
	near->came[known - near->group] = now;
}

bool shim_near_was_here(struct shim_near *near, uint64_t ino, uint32_t then)
{
	return shim_near_state(near, ino) == SHIM_NEAR_HERE &&
	       (int32_t)(then - near->came[slot_of(near, ino) - near->group]) >= 0;
}

/* Fewer come together.  What is in the table has numbers of another kind. */
static void guess_again(struct shim_near *near)
{
	unsigned n = near->inodes / STEP;

	if (n < FEWEST)
		n = near->inodes > FEWEST ? FEWEST : 1;
	*near = (struct shim_near){
		.inodes = n, .dirs_apart = near->dirs_apart,
	};
}

static bool too_often(const struct shim_near *near)
{
	unsigned one_in = near->inodes / PER_GROUP;

	return near->slow * (one_in < OFTEN ? OFTEN : one_in) > near->looked;
}

void shim_near_looked(struct shim_near *near, bool slow)
{
	if (shim_near_each(near))
		return;
	near->looked++;
	near->slow += slow;
	if (near->looked >= SOME && too_often(near)) {
		guess_again(near);
	} else if (near->looked >= MANY) {
		near->looked /= 2;
		near->slow /= 2;
	}
}
