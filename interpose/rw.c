// SPDX-License-Identifier: MIT
/* read(2) and write(2), under all their names. */
#include "init.h"

#include <poll.h>

#include "fdtable.h"

typedef ssize_t read_fn(int fd, void *buf, size_t n);
typedef ssize_t write_fn(int fd, const void *buf, size_t n);

static ssize_t counted(enum shim_call call, ssize_t ret)
{
	if (ret > 0)
		shim_count(shim_self, call, SHIM_COL_BYTES, (uint64_t)ret);
	return ret;
}

/*
 * Of a call that the ring has moved a part of the native rest may fail or be
 * empty; what was moved is the result then, as it is natively.
 */
static ssize_t together(struct shim_outcome *o, enum shim_call call, ssize_t ret,
			int saved)
{
	if (!o->done) {
		shim_native_end(call, ret);
		return counted(call, ret);
	}
	if (ret < 0) {
		errno = saved;
		ret = 0;
	}
	return counted(call, (ssize_t)o->done + ret);
}

/*
 * Sleep in a read that cannot take anything: see SHIM_AWAIT_READ.  libc's own
 * read makes it a cancellation point.  True: something is there to be read.
 */
static bool await_read(int fd, ssize_t *ret, int saved)
{
	*ret = shim_real.__read(fd, shim_unwritable, 1);
	if (*ret < 0 && errno == EFAULT) {
		errno = saved;
		return true;
	}
	if (*ret < 0 && errno == EAGAIN)
		shim_fd_learn(fd, SHIM_FD_NONBLOCK);
	return false;
}

/* Wakings of which somebody else had the data, before we give up. */
#define STOLEN 8

static ssize_t do_read(read_fn *real, int fd, void *buf, size_t n)
{
	struct shim_outcome o;
	int saved = errno, i;
	ssize_t ret;

	if (shim_stacked[SHIM_CALL_READ]) {
		shim_count(shim_self, SHIM_CALL_READ, SHIM_STACKED, 1);
		return counted(SHIM_CALL_READ, real(fd, buf, n));
	}
	for (i = 0; ; i++) {
		shim_call_read(&o, fd, buf, n);
		if (o.rest != SHIM_AWAIT_READ)
			break;
		shim_count(o.thread, SHIM_CALL_READ, SHIM_COL_WAITS, 1);
		if (i == STOLEN || !shim_unwritable) {
			o.rest = SHIM_NATIVE;
			o.route = SHIM_WAITED;
			break;
		}
		if (!await_read(fd, &ret, saved)) {
			o.route = SHIM_WAITED;
			shim_native_begin(&o, SHIM_CALL_READ);
			shim_native_end(SHIM_CALL_READ, ret);
			return ret;
		}
	}
	if (o.rest == SHIM_DONE)
		return counted(SHIM_CALL_READ,
			       shim_return(&o, SHIM_CALL_READ, o.res));
	shim_native_begin(&o, SHIM_CALL_READ);
	ret = real(fd, (char *)buf + o.done, n - o.done);
	return together(&o, SHIM_CALL_READ, ret, saved);
}

/* Until more can be written: see SHIM_AWAIT_SPACE.  False: a handler ran. */
static bool await_space(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, -1) >= 0;
}

/* A blocking write has moved a part: write on until a handler runs. */
static ssize_t write_on(struct shim_outcome *o, int fd, const char *buf,
			size_t n, int saved)
{
	size_t done = 0;

	while (o->rest == SHIM_AWAIT_SPACE) {
		done += o->done;
		shim_count(o->thread, SHIM_CALL_WRITE, SHIM_COL_WAITS, 1);
		if (!await_space(fd))
			break;
		shim_call_write_rest(o, fd, buf + done, n - done);
		if (o->rest == SHIM_DONE && o->res > 0)
			done += (size_t)o->res;
		/* Somebody was faster: there is nothing to add up yet. */
		if (o->rest == SHIM_NATIVE && o->route == SHIM_SPACE) {
			o->rest = SHIM_AWAIT_SPACE;
			o->done = 0;
		}
	}
	errno = saved;
	o->route = SHIM_RING;
	return shim_return(o, SHIM_CALL_WRITE, (long)done);
}

static ssize_t do_write(write_fn *real, int fd, const void *buf, size_t n)
{
	struct shim_outcome o;
	int saved = errno;
	ssize_t ret;

	if (shim_stacked[SHIM_CALL_WRITE]) {
		shim_count(shim_self, SHIM_CALL_WRITE, SHIM_STACKED, 1);
		return counted(SHIM_CALL_WRITE, real(fd, buf, n));
	}
	shim_call_write(&o, fd, buf, n);
	if (o.rest == SHIM_DONE)
		return counted(SHIM_CALL_WRITE,
			       shim_return(&o, SHIM_CALL_WRITE, o.res));
	if (o.rest == SHIM_AWAIT_SPACE)
		return counted(SHIM_CALL_WRITE,
			       write_on(&o, fd, buf, n, saved));
	shim_native_begin(&o, SHIM_CALL_WRITE);
	ret = real(fd, (const char *)buf + o.done, n - o.done);
	return together(&o, SHIM_CALL_WRITE, ret, saved);
}

SHIM_EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	shim_enter_cancellation_point();
	return do_read(shim_real.read, fd, buf, n);
}

SHIM_EXPORT ssize_t __read(int fd, void *buf, size_t n)
{
	shim_enter_cancellation_point();
	return do_read(shim_real.__read, fd, buf, n);
}

SHIM_EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	shim_enter_cancellation_point();
	/* libc's own ends the program, with its own message. */
	if (n > size)
		return shim_real.__read_chk(fd, buf, n, size);
	return do_read(shim_real.read, fd, buf, n);
}

SHIM_EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	shim_enter_cancellation_point();
	return do_write(shim_real.write, fd, buf, n);
}

SHIM_EXPORT ssize_t __write(int fd, const void *buf, size_t n)
{
	shim_enter_cancellation_point();
	return do_write(shim_real.__write, fd, buf, n);
}
