// SPDX-License-Identifier: MIT
/*
 * stat(2) and its relatives, under all the names that programs call: native always.
 * They tell how far a program is that looks at files one after the other (du, find,
 * ls -lR); see hints.h.
 */
#include "init.h"

#include "hints.h"

static __attribute__((noinline)) int looked(uint64_t begin, int dirfd,
					    const char *path,
					    const struct stat *st, int ret)
{
	if (shim_hint_due(begin) && !ret)
		shim_hint_looked(dirfd, path, st->st_dev, st->st_ino,
				 shim_hint_slow(begin));
	return ret;
}

/*
 * Around @call; one that is not timed is jumped to.  struct stat64 is the same on
 * this architecture.
 */
#define LOOK(begin, dirfd, path, st, call) \
	((begin) ? looked((begin), (dirfd), (path), \
			  (const struct stat *)(st), (call)) : (call))

SHIM_EXPORT int stat(const char *path, struct stat *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st, shim_real.stat(path, st));
}

SHIM_EXPORT int stat64(const char *path, struct stat64 *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st, shim_real.stat64(path, st));
}

SHIM_EXPORT int lstat(const char *path, struct stat *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st, shim_real.lstat(path, st));
}

SHIM_EXPORT int lstat64(const char *path, struct stat64 *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st, shim_real.lstat64(path, st));
}

SHIM_EXPORT int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, dirfd, path, st,
		    shim_real.fstatat(dirfd, path, st, flags));
}

SHIM_EXPORT int fstatat64(int dirfd, const char *path, struct stat64 *st,
			  int flags)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, dirfd, path, st,
		    shim_real.fstatat64(dirfd, path, st, flags));
}

/* By the names that programs call which were linked before glibc 2.33. */

SHIM_EXPORT int __xstat(int version, const char *path, struct stat *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st,
		    shim_real.__xstat(version, path, st));
}

SHIM_EXPORT int __xstat64(int version, const char *path, struct stat64 *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st,
		    shim_real.__xstat64(version, path, st));
}

SHIM_EXPORT int __lxstat(int version, const char *path, struct stat *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st,
		    shim_real.__lxstat(version, path, st));
}

SHIM_EXPORT int __lxstat64(int version, const char *path, struct stat64 *st)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, AT_FDCWD, path, st,
		    shim_real.__lxstat64(version, path, st));
}

SHIM_EXPORT int __fxstatat(int version, int dirfd, const char *path,
			   struct stat *st, int flags)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, dirfd, path, st,
		    shim_real.__fxstatat(version, dirfd, path, st, flags));
}

SHIM_EXPORT int __fxstatat64(int version, int dirfd, const char *path,
			     struct stat64 *st, int flags)
{
	uint64_t t;

	shim_enter();
	t = shim_hint_clock();
	return LOOK(t, dirfd, path, st,
		    shim_real.__fxstatat64(version, dirfd, path, st, flags));
}

/* As the kernel and libc put the numbers of a device together. */
static uint64_t dev_of(const struct statx *st)
{
	uint64_t major = st->stx_dev_major, minor = st->stx_dev_minor;

	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffUL) << 12 |
	       (major & ~0xfffUL) << 32;
}

SHIM_EXPORT int statx(int dirfd, const char *path, int flags, unsigned mask,
		      struct statx *st)
{
	/* May be NULL since Linux 6.11, whatever the prototype says. */
	const char *volatile name = path;
	uint64_t t;
	int ret;

	shim_enter();
	t = shim_hint_clock();
	if (!t)
		return shim_real.statx(dirfd, path, flags, mask, st);
	ret = shim_real.statx(dirfd, path, flags, mask, st);
	/* The number is there if it was not asked for, too, or it is 0. */
	if (shim_hint_due(t) && !ret && name && *name)
		shim_hint_looked(dirfd, name, dev_of(st), st->stx_ino,
				 shim_hint_slow(t));
	return ret;
}
