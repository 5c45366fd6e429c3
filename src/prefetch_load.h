/* SPDX-License-Identifier: MIT */
/*
 * Asking for the data of a file by name: of a regular file, and of nothing else,
 * whatever becomes of the name meanwhile.
 */
#ifndef SHIM_PREFETCH_LOAD_H
#define SHIM_PREFETCH_LOAD_H

#include <stdint.h>

#define SHIM_LOAD_FILE (1UL << 20) /* of one; then the kernel's own read-ahead */

/* By what a descriptor of this task is opened again; -errno: there is no /proc. */
int shim_load_own(void);

/* The file @name in @dirfd, for the next one; nothing of it is opened.  Or -errno. */
int shim_load_find(int dirfd, const char *name);

/*
 * Start reading the file @path, from the above, if it is a regular one on @dev, and
 * @ino unless that is 0: the first @most bytes of it.  Closes @path.  Returns how many
 * are asked for, or -errno.  @own is from shim_load_own().
 */
long shim_load(int own, int path, uint64_t dev, uint64_t ino, uint64_t most);

/* The same for @len bytes at @at of it; 0: it ends before. */
long shim_load_part(int own, int path, uint64_t dev, uint64_t ino, uint64_t at,
		    uint64_t len);

#endif
