// SPDX-License-Identifier: MIT
/* libc's functions as system calls; see native.h. */
#include "native.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

/* Called from entry.S as well. */
__attribute__((cold)) long shim_failed(int err)
{
	errno = err;
	return -1;
}

long shim_point_among_threads(long nr, long a, long b, long c, long d, long e,
			      long f)
{
	long ret;
	int was;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	ret = shim_sys6(nr, a, b, c, d, e, f);
	pthread_setcanceltype(was, &was);
	return shim_to_errno(ret);
}

/* open: the mode is what the caller of a variadic function may have left out */

int shim_raw_open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)shim_point4(SYS_openat, AT_FDCWD, path, flags, mode);
}

int shim_raw_openat(int dirfd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)shim_point4(SYS_openat, dirfd, path, flags, mode);
}

int shim_raw_openat_nocancel(int dirfd, const char *path, int flags,
			     mode_t mode)
{
	return (int)shim_to_errno(shim_sys4(SYS_openat, dirfd, path, flags, mode));
}

/* The checked names are called only to end the program. */

int shim_raw___open_2(const char *path, int flags)
{
	(void)path;
	(void)flags;
	abort();
}

int shim_raw___open64_2(const char *path, int flags)
{
	return shim_raw___open_2(path, flags);
}

int shim_raw___openat_2(int dirfd, const char *path, int flags)
{
	(void)dirfd;
	return shim_raw___open_2(path, flags);
}

int shim_raw___openat64_2(int dirfd, const char *path, int flags)
{
	(void)dirfd;
	return shim_raw___open_2(path, flags);
}

int shim_raw_creat(const char *path, mode_t mode)
{
	return (int)shim_point3(SYS_creat, path, mode, 0);
}

/* read and write */

ssize_t shim_raw_read(int fd, void *buf, size_t n)
{
	return shim_point3(SYS_read, fd, buf, n);
}

ssize_t shim_raw_read_nocancel(int fd, void *buf, size_t n)
{
	return shim_to_errno(shim_sys(SYS_read, fd, buf, n));
}

ssize_t shim_raw___read_chk(int fd, void *buf, size_t n, size_t size)
{
	(void)fd;
	(void)buf;
	(void)n;
	(void)size;
	abort();
}

ssize_t shim_raw_write(int fd, const void *buf, size_t n)
{
	return shim_point3(SYS_write, fd, buf, n);
}

ssize_t shim_raw_write_nocancel(int fd, const void *buf, size_t n)
{
	return shim_to_errno(shim_sys(SYS_write, fd, buf, n));
}

ssize_t shim_raw_pread64(int fd, void *buf, size_t n, off_t off)
{
	return shim_point4(SYS_pread64, fd, buf, n, off);
}

ssize_t shim_raw_pread64_nocancel(int fd, void *buf, size_t n, off_t off)
{
	return shim_to_errno(shim_sys4(SYS_pread64, fd, buf, n, off));
}

ssize_t shim_raw___pread64_chk(int fd, void *buf, size_t n, off_t off,
			       size_t size)
{
	(void)off;
	return shim_raw___read_chk(fd, buf, n, size);
}

ssize_t shim_raw_pwrite64(int fd, const void *buf, size_t n, off_t off)
{
	return shim_point4(SYS_pwrite64, fd, buf, n, off);
}

ssize_t shim_raw_readv(int fd, const struct iovec *iov, int count)
{
	return shim_point3(SYS_readv, fd, iov, count);
}

ssize_t shim_raw_writev(int fd, const struct iovec *iov, int count)
{
	return shim_point3(SYS_writev, fd, iov, count);
}

ssize_t shim_raw_preadv64(int fd, const struct iovec *iov, int count, off_t off)
{
	return shim_point4(SYS_preadv, fd, iov, count, off);
}

ssize_t shim_raw_pwritev64(int fd, const struct iovec *iov, int count,
			   off_t off)
{
	return shim_point4(SYS_pwritev, fd, iov, count, off);
}

ssize_t shim_raw_preadv64v2(int fd, const struct iovec *iov, int count,
			    off_t off, int flags)
{
	return shim_point6(SYS_preadv2, fd, iov, count, off, 0, flags);
}

ssize_t shim_raw_pwritev64v2(int fd, const struct iovec *iov, int count,
			     off_t off, int flags)
{
	return shim_point6(SYS_pwritev2, fd, iov, count, off, 0, flags);
}

int shim_raw_close(int fd)
{
	return (int)shim_point3(SYS_close, fd, 0, 0);
}

int shim_raw_close_nocancel(int fd)
{
	return (int)shim_to_errno(shim_sys(SYS_close, fd, 0, 0));
}

/* sockets */

int shim_raw_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)shim_point3(SYS_connect, fd, addr, len);
}

ssize_t shim_raw_recv(int fd, void *buf, size_t n, int flags)
{
	return shim_point6(SYS_recvfrom, fd, buf, n, flags, 0, 0);
}

ssize_t shim_raw___recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
	(void)flags;
	return shim_raw___read_chk(fd, buf, n, size);
}

ssize_t shim_raw_recvfrom(int fd, void *buf, size_t n, int flags,
			  struct sockaddr *addr, socklen_t *addrlen)
{
	return shim_point6(SYS_recvfrom, fd, buf, n, flags, addr, addrlen);
}

ssize_t shim_raw___recvfrom_chk(int fd, void *buf, size_t n, size_t size,
				int flags, struct sockaddr *addr,
				socklen_t *addrlen)
{
	(void)flags;
	(void)addr;
	(void)addrlen;
	return shim_raw___read_chk(fd, buf, n, size);
}

ssize_t shim_raw_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return shim_point3(SYS_recvmsg, fd, msg, flags);
}

ssize_t shim_raw_send(int fd, const void *buf, size_t n, int flags)
{
	return shim_point6(SYS_sendto, fd, buf, n, flags, 0, 0);
}

ssize_t shim_raw_sendto(int fd, const void *buf, size_t n, int flags,
			const struct sockaddr *addr, socklen_t addrlen)
{
	return shim_point6(SYS_sendto, fd, buf, n, flags, addr, addrlen);
}

ssize_t shim_raw_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return shim_point3(SYS_sendmsg, fd, msg, flags);
}

int shim_raw_accept(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
	return (int)shim_point3(SYS_accept, fd, addr, addrlen);
}

int shim_raw_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen,
		     int flags)
{
	return (int)shim_point4(SYS_accept4, fd, addr, addrlen, flags);
}

void shim_raw__exit(int status)
{
	for (;;)
		shim_sys(SYS_exit_group, status, 0, 0);
}
