// SPDX-License-Identifier: MIT
/* read(2) and write(2), with positions and with vectors, under all names. */
#include "plain.h"

#include <sys/syscall.h>

#include "hints.h"
#include "space.h"

/* The native call for what @done has left of the buffer. */
static ssize_t native_plain(const struct shim_io *io, size_t done, bool point)
{
	char *buf = (char *)io->buf + done;
	size_t n = io->len - done;

	switch (io->call) {
	case SHIM_CALL_READ:
		return point ? shim_real.read(io->fd, buf, n) :
			shim_raw_read_nocancel(io->fd, buf, n);
	case SHIM_CALL_WRITE:
		return point ? shim_real.write(io->fd, buf, n) :
			shim_raw_write_nocancel(io->fd, buf, n);
	case SHIM_CALL_PREAD64:
		return point ?
			shim_real.pread64(io->fd, buf, n,
					  io->off + (off_t)done) :
			shim_raw_pread64_nocancel(io->fd, buf, n,
						  io->off + (off_t)done);
	default:
		return shim_real.pwrite64(io->fd, buf, n,
					  io->off + (off_t)done);
	}
}

static ssize_t native_vector(const struct shim_io *io, size_t done)
{
	struct iovec rest[SHIM_SEGMENTS];
	const struct iovec *iov = io->iov;
	off_t off = io->off;
	int n = io->count;

	if (done) {
		n = shim_rest_of(rest, iov, (size_t)n, done);
		iov = rest;
		off += io->positioned ? (off_t)done : 0;
	}
	switch (io->call) {
	case SHIM_CALL_READV:
		return shim_real.readv(io->fd, iov, n);
	case SHIM_CALL_WRITEV:
		return shim_real.writev(io->fd, iov, n);
	case SHIM_CALL_PREADV:
		return shim_real.preadv64(io->fd, iov, n, off);
	case SHIM_CALL_PWRITEV:
		return shim_real.pwritev64(io->fd, iov, n, off);
	case SHIM_CALL_PREADV2:
		return shim_real.preadv64v2(io->fd, iov, n, off, io->flags);
	default:
		return shim_real.pwritev64v2(io->fd, iov, n, off, io->flags);
	}
}

static ssize_t native(const struct shim_io *io, size_t done, bool point)
{
	return io->vector ? native_vector(io, done) :
		native_plain(io, done, point);
}

static ssize_t write_on(struct shim_outcome *o, const struct shim_io *io,
			bool point, int saved)
{
	struct iovec one = { io->buf, io->len };

	if (io->vector)
		return shim_write_on(o, io->call, io->fd, io->iov,
				     (size_t)io->count, point, saved);
	return shim_write_on(o, io->call, io->fd, &one, 1, point, saved);
}

/*
 * What was left to read is counted afterwards: if it was nothing, then all that
 * there was came from the ring.
 */
static void count_rest(struct shim_outcome *o, enum shim_call call, ssize_t ret)
{
	if (!ret)
		o->route = SHIM_RING;
	shim_native_begin(o, call);
}

/* What the ring has left of a call, which may be all of it. */
static __attribute__((noinline)) ssize_t rest(const struct shim_io *io,
					      struct shim_outcome *o,
					      bool point)
{
	int saved = errno;
	ssize_t ret;

	if (o->rest == SHIM_AWAIT_SPACE)
		return write_on(o, io, point, saved);
	if (!o->done || io->write)
		shim_native_begin(o, io->call);
	ret = native(io, o->done, point);
	if (o->done && !io->write)
		count_rest(o, io->call, ret);
	return shim_together(o->done, io->call, ret, saved);
}

static ssize_t plain_result(struct shim_thread *t, enum shim_call call,
			    ssize_t ret)
{
	if (ret >= 0)
		shim_count(t, call, SHIM_COL_BYTES, (uint64_t)ret);
	else
		shim_count(t, call, SHIM_COL_ERRORS, 1);
	return ret;
}

