// SPDX-License-Identifier: MIT
/* recv(2), send(2), their relatives, and accept(2), under all names. */
#include "plain.h"

#include <sys/syscall.h>

#include "fdtable.h"
#include "space.h"

/* What the ring has done, or left. */
static ssize_t ring_result(struct shim_outcome *o, enum shim_call call)
{
	return shim_moved(call, shim_return(o, call, o->res));
}

static ssize_t native_result(enum shim_call call, ssize_t ret)
{
	shim_native_end(call, ret);
	return shim_moved(call, ret);
}

static __attribute__((noinline)) ssize_t any_recv(int fd, void *buf, size_t n,
						  int flags)
{
	struct shim_outcome o;

	if (shim_enter_outcome(&o, true))
		shim_call_recv(&o, fd, buf, n, flags);
	if (o.rest == SHIM_DONE)
		return ring_result(&o, SHIM_CALL_RECVFROM);
	shim_native_begin(&o, SHIM_CALL_RECVFROM);
	return native_result(SHIM_CALL_RECVFROM,
			     shim_real.recv(fd, buf, n, flags));
}

/* shim_real.recv and send, inline; see plain.h. */

static inline ssize_t native_recv(int fd, void *buf, size_t n, int flags)
{
	return shim_real.recv == shim_raw_recv ?
		shim_point6(SYS_recvfrom, fd, buf, n, flags, 0, 0) :
		shim_real.recv(fd, buf, n, flags);
}

static inline ssize_t native_send(int fd, const void *buf, size_t n, int flags)
{
	return shim_real.send == shim_raw_send ?
		shim_point6(SYS_sendto, fd, buf, n, flags, 0, 0) :
		shim_real.send(fd, buf, n, flags);
}

ssize_t shim_entry_recv(int fd, void *buf, size_t n, int flags)
{
	struct shim_thread *t = shim_plain_begin(SHIM_CALL_RECVFROM);

	if (!t)
		return any_recv(fd, buf, n, flags);
	return shim_plain_moved(t, SHIM_CALL_RECVFROM,
				native_recv(fd, buf, n, flags));
}

/* The checked names end the program, with libc's own message. */
ssize_t shim_entry___recv_chk(int fd, void *buf, size_t n, size_t size,
			      int flags)
{
	shim_enter();
	if (n > size)
		return shim_real.__recv_chk(fd, buf, n, size, flags);
	return shim_entry_recv(fd, buf, n, flags);
}

ssize_t shim_entry_recvfrom(int fd, void *buf, size_t n, int flags,
			    struct sockaddr *addr, socklen_t *addrlen)
{
	struct shim_outcome o;

	if (!addr && !addrlen)
		return shim_entry_recv(fd, buf, n, flags);
	if (shim_enter_outcome(&o, true))
		o.route = SHIM_ADDRESS;
	shim_native_begin(&o, SHIM_CALL_RECVFROM);
	return native_result(SHIM_CALL_RECVFROM,
			     shim_real.recvfrom(fd, buf, n, flags, addr,
						addrlen));
}

ssize_t shim_entry___recvfrom_chk(int fd, void *buf, size_t n, size_t size,
				  int flags, struct sockaddr *addr,
				  socklen_t *addrlen)
{
	shim_enter();
	if (n > size)
		return shim_real.__recvfrom_chk(fd, buf, n, size, flags, addr,
						addrlen);
	return shim_entry_recvfrom(fd, buf, n, flags, addr, addrlen);
}

ssize_t shim_entry_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct shim_outcome o;

	if (shim_enter_outcome(&o, true))
		shim_call_recvmsg(&o, fd, msg, flags);
	if (o.rest == SHIM_DONE)
		return ring_result(&o, SHIM_CALL_RECVMSG);
	shim_native_begin(&o, SHIM_CALL_RECVMSG);
	return native_result(SHIM_CALL_RECVMSG,
			     shim_real.recvmsg(fd, msg, flags));
}

