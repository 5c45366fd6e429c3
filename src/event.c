// SPDX-License-Identifier: MIT
/*
 * The events, and the one that cancels them: how each fills its SQE and what each
 * must keep alive when its caller has gone.
 */
#include "event.h"

#include "sys.h"

/* Newer than Debian 12's headers; see accept in io_uring_enter(2). */
#ifndef IORING_ACCEPT_DONTWAIT
#define IORING_ACCEPT_DONTWAIT (1U << 1) /* 6.10 */
#endif

static bool eager(const struct shim_event *ev)
{
	(void)ev;
	return true;
}

static bool rides(const struct shim_event *ev)
{
	(void)ev;
	return false;
}

static void owns_nothing(struct shim_event *ev, struct shim_cancellation *c)
{
	(void)ev;
	(void)c;
}

static void drop_descriptor(struct shim_cancellation *c, int res)
{
	(void)c;
	if (res >= 0)
		shim_sys_close(res);
}

static void owns_descriptor(struct shim_event *ev, struct shim_cancellation *c)
{
	(void)ev;
	c->drop = drop_descriptor;
}

/* OpenAt */

static void openat_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	struct shim_openat_event *e = (struct shim_openat_event *)ev;

	io_uring_prep_openat2(sqe, e->dirfd, e->path, &e->how);
}


static const struct shim_event_ops openat_ops = {
	.name = "openat",
	.prepare = openat_prepare,
	.cancel = owns_descriptor,
	.is_eager = eager,
};

void shim_openat_event(struct shim_openat_event *e, int dirfd, const char *path,
		       const struct open_how *how)
{
	e->ev.ops = &openat_ops;
	e->dirfd = dirfd;
	e->path = path;
	e->how = *how;
}

/* Read and Write */

static void rw_prepare(struct shim_rw_event *e, int op, struct io_uring_sqe *sqe)
{
	io_uring_prep_rw(op, sqe, e->fd, e->buf, e->len, e->off);
	sqe->rw_flags = e->rw_flags;
}

static void read_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	rw_prepare((struct shim_rw_event *)ev, IORING_OP_READ, sqe);
}

static void write_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	rw_prepare((struct shim_rw_event *)ev, IORING_OP_WRITE, sqe);
}

static void send_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	struct shim_rw_event *e = (struct shim_rw_event *)ev;

	io_uring_prep_send(sqe, e->fd, e->buf, e->len, e->rw_flags);
}

static void recv_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	struct shim_rw_event *e = (struct shim_rw_event *)ev;

	io_uring_prep_recv(sqe, e->fd, e->buf, e->len, e->rw_flags);
}

static void rw_drop(struct shim_cancellation *c, int res)
{
	void (*release)(void *) = (void (*)(void *))(uintptr_t)c->metadata;

	(void)res;
	release(c->data);
}

static void rw_cancel(struct shim_event *ev, struct shim_cancellation *c)
{
	struct shim_rw_event *e = (struct shim_rw_event *)ev;

	if (!e->release)
		return;
	c->data = e->buf;
	c->metadata = (uintptr_t)e->release;
	c->drop = rw_drop;
}

static const struct shim_event_ops read_ops = {
	.name = "read",
	.prepare = read_prepare,
	.cancel = rw_cancel,
	.is_eager = eager,
};

static const struct shim_event_ops write_ops = {
	.name = "write",
	.prepare = write_prepare,
	.cancel = rw_cancel,
	.is_eager = eager,
};

static const struct shim_event_ops send_ops = {
	.name = "send",
	.prepare = send_prepare,
	.cancel = rw_cancel,
	.is_eager = eager,
};

static const struct shim_event_ops recv_ops = {
	.name = "recv",
	.prepare = recv_prepare,
	.cancel = rw_cancel,
	.is_eager = eager,
};

static void rw_event(struct shim_rw_event *e, int fd, void *buf, uint32_t len,
		     uint64_t off, int rw_flags)
{
	e->fd = fd;
	e->buf = buf;
	e->len = len;
	e->off = off;
	e->rw_flags = rw_flags;
	e->release = NULL;
}

void shim_read_event(struct shim_rw_event *e, int fd, void *buf, uint32_t len,
		     uint64_t off, int rw_flags)
{
	e->ev.ops = &read_ops;
	rw_event(e, fd, buf, len, off, rw_flags);
}

void shim_write_event(struct shim_rw_event *e, int fd, const void *buf,
		      uint32_t len, uint64_t off, int rw_flags)
{
	e->ev.ops = &write_ops;
	rw_event(e, fd, (void *)(uintptr_t)buf, len, off, rw_flags);
}

void shim_recv_event(struct shim_rw_event *e, int fd, void *buf, uint32_t len,
		     int flags)
{
	e->ev.ops = &recv_ops;
	rw_event(e, fd, buf, len, 0, flags);
}

void shim_send_event(struct shim_rw_event *e, int fd, const void *buf,
		     uint32_t len, int flags)
{
	e->ev.ops = &send_ops;
	rw_event(e, fd, (void *)(uintptr_t)buf, len, 0, flags);
}

/* Readv and Writev */

static void vector_prepare(struct shim_event *ev, int op,
			   struct io_uring_sqe *sqe)
{
	struct shim_vector_event *e = (struct shim_vector_event *)ev;

