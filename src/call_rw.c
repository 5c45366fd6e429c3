// SPDX-License-Identifier: MIT
/*
 * Read and write, in all their forms.  The ring is asked with RWF_NOWAIT, which answers the same for
 * blocking and non-blocking descriptors without our knowing which it is.  A
 * call that has to wait is made natively, so that nothing is ever pending while
 * its thread sleeps; with SHIM_WAIT=ring it sleeps with its event pending.
 */
#include "call_internal.h"

#include <limits.h>
#include <sys/uio.h>

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

/* What is opened here has no O_DIRECT; somebody else's may. */
static bool buffered(int fd, const struct shim_fd *info)
{
	int flags;

	if (info->flags & (SHIM_FD_OURS | SHIM_FD_BUFFERED))
		return true;
	flags = shim_sys_fcntl(fd, F_GETFL, 0);
	if (flags < 0 || flags & O_DIRECT)
		return false;
	shim_fd_learn(fd, SHIM_FD_BUFFERED);
	return true;
}

static enum shim_route regular_route(const struct shim_io *io,
				     const struct shim_fd *info)
{
	/* ext4 and most others move every buffered write to a worker. */
	if (io->write)
		return SHIM_WORKER;
	if (info->flags & SHIM_FD_NO_NOWAIT)
		return SHIM_UNSUPPORTED;
	if (io->positioned)
		return buffered(io->fd, info) ? SHIM_RING : SHIM_UNSUPPORTED;
	return position_is_private(info) ? SHIM_RING : SHIM_SHARED_POSITION;
}

static enum shim_route length_route(const struct shim_io *io, size_t len)
{
	/* access_ok() is asked about the whole length, before it is clamped. */
	if (!len || len > SHIM_MAX_RW)
		return SHIM_LENGTH;
	/* A pipe gives ESPIPE to pread(2), but data to its operation. */
	if (io->positioned && (io->off < 0 ||
			       io->off > INT64_MAX - (int64_t)len))
		return SHIM_LENGTH;
	return io->flags ? SHIM_FLAGS : SHIM_RING;
}

static enum shim_route kind_route(const struct shim_io *io,
				  struct shim_fd *info)
{
	bool write = io->write;

	if (shim_fd_look(io->fd, info))
		return SHIM_UNKNOWN_FD;
	if (io->positioned && info->kind != SHIM_FD_REGULAR)
		return SHIM_KIND;
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
		return regular_route(io, info);
	case SHIM_FD_DATAGRAM:
		return SHIM_DATAGRAM;
	default:
		return SHIM_KIND;
	}
}

/* Reads the set, if it is given one, then refuses the operation. */
static bool word_readable(uintptr_t p)
{
	return p && shim_sys4(SYS_rt_sigprocmask, -1, p, 0, 8) != -EFAULT;
}

bool shim_readable(const void *p, size_t len)
{
	uintptr_t first = (uintptr_t)p, end = first + len;

	if (!word_readable(first))
		return false;
	return first / SHIM_PAGE == (end - 1) / SHIM_PAGE ||
	       word_readable(end - sizeof(uint64_t));
}

enum shim_route shim_vector_length(const struct iovec *iov, size_t count,
				   size_t *len)
{
	size_t i;

	*len = 0;
	if (!count || count > SHIM_SEGMENTS ||
	    !shim_readable(iov, count * sizeof(*iov)))
		return SHIM_VECTOR;
	for (i = 0; i < count; i++) {
		if (iov[i].iov_len > SHIM_MAX_RW)
			return SHIM_LENGTH;
		*len += iov[i].iov_len;
	}
	return *len > SHIM_MAX_RW ? SHIM_LENGTH : SHIM_RING;
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
	const struct shim_io *io;
	struct shim_outcome *o;
	struct shim_driver *d;
	struct shim_fd info;
	uint32_t len; /* of all segments */
	bool rest;    /* of a write that has moved a part already */
};