/* Calls of which it is known beforehand that they are native. */
static __attribute__((noinline)) ssize_t plain(const struct shim_io *io,
					       enum shim_route route,
					       bool point)
{
	struct shim_thread *t = shim_counting_thread();
	uint64_t began;
	ssize_t ret;

	shim_count(t, io->call, route, 1);
	began = shim_hint_clock();
	ret = native(io, 0, point);
	if (!io->write)
		shim_hint_after_read(began, io->fd, ret);
	return plain_result(t, io->call, ret);
}

static inline ssize_t entry(const struct shim_io *io, bool point)
{
	enum shim_route route = shim_enter_call(point);
	struct shim_outcome o;

	if (route != SHIM_RING)
		return plain(io, route, point);
	shim_call_io(&o, io);
	if (o.rest != SHIM_DONE)
		return rest(io, &o, point);
	return shim_moved(io->call, shim_return(&o, io->call, o.res));
}

/* All that have one buffer.  Not to be inlined, but jumped to: see plain.h. */
static __attribute__((noinline)) ssize_t
one_buffer(enum shim_call call, int fd, const void *buf, size_t n, off_t off,
	   bool point)
{
	struct shim_io io = {
		.call = call,
		.fd = fd,
		.write = call == SHIM_CALL_WRITE || call == SHIM_CALL_PWRITE64,
		.buf = (void *)(uintptr_t)buf,
		.len = n,
		.positioned = call == SHIM_CALL_PREAD64 ||
			      call == SHIM_CALL_PWRITE64,
		.off = off,
		.wait_natively = !point,
	};

	return entry(&io, point);
}

/* The common ones, and shim_real's functions of them inline; see plain.h. */

static inline ssize_t native_read(int fd, void *buf, size_t n)
{
	return shim_real.read == shim_raw_read ?
		shim_point3(SYS_read, fd, buf, n) : shim_real.read(fd, buf, n);
}

static inline ssize_t native_write(int fd, const void *buf, size_t n)
{
	return shim_real.write == shim_raw_write ?
		shim_point3(SYS_write, fd, buf, n) :
		shim_real.write(fd, buf, n);
}

static inline ssize_t native_pread(int fd, void *buf, size_t n, off_t off)
{
	return shim_real.pread64 == shim_raw_pread64 ?
		shim_point4(SYS_pread64, fd, buf, n, off) :
		shim_real.pread64(fd, buf, n, off);
}

static inline ssize_t native_writev(int fd, const struct iovec *iov, int count)
{
	return shim_real.writev == shim_raw_writev ?
		shim_point3(SYS_writev, fd, iov, count) :
		shim_real.writev(fd, iov, count);
}

ssize_t shim_entry_read(int fd, void *buf, size_t n)
{
	struct shim_thread *t = shim_plain_begin(SHIM_CALL_READ);
	uint64_t began;
	ssize_t ret;

	if (!t)
		return one_buffer(SHIM_CALL_READ, fd, buf, n, 0, true);
	began = shim_hint_clock();
	ret = native_read(fd, buf, n);
	shim_hint_after_read(began, fd, ret);
	return shim_plain_moved(t, SHIM_CALL_READ, ret);
}

ssize_t shim_entry_read_nocancel(int fd, void *buf, size_t n)
{
	return one_buffer(SHIM_CALL_READ, fd, buf, n, 0, false);
}

/* The checked names end the program, with libc's own message. */
ssize_t shim_entry___read_chk(int fd, void *buf, size_t n, size_t size)
{
	shim_enter();
	if (n > size)
		return shim_real.__read_chk(fd, buf, n, size);
	return shim_entry_read(fd, buf, n);
}

ssize_t shim_entry_write(int fd, const void *buf, size_t n)
{
	struct shim_thread *t = shim_plain_begin(SHIM_CALL_WRITE);

	if (!t)
		return one_buffer(SHIM_CALL_WRITE, fd, buf, n, 0, true);
	return shim_plain_moved(t, SHIM_CALL_WRITE, native_write(fd, buf, n));
}

