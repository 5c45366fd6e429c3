// SPDX-License-Identifier: MIT
/*
 * Reads and writes of one buffer, with positions and without: which of them the
 * ring takes, what it makes of them, and that a call which goes native has moved
 * nothing by then, or as much as it says.  Vectors are in test_call_vector.c.
 */
#include "calls.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAX_RW 0x7ffff000UL
#define MAY_SPLIT 16384U

static int p[2], s[2];
static char buf[64], big[65536];

static void setup(enum shim_ring_form form)
{
	calls_open(form);
	make_pipe(p);
	make_pair(SOCK_STREAM, s);
}

static struct shim_outcome io(struct shim_io what)
{
	struct shim_outcome o = no_outcome();

	shim_call_io(&o, &what);
	return o;
}

static struct shim_outcome rd(int fd, void *to, size_t len)
{
	return io((struct shim_io){ .call = SHIM_CALL_READ, .fd = fd,
				    .buf = to, .len = len });
}

static struct shim_outcome wr(int fd, const void *from, size_t len)
{
	return io((struct shim_io){ .call = SHIM_CALL_WRITE, .fd = fd,
				    .buf = (void *)(uintptr_t)from, .len = len,
				    .write = true });
}

static struct shim_outcome at(bool write, int fd, void *b, size_t len,
			      int64_t off)
{
	return io((struct shim_io){ .fd = fd, .write = write, .buf = b,
				    .call = write ? SHIM_CALL_PWRITE64 :
						    SHIM_CALL_PREAD64,
				    .len = len, .positioned = true,
				    .off = off });
}

static struct shim_outcome rest(int fd, const void *from, size_t len)
{
	struct shim_outcome o = no_outcome();

	shim_call_write_rest(&o, SHIM_CALL_WRITE, fd, from, len);
	return o;
}

static void put(int fd, const char *text)
{
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
}

/* on the ring */

static void moves_bytes(enum shim_ring_form form)
{
	int i, *q;

	setup(form);
	for (i = 0; i < 2; i++) {
		q = i ? s : p;
		RING(wr(q[1], "hello", 5), 5);
		CHECK_EQ(readable(q[0]), 5);
		RING(rd(q[0], buf, 2), 2);
		CHECK(!memcmp(buf, "he", 2) && !buf[2]);
		/* The buffer may be said to be as long as one call can move. */
		RING(rd(q[0], buf, MAX_RW), 3);
		CHECK(!memcmp(buf, "llo", 3) && !buf[3]);
		close(q[1]);
		RING(rd(q[0], buf, sizeof(buf)), 0);
		memset(buf, 0, sizeof(buf));
	}
}

static void eventfds(enum shim_ring_form form)
{
	uint64_t n = 0;
	int fd;

	setup(form);
	fd = eventfd(7, 0);
	NATIVE(rd(fd, &n, 8), SHIM_KIND);
	shim_fd_forget(fd);
	shim_fd_opened(fd, SHIM_FD_EVENTFD);
	RING(rd(fd, &n, 8), 8);
	CHECK_EQ(n, 7);
	NATIVE(rd(fd, &n, 8), SHIM_WAITED);
	NATIVE(wr(fd, &n, 8), SHIM_WORKER);
	set_nonblock(fd, true);
	CHECK_EQ(read(fd, &n, 8), -1);
}

/* kinds */

static void kinds(enum shim_ring_form form)
{
	int dgram[2], fd, one = 2;

	setup(form);
	NATIVE(rd(-1, buf, 1), SHIM_UNKNOWN_FD);
	NATIVE(wr(999, buf, 1), SHIM_UNKNOWN_FD);
	fd = open("/dev/zero", O_RDWR);
	NATIVE(rd(fd, buf, 1), SHIM_KIND);
	NATIVE(wr(fd, buf, 1), SHIM_KIND);
	make_pair(SOCK_DGRAM, dgram);
	put(dgram[1], "abc");
	NATIVE(rd(dgram[0], buf, 8), SHIM_DATAGRAM);
	NATIVE(wr(dgram[0], buf, 8), SHIM_DATAGRAM);
	CHECK_EQ(readable(dgram[0]), 3);
	CHECK_EQ(readable(dgram[1]), 0);
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)),
		 0);
	put(s[1], "a");
	NATIVE(rd(s[0], buf, 8), SHIM_LOWAT);
	CHECK_EQ(readable(s[0]), 1);
	RING(wr(s[0], "b", 1), 1);
}

