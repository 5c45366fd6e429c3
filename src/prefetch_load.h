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

/* Bytes of a file that is open. */
struct shim_wanted {
	int fd;
	uint64_t at, len;
};

/*
 * Open the file @path, from the above, if it is a regular one on @dev, and @ino unless
 * that is 0, for its first data of the @most bytes at @at.  Closes @path.  Returns how
 * many of them are wanted; 0, with nothing opened, if there are none; or -errno.  @own is
 * from shim_load_own().
 */
long shim_load_open(int own, int path, uint64_t dev, uint64_t ino, uint64_t at,
		    uint64_t most, struct shim_wanted *w);

/* Start reading them, and close the file.  Returns how many are asked for, or -errno. */
long shim_load_ask(const struct shim_wanted *w);

/* Both. */
long shim_load(int own, int path, uint64_t dev, uint64_t ino, uint64_t at,
	       uint64_t most);

#endif
