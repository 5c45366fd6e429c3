// SPDX-License-Identifier: MIT
/*
 * The entries with a record before and after; see traced.h.  One for one, under
 * the numbers and with the arguments that the system calls have, as libc makes
 * them.
 */
#include "traced.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "number.h"
#include "real.h"

static void begin_with(struct shim_traced *t, unsigned nr, uint64_t a,
		       uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		       uint64_t f)
{
	uint64_t *args = t->enter.args;

	args[0] = a;
	args[1] = b;
	args[2] = c;
	args[3] = d;
	args[4] = e;
	args[5] = f;
	shim_trace_begin(t, nr);
}

#define begin(t, nr, a, b, c, d, e, f) \
	begin_with((t), (nr), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), \
		   (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))

static long end(struct shim_traced *t, long ret)
{
	shim_trace_end(t, shim_trace_result(ret));
	return ret;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ?
		va_arg(ap, mode_t) : 0;
}

/* open: the mode is what the caller of a variadic function may have left out */


int shim_traced_open(const char *path, int flags, ...)
{
	struct shim_traced t;
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	begin(&t, SYS_openat, AT_FDCWD, path, flags, mode, 0, 0);
	return (int)end(&t, shim_entry_open(path, flags, mode));
}

int shim_traced_open_nocancel(const char *path, int flags, ...)
{
	struct shim_traced t;
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	begin(&t, SYS_openat, AT_FDCWD, path, flags, mode, 0, 0);
	return (int)end(&t, shim_entry_open_nocancel(path, flags, mode));
}

int shim_traced_openat(int dirfd, const char *path, int flags, ...)
{
	struct shim_traced t;
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	begin(&t, SYS_openat, dirfd, path, flags, mode, 0, 0);
	return (int)end(&t, shim_entry_openat(dirfd, path, flags, mode));
}

int shim_traced_openat_nocancel(int dirfd, const char *path, int flags, ...)
{
	struct shim_traced t;
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	begin(&t, SYS_openat, dirfd, path, flags, mode, 0, 0);
	return (int)end(&t, shim_entry_openat_nocancel(dirfd, path, flags, mode));
}

int shim_traced_open_number(const char *path, int flags, mode_t mode)
{
	struct shim_traced t;

	begin(&t, SYS_open, path, flags, mode, 0, 0, 0);
	return (int)end(&t, shim_entry_open_nocancel(path, flags, mode));
}

int shim_traced___open_2(const char *path, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_openat, AT_FDCWD, path, flags, 0, 0, 0);
	return (int)end(&t, shim_entry___open_2(path, flags));
}

int shim_traced___open64_2(const char *path, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_openat, AT_FDCWD, path, flags, 0, 0, 0);
	return (int)end(&t, shim_entry___open64_2(path, flags));
}

int shim_traced___openat_2(int dirfd, const char *path, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_openat, dirfd, path, flags, 0, 0, 0);
	return (int)end(&t, shim_entry___openat_2(dirfd, path, flags));
}

int shim_traced___openat64_2(int dirfd, const char *path, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_openat, dirfd, path, flags, 0, 0, 0);
	return (int)end(&t, shim_entry___openat64_2(dirfd, path, flags));
}

int shim_traced_creat(const char *path, mode_t mode)
{
	struct shim_traced t;

	begin(&t, SYS_creat, path, mode, 0, 0, 0, 0);
	return (int)end(&t, shim_entry_creat(path, mode));
}

/* read and write */


ssize_t shim_traced_read(int fd, void *buf, size_t n)
{
	struct shim_traced t;

	begin(&t, SYS_read, fd, buf, n, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_read(fd, buf, n));
}

ssize_t shim_traced_read_nocancel(int fd, void *buf, size_t n)
{
	struct shim_traced t;

	begin(&t, SYS_read, fd, buf, n, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_read_nocancel(fd, buf, n));
}

ssize_t shim_traced___read_chk(int fd, void *buf, size_t n, size_t size)
{
	struct shim_traced t;

	begin(&t, SYS_read, fd, buf, n, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry___read_chk(fd, buf, n, size));
}

ssize_t shim_traced_write(int fd, const void *buf, size_t n)
{
	struct shim_traced t;

	begin(&t, SYS_write, fd, buf, n, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_write(fd, buf, n));
}

ssize_t shim_traced_write_nocancel(int fd, const void *buf, size_t n)
{
	struct shim_traced t;

	begin(&t, SYS_write, fd, buf, n, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_write_nocancel(fd, buf, n));
}

ssize_t shim_traced_pread64(int fd, void *buf, size_t n, off_t off)
{
	struct shim_traced t;

	begin(&t, SYS_pread64, fd, buf, n, off, 0, 0);
	return (ssize_t)end(&t, shim_entry_pread64(fd, buf, n, off));
}

ssize_t shim_traced_pread64_nocancel(int fd, void *buf, size_t n, off_t off)
{
	struct shim_traced t;

	begin(&t, SYS_pread64, fd, buf, n, off, 0, 0);
	return (ssize_t)end(&t, shim_entry_pread64_nocancel(fd, buf, n, off));
}

ssize_t shim_traced___pread64_chk(int fd, void *buf, size_t n, off_t off,
				  size_t size)
{
	struct shim_traced t;

	begin(&t, SYS_pread64, fd, buf, n, off, 0, 0);
	return (ssize_t)end(&t, shim_entry___pread64_chk(fd, buf, n, off, size));
}

ssize_t shim_traced_pwrite64(int fd, const void *buf, size_t n, off_t off)
{
	struct shim_traced t;

	begin(&t, SYS_pwrite64, fd, buf, n, off, 0, 0);
	return (ssize_t)end(&t, shim_entry_pwrite64(fd, buf, n, off));
}