ssize_t shim_entry_write_nocancel(int fd, const void *buf, size_t n)
{
	return one_buffer(SHIM_CALL_WRITE, fd, buf, n, 0, false);
}

ssize_t shim_entry_pread64(int fd, void *buf, size_t n, off_t off)
{
	struct shim_thread *t = shim_plain_begin(SHIM_CALL_PREAD64);
	uint64_t began;
	ssize_t ret;

	if (!t)
		return one_buffer(SHIM_CALL_PREAD64, fd, buf, n, off, true);
	began = shim_hint_clock();
	ret = native_pread(fd, buf, n, off);
	shim_hint_after_read(began, fd, ret);
	return shim_plain_moved(t, SHIM_CALL_PREAD64, ret);
}

ssize_t shim_entry_pread64_nocancel(int fd, void *buf, size_t n, off_t off)
{
	return one_buffer(SHIM_CALL_PREAD64, fd, buf, n, off, false);
}

ssize_t shim_entry___pread64_chk(int fd, void *buf, size_t n, off_t off,
				 size_t size)
{
	shim_enter();
	if (n > size)
		return shim_real.__pread64_chk(fd, buf, n, off, size);
	return shim_entry_pread64(fd, buf, n, off);
}

ssize_t shim_entry_pwrite64(int fd, const void *buf, size_t n, off_t off)
{
	return one_buffer(SHIM_CALL_PWRITE64, fd, buf, n, off, true);
}

static __attribute__((noinline)) ssize_t
vector(enum shim_call call, bool write, int fd, const struct iovec *iov,
       int count)
{
	struct shim_io io = {
		.call = call, .fd = fd, .write = write,
		.vector = true, .iov = iov, .count = count,
	};

	return entry(&io, true);
}

static ssize_t vector_at(enum shim_call call, bool write, int fd,
			 const struct iovec *iov, int count, off_t off,
			 int flags)
{
	struct shim_io io = {
		.call = call, .fd = fd, .write = write,
		.vector = true, .iov = iov, .count = count,
		.positioned = true, .off = off, .flags = flags,
	};

	/* For preadv2(2) and pwritev2(2) -1 is the file position. */
	if (off == -1 && (call == SHIM_CALL_PREADV2 ||
			  call == SHIM_CALL_PWRITEV2))
		io.positioned = false;
	return entry(&io, true);
}

ssize_t shim_entry_readv(int fd, const struct iovec *iov, int count)
{
	return vector(SHIM_CALL_READV, false, fd, iov, count);
}

ssize_t shim_entry_writev(int fd, const struct iovec *iov, int count)
{
	struct shim_thread *t = shim_plain_begin(SHIM_CALL_WRITEV);

	if (t)
		return shim_plain_moved(t, SHIM_CALL_WRITEV,
					native_writev(fd, iov, count));
	return vector(SHIM_CALL_WRITEV, true, fd, iov, count);
}

ssize_t shim_entry_preadv64(int fd, const struct iovec *iov, int count,
			    off_t off)
{
	return vector_at(SHIM_CALL_PREADV, false, fd, iov, count, off, 0);
}

ssize_t shim_entry_pwritev64(int fd, const struct iovec *iov, int count,
			     off_t off)
{
	return vector_at(SHIM_CALL_PWRITEV, true, fd, iov, count, off, 0);
}

ssize_t shim_entry_preadv64v2(int fd, const struct iovec *iov, int count,
			      off_t off, int flags)
{
	return vector_at(SHIM_CALL_PREADV2, false, fd, iov, count, off, flags);
}

ssize_t shim_entry_pwritev64v2(int fd, const struct iovec *iov, int count,
			       off_t off, int flags)
{
	return vector_at(SHIM_CALL_PWRITEV2, true, fd, iov, count, off, flags);
}
