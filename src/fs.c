// SPDX-License-Identifier: MIT
/* See fs.h. */
#include "fs.h"

#include <linux/magic.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/vfs.h>

#include "sys.h"

/* Not in Debian 12's headers. */
#define XFS_MAGIC 0x58465342
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U /* 6.8 */
#endif

volatile bool shim_fs_anonymous;

/* A mount's has a bit that no device number has. */
static uint64_t key_of(const struct statx *sx)
{
	if (sx->stx_dev_major)
		return makedev(sx->stx_dev_major, sx->stx_dev_minor);
	return sx->stx_mask & STATX_MNT_ID_UNIQUE ?
		1ULL << 55 | sx->stx_mnt_id : 0;
}

int shim_file_look_closely(int dirfd, const char *path, int flags,
			   struct shim_file *file)
{
	struct statx sx = { 0 };
	long ret;

	ret = shim_sys6(SYS_statx, dirfd, (long)path, flags,
			STATX_TYPE | STATX_MODE | STATX_MNT_ID_UNIQUE,
			(long)&sx, 0);
	if (ret)
		return (int)ret;
	shim_fs_anonymous = !sx.stx_dev_major;
	*file = (struct shim_file){ sx.stx_mode, key_of(&sx) };
	return 0;
}

/* A word each: key and flags.  Programs use few file systems. */
#define FLAG_BITS 8
#define SLOTS 16
#define THERE 0x80U /* the key may be anything */
static _Atomic uint64_t known[SLOTS];

/*
 * Everything that is not listed is left to the kernel's own path.  tmpfs and
 * overlayfs cannot be asked not to wait; overlayfs flushes a file of another.
 */
static unsigned ask(int fd)
{
	struct statfs fs;

	if (shim_sys(SYS_fstatfs, fd, &fs, 0))
		return 0;
	switch (fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return SHIM_FS_NOWAIT | SHIM_FS_INLINE_CLOSE |
		       SHIM_FS_INLINE_OPEN;
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
		return SHIM_FS_INLINE_CLOSE | SHIM_FS_INLINE_OPEN;
	case OVERLAYFS_SUPER_MAGIC:
		return SHIM_FS_INLINE_OPEN;
	default:
		return 0;
	}
}

/* Where @fs is, or could be put; NULL if there is no room. */
static _Atomic uint64_t *find(uint64_t fs)
{
	unsigned first = (unsigned)(fs * 0x9e3779b97f4a7c15ULL >> 60), i;
	_Atomic uint64_t *slot;
	uint64_t word;

	for (i = 0; i < SLOTS; i++) {
		slot = &known[(first + i) % SLOTS];
		word = atomic_load(slot);
		if (!word || word >> FLAG_BITS == fs)
			return slot;
	}
	return NULL;
}

int shim_fs_known(uint64_t fs)
{
	_Atomic uint64_t *slot = fs ? find(fs) : NULL;
	uint64_t word = slot ? atomic_load(slot) : 0;

	/* Somebody else may have taken a free one meanwhile. */
	if (!word || word >> FLAG_BITS != fs)
		return -1;
	return (int)(word & (THERE - 1));
}

static void remember(uint64_t fs, unsigned flags)
{
	_Atomic uint64_t *slot = find(fs);
	uint64_t none = 0;

	if (slot)
		atomic_compare_exchange_strong(slot, &none, fs << FLAG_BITS |
					       THERE | flags);
}

unsigned shim_fs_flags(int fd, uint64_t fs)
{
	int flags = shim_fs_known(fs);

	if (flags < 0) {
		flags = (int)ask(fd);
		if (fs)
			remember(fs, (unsigned)flags);
	}
	return (unsigned)flags;
}

void shim_fs_learn(int fd)
{
	struct shim_file file = { 0 };

	if (!shim_file_look_closely(fd, "", AT_EMPTY_PATH, &file) && file.fs &&
	    find(file.fs))
		shim_fs_flags(fd, file.fs);
}
