/* SPDX-License-Identifier: MIT */
/*
 * What libc's functions do, where they cannot be called: before they have been
 * found, and when they have been patched to lead to us.
 *
 * Results and errno are libc's.  shim_raw_FUNCTION is a cancellation point as
 * FUNCTION is; the *_nocancel ones are not.  All are async-signal-safe but for
 * the cancellation itself.
 */
#ifndef SHIM_NATIVE_H
#define SHIM_NATIVE_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

int shim_raw_open(const char *path, int flags, ...);
int shim_raw___open_2(const char *path, int flags);
int shim_raw___open64_2(const char *path, int flags);
int shim_raw_openat(int dirfd, const char *path, int flags, ...);
int shim_raw___openat_2(int dirfd, const char *path, int flags);
int shim_raw___openat64_2(int dirfd, const char *path, int flags);
int shim_raw_creat(const char *path, mode_t mode);
ssize_t shim_raw_read(int fd, void *buf, size_t n);
ssize_t shim_raw___read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t shim_raw_write(int fd, const void *buf, size_t n);
ssize_t shim_raw_pread64(int fd, void *buf, size_t n, off_t off);
ssize_t shim_raw___pread64_chk(int fd, void *buf, size_t n, off_t off,
			       size_t size);
ssize_t shim_raw_pwrite64(int fd, const void *buf, size_t n, off_t off);
ssize_t shim_raw_readv(int fd, const struct iovec *iov, int count);
ssize_t shim_raw_writev(int fd, const struct iovec *iov, int count);
ssize_t shim_raw_preadv64(int fd, const struct iovec *iov, int count,
			  off_t off);
ssize_t shim_raw_pwritev64(int fd, const struct iovec *iov, int count,
			   off_t off);
ssize_t shim_raw_preadv64v2(int fd, const struct iovec *iov, int count,
			    off_t off, int flags);
ssize_t shim_raw_pwritev64v2(int fd, const struct iovec *iov, int count,
			     off_t off, int flags);
int shim_raw_connect(int fd, const struct sockaddr *addr, socklen_t len);
int shim_raw_close(int fd);
ssize_t shim_raw_recv(int fd, void *buf, size_t n, int flags);
ssize_t shim_raw___recv_chk(int fd, void *buf, size_t n, size_t size,
			    int flags);
ssize_t shim_raw_recvfrom(int fd, void *buf, size_t n, int flags,
			  struct sockaddr *addr, socklen_t *addrlen);
ssize_t shim_raw___recvfrom_chk(int fd, void *buf, size_t n, size_t size,
				int flags, struct sockaddr *addr,
				socklen_t *addrlen);
ssize_t shim_raw_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t shim_raw_send(int fd, const void *buf, size_t n, int flags);
ssize_t shim_raw_sendto(int fd, const void *buf, size_t n, int flags,
			const struct sockaddr *addr, socklen_t addrlen);
ssize_t shim_raw_sendmsg(int fd, const struct msghdr *msg, int flags);
int shim_raw_accept(int fd, struct sockaddr *addr, socklen_t *addrlen);
int shim_raw_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen,
		     int flags);
void shim_raw__exit(int status) __attribute__((noreturn));

/* In entry.S: what it does is for the caller to know. */
long shim_raw_syscall(long nr, ...);

int shim_raw_openat_nocancel(int dirfd, const char *path, int flags,
			     mode_t mode);
ssize_t shim_raw_read_nocancel(int fd, void *buf, size_t n);
ssize_t shim_raw_write_nocancel(int fd, const void *buf, size_t n);
ssize_t shim_raw_pread64_nocancel(int fd, void *buf, size_t n, off_t off);
int shim_raw_close_nocancel(int fd);

#endif