static void fill_vector(const struct rw *c, struct shim_slot *slot,
			int rw_flags)
{
	const struct shim_io *io = c->io;
	uint64_t off = io->positioned ? (uint64_t)io->off : (uint64_t)-1;

	if (io->write)
		shim_writev_event(&slot->event.vector, io->fd, io->iov,
				  (unsigned)io->count, off, rw_flags);
	else
		shim_readv_event(&slot->event.vector, io->fd, io->iov,
				 (unsigned)io->count, off, rw_flags);
}

static bool is_send(const struct rw *c)
{
	return c->io->write && !c->io->vector &&
	       c->info.kind == SHIM_FD_STREAM;
}

static void fill(const struct rw *c, struct shim_slot *slot, size_t from,
		 int rw_flags)
{
	const struct shim_io *io = c->io;
	uint64_t off = io->positioned ? (uint64_t)io->off : (uint64_t)-1;
	uint32_t len = c->len - (uint32_t)from;
	char *buf = (char *)io->buf + from;

	/* Of a socket the cheaper operation; it never raises SIGPIPE. */
	if (is_send(c))
		shim_send_event(&slot->event.rw, io->fd, buf, len,
				MSG_NOSIGNAL |
				(rw_flags & RWF_NOWAIT ? MSG_DONTWAIT : 0));
	else if (io->write)
		shim_write_event(&slot->event.rw, io->fd, buf, len, off,
				 rw_flags);
	else
		shim_read_event(&slot->event.rw, io->fd, buf, len, off,
				rw_flags);
}

static struct shim_slot *rw_slot(const struct rw *c, size_t from, int rw_flags)
{
	struct shim_slot *slot = shim_slot_take(&c->d->completions);

	if (slot && c->io->vector)
		fill_vector(c, slot, rw_flags);
	else if (slot)
		fill(c, slot, from, rw_flags);
	return slot;
}

/* A vector is not taken apart: one that has to wait does so natively. */
static bool may_wait_on_ring(const struct rw *c)
{
	return shim_wait_on_ring && c->d->ring.by_index && !c->io->vector &&
	       !c->io->wait_natively;
}

/*
 * Results of send(2) that are not those of a write(2), which gives the signal as
 * well, and is about whatever has taken the number of the socket unseen.
 */
static bool only_send(struct rw *c, long res)
{
	if (res == -ENOTSOCK)
		shim_fd_forget(c->io->fd);
	return res == -ENOTSOCK || (res == -EPIPE && !c->rest);
}

/* A result that is the program's, as it is, or nearly. */
static void rw_result(struct rw *c, long res)
{
	if (res == -EFAULT)
		res = shim_fault_or_badf(c->io->fd,
					 c->io->write ? O_WRONLY : O_RDONLY);
	if (shim_only_ring(res) || (is_send(c) && only_send(c, res)))
		shim_native_route(c->o, SHIM_RETRY);
	else
		shim_ring_result(c->o, res);
}

