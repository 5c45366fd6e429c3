/* SPDX-License-Identifier: MIT */
/*
 * Which inodes come in with which: most file systems keep them side by side, in
 * blocks, in the order of their numbers.  One of them has to be waited for, the others
 * of its block are then there for the asking.
 *
 * That is a guess, and it is put to the test: whoever looks at an inode that should have
 * been there says whether that was slow.  If it was too often, each is asked for.
 */
#ifndef SHIM_PREFETCH_NEAR_H
#define SHIM_PREFETCH_NEAR_H

#include <stdbool.h>
#include <stdint.h>

/* 256 bytes each in a block of 4 KiB, as ext4 has them; XFS and btrfs: no fewer. */
#define SHIM_NEAR_INODES 16U
#define SHIM_NEAR_BLOCKS 8192U

enum shim_near_state {
	SHIM_NEAR_NEW,     /* nothing is known: ask for it */
	SHIM_NEAR_ASKED,   /* its block is on its way */
	SHIM_NEAR_HERE,    /* its block has come, or may well have */
};

struct shim_near {
	uint64_t block[SHIM_NEAR_BLOCKS]; /* number, and whether it has come */
	unsigned looked, slow;            /* at what should have been there */
	bool each;                        /* the guess was wrong */
};

/* @ino 0: not known. */
enum shim_near_state shim_near_state(const struct shim_near *near,
				     uint64_t ino);

/* It has been asked for; it has come. */
void shim_near_asked(struct shim_near *near, uint64_t ino);
void shim_near_came(struct shim_near *near, uint64_t ino);

/* One that should have been there was looked at. */
void shim_near_looked(struct shim_near *near, bool slow);

#endif
