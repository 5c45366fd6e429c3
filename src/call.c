// SPDX-License-Identifier: MIT
/*
 * Open, connect and close: what the ring may do of them.  Reading and writing
 * are in call_rw.c.
 */
#include "call_internal.h"

#include <linux/openat2.h>
#include <sys/socket.h>

void shim_not_submitted(struct shim_outcome *o, int err)
{
	enum shim_route route = SHIM_RETRY;

	switch (err) {
	case -EOWNERDEAD:
		/* A forked child: what we counted in is its parent's. */
		o->thread = shim_self;
		break;
	case -EMFILE:
	case -ENFILE:
		route = SHIM_NO_FD;
		break;
	case -EPERM:
		route = SHIM_SANDBOX;
		break;
	case -EBADF:
	case -EINVAL:
	case -EEXIST:
	case -EOPNOTSUPP:
		shim_thread_refused(o->thread);
		o->thread = shim_self;
		break;
	}
	shim_native_route(o, route);
}

/* open */

#define OPEN_FLAGS (O_ACCMODE | O_NOCTTY | O_APPEND | O_NONBLOCK | O_SYNC | \
		    O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | \
		    O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH)
/* open(2): with O_PATH all other flags are ignored. */
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

/* Can eight bytes be read at @p?  A bad "how" makes the call do nothing else. */
static bool readable(const char *p)
{
	return shim_sys4(SYS_rt_sigprocmask, ~0, p, 0, 8) == -EINVAL;
}

static bool under(const char *path, const char *dir)
{
	while (*dir && *path == *dir) {
		path++;
		dir++;
	}
	return !*dir && (!*path || *path == '/');
}

/*
 * Below these the identity of who opens matters, or the open itself waits or
 * does something: not even an inline try is made.
 */
static bool special(const char *path)
{
	return path[0] == '/' && (under(path, "/dev") || under(path, "/proc") ||
				  under(path, "/sys"));
}

static enum shim_route open_route(const char *path, int flags)
{
	if (flags & ~OPEN_FLAGS || (flags & O_ACCMODE) == O_ACCMODE)
		return SHIM_CREATE;
	if (!readable(path))
		return SHIM_RETRY;
	return special(path) ? SHIM_SPECIAL_PATH : SHIM_RING;
}

/*
 * The kernel's inline try adds O_NONBLOCK to the flags (io_openat2), which FIFOs
 * and devices obey.
 */
static void opened(struct shim_outcome *o, int fd, int flags)
{
	struct shim_fd info = { 0 };

	shim_ring_result(o, fd);
	if (!(flags & (O_DIRECT | O_PATH)))
		shim_fd_opened(fd, SHIM_FD_UNKNOWN);
	if (flags & (O_PATH | O_NONBLOCK) || shim_fd_look(fd, &info))
		return;
	if (info.kind == SHIM_FD_PIPE) {
		o->rendezvous = (flags & O_ACCMODE) != O_RDWR;
	} else if (info.kind == SHIM_FD_OTHER && info.flags & SHIM_FD_DEVICE) {
		shim_fd_forget(fd);
		shim_sys_close(fd);
		shim_native_route(o, SHIM_SPECIAL_PATH);
	}
}

static void ring_open(struct shim_outcome *o, int dirfd, const char *path,
		      int flags)
{
	struct shim_driver *d = &o->thread->driver;
	struct shim_slot *slot = shim_slot_take(&d->completions);
	struct open_how how = {
		.flags = (unsigned)(flags & O_PATH ? flags & PATH_FLAGS : flags),
		.resolve = RESOLVE_CACHED | RESOLVE_NO_MAGICLINKS,
	};
	int ret;

	if (!slot) {
		shim_native_route(o, SHIM_RETRY);
		return;
	}
	shim_openat_event(&slot->event.openat, dirfd, path, &how);
	ret = shim_driver_submit(d, slot);
	if (ret == SHIM_PENDING)
		shim_driver_finish(d, slot);
	else if (ret < 0) {
		shim_not_submitted(o, ret);
		return;
	}
	ret = slot->res;
	if (ret >= 0)
		opened(o, ret, flags);
	else if (ret == -ENOENT || ret == -ENOTDIR || ret == -EACCES ||
		 ret == -EMFILE)
		shim_ring_result(o, ret);
	else
		shim_native_route(o, ret == -EAGAIN ? SHIM_UNCACHED :
				  SHIM_RETRY);
}

void shim_call_open(struct shim_outcome *o, enum shim_call call, int dirfd,
		    const char *path, int flags)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct shim_thread *t;

	if (shim_outcome_begin(o, call, frame) != SHIM_RING)
		return;
	t = o->thread;
	o->route = open_route(path, flags);
	if (o->route == SHIM_RING)
		ring_open(o, dirfd, path, flags);
	shim_end(t);
}

