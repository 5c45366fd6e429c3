// SPDX-License-Identifier: MIT
/*
 * Reads and writes of several buffers: which vectors are looked at, and that one
 * which cannot be looked at is left to the kernel untouched, wherever it points.
 */
#include "calls.h"

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

static struct shim_outcome rd(int fd, const struct iovec *iov, int count)
{
	struct shim_io what = {
		.call = SHIM_CALL_READV, .fd = fd, .vector = true, .iov = iov,
		.count = count,
	};
	struct shim_outcome o = no_outcome();

	shim_call_io(&o, &what);
	return o;
}

static struct shim_outcome wr(int fd, const struct iovec *iov, int count)
{
	struct shim_io what = {
		.call = SHIM_CALL_WRITEV, .fd = fd, .write = true,
		.vector = true, .iov = iov, .count = count,
	};
	struct shim_outcome o = no_outcome();

	shim_call_io(&o, &what);
	return o;
}

/* In a way of its own each: neither side may touch anything. */
static void both(const struct iovec *iov, int count, enum shim_route route)
{
	int i;

	for (i = 0; i < 2; i++) {
		NATIVE(wr(i ? s[1] : p[1], iov, count), route);
		CHECK_EQ(readable(i ? s[0] : p[0]), 0);
		CHECK_EQ(write(i ? s[1] : p[1], "abc", 3), 3);
		NATIVE(rd(i ? s[0] : p[0], iov, count), route);
		check_pipe_holds(i ? s[0] : p[0], "abc");
	}
}

static void moves_bytes(enum shim_ring_form form)
{
	char a[4] = "", b[4] = "", text[] = "hello!";
	struct iovec out[4] = { { text, 2 }, { NULL, 0 }, { text + 2, 1 },
				{ text + 3, 3 } };
	struct iovec in[3] = { { a, 3 }, { NULL, 0 }, { b, 3 } };
	int i, *q;

	setup(form);
	for (i = 0; i < 2; i++) {
		q = i ? s : p;
		RING(wr(q[1], out, 4), 6);
		RING(rd(q[0], in, 3), 6);
		CHECK(!strcmp(a, "hel") && !strcmp(b, "lo!"));
		RING(wr(q[1], out, 3), 3);
		/* No more than there is, without waiting for it. */
		memset(a, 0, sizeof(a));
		RING(rd(q[0], in + 1, 2), 3);
		CHECK(!a[0] && !strcmp(b, "hel"));
		close(q[1]);
		RING(rd(q[0], in, 3), 0);
	}
}

/* which vectors */

static void counts(enum shim_ring_form form)
{
	struct iovec iov[SHIM_SEGMENTS + 1];
	char bytes[SHIM_SEGMENTS + 1];
	int i;

	setup(form);
	for (i = 0; i <= SHIM_SEGMENTS; i++) {
		bytes[i] = (char)('0' + i);
		iov[i] = (struct iovec){ &bytes[i], 1 };
	}
	both(iov, SHIM_SEGMENTS + 1, SHIM_VECTOR);
	both(iov, 0, SHIM_VECTOR);
	both(iov, -1, SHIM_VECTOR);
	both(iov, INT32_MIN, SHIM_VECTOR);
	RING(wr(p[1], iov, SHIM_SEGMENTS), SHIM_SEGMENTS);
	memset(bytes, 0, sizeof(bytes));
	RING(rd(p[0], iov, SHIM_SEGMENTS), SHIM_SEGMENTS);
	for (i = 0; i < SHIM_SEGMENTS; i++)
		CHECK_EQ(bytes[i], '0' + i);
}

static void lengths(enum shim_ring_form form)
{
	struct iovec iov[3] = { { buf, 0 }, { buf, 0 }, { buf, 0 } };

	setup(form);
	both(iov, 3, SHIM_LENGTH);
	iov[1].iov_len = SIZE_MAX;
	both(iov, 3, SHIM_LENGTH);
	iov[1].iov_len = MAX_RW + 1;
	both(iov, 3, SHIM_LENGTH);
	iov[0].iov_len = 1;
	iov[1].iov_len = MAX_RW;
	both(iov, 2, SHIM_LENGTH);
	/* The sum is one that is allowed, but for what it forgets. */
	iov[0].iov_len = iov[1].iov_len = 1UL << 63;
	iov[2].iov_len = 8;
	both(iov, 3, SHIM_LENGTH);
	iov[0].iov_len = 4;
	iov[1].iov_len = MAX_RW - 4;
	CHECK_EQ(write(p[1], "abc", 3), 3);
	RING(rd(p[0], iov, 2), 3);
}

