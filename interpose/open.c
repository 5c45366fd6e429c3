// SPDX-License-Identifier: MIT
/* open(2), openat(2) and creat(2), under all their names. */
#include "init.h"

#include <stdarg.h>

#include "fdtable.h"

typedef int open_fn(const char *path, int flags, ...);
typedef int openat_fn(int dirfd, const char *path, int flags, ...);

/*
 * How the native call is made: by which of two functions, with which arguments.
 * By reference: the first call of all finds what is behind it.
 */
struct how {
	enum shim_call call;
	open_fn *const *open;
	openat_fn *const *openat;
	int dirfd;
	const char *path;
	int flags;
	mode_t mode;
};

static int native(const struct how *h)
{
	int fd;

	if (h->call == SHIM_CALL_OPEN)
		fd = (*h->open)(h->path, h->flags, h->mode);
	else
		fd = (*h->openat)(h->dirfd, h->path, h->flags, h->mode);
	/* Direct I/O leaves us before the call returns: not asked of a ring. */
	if (fd >= 0 && shim_may_remember() &&
	    !(h->flags & (O_DIRECT | O_PATH)))
		shim_fd_opened(fd, SHIM_FD_UNKNOWN);
	return fd;
}

static int do_open(const struct how *h)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, h->call))
		shim_call_open(&o, h->call, h->dirfd, h->path, h->flags);
	if (o.rest == SHIM_DONE)
		return (int)shim_return(&o, h->call, o.res);
	shim_native_begin(&o, h->call);
	ret = native(h);
	shim_native_end(h->call, ret);
	return ret;
}

/* The mode is there only when a file may be created; see open(2). */
#define NEEDS_MODE(flags) ((flags) & O_CREAT || \
			   ((flags) & O_TMPFILE) == O_TMPFILE)

static mode_t mode_of(int flags, va_list ap)
{
	return NEEDS_MODE(flags) ? va_arg(ap, mode_t) : 0;
}

static int by_path(open_fn *const *real, const char *path, int flags,
		   mode_t mode)
{
	struct how h = {
		.call = SHIM_CALL_OPEN, .open = real, .dirfd = AT_FDCWD,
		.path = path, .flags = flags, .mode = mode,
	};

	return do_open(&h);
}

static int by_dirfd(openat_fn *const *real, int dirfd, const char *path,
		    int flags, mode_t mode)
{
	struct how h = {
		.call = SHIM_CALL_OPENAT, .openat = real, .dirfd = dirfd,
		.path = path, .flags = flags, .mode = mode,
	};

	return do_open(&h);
}

SHIM_EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return by_path(&shim_real.open, path, flags, mode);
}

SHIM_EXPORT int open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return by_path(&shim_real.open64, path, flags, mode);
}

SHIM_EXPORT int __open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return by_path(&shim_real.__open, path, flags, mode);
}

SHIM_EXPORT int __open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return by_path(&shim_real.__open64, path, flags, mode);
}

SHIM_EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return by_dirfd(&shim_real.openat, dirfd, path, flags, mode);
}

SHIM_EXPORT int openat64(int dirfd, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return by_dirfd(&shim_real.openat64, dirfd, path, flags, mode);
}

/* The fortified names: libc's own end the program when the mode is missing. */

SHIM_EXPORT int __open_2(const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__open_2(path, flags);
	return by_path(&shim_real.open, path, flags, 0);
}

SHIM_EXPORT int __open64_2(const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__open64_2(path, flags);
	return by_path(&shim_real.open64, path, flags, 0);
}

SHIM_EXPORT int __openat_2(int dirfd, const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__openat_2(dirfd, path, flags);
	return by_dirfd(&shim_real.openat, dirfd, path, flags, 0);
}

SHIM_EXPORT int __openat64_2(int dirfd, const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__openat64_2(dirfd, path, flags);
	return by_dirfd(&shim_real.openat64, dirfd, path, flags, 0);
}

/* creat(2) always truncates or creates: never one for the ring. */
static int do_creat(int (*const *real)(const char *, mode_t), const char *path,
		    mode_t mode)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, SHIM_CALL_CREAT))
		o.route = SHIM_CREATE;
	shim_native_begin(&o, SHIM_CALL_CREAT);
	ret = (*real)(path, mode);
	if (ret >= 0 && shim_may_remember())
		shim_fd_opened(ret, SHIM_FD_UNKNOWN);
	shim_native_end(SHIM_CALL_CREAT, ret);
	return ret;
}

SHIM_EXPORT int creat(const char *path, mode_t mode)
{
	return do_creat(&shim_real.creat, path, mode);
}

SHIM_EXPORT int creat64(const char *path, mode_t mode)
{
	return do_creat(&shim_real.creat64, path, mode);
}