/* connect */

static bool has_send_timeout(int fd)
{
	struct { long sec, usec; } tv = { 0, 0 };
	socklen_t len = sizeof(tv);

	return shim_sys_sockopt(fd, SO_SNDTIMEO, &tv, &len) || tv.sec || tv.usec;
}

static enum shim_route connect_route(int fd)
{
	struct shim_fd info;
	int flags;

	if (shim_fd_look(fd, &info))
		return SHIM_UNKNOWN_FD;
	if (info.kind == SHIM_FD_DATAGRAM)
		return SHIM_DATAGRAM;
	if (info.kind != SHIM_FD_STREAM)
		return SHIM_KIND;
	if (info.flags & SHIM_FD_UNIX)
		return SHIM_UNIX;
	flags = shim_sys_fcntl(fd, F_GETFL, 0);
	if (flags < 0 || flags & O_NONBLOCK)
		return SHIM_NONBLOCK;
	return has_send_timeout(fd) ? SHIM_TIMEOUT : SHIM_RING;
}

/*
 * A connect that failed after it had waited leaves the socket in the state
 * "connecting", because io_connect takes the error before inet_stream_connect
 * can: a later native connect would fail once with ECONNABORTED.  Dissolving
 * the association is what inet_stream_connect does after such an error.
 */
static void reset_failed(int fd, long res)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	switch (res) {
	case -ECONNREFUSED:
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -EHOSTDOWN:
	case -ENETDOWN:
	case -ECONNRESET:
		shim_sys(SYS_connect, fd, &unspec, sizeof(unspec));
		break;
	}
}

static void ring_connect(struct shim_outcome *o, int fd,
			 const struct sockaddr *addr, socklen_t addrlen)
{
	struct shim_driver *d = &o->thread->driver;
	struct shim_slot *slot = shim_slot_take(&d->completions);
	bool waited = false;
	int ret;

	if (!slot) {
		shim_native_route(o, SHIM_RETRY);
		return;
	}
	shim_connect_event(&slot->event.connect, fd, addr, addrlen);
	ret = shim_driver_submit(d, slot);
	if (ret == SHIM_PENDING) {
		waited = true;
		ret = shim_driver_wait(d, slot, true);
	}
	if (ret == -EINTR) {
		shim_ring_result(o, -EINTR);
	} else if (ret < 0) {
		shim_not_submitted(o, ret);
	} else if (shim_only_ring(slot->res)) {
		shim_native_route(o, SHIM_RETRY);
	} else {
		if (waited)
			reset_failed(fd, slot->res);
		shim_ring_result(o, slot->res);
	}
}

void shim_call_connect(struct shim_outcome *o, int fd,
		       const struct sockaddr *addr, socklen_t addrlen)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct shim_thread *t;

	if (shim_outcome_begin(o, SHIM_CALL_CONNECT, frame) != SHIM_RING)
		return;
	t = o->thread;
	o->route = connect_route(fd);
	if (o->route == SHIM_RING)
		ring_connect(o, fd, addr, addrlen);
	shim_end(t);
}

/* close */

static enum shim_route close_route(int fd)
{
	struct shim_fd info = shim_fd_known(fd);

	if (info.kind == SHIM_FD_UNKNOWN)
		return SHIM_UNKNOWN_FD;
	return info.flags & SHIM_FD_INLINE_CLOSE ? SHIM_RING : SHIM_FLUSH;
}

static void ring_close(struct shim_outcome *o, int fd)
{
	struct shim_driver *d = &o->thread->driver;
	struct shim_slot *slot = shim_slot_take(&d->completions);
	int ret;

	if (!slot) {
		shim_native_route(o, SHIM_RETRY);
		return;
	}
	shim_close_event(&slot->event.close, fd);
	ret = shim_driver_submit(d, slot);
	if (ret < 0) {
		shim_not_submitted(o, ret);
		return;
	}
	if (ret == SHIM_PENDING)
		shim_driver_finish(d, slot);
	shim_ring_result(o, slot->res);
}

void shim_call_close(struct shim_outcome *o, int fd)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct shim_thread *t;

	if (shim_outcome_begin(o, SHIM_CALL_CLOSE, frame) == SHIM_RING) {
		t = o->thread;
		o->route = close_route(fd);
		shim_fd_forget(fd);
		if (o->route == SHIM_RING)
			ring_close(o, fd);
		shim_end(t);
	} else {
		shim_fd_forget(fd);
	}
}
