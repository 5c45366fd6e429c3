// SPDX-License-Identifier: MIT
/*
 * Regular files, and offsets of any kind of file: pread(2) and its relatives.
 * Only what is in the page cache is the ring's; what it leaves is said to the
 * byte, because the native call goes on from there.
 */
#include "calls.h"

#include <sys/mman.h>

#define MAX_RW 0x7ffff000UL

static char buf[8192];
static int file; /* "0123456789" */

/*
 * Which files can be asked not to wait depends on the file system; where these
 * cannot there is nothing to be tested.
 */
static void setup(enum shim_ring_form form)
{
	char name[] = "/tmp/shim-unit-XXXXXX";
	struct shim_fd info;

	calls_open(form);
	file = mkstemp(name);
	CHECK(file >= 0);
	CHECK_EQ(unlink(name), 0);
	CHECK_EQ(write(file, "0123456789", 10), 10);
	CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
	CHECK_EQ(shim_fd_look(file, &info), 0);
	CHECK_EQ(info.kind, SHIM_FD_REGULAR);
	if (info.flags & SHIM_FD_NO_NOWAIT)
		_exit(0);
}

static struct shim_outcome io(struct shim_io what)
{
	struct shim_outcome o = no_outcome();

	shim_call_io(&o, &what);
	return o;
}

static struct shim_outcome rd(size_t len)
{
	return io((struct shim_io){ .call = SHIM_CALL_READ, .fd = file,
				    .buf = buf, .len = len });
}

static struct shim_outcome rd_at(int fd, size_t len, int64_t off)
{
	return io((struct shim_io){ .call = SHIM_CALL_PREAD64, .fd = fd,
				    .buf = buf, .len = len, .positioned = true,
				    .off = off });
}

static struct shim_outcome wr_at(int fd, size_t len, int64_t off)
{
	return io((struct shim_io){ .call = SHIM_CALL_PWRITE64, .fd = fd,
				    .buf = buf, .len = len, .positioned = true,
				    .off = off, .write = true });
}

static struct shim_outcome vector_at(bool write, int fd,
				     const struct iovec *iov, int count,
				     int64_t off)
{
	return io((struct shim_io){ .fd = fd, .vector = true, .iov = iov,
				    .call = write ? SHIM_CALL_PWRITEV :
						    SHIM_CALL_PREADV,
				    .count = count, .write = write,
				    .positioned = true, .off = off });
}

static off_t position(void)
{
	return lseek(file, 0, SEEK_CUR);
}

/* offsets */

static void reads_at(enum shim_ring_form form)
{
	char a[4] = "", b[4] = "";
	struct iovec iov[2] = { { a, 2 }, { b, 3 } };

	setup(form);
	CHECK_EQ(lseek(file, 7, SEEK_SET), 7);
	RING(rd_at(file, 4, 3), 4);
	CHECK(!memcmp(buf, "3456", 5));
	RING(rd_at(file, 4, 0), 4);
	CHECK(!memcmp(buf, "0123", 5));
	RING(vector_at(false, file, iov, 2, 4), 5);
	CHECK(!strcmp(a, "45") && !strcmp(b, "678"));
	CHECK_EQ(position(), 7);
}

static void end_of_file(enum shim_ring_form form)
{
	char a[4] = "", b[8] = "";
	struct iovec iov[2] = { { a, 2 }, { b, 8 } };

	setup(form);
	RING(rd_at(file, 4, 10), 0);
	RING(rd_at(file, 4, 1 << 20), 0);
	RING(rd_at(file, 4, 6), 4);
	CHECK(!buf[4]);
	/* Across the end: a part, and whether there is more is not known. */
	NATIVE_REST(rd_at(file, 64, 7), SHIM_UNCACHED, 3);
	CHECK(!memcmp(buf, "789", 3));
	NATIVE_REST(vector_at(false, file, iov, 2, 5), SHIM_UNCACHED, 5);
	CHECK(!strcmp(a, "56") && !strcmp(b, "789"));
	RING(vector_at(false, file, iov, 2, 10), 0);
	CHECK_EQ(position(), 0);
}

static void writes_go_to_a_worker(enum shim_ring_form form)
{
	struct iovec one = { buf, 4 };

	setup(form);
	NATIVE(wr_at(file, 4, 0), SHIM_WORKER);
	NATIVE(vector_at(true, file, &one, 1, 0), SHIM_WORKER);
	NATIVE(io((struct shim_io){ .call = SHIM_CALL_WRITE, .fd = file,
				    .buf = buf, .len = 4, .write = true }),
	       SHIM_WORKER);
	CHECK_EQ(pread(file, buf, 64, 0), 10);
	CHECK(!strcmp(buf, "0123456789"));
}

