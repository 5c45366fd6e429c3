/* SPDX-License-Identifier: MIT */
/*
 * System calls made by the core itself.
 *
 * The core must not go through libc: the symbols there are the very ones that
 * are interposed, they set errno, and some are cancellation points.  So the few
 * calls that the core needs are made directly and return -errno, as the kernel
 * does.  All are async-signal-safe.
 */
#ifndef SHIM_SYS_H
#define SHIM_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#if !defined(__x86_64__)
#error "libshim has been written and tested for x86-64 only"
#endif

static inline long shim_sys6(long nr, long a, long b, long c, long d, long e,
			     long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define shim_sys(nr, a, b, c) \
	shim_sys6((nr), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define shim_sys4(nr, a, b, c, d) \
	shim_sys6((nr), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline int shim_sys_gettid(void)
{
	return (int)shim_sys(SYS_gettid, 0, 0, 0);
}

static inline int shim_sys_getpid(void)
{
	return (int)shim_sys(SYS_getpid, 0, 0, 0);
}

static inline int shim_sys_close(int fd)
{
	return (int)shim_sys(SYS_close, fd, 0, 0);
}

static inline int shim_sys_fstat(int fd, struct stat *st)
{
	return (int)shim_sys(SYS_fstat, fd, st, 0);
}

static inline int shim_sys_fcntl(int fd, int cmd, long arg)
{
	return (int)shim_sys(SYS_fcntl, fd, cmd, arg);
}

/* One socket option of at most 16 bytes; *len is in and out. */
static inline int shim_sys_sockopt(int fd, int name, void *val, socklen_t *len)
{
	return (int)shim_sys6(SYS_getsockopt, fd, SOL_SOCKET, name, (long)val,
			      (long)len, 0);
}

/*
 * Have zeros there from now on, in pages that nobody else has.  Of memory that
 * the program has locked as well (mlockall), which MADV_DONTNEED refuses.
 */
static inline int shim_sys_drop(void *from, size_t len)
{
	int ret = (int)shim_sys(SYS_madvise, from, len, MADV_DONTNEED_LOCKED);

	/* Before 5.18. */
	if (ret == -EINVAL)
		ret = (int)shim_sys(SYS_madvise, from, len, MADV_DONTNEED);
	return ret;
}

/* Set the signal mask of the calling thread to @set; the old one to @old. */
static inline void shim_sys_sigmask(const uint64_t *set, uint64_t *old)
{
	shim_sys4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, set, old, 8);
}

#endif
