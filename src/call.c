// SPDX-License-Identifier: MIT
/*
 * Open, connect and close: what the ring may do of them.  Reading and writing
 * are in call_rw.c, messages and accept in call_msg.c.
 */
#include "call_internal.h"
#include "fs.h"

#include <linux/openat2.h>
#include <sys/socket.h>

void shim_not_submitted(struct shim_outcome *o, int err)
{
	enum shim_route route = SHIM_RETRY;

	switch (err) {
	case -ESTALE:
		o->thread = shim_self;
		/* fall through */
	case -EINTR:
		shim_ring_result(o, -EINTR);
		return;
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
		route = shim_thread_refused(o->thread);
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

/*
 * A file system that answers to a daemon or a server would see the O_NONBLOCK
 * that the inline try adds.
 */
static enum shim_route file_route(const struct shim_file *file)
{
	int known = shim_fs_known(file->fs);

	if (!S_ISREG(file->mode) && !S_ISDIR(file->mode))
		return SHIM_SPECIAL_PATH;
	if (known < 0)
		return SHIM_UNKNOWN_FS;
	return known & SHIM_FS_INLINE_OPEN ? SHIM_RING : SHIM_SPECIAL_PATH;
}

/*
 * Look before the open, not after it: the kernel's inline try adds O_NONBLOCK
 * (io_openat2), which FIFOs and devices obey, and an open of a FIFO that was
 * not meant to be cannot be taken back, because its peer has seen it.  This
 * look also tells whether @path may be read at all.
 */
static enum shim_route open_route(int dirfd, const char *path, int flags,
				  struct shim_file *file)
{
	int at = AT_NO_AUTOMOUNT, ret;

	*file = (struct shim_file){ 0 };
	if (flags & ~OPEN_FLAGS || (flags & O_ACCMODE) == O_ACCMODE)
		return SHIM_CREATE;
	if (flags & O_NOFOLLOW)
		at |= AT_SYMLINK_NOFOLLOW;
	ret = shim_file_look(dirfd, path, at, file);
	if (ret && ret != -ENOENT)
		return SHIM_RETRY;
	if (special(path))
		return SHIM_SPECIAL_PATH;
	return ret ? SHIM_RING : file_route(file);
}

static void ring_open(struct shim_outcome *o, int dirfd, const char *path,
		      int flags, const struct shim_file *file)
{
	struct shim_slot *slot = shim_slot_take(&o->thread->driver.completions);
	struct open_how how = {
		.flags = (unsigned)(flags & O_PATH ? flags & PATH_FLAGS : flags),
		.resolve = RESOLVE_CACHED | RESOLVE_NO_MAGICLINKS,
	};
	long ret;

	if (slot)
		shim_openat_event(&slot->event.openat, dirfd, path, &how);
	if (!shim_try(o, slot, &ret))
		return;
	if (ret >= 0) {
		/* Direct I/O would outlive the call: nothing for the ring. */
		shim_fd_opened_as((int)ret, file,
				  !(flags & (O_DIRECT | O_PATH)));
		shim_ring_result(o, ret);
	} else if (ret == -ENOENT || ret == -ENOTDIR || ret == -EACCES ||
		   ret == -EMFILE) {
		shim_ring_result(o, ret);
	} else {
		shim_native_route(o, ret == -EAGAIN ? SHIM_UNCACHED :
				  SHIM_RETRY);
	}
}

void shim_call_open(struct shim_outcome *o, enum shim_call call, int dirfd,
		    const char *path, int flags)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct shim_thread *t;
	struct shim_file file;

	if (shim_outcome_begin(o, call, frame) != SHIM_RING)
		return;
	t = o->thread;
	o->route = open_route(dirfd, path, flags, &file);
	if (o->route == SHIM_RING)
		ring_open(o, dirfd, path, flags, &file);
	shim_end(t);
}

/* connect */

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
	return shim_has_timeout(fd, SO_SNDTIMEO) ? SHIM_TIMEOUT : SHIM_RING;
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

/*
 * The connection is on its way.  After a cancellation the socket is as after an
 * interrupted connect(2), and the native call waits for the rest.
 */
static int wait_for_connect(struct shim_driver *d, struct shim_slot *slot)
{
	if (shim_wait_on_ring && d->ring.by_index)
		return shim_driver_wait(d, slot, true);
	return shim_driver_cancel(d, slot);
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
		ret = wait_for_connect(d, slot);
	}
	if (ret == -ECANCELED) {
		shim_native_route(o, SHIM_WAITED);
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
	struct shim_slot *slot = shim_slot_take(&o->thread->driver.completions);
	long ret;

	if (slot)
		shim_close_event(&slot->event.close, fd);
	if (shim_try(o, slot, &ret))
		shim_ring_result(o, ret);
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
