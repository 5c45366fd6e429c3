// SPDX-License-Identifier: MIT
/*
 * Receive, send and accept.  The ring is asked with MSG_DONTWAIT or
 * IORING_ACCEPT_DONTWAIT only; what has to wait does so natively, always: a
 * datagram that is sent by a pending operation arrives empty when its receiver
 * was full, and a pending accept swallows the wake-up of another process.
 */
#include "call_internal.h"

#include <sys/uio.h>

/*
 * Flags that mean the same in the system call and in a ring operation that does
 * not wait.  The others wait for more (MSG_WAITALL) or do something else.
 */
#define RECV_FLAGS (MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_NOSIGNAL | \
		    MSG_CMSG_CLOEXEC)
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

/* What one call is about. */
struct msg {
	enum shim_call call;
	struct shim_outcome *o;
	struct shim_fd info;
	int fd;
	bool send;
	void *buf;             /* @len bytes; or */
	bool message;          /* @hdr, which may point anywhere */
	struct msghdr *hdr;
	size_t len;            /* of a message too, where it is sent */
	int flags;
};

/* A socket of a known kind: anything else has waits of its own. */
static enum shim_route socket_route(struct msg *c)
{
	if (shim_fd_look(c->fd, &c->info))
		return SHIM_UNKNOWN_FD;
	if (c->info.kind != SHIM_FD_STREAM && c->info.kind != SHIM_FD_DATAGRAM)
		return SHIM_KIND;
	if (!c->send && c->info.flags & SHIM_FD_LOWAT)
		return SHIM_LOWAT;
	return SHIM_RING;
}

static enum shim_route header_route(struct msg *c)
{
	const struct msghdr *m = c->hdr;

	if (!shim_readable(m, sizeof(*m)))
		return SHIM_VECTOR;
	if (m->msg_name || m->msg_namelen)
		return SHIM_ADDRESS;
	if (m->msg_control || m->msg_controllen)
		return SHIM_CONTROL;
	return shim_vector_length(m->msg_iov, m->msg_iovlen, &c->len);
}

/*
 * A ring operation does not read the end of the header (msg_flags), but writes
 * it: with that on a page of its own, which may not be there, it would answer
 * EFAULT when the message is gone already.
 */
static enum shim_route room_route(const struct msg *c)
{
	uintptr_t in_page = (uintptr_t)c->hdr & (SHIM_PAGE - 1);

	if (in_page > SHIM_PAGE - sizeof(*c->hdr) &&
	    !shim_readable(c->hdr, sizeof(*c->hdr)))
		return SHIM_VECTOR;
	return SHIM_RING;
}

static bool may_split(const struct msg *c)
{
	return c->info.kind == SHIM_FD_STREAM &&
	       c->len > SHIM_MAY_SPLIT_STREAM && !(c->flags & MSG_DONTWAIT) &&
	       !shim_nonblock(c->fd);
}

static enum shim_route msg_route(struct msg *c)
{
	enum shim_route route = socket_route(c);

	if (route != SHIM_RING)
		return route;
	if (c->flags & ~(c->send ? SEND_FLAGS : RECV_FLAGS))
		return SHIM_FLAGS;
	if (c->message)
		route = c->send ? header_route(c) : room_route(c);
	if (route != SHIM_RING)
		return route;
	/* What a received message may hold is for the kernel to see. */
	if ((c->send || !c->message) && (!c->len || c->len > SHIM_MAX_RW))
		return SHIM_LENGTH;
	if (c->send)
		return may_split(c) ? SHIM_MAY_SPLIT : SHIM_RING;
	return !(c->flags & MSG_DONTWAIT) &&
	       shim_will_wait(c->o->thread, c->fd, &c->info) ? SHIM_WAITED :
		SHIM_RING;
}

static struct shim_slot *msg_slot(const struct msg *c)
{
	struct shim_slot *slot =
		shim_slot_take(&c->o->thread->driver.completions);
	int flags = c->flags | MSG_DONTWAIT;

	if (!slot)
		return NULL;
	if (c->send && c->message)
		shim_sendmsg_event(&slot->event.msg, c->fd, c->hdr,
				   (unsigned)flags | MSG_NOSIGNAL);
	else if (c->send)
		shim_send_event(&slot->event.rw, c->fd, c->buf,
				(uint32_t)c->len, flags | MSG_NOSIGNAL);
	else if (c->message)
		shim_recvmsg_event(&slot->event.msg, c->fd, c->hdr,
				   (unsigned)flags);
	else
		shim_recv_event(&slot->event.rw, c->fd, c->buf,
				(uint32_t)c->len, flags);
	return slot;
}

/* Nothing there, or no space. */
static void would_wait(struct msg *c)
{
	if (c->flags & MSG_DONTWAIT || shim_nonblock(c->fd)) {
		shim_ring_result(c->o, -EAGAIN);
		return;
	}
	if (!c->send)
		c->o->thread->waited_fd = c->fd;
	shim_native_route(c->o, c->send ? SHIM_SPACE : SHIM_WAITED);
}

