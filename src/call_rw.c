// SPDX-License-Identifier: MIT
/*
 * Read and write.  The ring is asked with RWF_NOWAIT, which answers the same for
 * blocking and non-blocking descriptors without our knowing which it is.  A
 * call that has to wait is made natively, so that nothing is ever pending while
 * its thread sleeps; with SHIM_WAIT=ring it sleeps with its event pending.
 */
#include "call_internal.h"

#include <limits.h>
#include <sys/uio.h>

/* One read or write moves no more (MAX_RW_COUNT of the kernel). */
#define MAX_RW 0x7ffff000UL

/* A blocking write that is longer may well move a part and wait. */
#define MAY_SPLIT 16384

const char *shim_single_threaded;
bool shim_wait_on_ring;

long shim_fault_or_badf(int fd, int accmode)
{
	int flags = shim_sys_fcntl(fd, F_GETFL, 0);

	if (flags < 0 || flags & O_PATH)
		return -EBADF;
	flags &= O_ACCMODE;
	return flags == O_RDWR || flags == accmode ? -EFAULT : -EBADF;
}

static bool position_is_private(const struct shim_fd *info)
{
	return info->flags & SHIM_FD_OURS && shim_single_threaded &&
	       *shim_single_threaded;
}

static enum shim_route regular_route(const struct shim_fd *info, bool write)
{
	/* ext4 and most others move every buffered write to a worker. */
	if (write)
		return SHIM_WORKER;
	if (info->flags & SHIM_FD_NO_NOWAIT)
		return SHIM_UNSUPPORTED;
	return position_is_private(info) ? SHIM_RING : SHIM_SHARED_POSITION;
}

static enum shim_route rw_route(int fd, size_t len, struct shim_fd *info,
				bool write)
{
	/* access_ok() is asked about the whole length, before it is clamped. */
	if (!len || len > MAX_RW)
		return SHIM_LENGTH;
	if (shim_fd_look(fd, info))
		return SHIM_UNKNOWN_FD;
	switch (info->kind) {
	case SHIM_FD_PIPE:
		return info->flags & SHIM_FD_NO_NOWAIT ? SHIM_UNSUPPORTED :
			SHIM_RING;
	case SHIM_FD_STREAM:
		return !write && info->flags & SHIM_FD_LOWAT ? SHIM_LOWAT :
			SHIM_RING;
	case SHIM_FD_EVENTFD:
		return write ? SHIM_WORKER : SHIM_RING;
	case SHIM_FD_REGULAR:
		return regular_route(info, write);
	case SHIM_FD_DATAGRAM:
		return SHIM_DATAGRAM;
	default:
		return SHIM_KIND;
	}
}

bool shim_has_timeout(int fd, int name)
{
	struct { long sec, usec; } tv = { 0, 0 };
	socklen_t len = sizeof(tv);

	return shim_sys_sockopt(fd, name, &tv, &len) || tv.sec || tv.usec;
}

static int rcvlowat(int fd)
{
	socklen_t len = sizeof(int);
	int val = 0;

	shim_sys_sockopt(fd, SO_RCVLOWAT, &val, &len);
	return val;
}

