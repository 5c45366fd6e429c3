/* SPDX-License-Identifier: MIT */
/*
 * Which inodes come in with which: most file systems keep them side by side, in
 * blocks, in the order of their numbers, and some read more than one block.  One inode has
 * to be waited for, those beside it are then there for the asking.
 *
 * How many these are is a guess, and it is put to the test: whoever looks at an inode
 * that should have been there says whether that was slow.  When it was too often, fewer
 * are taken to come together, and in the end each is asked for.
 */
#ifndef SHIM_PREFETCH_NEAR_H
#define SHIM_PREFETCH_NEAR_H

#include <stdbool.h>
#include <stdint.h>

#define SHIM_NEAR_SLOTS 8192U

enum shim_near_state {
	SHIM_NEAR_NEW,     /* nothing is known: ask for it */
	SHIM_NEAR_ASKED,   /* its block is on its way */
	SHIM_NEAR_HERE,    /* its block has come, or may well have */
};

struct shim_near {
	uint64_t group[SHIM_NEAR_SLOTS]; /* number, and whether it has come */
	uint32_t came[SHIM_NEAR_SLOTS];  /* and when */
	unsigned inodes;                 /* that are taken to come together */
	bool dirs_apart;                 /* but for directories */
	unsigned looked, slow;           /* at what should have been there */
};

/* On a file system of this type and block size, as statfs(2) has them; 0: not known. */
void shim_near_begin(struct shim_near *near, long type, unsigned long block);

/* On that of the file behind @fd. */
void shim_near_begin_at(struct shim_near *near, int fd);

/* Does each have to be asked for? */
bool shim_near_each(const struct shim_near *near);

/* @ino 0: not known. */
enum shim_near_state shim_near_state(struct shim_near *near, uint64_t ino);

/* It has been asked for; it has come, at @now, on any clock that goes on. */
void shim_near_asked(struct shim_near *near, uint64_t ino);
void shim_near_came(struct shim_near *near, uint64_t ino, uint32_t now);

/* Should it have been there at @then?  Who waits for the same as we do proves nothing. */
bool shim_near_was_here(struct shim_near *near, uint64_t ino, uint32_t then);

/* One that should have been there was looked at. */
void shim_near_looked(struct shim_near *near, bool slow);

#endif