/* A FIFO cannot be asked not to wait: it says so once, and keeps its data. */
static void fifo(enum shim_ring_form form)
{
	char dir[] = "/tmp/shim-unit-XXXXXX", path[64];
	int fd;

	setup(form);
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	CHECK_EQ(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	unlink(path);
	rmdir(dir);
	put(fd, "abc");
	NATIVE(rd(fd, buf, 8), SHIM_UNSUPPORTED);
	CHECK(shim_fd_known(fd).flags & SHIM_FD_NO_NOWAIT);
	NATIVE(wr(fd, buf, 8), SHIM_UNSUPPORTED);
	check_pipe_holds(fd, "abc");
}

/* lengths, flags */

static void lengths(enum shim_ring_form form)
{
	static const size_t bad[] = {
		0, MAX_RW + 1, UINT32_MAX, 1UL << 32, (1UL << 32) + 8, SIZE_MAX,
	};
	unsigned i;

	setup(form);
	put(p[1], "abc");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		NATIVE(rd(p[0], buf, bad[i]), SHIM_LENGTH);
		NATIVE(wr(p[1], buf, bad[i]), SHIM_LENGTH);
		NATIVE(at(false, p[0], buf, bad[i], 0), SHIM_LENGTH);
	}
	check_pipe_holds(p[0], "abc");
}

static void flags(enum shim_ring_form form)
{
	struct shim_io what = {
		.call = SHIM_CALL_PREADV2, .buf = buf, .len = 8,
	};

	setup(form);
	put(p[1], "abc");
	what.fd = p[0];
	what.flags = RWF_NOWAIT;
	NATIVE(io(what), SHIM_FLAGS);
	what.flags = INT32_MIN;
	NATIVE(io(what), SHIM_FLAGS);
	what.fd = p[1];
	what.write = true;
	NATIVE(io(what), SHIM_FLAGS);
	check_pipe_holds(p[0], "abc");
}

/* waiting */

static void nonblocking(enum shim_ring_form form)
{
	int i, *q;

	setup(form);
	for (i = 0; i < 2; i++) {
		q = i ? s : p;
		set_nonblock(q[0], true);
		RING(rd(q[0], buf, 8), -EAGAIN);
		RING(rd(q[0], buf, 8), -EAGAIN);
		/* No wait is remembered of such a descriptor. */
		put(q[1], "abc");
		RING(rd(q[0], buf, 8), 3);
		if (i)
			fill_socket(q[1], 1);
		else
			fill_pipe(q[1]);
		set_nonblock(q[1], true);
		RING(wr(q[1], "abc", 3), -EAGAIN);
	}
}

static void blocking(enum shim_ring_form form)
{
	size_t n;

	setup(form);
	NATIVE(rd(p[0], buf, 8), SHIM_WAITED);
	NATIVE(rd(s[0], buf, 8), SHIM_WAITED);
	n = fill_pipe(p[1]);
	NATIVE(wr(p[1], "abc", 3), SHIM_SPACE);
	CHECK_EQ(drain(p[0]), n);
	n = fill_socket(s[1], 1);
	NATIVE(wr(s[1], "abc", 3), SHIM_SPACE);
	CHECK_EQ(drain(s[0]), n);
}