static void unreadable(enum shim_ring_form form)
{
	struct iovec iov[2] = { { buf, 4 }, { buf + 4, 4 } };
	struct iovec *whole;
	size_t past;

	setup(form);
	both(NULL, 1, SHIM_VECTOR);
	both(NULL, 2, SHIM_VECTOR);
	both((struct iovec *)8, 1, SHIM_VECTOR);
	both((struct iovec *)(1UL << 62), 1, SHIM_VECTOR);
	both((struct iovec *)(void *)edge(), 1, SHIM_VECTOR);
	for (past = 1; past <= sizeof(iov); past += past < 9 ? 1 : 7)
		both(across(iov, sizeof(iov), past), 2, SHIM_VECTOR);
	/* The last bytes of the page are bytes like any other. */
	whole = across(iov, sizeof(iov), 0);
	RING(wr(p[1], whole, 2), 8);
	RING(rd(p[0], whole, 2), 8);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	RING(rd(p[0], whole + 1, 1), 3);
	/* More than there is in it is not read. */
	NATIVE(rd(p[0], whole + 1, 2), SHIM_VECTOR);
}

/* No count makes a pointer good. */
static void no_vector_at_all(enum shim_ring_form form)
{
	setup(form);
	both(NULL, 0, SHIM_VECTOR);
	both((struct iovec *)(void *)edge(), 0, SHIM_VECTOR);
	both((struct iovec *)(void *)edge(), -1, SHIM_VECTOR);
}

static void readable_bytes(enum shim_ring_form form)
{
	char *end = edge();
	sigset_t before, now;
	size_t len;

	(void)form;
	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	memset(end - SHIM_PAGE, 0xff, SHIM_PAGE);
	for (len = 8; len <= SHIM_PAGE; len += len < 64 ? 1 : 448) {
		CHECK(shim_readable(end - len, len));
		CHECK(!shim_readable(end - len, len + 1));
		CHECK(!shim_readable(end - len + 1, len));
	}
	CHECK(!shim_readable(end, 8));
	CHECK(!shim_readable(end, 64));
	CHECK(!shim_readable(NULL, 16));
	/* The question leaves no trace. */
	CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &now), 0);
	CHECK(!memcmp(&before, &now, 8));
}

/* A vector is only looked at if the rest of the call deserves it. */
static void flags_and_files(enum shim_ring_form form)
{
	struct iovec one = { buf, 4 };
	struct shim_io what = {
		.call = SHIM_CALL_PREADV2, .vector = true, .iov = &one,
		.count = 1, .flags = RWF_NOWAIT,
	};
	struct shim_outcome o = no_outcome();

	setup(form);
	what.fd = p[0];
	CHECK_EQ(write(p[1], "abc", 3), 3);
	shim_call_io(&o, &what);
	NATIVE(o, SHIM_FLAGS);
	check_pipe_holds(p[0], "abc");
	NATIVE(rd(-1, &one, 1), SHIM_UNKNOWN_FD);
	NATIVE(rd(open("/dev/zero", O_RDONLY), &one, 1), SHIM_KIND);
}

/* waiting and splitting */

static void waits(enum shim_ring_form form)
{
	struct iovec iov[2] = { { buf, 2 }, { buf + 2, 2 } };
	int i, *q;

	setup(form);
	shim_wait_on_ring = true; /* makes no difference here */
	for (i = 0; i < 2; i++) {
		q = i ? s : p;
		NATIVE(rd(q[0], iov, 2), SHIM_WAITED);
		/* It is remembered; this one does not ask. */
		CHECK_EQ(write(q[1], "abc", 3), 3);
		NATIVE(rd(q[0], iov, 2), SHIM_WAITED);
		check_pipe_holds(q[0], "abc");
		set_nonblock(q[0], true);
		shim_fd_learn(q[0], SHIM_FD_NONBLOCK);
		RING(rd(q[0], iov, 2), -EAGAIN);
		if (i)
			fill_socket(q[1], 1);
		else
			fill_pipe(q[1]);
		NATIVE(wr(q[1], iov, 2), SHIM_SPACE);
		set_nonblock(q[1], true);
		RING(wr(q[1], iov, 2), -EAGAIN);
	}
}