	io_uring_prep_rw(op, sqe, e->fd, e->iov, e->count, e->off);
	sqe->rw_flags = e->rw_flags;
}

static void readv_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	vector_prepare(ev, IORING_OP_READV, sqe);
}

static void writev_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	vector_prepare(ev, IORING_OP_WRITEV, sqe);
}

static const struct shim_event_ops readv_ops = {
	.name = "readv",
	.prepare = readv_prepare,
	.cancel = owns_nothing,
	.is_eager = eager,
};

static const struct shim_event_ops writev_ops = {
	.name = "writev",
	.prepare = writev_prepare,
	.cancel = owns_nothing,
	.is_eager = eager,
};

static void vector_event(struct shim_vector_event *e, int fd,
			 const struct iovec *iov, unsigned count, uint64_t off,
			 int rw_flags)
{
	e->fd = fd;
	e->iov = iov;
	e->count = count;
	e->off = off;
	e->rw_flags = rw_flags;
}

void shim_readv_event(struct shim_vector_event *e, int fd,
		      const struct iovec *iov, unsigned count, uint64_t off,
		      int rw_flags)
{
	e->ev.ops = &readv_ops;
	vector_event(e, fd, iov, count, off, rw_flags);
}

void shim_writev_event(struct shim_vector_event *e, int fd,
		       const struct iovec *iov, unsigned count, uint64_t off,
		       int rw_flags)
{
	e->ev.ops = &writev_ops;
	vector_event(e, fd, iov, count, off, rw_flags);
}

/* Recvmsg and Sendmsg */

static void recvmsg_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	struct shim_msg_event *e = (struct shim_msg_event *)ev;

	io_uring_prep_recvmsg(sqe, e->fd, e->msg, e->flags);
}

static void sendmsg_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	struct shim_msg_event *e = (struct shim_msg_event *)ev;

	io_uring_prep_sendmsg(sqe, e->fd, e->msg, e->flags);
}

static const struct shim_event_ops recvmsg_ops = {
	.name = "recvmsg",
	.prepare = recvmsg_prepare,
	.cancel = owns_nothing,
	.is_eager = eager,
};

static const struct shim_event_ops sendmsg_ops = {
	.name = "sendmsg",
	.prepare = sendmsg_prepare,
	.cancel = owns_nothing,
	.is_eager = eager,
};

void shim_recvmsg_event(struct shim_msg_event *e, int fd, struct msghdr *msg,
			unsigned flags)
{
	*e = (struct shim_msg_event){ { &recvmsg_ops }, fd, msg, flags };
}

void shim_sendmsg_event(struct shim_msg_event *e, int fd,
			const struct msghdr *msg, unsigned flags)
{
	*e = (struct shim_msg_event){
		{ &sendmsg_ops }, fd, (struct msghdr *)(uintptr_t)msg, flags,
	};
}

/* Accept */

static void accept_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	struct shim_accept_event *e = (struct shim_accept_event *)ev;

	io_uring_prep_accept(sqe, e->fd, e->addr, e->addrlen, e->flags);
	sqe->ioprio = IORING_ACCEPT_DONTWAIT;
}

static const struct shim_event_ops accept_ops = {
	.name = "accept",
	.prepare = accept_prepare,
	.cancel = owns_descriptor,
	.is_eager = eager,
};

void shim_accept_event(struct shim_accept_event *e, int fd,
		       struct sockaddr *addr, unsigned *addrlen, int flags)
{
	*e = (struct shim_accept_event){
		{ &accept_ops }, fd, addr, addrlen, flags,
	};
}

/* Connect */

static void connect_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	struct shim_connect_event *e = (struct shim_connect_event *)ev;

	io_uring_prep_connect(sqe, e->fd, e->addr, e->addrlen);
}

static const struct shim_event_ops connect_ops = {
	.name = "connect",
	.prepare = connect_prepare,
	.cancel = owns_nothing,
	.is_eager = eager,
};

void shim_connect_event(struct shim_connect_event *e, int fd,
			const struct sockaddr *addr, socklen_t addrlen)
{
	e->ev.ops = &connect_ops;
	e->fd = fd;
	e->addr = addr;
	e->addrlen = addrlen;
}

/* Close */

static void close_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	io_uring_prep_close(sqe, ((struct shim_close_event *)ev)->fd);
}

static const struct shim_event_ops close_ops = {
	.name = "close",
	.prepare = close_prepare,
	.cancel = owns_nothing,
	.is_eager = eager,
};

void shim_close_event(struct shim_close_event *e, int fd)
{
	e->ev.ops = &close_ops;
	e->fd = fd;
}

/* Cancel */

static void cancel_prepare(struct shim_event *ev, struct io_uring_sqe *sqe)
{
	io_uring_prep_cancel64(sqe, ((struct shim_cancel_event *)ev)->target,
			       0);
}

static const struct shim_event_ops cancel_ops = {
	.name = "cancel",
	.prepare = cancel_prepare,
	.cancel = owns_nothing,
	.is_eager = rides,
};

void shim_cancel_event(struct shim_cancel_event *e, uint64_t target)
{
	e->ev.ops = &cancel_ops;
	e->target = target;
}
