/* SPDX-License-Identifier: MIT */
/*
 * What libc's functions do, where they cannot be called: before they have been
 * found, and when they have been patched to lead to us.
 *
 * Results and errno are libc's.  shim_raw_FUNCTION is a cancellation point as
 * FUNCTION is; the *_nocancel ones are not.  All are async-signal-safe but for
 * the cancellation itself.  shim_raw_syscall is in entry.S.
 */
#ifndef SHIM_NATIVE_H
#define SHIM_NATIVE_H

#include <sys/single_threaded.h>

#include "entry.h"
#include "sys.h"

#define SHIM_ENTRY(function) \
	__typeof__(shim_entry_##function) shim_raw_##function;
#include "each.def"
void shim_raw__exit(int status) __attribute__((noreturn));

/* libc's answer to a system call that has failed: -1, and errno. */
long shim_failed(int err);

static inline long shim_to_errno(long ret)
{
	return __builtin_expect(ret < 0, 0) ? shim_failed((int)-ret) : ret;
}

long shim_point_among_threads(long nr, long a, long b, long c, long d, long e,
			      long f);

/*
 * A system call that is a cancellation point, as libc (2.36) makes it one: with
 * asynchronous cancellation for as long as it lasts, and not at all while there
 * is one thread.
 */
static inline long shim_point(long nr, long a, long b, long c, long d, long e,
			      long f)
{
	if (!__libc_single_threaded)
		return shim_point_among_threads(nr, a, b, c, d, e, f);
	return shim_to_errno(shim_sys6(nr, a, b, c, d, e, f));
}

#define shim_point3(nr, a, b, c) \
	shim_point((nr), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define shim_point4(nr, a, b, c, d) \
	shim_point((nr), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define shim_point6(nr, a, b, c, d, e, f) \
	shim_point((nr), (long)(a), (long)(b), (long)(c), (long)(d), \
		   (long)(e), (long)(f))

int shim_raw_openat_nocancel(int dirfd, const char *path, int flags,
			     mode_t mode);
ssize_t shim_raw_read_nocancel(int fd, void *buf, size_t n);
ssize_t shim_raw_write_nocancel(int fd, const void *buf, size_t n);
ssize_t shim_raw_pread64_nocancel(int fd, void *buf, size_t n, off_t off);
int shim_raw_close_nocancel(int fd);

#endif