static void bad_offsets(enum shim_ring_form form)
{
	static const int64_t bad[] = { -1, -2, INT64_MIN, INT64_MAX,
				       INT64_MAX - 3 };
	struct iovec iov[2] = { { buf, 2 }, { buf, 2 } };
	unsigned i;

	setup(form);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		NATIVE(rd_at(file, 4, bad[i]), SHIM_LENGTH);
		NATIVE(wr_at(file, 4, bad[i]), SHIM_LENGTH);
		NATIVE(vector_at(false, file, iov, 2, bad[i]), SHIM_LENGTH);
	}
	NATIVE(rd_at(file, MAX_RW, INT64_MAX - (int64_t)MAX_RW + 1),
	       SHIM_LENGTH);
	/* The last one that is none. */
	RING(rd_at(file, 4, INT64_MAX - 4),
	     native(SYS_pread64, file, buf, 4, INT64_MAX - 4));
	RING(vector_at(false, file, iov, 2, INT64_MAX - 4),
	     native(SYS_preadv, file, iov, 2, INT64_MAX - 4, 0));
}

/* To its operation on the ring a pipe gives data, not ESPIPE. */
static void no_offsets_there(enum shim_ring_form form)
{
	struct iovec one = { buf, 4 };
	int q[2], i;

	setup(form);
	for (i = 0; i < 2; i++) {
		if (i)
			make_pair(SOCK_STREAM, q);
		else
			make_pipe(q);
		CHECK_EQ(write(q[1], "abcd", 4), 4);
		NATIVE(rd_at(q[0], 4, 0), SHIM_KIND);
		NATIVE(vector_at(false, q[0], &one, 1, 0), SHIM_KIND);
		NATIVE(wr_at(q[1], 4, 0), SHIM_KIND);
		NATIVE(vector_at(true, q[1], &one, 1, 0), SHIM_KIND);
		NATIVE(rd_at(q[0], 4, -1), SHIM_LENGTH);
		check_pipe_holds(q[0], "abcd");
	}
	NATIVE(rd_at(-1, 4, 0), SHIM_UNKNOWN_FD);
}