ssize_t shim_traced_readv(int fd, const struct iovec *iov, int count)
{
	struct shim_traced t;

	begin(&t, SYS_readv, fd, iov, count, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_readv(fd, iov, count));
}

ssize_t shim_traced_writev(int fd, const struct iovec *iov, int count)
{
	struct shim_traced t;

	begin(&t, SYS_writev, fd, iov, count, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_writev(fd, iov, count));
}

/* The kernel takes the offset in two halves, of which the upper one is 0. */


ssize_t shim_traced_preadv64(int fd, const struct iovec *iov, int count,
			     off_t off)
{
	struct shim_traced t;

	begin(&t, SYS_preadv, fd, iov, count, off, 0, 0);
	return (ssize_t)end(&t, shim_entry_preadv64(fd, iov, count, off));
}

ssize_t shim_traced_pwritev64(int fd, const struct iovec *iov, int count,
			      off_t off)
{
	struct shim_traced t;

	begin(&t, SYS_pwritev, fd, iov, count, off, 0, 0);
	return (ssize_t)end(&t, shim_entry_pwritev64(fd, iov, count, off));
}

ssize_t shim_traced_preadv64v2(int fd, const struct iovec *iov, int count,
			       off_t off, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_preadv2, fd, iov, count, off, 0, flags);
	return (ssize_t)end(&t, shim_entry_preadv64v2(fd, iov, count, off, flags));
}

ssize_t shim_traced_pwritev64v2(int fd, const struct iovec *iov, int count,
				off_t off, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_pwritev2, fd, iov, count, off, 0, flags);
	return (ssize_t)end(&t, shim_entry_pwritev64v2(fd, iov, count, off, flags));
}

/* close and sockets */


int shim_traced_close(int fd)
{
	struct shim_traced t;

	begin(&t, SYS_close, fd, 0, 0, 0, 0, 0);
	return (int)end(&t, shim_entry_close(fd));
}

int shim_traced_close_nocancel(int fd)
{
	struct shim_traced t;

	begin(&t, SYS_close, fd, 0, 0, 0, 0, 0);
	return (int)end(&t, shim_entry_close_nocancel(fd));
}

int shim_traced_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct shim_traced t;

	begin(&t, SYS_connect, fd, addr, len, 0, 0, 0);
	return (int)end(&t, shim_entry_connect(fd, addr, len));
}

ssize_t shim_traced_recv(int fd, void *buf, size_t n, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_recvfrom, fd, buf, n, flags, 0, 0);
	return (ssize_t)end(&t, shim_entry_recv(fd, buf, n, flags));
}

ssize_t shim_traced___recv_chk(int fd, void *buf, size_t n, size_t size,
			       int flags)
{
	struct shim_traced t;

	begin(&t, SYS_recvfrom, fd, buf, n, flags, 0, 0);
	return (ssize_t)end(&t, shim_entry___recv_chk(fd, buf, n, size, flags));
}

ssize_t shim_traced_recvfrom(int fd, void *buf, size_t n, int flags,
			     struct sockaddr *addr, socklen_t *addrlen)
{
	struct shim_traced t;

	begin(&t, SYS_recvfrom, fd, buf, n, flags, addr, addrlen);
	return (ssize_t)end(&t, shim_entry_recvfrom(fd, buf, n, flags, addr,
						addrlen));
}

ssize_t shim_traced___recvfrom_chk(int fd, void *buf, size_t n, size_t size,
				   int flags, struct sockaddr *addr,
				   socklen_t *addrlen)
{
	struct shim_traced t;

	begin(&t, SYS_recvfrom, fd, buf, n, flags, addr, addrlen);
	return (ssize_t)end(&t, shim_entry___recvfrom_chk(fd, buf, n, size, flags,
						      addr, addrlen));
}

ssize_t shim_traced_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_recvmsg, fd, msg, flags, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_recvmsg(fd, msg, flags));
}

ssize_t shim_traced_send(int fd, const void *buf, size_t n, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_sendto, fd, buf, n, flags, 0, 0);
	return (ssize_t)end(&t, shim_entry_send(fd, buf, n, flags));
}

ssize_t shim_traced_sendto(int fd, const void *buf, size_t n, int flags,
			   const struct sockaddr *addr, socklen_t addrlen)
{
	struct shim_traced t;

	begin(&t, SYS_sendto, fd, buf, n, flags, addr, addrlen);
	return (ssize_t)end(&t, shim_entry_sendto(fd, buf, n, flags, addr,
					      addrlen));
}

ssize_t shim_traced_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct shim_traced t;

	begin(&t, SYS_sendmsg, fd, msg, flags, 0, 0, 0);
	return (ssize_t)end(&t, shim_entry_sendmsg(fd, msg, flags));
}

int shim_traced_accept(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
	struct shim_traced t;

	begin(&t, SYS_accept, fd, addr, addrlen, 0, 0, 0);
	return (int)end(&t, shim_entry_accept(fd, addr, addrlen));
}

int shim_traced_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen,
			int flags)
{
	struct shim_traced t;

	begin(&t, SYS_accept4, fd, addr, addrlen, flags, 0, 0);
	return (int)end(&t, shim_entry_accept4(fd, addr, addrlen, flags));
}

/* By number: counted here, because only now it is known what is recorded. */
long shim_traced_number(long nr, long a, long b, long c, long d, long e, long f)
{
	struct shim_traced t;

	begin(&t, (unsigned)nr, a, b, c, d, e, f);
	shim_count_number(nr);
	return end(&t, shim_real.syscall(nr, a, b, c, d, e, f));
}