/* The time-out is the native call's business. */
static void blocking_with_timeout(enum shim_ring_form form)
{
	setup(form);
	set_time(s[0], SO_RCVTIMEO, 10);
	NATIVE(rd(s[0], buf, 8), SHIM_WAITED);
	set_time(s[1], SO_SNDTIMEO, 10);
	fill_socket(s[1], 1);
	NATIVE(wr(s[1], "abc", 3), SHIM_SPACE);
}

/* After a read that had to wait, only every eighth asks. */
static void every_eighth(enum shim_ring_form form)
{
	int i, round;

	setup(form);
	NATIVE(rd(p[0], buf, 8), SHIM_WAITED);
	for (round = 0; round < 2; round++) {
		put(p[1], "abc");
		for (i = 1; i < 8; i++) {
			NATIVE(rd(p[0], buf, 8), SHIM_WAITED);
			CHECK_EQ(readable(p[0]), 3);
		}
		if (!round) {
			/* It finds nothing, and starts anew. */
			check_pipe_holds(p[0], "abc");
			NATIVE(rd(p[0], buf, 8), SHIM_WAITED);
		}
	}
	RING(rd(p[0], buf, 8), 3);
	/* There was something: the next one asks. */
	put(p[1], "ab");
	RING(rd(p[0], buf, 8), 2);
}

static void waits_of_another(enum shim_ring_form form)
{
	setup(form);
	NATIVE(rd(p[0], buf, 8), SHIM_WAITED);
	put(s[1], "abc");
	RING(rd(s[0], buf, 8), 3);
	/* A write has no such memory, and does not change it. */
	RING(wr(p[1], "ab", 2), 2);
	NATIVE(rd(p[0], buf, 8), SHIM_WAITED);
	/* What has O_NONBLOCK is asked all the same. */
	check_pipe_holds(p[0], "ab");
	shim_fd_learn(p[0], SHIM_FD_NONBLOCK);
	put(p[1], "a");
	RING(rd(p[0], buf, 8), 1);
}

/* SHIM_WAIT=ring: only the plain call sleeps there, unless it must not. */
static void wait_natively(enum shim_ring_form form)
{
	struct shim_io what = {
		.call = SHIM_CALL_READ, .buf = buf, .len = 8,
		.wait_natively = true,
	};

	setup(form);
	shim_wait_on_ring = true;
	what.fd = p[0];
	NATIVE(io(what), SHIM_WAITED);
	set_time(s[0], SO_RCVTIMEO, 10);
	NATIVE(rd(s[0], buf, 8), SHIM_TIMEOUT);
}

static void *write_later(void *arg)
{
	sleep_ms(20);
	CHECK_EQ(write(*(int *)arg, "later", 5), 5);
	return NULL;
}

static void wait_on_ring(enum shim_ring_form form)
{
	pthread_t t;

	setup(form);
	shim_wait_on_ring = true;
	CHECK_EQ(pthread_create(&t, NULL, write_later, &p[1]), 0);
	RING(rd(p[0], buf, 8), 5);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK(!memcmp(buf, "later", 5));
}

/* writes that may move a part, or do */

static void may_split(enum shim_ring_form form)
{
	setup(form);
	NATIVE(wr(p[1], big, 4097), SHIM_MAY_SPLIT);
	NATIVE(wr(s[1], big, MAY_SPLIT + 1), SHIM_MAY_SPLIT);
	CHECK_EQ(readable(p[0]), 0);
	CHECK_EQ(readable(s[0]), 0);
	RING(wr(p[1], big, 4096), 4096);
	RING(wr(s[1], big, MAY_SPLIT), MAY_SPLIT);
	set_nonblock(p[1], true);
	RING(wr(p[1], big, 65536), 61440);
	CHECK_EQ(drain(p[0]), 65536);
	set_nonblock(s[1], true);
	RING(wr(s[1], big, MAY_SPLIT + 1), MAY_SPLIT + 1);
	CHECK_EQ(drain(s[0]), 2 * MAY_SPLIT + 1);
}