bool shim_nonblock(int fd)
{
	int flags = shim_sys_fcntl(fd, F_GETFL, 0);

	if (flags < 0)
		return false;
	if (flags & O_NONBLOCK)
		shim_fd_learn(fd, SHIM_FD_NONBLOCK);
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
	if (shim_nonblock(c->io->fd)) {
		shim_ring_result(c->o, (long)done);
	} else if (c->info.kind == SHIM_FD_STREAM &&
		   shim_has_timeout(c->io->fd, SO_SNDTIMEO)) {
		/* Such a wait never restarts: the native rest is exact. */
		shim_native_route(c->o, SHIM_TIMEOUT);
	} else if (may_wait_on_ring(c)) {
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

	c->o->route = wait_route(c->io->fd, &c->info, c->io->write, &flags);
	if (c->o->route != SHIM_RING) {
		if (c->o->route == SHIM_RETRY)
			shim_fd_forget(c->io->fd);
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
	else if (c->io->write && slot->res > 0 && (uint32_t)slot->res < c->len)
		short_write(c, (size_t)slot->res);
	else
		rw_result(c, slot->res);
}

/* A call that has to wait does so natively, with nothing pending. */
static void wait_natively(struct rw *c)
{
	if (!c->io->write)
		c->o->thread->waited_fd = c->io->fd;
	shim_native_route(c->o, c->io->write ? SHIM_SPACE : SHIM_WAITED);
}

static bool will_wait(const struct rw *c)
{
	return !c->io->write && !may_wait_on_ring(c) &&
	       c->info.kind != SHIM_FD_REGULAR &&
	       shim_will_wait(c->o->thread, c->io->fd, &c->info);
}

/* Nothing there, or no space. */
static void would_wait(struct rw *c)
{
	if (may_wait_on_ring(c))
		wait_on_ring(c);
	else if (shim_nonblock(c->io->fd))
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

static bool falls_short(const struct rw *c, long res)
{
	return res > 0 && (uint32_t)res < c->len;
}

static void ring_rw(struct rw *c)
{
	long res;

	if (!shim_try(c->o, rw_slot(c, 0, RWF_NOWAIT), &res))
		return;
	if (res > 0 && !c->io->write)
		shim_did_not_wait(c->o->thread, c->io->fd);
	if (res == -EOPNOTSUPP) {
		shim_fd_learn(c->io->fd, SHIM_FD_NO_NOWAIT);
		shim_native_route(c->o, SHIM_UNSUPPORTED);
	} else if (c->info.kind == SHIM_FD_REGULAR &&
		   (res == -EAGAIN || falls_short(c, res))) {
		short_regular(c, res);
	} else if (res == -EAGAIN) {
		would_wait(c);
	} else if (c->io->write && falls_short(c, res)) {
		short_write(c, (size_t)res);
	} else {
		rw_result(c, res);
	}
}

/*
 * A blocking write that moves a part and then waits is hard to tell apart from
 * its native self; those that well may are native from the start.
 */
static bool may_split(const struct rw *c)
{
	uint32_t whole = c->info.kind == SHIM_FD_PIPE ? PIPE_BUF :
		SHIM_MAY_SPLIT_STREAM;

	return c->io->write && c->len > whole && !shim_nonblock(c->io->fd);
}

/* SHIM_RING if the ring may be asked, else why not. */
static enum shim_route rw_route(struct rw *c)
{
	const struct shim_io *io = c->io;
	enum shim_route route = SHIM_RING;
	size_t len = io->len;

	if (io->vector)
		route = shim_vector_length(io->iov, (size_t)io->count, &len);
	if (route == SHIM_RING)
		route = length_route(io, len);
	if (route == SHIM_RING)
		route = kind_route(io, &c->info);
	if (route != SHIM_RING)
		return route;
	c->len = (uint32_t)len;
	if (!c->rest && may_split(c))
		return SHIM_MAY_SPLIT;
	return will_wait(c) ? SHIM_WAITED : SHIM_RING;
}

static void call_rw(struct shim_outcome *o, const struct shim_io *io, bool rest)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct rw c = { .io = io, .o = o, .rest = rest };
	struct shim_thread *t;

	if (shim_outcome_begin(o, io->call, frame) != SHIM_RING)
		return;
	t = o->thread;
	c.d = &t->driver;
	o->route = rw_route(&c);
	if (o->route == SHIM_RING)
		ring_rw(&c);
	shim_end(t);
}

void shim_call_io(struct shim_outcome *o, const struct shim_io *io)
{
	call_rw(o, io, false);
}

void shim_call_write_rest(struct shim_outcome *o, enum shim_call call, int fd,
			  const void *buf, size_t len)
{
	struct shim_io io = {
		.call = call, .fd = fd, .write = true,
		.buf = (void *)(uintptr_t)buf, .len = len,
	};

	call_rw(o, &io, true);
}
