/* SPDX-License-Identifier: MIT */
/*
 * What is known of file systems: a cache, by a key that no other file system will
 * ever have.
 *
 * The key is the device number where it is a real one.  Anonymous numbers (major
 * number 0: tmpfs, overlayfs, FUSE, network file systems) are used again after an
 * unmount; there the key is the unique id of the mount, where the kernel gives it
 * (STATX_MNT_ID_UNIQUE, 6.8), or 0: nothing is remembered.
 *
 * All functions are async-signal-safe.
 */
#ifndef SHIM_FS_H
#define SHIM_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/sysmacros.h>

#include "sys.h"

enum {
	SHIM_FS_NOWAIT = 1,      /* answers RWF_NOWAIT for cached pages */
	SHIM_FS_INLINE_CLOSE = 2,/* close does no work of its own */
	SHIM_FS_INLINE_OPEN = 4, /* nobody else sees the flags of an open */
};

/* What stat says of a file, as far as it matters here. */
struct shim_file {
	mode_t mode;
	uint64_t fs;             /* its file system's key */
};

/* The key of a file system whose files have this st_dev. */
static inline uint64_t shim_fs_of(dev_t dev)
{
	return major(dev) ? dev : 0;
}

/* The last file that was looked at has no device of its own. */
extern volatile bool shim_fs_anonymous;

/* The look with the mount's id. */
int shim_file_look_closely(int dirfd, const char *path, int flags,
			   struct shim_file *file);

/*
 * Look at @path as fstatat(2) does with @flags.  0 or -errno.  Inline, and by
 * newfstatat where that is enough: statx(2), or a return right after the system
 * call, made an open of a file 0.25 us longer.
 */
static inline int shim_file_look(int dirfd, const char *path, int flags,
				 struct shim_file *file)
{
	struct stat st = { 0 };
	long ret;

	if (shim_fs_anonymous)
		return shim_file_look_closely(dirfd, path, flags, file);
	ret = shim_sys4(SYS_newfstatat, dirfd, path, &st, flags);
	if (ret)
		return (int)ret;
	*file = (struct shim_file){ st.st_mode, shim_fs_of(st.st_dev) };
	return file->fs ? 0 : shim_file_look_closely(dirfd, path, flags, file);
}

/* What is known of it; -1: nothing yet. */
int shim_fs_known(uint64_t fs);

/* The same of the file system of @fd, asked if nothing is known. */
unsigned shim_fs_flags(int fd, uint64_t fs);

/* Ask, for the next time. */
void shim_fs_learn(int fd);

#endif