/* The socket takes a part of what is written. */
static void short_write(enum shim_ring_form form)
{
	struct shim_outcome o;
	int q[2], i;

	setup(form);
	for (i = 0; i < 3; i++) {
		narrow_pair(q);
		set_nonblock(q[0], i == 1);
		if (i == 2)
			set_time(q[0], SO_SNDTIMEO, 10);
		o = wr(q[0], big, MAY_SPLIT);
		CHECK(o.done > 0 && o.done < MAY_SPLIT);
		if (i == 1)
			RING(o, o.done);
		else if (i == 2)
			NATIVE_REST(o, SHIM_TIMEOUT, o.done);
		else
			AWAIT(o, o.done);
		CHECK_EQ(drain(q[1]), o.done);
	}
}

static void write_rest(enum shim_ring_form form)
{
	struct shim_outcome o;
	int q[2];

	setup(form);
	count_sigpipe();
	narrow_pair(q);
	fill_socket(q[0], 1);
	NATIVE(rest(q[0], big, MAY_SPLIT), SHIM_SPACE);
	drain(q[1]);
	/* However much it is, it is not native from the start. */
	o = rest(q[0], big, sizeof(big));
	CHECK(o.done > 0 && o.done < sizeof(big));
	AWAIT(o, o.done);
	CHECK_EQ(drain(q[1]), o.done);
	RING(rest(q[0], "abc", 3), 3);
	close(q[1]);
	RING(rest(q[0], "abc", 3), -EPIPE);
	CHECK_EQ(sigpipes(), 0);
}

static void broken_pipe(enum shim_ring_form form)
{
	setup(form);
	count_sigpipe();
	close(p[0]);
	close(s[0]);
	/* The kernel has raised it already. */
	RING(wr(p[1], "abc", 3), -EPIPE);
	CHECK_EQ(sigpipes(), 1);
	/* It has not: a native write does. */
	NATIVE(wr(s[1], "abc", 3), SHIM_RETRY);
	CHECK_EQ(sigpipes(), 1);
}

/* buffers that cannot be used */

static void bad_buffers(enum shim_ring_form form)
{
	void *beyond = (void *)(1UL << 63); /* no user's address */
	int q[2];

	setup(form);
	make_pipe(q);
	put(p[1], "abcdef");
	put(q[1], "abcdef");
	RING(rd(p[0], edge(), 3), -EFAULT);
	RING(wr(p[1], edge(), 3), -EFAULT);
	/* The descriptor comes first, whatever the buffer is. */
	RING(rd(p[1], edge(), 3), -EBADF);
	RING(wr(p[0], edge(), 3), -EBADF);
	RING(rd(p[1], beyond, 3), -EBADF);
	RING(wr(p[0], beyond, 3), -EBADF);
	RING(rd(p[0], beyond, 3), -EFAULT);
	CHECK_EQ(readable(p[0]), 6);
	/* A part of the buffer is there: as natively. */
	RING(rd(p[0], edge() - 3, 6), native(SYS_read, q[0], edge() - 3, 6));
	CHECK_EQ(readable(p[0]), readable(q[0]));
	RING(wr(p[1], edge() - 3, 6), native(SYS_write, q[1], edge() - 3, 6));
	CHECK_EQ(readable(p[0]), readable(q[0]));
	RING(wr(s[1], edge(), 3), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(moves_bytes),
		ONCE(eventfds),
		BOTH(kinds),
		ONCE(fifo),
		ONCE(lengths),
		ONCE(flags),
		BOTH(nonblocking),
		BOTH(blocking),
		ONCE(blocking_with_timeout),
		BOTH(every_eighth),
		ONCE(waits_of_another),
		BOTH(wait_natively),
		BOTH(wait_on_ring),
		BOTH(may_split),
		BOTH(short_write),
		BOTH(write_rest),
		BOTH(broken_pipe),
		BOTH(bad_buffers),
	};

	return RUN_ALL(tests);
}