static void may_split(enum shim_ring_form form)
{
	struct iovec iov[2] = { { big, 2048 }, { big + 2048, 2049 } };

	setup(form);
	NATIVE(wr(p[1], iov, 2), SHIM_MAY_SPLIT);
	CHECK_EQ(readable(p[0]), 0);
	iov[1].iov_len--;
	RING(wr(p[1], iov, 2), 4096);
	iov[0].iov_len = iov[1].iov_len = MAY_SPLIT / 2;
	RING(wr(s[1], iov, 2), MAY_SPLIT);
	iov[1].iov_len++;
	NATIVE(wr(s[1], iov, 2), SHIM_MAY_SPLIT);
	CHECK_EQ(readable(s[0]), MAY_SPLIT);
	set_nonblock(s[1], true);
	RING(wr(s[1], iov, 2), MAY_SPLIT + 1);
}

static void short_write(enum shim_ring_form form)
{
	struct iovec iov[2] = { { big, 100 }, { big + 100, MAY_SPLIT - 100 } };
	struct shim_outcome o;
	int q[2], i;

	setup(form);
	for (i = 0; i < 3; i++) {
		narrow_pair(q);
		set_nonblock(q[0], i == 1);
		if (i == 2)
			set_time(q[0], SO_SNDTIMEO, 10);
		o = wr(q[0], iov, 2);
		CHECK(o.done > 100 && o.done < MAY_SPLIT);
		if (i == 1)
			RING(o, o.done);
		else if (i == 2)
			NATIVE_REST(o, SHIM_TIMEOUT, o.done);
		else
			AWAIT(o, o.done);
		CHECK_EQ(drain(q[1]), o.done);
	}
}

/* A vector is written as one to a socket too, and the kernel raises it. */
static void broken_pipe(enum shim_ring_form form)
{
	struct iovec one = { buf, 4 };

	setup(form);
	count_sigpipe();
	close(p[0]);
	close(s[0]);
	RING(wr(p[1], &one, 1), -EPIPE);
	CHECK_EQ(sigpipes(), 1);
	RING(wr(s[1], &one, 1), -EPIPE);
	CHECK_EQ(sigpipes(), 2);
}

/* The second buffer cannot be used: as natively, and the same is left. */
static void bad_buffers(enum shim_ring_form form)
{
	struct iovec iov[2] = { { buf, 2 }, { edge(), 2 } };
	int i, q[2], *r;

	setup(form);
	for (i = 0; i < 2; i++) {
		r = i ? s : p;
		if (i)
			make_pair(SOCK_STREAM, q);
		else
			make_pipe(q);
		RING(wr(r[1], iov + 1, 1), -EFAULT);
		RING(wr(r[1], iov, 2), native(SYS_writev, q[1], iov, 2));
		CHECK_EQ(readable(r[0]), readable(q[0]));
		CHECK_EQ(write(r[1], "abcd", 4), 4);
		CHECK_EQ(write(q[1], "abcd", 4), 4);
		RING(rd(r[0], iov + 1, 1), -EFAULT);
		RING(rd(r[0], iov, 2), native(SYS_readv, q[0], iov, 2));
		CHECK_EQ(readable(r[0]), readable(q[0]));
	}
	RING(rd(p[1], iov + 1, 1), -EBADF);
	RING(wr(p[0], iov + 1, 1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(moves_bytes),
		BOTH(counts),
		ONCE(lengths),
		BOTH(unreadable),
		ONCE(no_vector_at_all),
		ONCE(readable_bytes),
		ONCE(flags_and_files),
		BOTH(waits),
		BOTH(may_split),
		BOTH(short_write),
		BOTH(broken_pipe),
		BOTH(bad_buffers),
	};

	return RUN_ALL(tests);
}
