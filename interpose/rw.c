// SPDX-License-Identifier: MIT
/* read(2) and write(2), under all their names. */
#include "init.h"

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

static ssize_t do_read(read_fn *real, int fd, void *buf, size_t n)
{
	struct shim_outcome o;
	int saved = errno;
	ssize_t ret;

	if (shim_stacked[SHIM_CALL_READ]) {
		shim_count(shim_self, SHIM_CALL_READ, SHIM_STACKED, 1);
		return counted(SHIM_CALL_READ, real(fd, buf, n));
	}
	shim_call_read(&o, fd, buf, n);
	if (!o.native)
		return counted(SHIM_CALL_READ,
			       shim_return(&o, SHIM_CALL_READ, o.res));
	shim_native_begin(&o, SHIM_CALL_READ);
	ret = real(fd, (char *)buf + o.done, n - o.done);
	return together(&o, SHIM_CALL_READ, ret, saved);
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
	if (!o.native)
		return counted(SHIM_CALL_WRITE,
			       shim_return(&o, SHIM_CALL_WRITE, o.res));
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