static __attribute__((noinline)) ssize_t any_send(int fd, const void *buf,
						  size_t n, int flags)
{
	struct iovec one = { (void *)(uintptr_t)buf, n };
	struct shim_outcome o;
	int saved = errno;
	ssize_t ret;

	if (shim_enter_outcome(&o, true))
		shim_call_send(&o, fd, buf, n, flags);
	if (o.rest == SHIM_DONE)
		return ring_result(&o, SHIM_CALL_SENDTO);
	if (o.rest == SHIM_AWAIT_SPACE)
		return shim_write_on(&o, SHIM_CALL_SENDTO, fd, &one, 1, true,
				     saved);
	shim_native_begin(&o, SHIM_CALL_SENDTO);
	ret = shim_real.send(fd, (const char *)buf + o.done, n - o.done, flags);
	return shim_together(o.done, SHIM_CALL_SENDTO, ret, saved);
}

ssize_t shim_entry_send(int fd, const void *buf, size_t n, int flags)
{
	struct shim_thread *t = shim_plain_begin(SHIM_CALL_SENDTO);

	if (!t)
		return any_send(fd, buf, n, flags);
	return shim_plain_moved(t, SHIM_CALL_SENDTO,
				native_send(fd, buf, n, flags));
}

ssize_t shim_entry_sendto(int fd, const void *buf, size_t n, int flags,
			  const struct sockaddr *addr, socklen_t addrlen)
{
	struct shim_outcome o;

	if (!addr && !addrlen)
		return shim_entry_send(fd, buf, n, flags);
	if (shim_enter_outcome(&o, true))
		o.route = SHIM_ADDRESS;
	shim_native_begin(&o, SHIM_CALL_SENDTO);
	return native_result(SHIM_CALL_SENDTO,
			     shim_real.sendto(fd, buf, n, flags, addr,
					      addrlen));
}

/* The rest of a message of which a part was sent. */
static ssize_t native_rest(struct shim_outcome *o, int fd,
			   const struct msghdr *msg, int flags, int saved)
{
	struct iovec rest[SHIM_SEGMENTS];
	struct msghdr m = { .msg_iov = rest };

	m.msg_iovlen = (size_t)shim_rest_of(rest, msg->msg_iov, msg->msg_iovlen,
					    o->done);
	shim_native_begin(o, SHIM_CALL_SENDMSG);
	return shim_together(o->done, SHIM_CALL_SENDMSG,
			     shim_real.sendmsg(fd, &m, flags), saved);
}

ssize_t shim_entry_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct shim_outcome o;
	int saved = errno;

	if (shim_enter_outcome(&o, true))
		shim_call_sendmsg(&o, fd, msg, flags);
	if (o.rest == SHIM_DONE)
		return ring_result(&o, SHIM_CALL_SENDMSG);
	if (o.rest == SHIM_AWAIT_SPACE)
		return shim_write_on(&o, SHIM_CALL_SENDMSG, fd, msg->msg_iov,
				     msg->msg_iovlen, true, saved);
	if (o.done)
		return native_rest(&o, fd, msg, flags, saved);
	/* Descriptors may be on their way to another process. */
	if (o.route != SHIM_SPACE && o.route != SHIM_MAY_SPLIT)
		shim_fds_forget_all();
	shim_native_begin(&o, SHIM_CALL_SENDMSG);
	return native_result(SHIM_CALL_SENDMSG,
			     shim_real.sendmsg(fd, msg, flags));
}

/* A new descriptor: what was known of its number is not true of it. */
static int accepted(int fd)
{
	if (fd >= 0)
		shim_fd_forget(fd);
	return fd;
}

int shim_entry_accept(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, true))
		shim_call_accept(&o, SHIM_CALL_ACCEPT, fd, addr, addrlen, 0);
	if (o.rest == SHIM_DONE)
		return accepted((int)shim_return(&o, SHIM_CALL_ACCEPT, o.res));
	shim_native_begin(&o, SHIM_CALL_ACCEPT);
	ret = shim_real.accept(fd, addr, addrlen);
	shim_native_end(SHIM_CALL_ACCEPT, ret);
	return accepted(ret);
}

int shim_entry_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen,
		       int flags)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, true))
		shim_call_accept(&o, SHIM_CALL_ACCEPT4, fd, addr, addrlen,
				 flags);
	if (o.rest == SHIM_DONE)
		return accepted((int)shim_return(&o, SHIM_CALL_ACCEPT4, o.res));
	shim_native_begin(&o, SHIM_CALL_ACCEPT4);
	ret = shim_real.accept4(fd, addr, addrlen, flags);
	shim_native_end(SHIM_CALL_ACCEPT4, ret);
	return accepted(ret);
}
