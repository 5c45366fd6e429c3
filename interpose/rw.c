// SPDX-License-Identifier: MIT
/* read(2) and write(2), under all their names. */
#include "init.h"

#include <poll.h>


typedef ssize_t read_fn(int fd, void *buf, size_t n);
typedef ssize_t write_fn(int fd, const void *buf, size_t n);

static ssize_t counted(enum shim_call call, ssize_t ret)
{
	if (ret > 0)
		shim_count(shim_self, call, SHIM_COL_BYTES, (uint64_t)ret);
	return ret;
}

/*
 * Of a call that the ring has moved a part the native rest may fail or be
 * empty; what was moved is the result then, as it is natively.  A rest that is
 * empty was the end of the file: all that there was came from the ring.
 */
static ssize_t together(struct shim_outcome *o, enum shim_call call, ssize_t ret,
			int saved)
{
	if (!o->done) {
		shim_native_end(call, ret);
		return counted(call, ret);
	}
	if (!ret)
		o->route = SHIM_RING;
	shim_native_begin(o, call);
	if (ret < 0) {
		errno = saved;
		ret = 0;
	}
	return counted(call, (ssize_t)o->done + ret);
}

static ssize_t do_read(read_fn *real, int fd, void *buf, size_t n)
{
	struct shim_outcome o;
	int saved = errno;
	ssize_t ret;

	shim_call_read(&o, fd, buf, n);
	if (o.rest == SHIM_DONE)
		return counted(SHIM_CALL_READ,
			       shim_return(&o, SHIM_CALL_READ, o.res));
	if (!o.done)
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

	shim_call_write(&o, fd, buf, n);
	if (o.rest == SHIM_DONE)
		return counted(SHIM_CALL_WRITE,
			       shim_return(&o, SHIM_CALL_WRITE, o.res));
	if (o.rest == SHIM_AWAIT_SPACE)
		return counted(SHIM_CALL_WRITE,
			       write_on(&o, fd, buf, n, saved));
	if (!o.done)
		shim_native_begin(&o, SHIM_CALL_WRITE);
	ret = real(fd, (const char *)buf + o.done, n - o.done);
	return together(&o, SHIM_CALL_WRITE, ret, saved);
}

/* Calls of which it is known beforehand that they are native. */

static ssize_t plain_result(struct shim_thread *t, enum shim_call call,
			    ssize_t ret)
{
	if (ret >= 0)
		shim_count(t, call, SHIM_COL_BYTES, (uint64_t)ret);
	else
		shim_count(t, call, SHIM_COL_ERRORS, 1);
	return ret;
}

static __attribute__((noinline)) ssize_t plain_read(read_fn *real, int fd,
						    void *buf, size_t n,
						    enum shim_route route)
{
	struct shim_thread *t = shim_counting_thread();
	ssize_t ret;

	shim_count(t, SHIM_CALL_READ, route, 1);
	ret = real(fd, buf, n);
	return plain_result(t, SHIM_CALL_READ, ret);
}

static __attribute__((noinline)) ssize_t plain_write(write_fn *real, int fd,
						     const void *buf, size_t n,
						     enum shim_route route)
{
	struct shim_thread *t = shim_counting_thread();
	ssize_t ret;

	shim_count(t, SHIM_CALL_WRITE, route, 1);
	ret = real(fd, buf, n);
	return plain_result(t, SHIM_CALL_WRITE, ret);
}

SHIM_EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	enum shim_route route = shim_enter_call(SHIM_CALL_READ);

	if (route != SHIM_RING)
		return plain_read(shim_real.read, fd, buf, n, route);
	return do_read(shim_real.read, fd, buf, n);
}

SHIM_EXPORT ssize_t __read(int fd, void *buf, size_t n)
{
	enum shim_route route = shim_enter_call(SHIM_CALL_READ);

	if (route != SHIM_RING)
		return plain_read(shim_real.__read, fd, buf, n, route);
	return do_read(shim_real.__read, fd, buf, n);
}

SHIM_EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	enum shim_route route = shim_enter_call(SHIM_CALL_READ);

	/* libc's own ends the program, with its own message. */
	if (n > size)
		return shim_real.__read_chk(fd, buf, n, size);
	if (route != SHIM_RING)
		return plain_read(shim_real.read, fd, buf, n, route);
	return do_read(shim_real.read, fd, buf, n);
}

SHIM_EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	enum shim_route route = shim_enter_call(SHIM_CALL_WRITE);

	if (route != SHIM_RING)
		return plain_write(shim_real.write, fd, buf, n, route);
	return do_write(shim_real.write, fd, buf, n);
}

SHIM_EXPORT ssize_t __write(int fd, const void *buf, size_t n)
{
	enum shim_route route = shim_enter_call(SHIM_CALL_WRITE);

	if (route != SHIM_RING)
		return plain_write(shim_real.__write, fd, buf, n, route);
	return do_write(shim_real.__write, fd, buf, n);
}
