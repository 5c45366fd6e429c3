/* SPDX-License-Identifier: MIT */
/*
 * Entries: where a call arrives, by an exported name or from inside libc.
 *
 * Each has the arguments and results of libc's function of that name.  A
 * *_nocancel entry is the same call where it is no cancellation point: libc
 * calls it so in places that must not be left.
 *
 * An entry may be called from anywhere that libc calls it from: with a lock of
 * malloc, of a stream or of the loader held, after the last destructor, in the
 * child of posix_spawn(3) that shares our memory.  So nothing behind it takes a
 * lock or allocates.  All are async-signal-safe.
 */
#ifndef SHIM_ENTRY_H
#define SHIM_ENTRY_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

int shim_entry_open(const char *path, int flags, ...);
int shim_entry___open_2(const char *path, int flags);
int shim_entry___open64_2(const char *path, int flags);
int shim_entry_open_nocancel(const char *path, int flags, ...);
int shim_entry_openat(int dirfd, const char *path, int flags, ...);
int shim_entry___openat_2(int dirfd, const char *path, int flags);
int shim_entry___openat64_2(int dirfd, const char *path, int flags);
int shim_entry_openat_nocancel(int dirfd, const char *path, int flags, ...);
int shim_entry_creat(const char *path, mode_t mode);

ssize_t shim_entry_read(int fd, void *buf, size_t n);
ssize_t shim_entry___read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t shim_entry_read_nocancel(int fd, void *buf, size_t n);
ssize_t shim_entry_write(int fd, const void *buf, size_t n);
ssize_t shim_entry_write_nocancel(int fd, const void *buf, size_t n);
ssize_t shim_entry_pread64(int fd, void *buf, size_t n, off_t off);
ssize_t shim_entry___pread64_chk(int fd, void *buf, size_t n, off_t off,
				 size_t size);
ssize_t shim_entry_pread64_nocancel(int fd, void *buf, size_t n, off_t off);
ssize_t shim_entry_pwrite64(int fd, const void *buf, size_t n, off_t off);
ssize_t shim_entry_readv(int fd, const struct iovec *iov, int count);
ssize_t shim_entry_writev(int fd, const struct iovec *iov, int count);
ssize_t shim_entry_preadv64(int fd, const struct iovec *iov, int count,
			    off_t off);
ssize_t shim_entry_pwritev64(int fd, const struct iovec *iov, int count,
			     off_t off);
ssize_t shim_entry_preadv64v2(int fd, const struct iovec *iov, int count,
			      off_t off, int flags);
ssize_t shim_entry_pwritev64v2(int fd, const struct iovec *iov, int count,
			       off_t off, int flags);

int shim_entry_connect(int fd, const struct sockaddr *addr, socklen_t len);
int shim_entry_close(int fd);
int shim_entry_close_nocancel(int fd);

ssize_t shim_entry_recv(int fd, void *buf, size_t n, int flags);
ssize_t shim_entry___recv_chk(int fd, void *buf, size_t n, size_t size,
			      int flags);
ssize_t shim_entry_recvfrom(int fd, void *buf, size_t n, int flags,
			    struct sockaddr *addr, socklen_t *addrlen);
ssize_t shim_entry___recvfrom_chk(int fd, void *buf, size_t n, size_t size,
				  int flags, struct sockaddr *addr,
				  socklen_t *addrlen);
ssize_t shim_entry_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t shim_entry_send(int fd, const void *buf, size_t n, int flags);
ssize_t shim_entry_sendto(int fd, const void *buf, size_t n, int flags,
			  const struct sockaddr *addr, socklen_t addrlen);
ssize_t shim_entry_sendmsg(int fd, const struct msghdr *msg, int flags);
int shim_entry_accept(int fd, struct sockaddr *addr, socklen_t *addrlen);
int shim_entry_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen,
		       int flags);

long shim_entry_syscall(long nr, ...);
void shim_entry__exit(int status) __attribute__((noreturn));

#endif
