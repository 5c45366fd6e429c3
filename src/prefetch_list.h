/* SPDX-License-Identifier: MIT */
/* Opening and listing directories for the walk; see prefetch_walk.h. */
#ifndef SHIM_PREFETCH_LIST_H
#define SHIM_PREFETCH_LIST_H

#include "prefetch_walk.h"

/*
 * Open the directory @name of @dirfd: never across a mount or an automount, never
 * by a symbolic link, and only if reading it leaves its access time alone.
 * Returns a descriptor or -errno.
 */
int shim_list_open(int dirfd, const char *name, uint64_t dev);

/* The same for a path that the program has gone itself. */
int shim_list_open_path(const char *path, uint64_t dev);

/*
 * Add the directory behind @fd to the walk, with all that is in it; takes @fd, and
 * closes it on failure.  Returns its index or -errno.
 */
int shim_list(struct shim_walk *walk, int fd, int parent);

/* Room for an entry named @name of directory @dir, or NULL. */
struct shim_walk_entry *shim_list_add(struct shim_walk *walk, int dir,
				      const char *name);

/* A new directory without entries.  Its index, or -ENOSPC. */
int shim_list_new_dir(struct shim_walk *walk, int fd, uint64_t ino, int parent);

/* The entry of inode @ino, or NULL. */
struct shim_walk_entry *shim_list_find(struct shim_walk *walk, uint64_t ino);

/* Remember where the entry of an inode is. */
void shim_list_hash(struct shim_walk *walk, const struct shim_walk_entry *e);

#endif
