// SPDX-License-Identifier: MIT
/*
 * Read and write.  First the ring is asked with RWF_NOWAIT, which answers the
 * same for blocking and non-blocking descriptors without our knowing which it
 * is; only a call that would have to wait asks the kernel what it is about to
 * wait on.
 */
#include "call_internal.h"

#include <sys/uio.h>

/* One read or write moves no more (MAX_RW_COUNT of the kernel). */
#define MAX_RW 0x7ffff000UL

const char *shim_single_threaded;

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
	if (!len)
		return SHIM_ZERO;
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

static bool has_timeout(int fd, int name)
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
	struct stat st;

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
		if (has_timeout(fd, write ? SO_SNDTIMEO : SO_RCVTIMEO))
			return SHIM_TIMEOUT;
		/*
		 * A restarted write looks for space again; a pending one only
		 * when the socket says that it is writable, which is later.
		 */
		if (write)
			return SHIM_SPACE;
		return rcvlowat(fd) == 1 ? SHIM_RING : SHIM_LOWAT;
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
};

static struct shim_slot *rw_slot(const struct rw *c, size_t from, int rw_flags)
{
	struct shim_slot *slot = shim_slot_take(&c->d->completions);
	uint32_t len = c->len - (uint32_t)from;

	if (!slot)
		return NULL;
	if (c->write)
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
	if (shim_only_ring(res))
		shim_native_route(c->o, SHIM_RETRY);
	else
		shim_ring_result(c->o, res);
}

/*
 * A blocking write has moved @done bytes.  Natively it waits for the rest, and
 * returns what it has moved as soon as a handler has run, with SA_RESTART or
 * without; so this wait is one that every signal ends.
 */
static void write_rest(struct rw *c, size_t done)
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
	int flags = shim_sys_fcntl(c->fd, F_GETFL, 0);

	if (flags < 0 || flags & O_NONBLOCK) {
		shim_ring_result(c->o, (long)done);
	} else if (c->info.kind == SHIM_FD_STREAM &&
		   has_timeout(c->fd, SO_SNDTIMEO)) {
		/* Such a wait never restarts: the native rest is exact. */
		shim_native_route(c->o, SHIM_TIMEOUT);
		c->o->done = done;
	} else {
		write_rest(c, done);
	}
}

static void wait_for_it(struct rw *c)
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
	if (ret == -EINTR)
		shim_ring_result(c->o, -EINTR);
	else if (ret < 0)
		shim_not_submitted(c->o, ret);
	else if (c->write && slot->res > 0 && (uint32_t)slot->res < c->len)
		short_write(c, (size_t)slot->res);
	else
		rw_result(c, slot->res);
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
	if (ret == -EOPNOTSUPP) {
		shim_fd_learn(c->fd, SHIM_FD_NO_NOWAIT);
		shim_native_route(c->o, SHIM_UNSUPPORTED);
	} else if (c->info.kind == SHIM_FD_REGULAR &&
		   (ret == -EAGAIN || (ret > 0 && (uint32_t)ret < c->len))) {
		short_regular(c, ret);
	} else if (ret == -EAGAIN) {
		wait_for_it(c);
	} else if (c->write && ret > 0 && (uint32_t)ret < c->len) {
		short_write(c, (size_t)ret);
	} else {
		rw_result(c, ret);
	}
}

static void call_rw(struct shim_outcome *o, int fd, char *buf, size_t len,
		    bool write, uintptr_t frame)
{
	enum shim_call call = write ? SHIM_CALL_WRITE : SHIM_CALL_READ;
	struct shim_thread *t;
	struct rw c;

	if (shim_outcome_begin(o, call, frame) != SHIM_RING)
		return;
	t = o->thread;
	o->route = rw_route(fd, len, &c.info, write);
	if (o->route == SHIM_RING) {
		c.o = o;
		c.d = &t->driver;
		c.fd = fd;
		c.buf = buf;
		c.len = (uint32_t)(len < MAX_RW ? len : MAX_RW);
		c.write = write;
		ring_rw(&c);
	}
	shim_end(t);
}

void shim_call_read(struct shim_outcome *o, int fd, void *buf, size_t len)
{
	call_rw(o, fd, buf, len, false, (uintptr_t)__builtin_frame_address(0));
}

void shim_call_write(struct shim_outcome *o, int fd, const void *buf,
		     size_t len)
{
	call_rw(o, fd, (char *)(uintptr_t)buf, len, true,
		(uintptr_t)__builtin_frame_address(0));
}
