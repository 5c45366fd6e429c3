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

#include "fdtable.h"

SHIM_EXPORT int dup(int fd)
{
	shim_enter();
	shim_fd_forget(fd);
	return shim_real.dup(fd);
}

static int do_dup2(int (*real)(int, int), int from, int to)
{
	int ret;

	shim_thread_retire();
	shim_fd_forget(from);
	shim_fd_forget(to);
	ret = real(from, to);
	shim_fd_forget(to);
	return ret;
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
	int ret;

	shim_enter();
	shim_thread_retire();
	shim_fd_forget(from);
	shim_fd_forget(to);
	ret = shim_real.dup3(from, to, flags);
	shim_fd_forget(to);
	return ret;
}

static int do_fcntl(int (*real)(int, int, ...), int fd, int cmd, void *arg)
{
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
	return real(fd, cmd, arg);
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
	int ret;

	shim_enter();
	shim_thread_retire();
	shim_fds_forget_all();
	ret = shim_real.close_range(first, last, flags);
	shim_fds_forget_all();
	return ret;
}

SHIM_EXPORT void closefrom(int first)
{
	shim_enter();
	shim_thread_retire();
	shim_fds_forget_all();
	shim_real.closefrom(first);
	shim_fds_forget_all();
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
SHIM_EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	shim_enter();
	shim_fds_forget_all();
	return shim_real.sendmsg(fd, msg, flags);
}

SHIM_EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	shim_enter();
	shim_fds_forget_all();
	return shim_real.sendmmsg(fd, msgs, n, flags);
}