static bool is_pipe(int fd)
{
	struct stat st = { 0 };

	return !shim_sys_fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

/*
 * The call would wait.  Ask again for all that decides how it may: the cache
 * may be stale, and O_NONBLOCK and timeouts belong to the open file, which
 * another process may have changed.
 */
static enum shim_route wait_route(int fd, const struct shim_fd *info,
				  bool write, int *flags)
{
	*flags = shim_sys_fcntl(fd, F_GETFL, 0);
	if (*flags < 0)
		return SHIM_UNKNOWN_FD;
	if (*flags & O_NONBLOCK)
		return SHIM_RING;
	switch (info->kind) {
	case SHIM_FD_PIPE:
		return is_pipe(fd) ? SHIM_RING : SHIM_RETRY;
	case SHIM_FD_STREAM:
		if (shim_has_timeout(fd, write ? SO_SNDTIMEO : SO_RCVTIMEO))
			return SHIM_TIMEOUT;
		/*
		 * A restarted write looks for space again; a pending one only
		 * when the socket says that it is writable, which is later.
		 */
		if (write)
			return SHIM_SPACE;
		return rcvlowat(fd) == 1 ? SHIM_RING : SHIM_LOWAT;
	case SHIM_FD_EVENTFD:
		return SHIM_RETRY;
	default:
		return SHIM_KIND;
	}
}

/* What one call is about. */
struct rw {
	struct shim_outcome *o;
	struct shim_driver *d;
	struct shim_fd info;
	int fd;
	char *buf;
	uint32_t len;
	bool write;
	bool rest;    /* of a write that has moved a part already */
};

static struct shim_slot *rw_slot(const struct rw *c, size_t from, int rw_flags)
{
	struct shim_slot *slot = shim_slot_take(&c->d->completions);
	uint32_t len = c->len - (uint32_t)from;

	if (!slot)
		return NULL;
	/* Of a socket the cheaper operation; it never raises SIGPIPE. */
	if (c->write && c->info.kind == SHIM_FD_STREAM)
		shim_send_event(&slot->event.rw, c->fd, c->buf + from, len,
				MSG_NOSIGNAL |
				(rw_flags & RWF_NOWAIT ? MSG_DONTWAIT : 0));
	else if (c->write)
		shim_write_event(&slot->event.rw, c->fd, c->buf + from, len,
				 (uint64_t)-1, rw_flags);
	else
		shim_read_event(&slot->event.rw, c->fd, c->buf + from, len,
				(uint64_t)-1, rw_flags);
	return slot;
}

/* A result that is the program's, as it is, or nearly. */
static void rw_result(struct rw *c, long res)
{
	if (res == -EFAULT)
		res = shim_fault_or_badf(c->fd, c->write ? O_WRONLY : O_RDONLY);
	/* A second write gives the same error, and the signal with it. */
	if (shim_only_ring(res) ||
	    (res == -EPIPE && c->info.kind == SHIM_FD_STREAM && !c->rest))
		shim_native_route(c->o, SHIM_RETRY);
	else
		shim_ring_result(c->o, res);
}

static bool nonblock(const struct rw *c)
{
	int flags = shim_sys_fcntl(c->fd, F_GETFL, 0);

	if (flags < 0)
		return false;
	if (flags & O_NONBLOCK)
		shim_fd_learn(c->fd, SHIM_FD_NONBLOCK);
	return flags & O_NONBLOCK;
}

/*
 * The rest of a split write with its event pending: an enter that waits returns
 * EINTR for every handler, as this wait must.
 */
static void write_rest_on_ring(struct rw *c, size_t done)
{
	struct shim_slot *slot;
	int ret = 0;

	while (done < c->len) {
		slot = rw_slot(c, done, 0);
		if (!slot)
			break;
		ret = shim_driver_wait_interruptible(c->d, slot);
		if (ret == -EOWNERDEAD)
			c->o->thread = shim_self;
		if (ret < 0 || slot->res <= 0)
			break;
		done += (size_t)slot->res;
	}
	shim_ring_result(c->o, (long)done);
}

static void short_write(struct rw *c, size_t done)
{
	c->o->done = done;
	if (nonblock(c)) {
		shim_ring_result(c->o, (long)done);
	} else if (c->info.kind == SHIM_FD_STREAM &&
		   shim_has_timeout(c->fd, SO_SNDTIMEO)) {
		/* Such a wait never restarts: the native rest is exact. */
		shim_native_route(c->o, SHIM_TIMEOUT);
	} else if (shim_wait_on_ring) {
		write_rest_on_ring(c, done);
	} else {
		c->o->rest = SHIM_AWAIT_SPACE;
		c->o->route = SHIM_RING;
	}
}

static void wait_on_ring(struct rw *c)
{
	struct shim_slot *slot;
	int flags, ret;

	c->o->route = wait_route(c->fd, &c->info, c->write, &flags);
	if (c->o->route != SHIM_RING) {
		if (c->o->route == SHIM_RETRY)
			shim_fd_forget(c->fd);
		return;
	}
	if (flags & O_NONBLOCK) {
		shim_ring_result(c->o, -EAGAIN);
		return;
	}
	slot = rw_slot(c, 0, 0);
	if (!slot) {
		shim_native_route(c->o, SHIM_RETRY);
		return;
	}
	ret = shim_driver_wait(c->d, slot, false);
	if (ret < 0)
		shim_not_submitted(c->o, ret);
	else if (c->write && slot->res > 0 && (uint32_t)slot->res < c->len)
		short_write(c, (size_t)slot->res);
	else
		rw_result(c, slot->res);
}

/* A call that has to wait does so natively, with nothing pending. */
static void wait_natively(struct rw *c)
{
	if (!c->write)
		c->o->thread->waited_fd = c->fd;
	shim_native_route(c->o, c->write ? SHIM_SPACE : SHIM_WAITED);
}

/*
 * Reads of a descriptor that had to wait the last time mostly have to again, as
 * in a request-reply loop: asking the ring first would be in vain.  Every eighth
 * asks all the same.
 */
static bool will_wait(const struct rw *c)
{
	struct shim_thread *t = c->o->thread;

	return !c->write && t->waited_fd == c->fd && !shim_wait_on_ring &&
	       ++t->waited % 8 && c->info.kind != SHIM_FD_REGULAR &&
	       !(c->info.flags & SHIM_FD_NONBLOCK);
}

/* Nothing there, or no space. */
static void would_wait(struct rw *c)
{
	if (shim_wait_on_ring)
		wait_on_ring(c);
	else if (nonblock(c))
		shim_ring_result(c->o, -EAGAIN);
	else
		wait_natively(c);
}

/* A regular file gave less than was asked for, without waiting. */
static void short_regular(struct rw *c, long res)
{
	shim_native_route(c->o, SHIM_UNCACHED);
	if (res > 0)
		c->o->done = (size_t)res;
}

static void ring_rw(struct rw *c)
{
	struct shim_slot *slot = rw_slot(c, 0, RWF_NOWAIT);
	int ret;

	if (!slot) {
		shim_native_route(c->o, SHIM_RETRY);
		return;
	}
	ret = shim_driver_submit(c->d, slot);
	if (ret < 0) {
		shim_not_submitted(c->o, ret);
		return;
	}
	if (ret == SHIM_PENDING)
		shim_driver_finish(c->d, slot);
	ret = slot->res;
	if (ret > 0 && !c->write && c->o->thread->waited_fd == c->fd)
		c->o->thread->waited_fd = -1;
	if (ret == -EOPNOTSUPP) {
		shim_fd_learn(c->fd, SHIM_FD_NO_NOWAIT);
		shim_native_route(c->o, SHIM_UNSUPPORTED);
	} else if (c->info.kind == SHIM_FD_REGULAR &&
		   (ret == -EAGAIN || (ret > 0 && (uint32_t)ret < c->len))) {
		short_regular(c, ret);
	} else if (ret == -EAGAIN) {
		would_wait(c);
	} else if (c->write && ret > 0 && (uint32_t)ret < c->len) {
		short_write(c, (size_t)ret);
	} else {
		rw_result(c, ret);
	}
}

/*
 * A blocking write that moves a part and then waits is hard to tell apart from
 * its native self; those that well may are native from the start.
 */
static bool may_split(const struct rw *c)
{
	uint32_t whole = c->info.kind == SHIM_FD_PIPE ? PIPE_BUF : MAY_SPLIT;

	return c->write && c->len > whole && !nonblock(c);
}

static void call_rw(struct rw *c, struct shim_outcome *o, int fd, size_t len)
{
	enum shim_call call = c->write ? SHIM_CALL_WRITE : SHIM_CALL_READ;
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct shim_thread *t;

	if (shim_outcome_begin(o, call, frame) != SHIM_RING)
		return;
	t = o->thread;
	o->route = rw_route(fd, len, &c->info, c->write);
	if (o->route == SHIM_RING) {
		c->o = o;
		c->d = &t->driver;
		c->fd = fd;
		c->len = (uint32_t)len;
		if (!c->rest && may_split(c))
			o->route = SHIM_MAY_SPLIT;
		else if (will_wait(c))
			o->route = SHIM_WAITED;
		else
			ring_rw(c);
	}
	shim_end(t);
}

void shim_call_read(struct shim_outcome *o, int fd, void *buf, size_t len)
{
	struct rw c = { .buf = buf };

	call_rw(&c, o, fd, len);
}

void shim_call_write(struct shim_outcome *o, int fd, const void *buf,
		     size_t len)
{
	struct rw c = { .buf = (char *)(uintptr_t)buf, .write = true };

	call_rw(&c, o, fd, len);
}

void shim_call_write_rest(struct shim_outcome *o, int fd, const void *buf,
			  size_t len)
{
	struct rw c = {
		.buf = (char *)(uintptr_t)buf, .write = true, .rest = true,
	};

	call_rw(&c, o, fd, len);
}
