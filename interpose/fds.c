// SPDX-License-Identifier: MIT
/*
 * Calls that put another file behind a descriptor's number, or let somebody
 * else share its position.  All native; here only the cache is kept honest.
 * Forgetting is done before and after, because other threads do not wait.
 */
#include "init.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "fdtable.h"

SHIM_EXPORT int dup(int fd)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_DUP, SHIM_ARGS(fd));
	shim_fd_forget(fd);
	return (int)shim_booked(&b, shim_real.dup(fd));
}

static int do_dup2(int (*real)(int, int), int from, int to)
{
	struct shim_booking b;
	int ret;

	shim_book(&b, SHIM_CALL_DUP2, SHIM_ARGS(from, to));
	shim_thread_retire();
	shim_fd_forget(from);
	shim_fd_forget(to);
	ret = real(from, to);
	shim_fd_forget(to);
	return (int)shim_booked(&b, ret);
}

SHIM_EXPORT int dup2(int from, int to)
{
	shim_enter();
	return do_dup2(shim_real.dup2, from, to);
}

SHIM_EXPORT int __dup2(int from, int to)
{
	shim_enter();
	return do_dup2(shim_real.__dup2, from, to);
}

SHIM_EXPORT int dup3(int from, int to, int flags)
{
	struct shim_booking b;
	int ret;

	shim_enter();
	shim_book(&b, SHIM_CALL_DUP3, SHIM_ARGS(from, to, flags));
	shim_thread_retire();
	shim_fd_forget(from);
	shim_fd_forget(to);
	ret = shim_real.dup3(from, to, flags);
	shim_fd_forget(to);
	return (int)shim_booked(&b, ret);
}

static int do_fcntl(int (*real)(int, int, ...), int fd, int cmd, void *arg)
{
	struct shim_booking b;

	switch (cmd) {
	case F_SETFL:
		if (!((uintptr_t)arg & O_DIRECT))
			break;
		/* fall through */
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		shim_fd_forget(fd);
		break;
	}
	shim_book(&b, SHIM_CALL_FCNTL, SHIM_ARGS(fd, cmd, (uintptr_t)arg));
	return (int)shim_booked(&b, real(fd, cmd, arg));
}

SHIM_EXPORT int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	shim_enter();
	return do_fcntl(shim_real.fcntl, fd, cmd, arg);
}

SHIM_EXPORT int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	shim_enter();
	return do_fcntl(shim_real.fcntl64, fd, cmd, arg);
}

SHIM_EXPORT int __fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	shim_enter();
	return do_fcntl(shim_real.__fcntl, fd, cmd, arg);
}

SHIM_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	struct shim_booking b;
	int ret;

	shim_enter();
	shim_book(&b, SHIM_CALL_CLOSE_RANGE, SHIM_ARGS(first, last, flags));
	shim_thread_retire();
	shim_fds_forget_all();
	ret = shim_real.close_range(first, last, flags);
	shim_fds_forget_all();
	return (int)shim_booked(&b, ret);
}

SHIM_EXPORT void closefrom(int first)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_CLOSE_RANGE,
		  SHIM_ARGS(first > 0 ? first : 0, UINT32_MAX));
	shim_thread_retire();
	shim_fds_forget_all();
	shim_real.closefrom(first);
	shim_fds_forget_all();
	shim_booked(&b, 0);
}

/* An anonymous inode: only who makes it knows what it is. */
SHIM_EXPORT int eventfd(unsigned count, int flags)
{
	int fd;

	shim_enter();
	fd = shim_real.eventfd(count, flags);
	if (fd >= 0 && shim_may_remember())
		shim_fd_opened(fd, SHIM_FD_EVENTFD);
	return fd;
}

SHIM_EXPORT int setsockopt(int fd, int level, int name, const void *val,
			   socklen_t len)
{
	int ret;

	shim_enter();
	ret = shim_real.setsockopt(fd, level, name, val, len);
	if ((level == SOL_SOCKET && name == SO_RCVLOWAT) ||
	    (level == IPPROTO_TCP && name == TCP_ULP))
		shim_fd_forget(fd);
	return ret;
}

/* Descriptors may be on their way to another process. */
SHIM_EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_SENDMMSG,
		  SHIM_ARGS(fd, (uintptr_t)msgs, n, flags));
	shim_fds_forget_all();
	return (int)shim_booked(&b, shim_real.sendmmsg(fd, msgs, n, flags));
}

SHIM_EXPORT int recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags,
			 struct timespec *timeout)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_RECVMMSG,
		  SHIM_ARGS(fd, (uintptr_t)msgs, n, flags,
			    (uintptr_t)timeout));
	return (int)shim_booked(&b, shim_real.recvmmsg(fd, msgs, n, flags,
						       timeout));
}

/* New descriptors: what was known of their numbers is not true of them. */

static int new_pair(int ret, const int fds[2])
{
	if (!ret) {
		shim_fd_forget(fds[0]);
		shim_fd_forget(fds[1]);
	}
	return ret;
}

static int do_pipe(int (*real)(int *), int fds[2])
{
	struct shim_booking b;

	shim_book_as(&b, SHIM_CALL_PIPE, SYS_pipe2, SHIM_ARGS((uintptr_t)fds));
	return (int)shim_booked(&b, new_pair(real(fds), fds));
}

SHIM_EXPORT int pipe(int fds[2])
{
	shim_enter();
	return do_pipe(shim_real.pipe, fds);
}

SHIM_EXPORT int __pipe(int fds[2])
{
	shim_enter();
	return do_pipe(shim_real.__pipe, fds);
}

SHIM_EXPORT int pipe2(int fds[2], int flags)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_PIPE2, SHIM_ARGS((uintptr_t)fds, flags));
	return (int)shim_booked(&b, new_pair(shim_real.pipe2(fds, flags), fds));
}

SHIM_EXPORT int socket(int domain, int type, int protocol)
{
	struct shim_booking b;
	int fd;

	shim_enter();
	shim_book(&b, SHIM_CALL_SOCKET, SHIM_ARGS(domain, type, protocol));
	fd = shim_real.socket(domain, type, protocol);
	if (fd >= 0)
		shim_fd_forget(fd);
	return (int)shim_booked(&b, fd);
}