static void short_send(struct msg *c, size_t done)
{
	c->o->done = done;
	if (c->flags & MSG_DONTWAIT || shim_nonblock(c->fd)) {
		shim_ring_result(c->o, (long)done);
	} else if (shim_has_timeout(c->fd, SO_SNDTIMEO)) {
		shim_native_route(c->o, SHIM_TIMEOUT);
	} else {
		c->o->rest = SHIM_AWAIT_SPACE;
		c->o->route = SHIM_RING;
	}
}

/*
 * Rings had an error of their own, EINVAL, for a message of more than 1024 segments
 * that is to be received (seen on 6.1, not on 6.18); nothing is received then.  Which
 * kernel was the last is not known: all before 6.10 are asked again.
 */
static bool other_einval(const struct msg *c, long res)
{
	return res == -EINVAL && c->message &&
	       !c->o->thread->driver.ring.accept_dontwait;
}

/* A second send gives the same error, and the signal with it. */
static bool say_it_natively(const struct msg *c, long res)
{
	return shim_only_ring(res) || other_einval(c, res) ||
	       (res == -EPIPE && c->send && !(c->flags & MSG_NOSIGNAL));
}

static void ring_msg(struct msg *c)
{
	long res;

	if (!shim_try(c->o, msg_slot(c), &res))
		return;
	if (res >= 0 && !c->send)
		shim_did_not_wait(c->o->thread, c->fd);
	if (res == -EFAULT)
		res = shim_fault_or_badf(c->fd, O_RDWR);
	if (res == -EAGAIN)
		would_wait(c);
	else if (say_it_natively(c, res))
		shim_native_route(c->o, SHIM_RETRY);
	else if (c->send && res >= 0 && (size_t)res < c->len &&
		 c->info.kind == SHIM_FD_STREAM)
		short_send(c, (size_t)res);
	else
		shim_ring_result(c->o, res);
}

static void call_msg(struct msg *c)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct shim_thread *t;

	if (shim_outcome_begin(c->o, c->call, frame) != SHIM_RING)
		return;
	t = c->o->thread;
	c->o->route = msg_route(c);
	if (c->o->route == SHIM_RING)
		ring_msg(c);
	shim_end(t);
}

void shim_call_recv(struct shim_outcome *o, int fd, void *buf, size_t len,
		    int flags)
{
	struct msg c = {
		.call = SHIM_CALL_RECVFROM, .o = o, .fd = fd, .buf = buf,
		.len = len, .flags = flags,
	};

	call_msg(&c);
}

void shim_call_send(struct shim_outcome *o, int fd, const void *buf, size_t len,
		    int flags)
{
	struct msg c = {
		.call = SHIM_CALL_SENDTO, .o = o, .fd = fd, .send = true,
		.buf = (void *)(uintptr_t)buf, .len = len, .flags = flags,
	};

	call_msg(&c);
}

void shim_call_recvmsg(struct shim_outcome *o, int fd, struct msghdr *msg,
		       int flags)
{
	struct msg c = {
		.call = SHIM_CALL_RECVMSG, .o = o, .fd = fd,
		.message = true, .hdr = msg, .flags = flags,
	};

	call_msg(&c);
}

void shim_call_sendmsg(struct shim_outcome *o, int fd, const struct msghdr *msg,
		       int flags)
{
	struct msg c = {
		.call = SHIM_CALL_SENDMSG, .o = o, .fd = fd, .send = true,
		.message = true, .hdr = (struct msghdr *)(uintptr_t)msg,
		.flags = flags,
	};

	call_msg(&c);
}

/* accept */

static enum shim_route accept_route(struct msg *c)
{
	if (!c->o->thread->driver.ring.accept_dontwait)
		return SHIM_UNSUPPORTED;
	if (shim_fd_look(c->fd, &c->info))
		return SHIM_UNKNOWN_FD;
	if (c->info.kind != SHIM_FD_STREAM)
		return SHIM_KIND;
	return shim_will_wait(c->o->thread, c->fd, &c->info) ? SHIM_WAITED :
		SHIM_RING;
}

static void ring_accept(struct msg *c, struct sockaddr *addr,
			socklen_t *addrlen)
{
	struct shim_slot *slot =
		shim_slot_take(&c->o->thread->driver.completions);
	long res;

	if (slot)
		shim_accept_event(&slot->event.accept, c->fd, addr, addrlen,
				  c->flags);
	if (!shim_try(c->o, slot, &res))
		return;
	if (res >= 0)
		shim_did_not_wait(c->o->thread, c->fd);
	c->flags = 0;
	if (res == -EAGAIN)
		would_wait(c);
	else if (say_it_natively(c, res))
		shim_native_route(c->o, SHIM_RETRY);
	else
		shim_ring_result(c->o, res);
}

void shim_call_accept(struct shim_outcome *o, enum shim_call call, int fd,
		      struct sockaddr *addr, socklen_t *addrlen, int flags)
{
	struct msg c = { .call = call, .o = o, .fd = fd, .flags = flags };
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct shim_thread *t;

	if (shim_outcome_begin(o, call, frame) != SHIM_RING)
		return;
	t = o->thread;
	o->route = accept_route(&c);
	if (o->route == SHIM_RING)
		ring_accept(&c, addr, addrlen);
	shim_end(t);
}
