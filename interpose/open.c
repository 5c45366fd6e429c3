// SPDX-License-Identifier: MIT
/* open(2), openat(2) and creat(2), under all their names. */
#include "plain.h"

#include <stdarg.h>
#include <sys/syscall.h>

#include "fdtable.h"
#include "fs.h"
#include "hints.h"

/* The arguments, and whether the call is a cancellation point. */
struct how {
	enum shim_call call;
	bool point;
	int dirfd;
	const char *path;
	int flags;
	mode_t mode;
};

static int native(const struct how *h)
{
	if (!h->point)
		return shim_raw_openat_nocancel(h->dirfd, h->path, h->flags,
						h->mode);
	if (h->call == SHIM_CALL_OPEN)
		return shim_real.open(h->path, h->flags, h->mode);
	return shim_real.openat(h->dirfd, h->path, h->flags, h->mode);
}

static __attribute__((noinline)) int do_open(const struct how *h)
{
	struct shim_outcome o;
	uint64_t began;
	int ret;

	if (shim_enter_outcome(&o, h->point))
		shim_call_open(&o, h->call, h->dirfd, h->path, h->flags);
	if (o.rest == SHIM_DONE)
		return (int)shim_return(&o, h->call, o.res);
	shim_native_begin(&o, h->call);
	began = shim_hint_clock();
	ret = native(h);
	if (shim_hint_due(began))
		shim_hint_opened(ret, h->path, h->flags, shim_hint_slow(began));
	if (ret >= 0 && o.route == SHIM_UNKNOWN_FS)
		shim_fs_learn(ret);
	/* Direct I/O leaves us before the call returns: not asked of a ring. */
	if (ret >= 0 && !(h->flags & (O_DIRECT | O_PATH)) &&
	    shim_may_remember())
		shim_fd_opened(ret, SHIM_FD_UNKNOWN);
	shim_native_end(h->call, ret);
	return ret;
}

/* shim_real.open and openat, inline; see plain.h. */
static inline int native_open(const struct how *h)
{
	bool patched = h->call == SHIM_CALL_OPEN ?
		shim_real.open == shim_raw_open :
		shim_real.openat == shim_raw_openat;

	return h->point && patched ?
		(int)shim_point4(SYS_openat, h->dirfd, h->path, h->flags,
				 h->mode) : native(h);
}

/* See plain.h. */
static inline __attribute__((always_inline)) int any_open(const struct how *h)
{
	struct shim_thread *t = shim_plain_begin(h->call);
	uint64_t began;
	int ret;

	if (!t)
		return do_open(h);
	began = shim_hint_clock();
	ret = native_open(h);
	if (shim_hint_due(began))
		shim_hint_opened(ret, h->path, h->flags, shim_hint_slow(began));
	return (int)shim_plain_end(t, h->call, ret);
}

/* The mode is there only when a file may be created; see open(2). */
#define NEEDS_MODE(flags) ((flags) & O_CREAT || \
			   ((flags) & O_TMPFILE) == O_TMPFILE)

static mode_t mode_of(int flags, va_list ap)
{
	return NEEDS_MODE(flags) ? va_arg(ap, mode_t) : 0;
}

int shim_entry_open(const char *path, int flags, ...)
{
	struct how h = {
		.call = SHIM_CALL_OPEN, .point = true, .dirfd = AT_FDCWD,
		.path = path, .flags = flags,
	};
	va_list ap;

	va_start(ap, flags);
	h.mode = mode_of(flags, ap);
	va_end(ap);
	return any_open(&h);
}

int shim_entry_open_nocancel(const char *path, int flags, ...)
{
	struct how h = {
		.call = SHIM_CALL_OPEN, .dirfd = AT_FDCWD, .path = path,
		.flags = flags,
	};
	va_list ap;

	va_start(ap, flags);
	h.mode = mode_of(flags, ap);
	va_end(ap);
	return do_open(&h);
}

int shim_entry_openat(int dirfd, const char *path, int flags, ...)
{
	struct how h = {
		.call = SHIM_CALL_OPENAT, .point = true, .dirfd = dirfd,
		.path = path, .flags = flags,
	};
	va_list ap;

	va_start(ap, flags);
	h.mode = mode_of(flags, ap);
	va_end(ap);
	return any_open(&h);
}

int shim_entry_openat_nocancel(int dirfd, const char *path, int flags, ...)
{
	struct how h = {
		.call = SHIM_CALL_OPENAT, .dirfd = dirfd, .path = path,
		.flags = flags,
	};
	va_list ap;

	va_start(ap, flags);
	h.mode = mode_of(flags, ap);
	va_end(ap);
	return do_open(&h);
}

/* The checked names: libc's own end the program when the mode is missing. */

int shim_entry___open_2(const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__open_2(path, flags);
	return shim_entry_open(path, flags);
}

int shim_entry___open64_2(const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__open64_2(path, flags);
	return shim_entry_open(path, flags);
}

int shim_entry___openat64_2(int dirfd, const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__openat64_2(dirfd, path, flags);
	return shim_entry_openat(dirfd, path, flags);
}

int shim_entry___openat_2(int dirfd, const char *path, int flags)
{
	shim_enter();
	if (NEEDS_MODE(flags))
		return shim_real.__openat_2(dirfd, path, flags);
	return shim_entry_openat(dirfd, path, flags);
}

/* creat(2) always truncates or creates: never one for the ring. */
int shim_entry_creat(const char *path, mode_t mode)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, true))
		o.route = SHIM_CREATE;
	shim_native_begin(&o, SHIM_CALL_CREAT);
	ret = shim_real.creat(path, mode);
	if (ret >= 0 && shim_may_remember())
		shim_fd_opened(ret, SHIM_FD_UNKNOWN);
	shim_native_end(SHIM_CALL_CREAT, ret);
	return ret;
}