static void bad_buffers(enum shim_ring_form form)
{
	struct shim_io what = {
		.call = SHIM_CALL_PREAD64, .buf = edge(), .len = 4,
		.positioned = true,
	};
	char name[32];

	setup(form);
	what.fd = file;
	RING(io(what), -EFAULT);
	what.buf = edge() - 2;
	/* As much as there is room for; natively the rest is found bad. */
	NATIVE_REST(io(what), SHIM_UNCACHED,
		    native(SYS_pread64, file, edge() - 2, 4, 0));
	CHECK(!memcmp(what.buf, "01", 2));
	/* The descriptor comes first. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	what.fd = open(name, O_WRONLY);
	CHECK(what.fd >= 0);
	RING(io(what), -EBADF);
	what.buf = edge();
	RING(io(what), -EBADF);
}

/* the file's own position */

static void shared_position(enum shim_ring_form form)
{
	static char one_thread = 1;

	setup(form);
	/* Not opened here, or not by the only thread. */
	shim_single_threaded = &one_thread;
	NATIVE(rd(4), SHIM_SHARED_POSITION);
	shim_fd_learn(file, SHIM_FD_OURS);
	one_thread = 0;
	NATIVE(rd(4), SHIM_SHARED_POSITION);
	shim_single_threaded = NULL;
	NATIVE(rd(4), SHIM_SHARED_POSITION);
	CHECK_EQ(position(), 0);
}

static void own_position(enum shim_ring_form form)
{
	static const char one_thread = 1;

	setup(form);
	shim_single_threaded = &one_thread;
	shim_fd_learn(file, SHIM_FD_OURS);
	RING(rd(4), 4);
	CHECK(!memcmp(buf, "0123", 5));
	CHECK_EQ(position(), 4);
	/* The native rest goes on from where this has ended. */
	NATIVE_REST(rd(64), SHIM_UNCACHED, 6);
	CHECK(!memcmp(buf, "456789", 7));
	CHECK_EQ(position(), 10);
	RING(rd(64), 0);
	/* An offset does not need it. */
	RING(rd_at(file, 4, 2), 4);
	CHECK_EQ(position(), 10);
}

/* files that are not asked, or that say no */

static bool cached(int fd)
{
	unsigned char there = 0;
	void *map = mmap(NULL, SHIM_PAGE, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(map != MAP_FAILED);
	CHECK_EQ(mincore(map, SHIM_PAGE, &there), 0);
	munmap(map, SHIM_PAGE);
	return there & 1;
}

/* A fast disk may be faster than the question. */
static void uncached(enum shim_ring_form form)
{
	struct shim_outcome o;

	setup(form);
	CHECK_EQ(fsync(file), 0);
	CHECK_EQ(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
	if (cached(file))
		return;
	o = rd_at(file, 4, 0);
	if (o.rest == SHIM_NATIVE)
		NATIVE(o, SHIM_UNCACHED);
	else
		RING(o, 4);
	CHECK_EQ(pread(file, buf, 4, 0), 4);
	RING(rd_at(file, 4, 0), 4);
}

static void memory_files(enum shim_ring_form form)
{
	int fd;

	setup(form);
	fd = memfd_create("x", 0);
	CHECK_EQ(write(fd, "abc", 3), 3);
	NATIVE(rd_at(fd, 3, 0), SHIM_UNSUPPORTED);
	/* Taken for one that can be asked, it says no, once. */
	fd = open("/proc/self/status", O_RDONLY);
	shim_fd_opened(fd, SHIM_FD_REGULAR);
	NATIVE(rd_at(fd, 3, 0), SHIM_UNSUPPORTED);
	CHECK(shim_fd_known(fd).flags & SHIM_FD_NO_NOWAIT);
	NATIVE(rd_at(fd, 3, 0), SHIM_UNSUPPORTED);
}

/* Direct I/O waits for the disk whatever it is told. */
static void direct(enum shim_ring_form form)
{
	char *page = map_memory(SHIM_PAGE);
	struct shim_io what = {
		.call = SHIM_CALL_PREAD64, .buf = page, .len = SHIM_PAGE,
		.positioned = true,
	};

	setup(form);
	CHECK_EQ(ftruncate(file, SHIM_PAGE), 0);
	what.fd = file;
	if (fcntl(file, F_SETFL, O_DIRECT))
		return;
	NATIVE(io(what), SHIM_UNSUPPORTED);
	CHECK_EQ(shim_fd_known(file).flags &
		 (SHIM_FD_BUFFERED | SHIM_FD_NO_NOWAIT), 0);
	CHECK_EQ(fcntl(file, F_SETFL, 0), 0);
	CHECK_EQ(pread(file, page, 10, 0), 10);
	RING(io(what), SHIM_PAGE);
	CHECK(!memcmp(page, "0123456789", 11));
	CHECK(shim_fd_known(file).flags & SHIM_FD_BUFFERED);
	/* Whoever sets it makes it be asked again. */
	CHECK_EQ(fcntl(file, F_SETFL, O_DIRECT), 0);
	shim_fd_forget(file);
	NATIVE(io(what), SHIM_UNSUPPORTED);
}

/* One that was opened with it here is not taken for one of ours. */
static void direct_open(enum shim_ring_form form)
{
	char name[] = "/tmp/shim-unit-XXXXXX";
	struct shim_outcome o = no_outcome();
	int fd;

	setup(form);
	fd = mkstemp(name);
	CHECK_EQ(write(fd, buf, SHIM_PAGE), SHIM_PAGE);
	close(fd);
	shim_call_open(&o, SHIM_CALL_OPEN, AT_FDCWD, name, O_RDONLY | O_DIRECT);
	fd = o.rest == SHIM_DONE ? (int)o.res : -1;
	unlink(name);
	if (fd < 0)
		return;
	CHECK_EQ(shim_fd_known(fd).flags & SHIM_FD_OURS, 0);
	NATIVE(rd_at(fd, SHIM_PAGE, 0), SHIM_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(reads_at),
		BOTH(end_of_file),
		BOTH(writes_go_to_a_worker),
		BOTH(bad_offsets),
		BOTH(no_offsets_there),
		BOTH(bad_buffers),
		ONCE(shared_position),
		BOTH(own_position),
		BOTH(uncached),
		BOTH(memory_files),
		ONCE(direct),
		ONCE(direct_open),
	};

	return RUN_ALL(tests);
}
