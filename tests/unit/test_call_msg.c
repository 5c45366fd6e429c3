// SPDX-License-Identifier: MIT
/*
 * recv(2), send(2) and their relatives with headers: routes, results, and that
 * whatever goes native has neither taken nor sent anything, or as much as it
 * says.  Where the kernel's answer is the program's, the same is asked natively.
 */
#include "calls.h"

#include <netinet/in.h>

#define MAX_RW 0x7ffff000UL
#define MAY_SPLIT 16384U

static int s[2], d[2]; /* of streams, of datagrams */
static char buf[64], big[65536];

static void setup(enum shim_ring_form form)
{
	calls_open(form);
	make_pair(SOCK_STREAM, s);
	make_pair(SOCK_DGRAM, d);
}

static struct shim_outcome rcv(int fd, void *to, size_t len, int flags)
{
	struct shim_outcome o = no_outcome();

	shim_call_recv(&o, fd, to, len, flags);
	return o;
}

static struct shim_outcome snd(int fd, const void *from, size_t len, int flags)
{
	struct shim_outcome o = no_outcome();

	shim_call_send(&o, fd, from, len, flags);
	return o;
}

static struct shim_outcome rcvmsg(int fd, struct msghdr *m, int flags)
{
	struct shim_outcome o = no_outcome();

	shim_call_recvmsg(&o, fd, m, flags);
	return o;
}

static struct shim_outcome sndmsg(int fd, const struct msghdr *m, int flags)
{
	struct shim_outcome o = no_outcome();

	shim_call_sendmsg(&o, fd, m, flags);
	return o;
}

/* With a header or without. */
static struct shim_outcome rcv_as(bool msg, int fd, void *to, size_t len,
				  int flags)
{
	struct iovec one = { to, len };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };

	return msg ? rcvmsg(fd, &m, flags) : rcv(fd, to, len, flags);
}

static struct shim_outcome snd_as(bool msg, int fd, const void *from,
				  size_t len, int flags)
{
	struct iovec one = { (void *)(uintptr_t)from, len };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };

	return msg ? sndmsg(fd, &m, flags) : snd(fd, from, len, flags);
}

static void put(int fd, const char *text)
{
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
}

static void moves_bytes(enum shim_ring_form form)
{
	int msg;

	setup(form);
	for (msg = 0; msg < 2; msg++) {
		memset(buf, 0, sizeof(buf));
		RING(snd_as(msg, s[1], "hello", 5, 0), 5);
		CHECK_EQ(readable(s[0]), 5);
		RING(rcv_as(msg, s[0], buf, 2, 0), 2);
		CHECK(!strcmp(buf, "he"));
		RING(rcv_as(msg, s[0], buf, 8, MSG_PEEK), 3);
		CHECK_EQ(readable(s[0]), 3);
		RING(rcv_as(msg, s[0], buf, 8, MSG_NOSIGNAL), 3);
		CHECK(!strcmp(buf, "llo"));
	}
	RING(snd(s[1], "abc", 3, MSG_NOSIGNAL | MSG_DONTWAIT), 3);
	RING(rcv(s[0], buf, MAX_RW, MSG_DONTWAIT), 3);
	close(s[1]);
	RING(rcv(s[0], buf, 8, 0), 0);
	RING(rcv_as(true, s[0], buf, 8, 0), 0);
}

/* what is not asked */

static void kinds(enum shim_ring_form form)
{
	int p[2], netlink, two = 2, msg;

	setup(form);
	make_pipe(p);
	put(p[1], "abc");
	netlink = socket(AF_NETLINK, SOCK_RAW, 0);
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_RCVLOWAT, &two, sizeof(two)),
		 0);
	put(s[1], "a");
	for (msg = 0; msg < 2; msg++) {
		NATIVE(rcv_as(msg, -1, buf, 8, 0), SHIM_UNKNOWN_FD);
		NATIVE(snd_as(msg, 999, buf, 8, 0), SHIM_UNKNOWN_FD);
		NATIVE(rcv_as(msg, p[0], buf, 8, 0), SHIM_KIND);
		NATIVE(snd_as(msg, p[1], buf, 8, 0), SHIM_KIND);
		NATIVE(rcv_as(msg, netlink, buf, 8, 0), SHIM_KIND);
		NATIVE(snd_as(msg, netlink, buf, 8, 0), SHIM_KIND);
		NATIVE(rcv_as(msg, s[0], buf, 8, 0), SHIM_LOWAT);
		NATIVE(rcv_as(msg, s[0], buf, 8, MSG_DONTWAIT), SHIM_LOWAT);
		RING(snd_as(msg, s[0], buf, 8, 0), 8);
	}
	check_pipe_holds(p[0], "abc");
	CHECK_EQ(readable(s[0]), 1);
}

static void flags(enum shim_ring_form form)
{
	static const int in[] = {
		MSG_WAITALL, MSG_OOB, MSG_ERRQUEUE, MSG_WAITALL | MSG_DONTWAIT,
		MSG_CTRUNC, INT32_MIN,
	};
	static const int out[] = {
		MSG_MORE, MSG_OOB, MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE,
		MSG_FASTOPEN, MSG_ZEROCOPY, MSG_MORE | MSG_DONTWAIT, INT32_MIN,
	};
	unsigned i;
	int msg;

	setup(form);
	put(s[1], "abc");
	for (msg = 0; msg < 2; msg++) {
		for (i = 0; i < ARRAY_SIZE(in); i++)
			NATIVE(rcv_as(msg, s[0], buf, 8, in[i]), SHIM_FLAGS);
		for (i = 0; i < ARRAY_SIZE(out); i++)
			NATIVE(snd_as(msg, s[1], buf, 8, out[i]), SHIM_FLAGS);
	}
	CHECK_EQ(readable(s[0]), 3);
}

static void lengths(enum shim_ring_form form)
{
	static const size_t bad[] = { 0, MAX_RW + 1, 1UL << 32, SIZE_MAX };
	unsigned i;

	setup(form);
	put(s[1], "abc");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		NATIVE(rcv(s[0], buf, bad[i], 0), SHIM_LENGTH);
		NATIVE(snd(s[1], buf, bad[i], 0), SHIM_LENGTH);
		NATIVE(snd_as(true, s[1], buf, bad[i], 0), SHIM_LENGTH);
		NATIVE(snd(d[1], buf, bad[i], 0), SHIM_LENGTH);
	}
	CHECK_EQ(readable(s[0]), 3);
	CHECK_EQ(recv(d[0], buf, 8, MSG_DONTWAIT), -1);
}

/* waiting */

static void nonblocking(enum shim_ring_form form, bool on, int flag)
{
	int msg;

	setup(form);
	set_nonblock(s[0], on);
	set_nonblock(s[1], on);
	for (msg = 0; msg < 2; msg++) {
		RING(rcv_as(msg, s[0], buf, 8, flag), -EAGAIN);
		RING(rcv_as(msg, s[0], buf, 8, flag), -EAGAIN);
		/* No wait is remembered. */
		put(s[1], "abc");
		RING(rcv_as(msg, s[0], buf, 8, flag), 3);
	}
	fill_socket(s[1], 1);
	for (msg = 0; msg < 2; msg++)
		RING(snd_as(msg, s[1], "abc", 3, flag), -EAGAIN);
}

static void with_o_nonblock(enum shim_ring_form form)
{
	nonblocking(form, true, 0);
}

static void with_dontwait(enum shim_ring_form form)
{
	nonblocking(form, false, MSG_DONTWAIT);
}

static void blocking(enum shim_ring_form form)
{
	size_t n;
	int msg;

	setup(form);
	/* A message waits natively whatever SHIM_WAIT says. */
	shim_wait_on_ring = true;
	n = fill_socket(s[1], 1);
	for (msg = 0; msg < 2; msg++) {
		NATIVE(rcv_as(msg, s[1], buf, 8, 0), SHIM_WAITED);
		NATIVE(rcv_as(msg, d[1], buf, 8, 0), SHIM_WAITED);
		NATIVE(snd_as(msg, s[1], "abc", 3, 0), SHIM_SPACE);
	}
	CHECK_EQ(drain(s[0]), n);
}

/* After one that had to wait, every eighth asks, and MSG_DONTWAIT always. */
static void every_eighth(enum shim_ring_form form)
{
	int i, msg;

	setup(form);
	for (msg = 0; msg < 2; msg++) {
		NATIVE(rcv_as(msg, s[0], buf, 8, 0), SHIM_WAITED);
		put(s[1], "abc");
		for (i = 1; i < 8; i++) {
			NATIVE(rcv_as(msg, s[0], buf, 8, 0), SHIM_WAITED);
			CHECK_EQ(readable(s[0]), 3);
		}
		RING(rcv_as(msg, s[0], buf, 8, 0), 3);
		put(s[1], "abc");
		RING(rcv_as(msg, s[0], buf, 8, 0), 3);
	}
	NATIVE(rcv(s[0], buf, 8, 0), SHIM_WAITED);
	put(s[1], "abc");
	NATIVE(rcv(s[0], buf, 8, 0), SHIM_WAITED);
	RING(rcv(s[0], buf, 8, MSG_DONTWAIT), 3);
}

/* sends that may move a part, or do */

static void may_split(enum shim_ring_form form)
{
	size_t n = MAY_SPLIT + 1;
	int msg;

	setup(form);
	for (msg = 0; msg < 2; msg++) {
		NATIVE(snd_as(msg, s[1], big, n, 0), SHIM_MAY_SPLIT);
		CHECK_EQ(readable(s[0]), 0);
		RING(snd_as(msg, s[1], big, n - 1, 0), n - 1);
		RING(snd_as(msg, s[1], big, n, MSG_DONTWAIT), n);
		set_nonblock(s[1], true);
		RING(snd_as(msg, s[1], big, n, 0), n);
		set_nonblock(s[1], false);
		CHECK_EQ(drain(s[0]), 3 * n - 1);
		/* A datagram is all or nothing. */
		RING(snd_as(msg, d[1], big, n, 0), n);
		CHECK_EQ(recv(d[0], big, sizeof(big), 0), n);
	}
}

static void short_sends(enum shim_ring_form form)
{
	struct shim_outcome o;
	int q[2], i;

	setup(form);
	for (i = 0; i < 8; i++) {
		narrow_pair(q);
		if (i / 2 == 1)
			set_nonblock(q[0], true);
		if (i / 2 >= 2)
			set_time(q[0], SO_SNDTIMEO, 10);
		o = snd_as(i & 1, q[0], big, MAY_SPLIT,
			   i / 2 == 3 ? MSG_DONTWAIT : 0);
		CHECK(o.done > 0 && o.done < MAY_SPLIT);
		if (i / 2 == 0)
			AWAIT(o, o.done);
		else if (i / 2 == 2)
			NATIVE_REST(o, SHIM_TIMEOUT, o.done);
		else
			RING(o, o.done);
		CHECK_EQ(drain(q[1]), o.done);
	}
}

static void broken_pipe(enum shim_ring_form form)
{
	int msg;

	setup(form);
	count_sigpipe();
	close(s[0]);
	for (msg = 0; msg < 2; msg++) {
		/* The signal is what the native call is for. */
		NATIVE(snd_as(msg, s[1], "abc", 3, 0), SHIM_RETRY);
		NATIVE(snd_as(msg, s[1], "abc", 3, MSG_DONTWAIT), SHIM_RETRY);
		RING(snd_as(msg, s[1], "abc", 3, MSG_NOSIGNAL), -EPIPE);
	}
	CHECK_EQ(sigpipes(), 0);
}

static void other_errors(enum shim_ring_form form)
{
	int tcp, udp, msg, q[2];

	setup(form);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	for (msg = 0; msg < 2; msg++) {
		RING(rcv_as(msg, tcp, buf, 8, 0),
		     native(SYS_recvfrom, tcp, buf, 8, 0, NULL, NULL));
		RING(snd_as(msg, tcp, buf, 8, MSG_NOSIGNAL),
		     native(SYS_sendto, tcp, buf, 8, MSG_NOSIGNAL, NULL, 0));
		RING(snd_as(msg, udp, buf, 8, 0), -EDESTADDRREQ);
		make_pair(SOCK_DGRAM, d);
		make_pair(SOCK_DGRAM, q);
		close(d[0]);
		close(q[0]);
		RING(snd_as(msg, d[1], buf, 8, 0),
		     native(SYS_sendto, q[1], buf, 8, 0, NULL, 0));
		put(s[1], "abc");
		RING(rcv_as(msg, s[0], edge(), 3, 0), -EFAULT);
		RING(snd_as(msg, s[0], edge(), 3, 0), -EFAULT);
		check_pipe_holds(s[0], "abc");
	}
}

/* datagrams */

static void datagrams(enum shim_ring_form form)
{
	int q[2], i, msg, *pair;

	setup(form);
	make_pair(SOCK_SEQPACKET, q);
	for (i = 0; i < 4; i++) {
		msg = i & 1;
		pair = i < 2 ? d : q;
		RING(snd_as(msg, pair[1], "abcdef", 6, 0), 6);
		RING(snd_as(msg, pair[1], "gh", 2, 0), 2);
		RING(rcv_as(msg, pair[0], buf, 3, MSG_PEEK), 3);
		RING(rcv_as(msg, pair[0], buf, 3, MSG_PEEK | MSG_TRUNC), 6);
		RING(rcv_as(msg, pair[0], buf, 3, 0), 3);
		CHECK(!memcmp(buf, "abc", 3));
		/* The rest of the first has gone with it. */
		RING(rcv_as(msg, pair[0], buf, 8, 0), 2);
		CHECK(!memcmp(buf, "gh", 2));
	}
	CHECK_EQ(send(d[1], "", 0, 0), 0);
	RING(rcv(d[0], buf, 8, 0), 0);
}

/* A queue that is full gets nothing, not even an empty datagram. */
static void full_queue(enum shim_ring_form form)
{
	unsigned n = 0, got = 0;
	int msg;

	setup(form);
	while (send(d[1], "x", 1, MSG_DONTWAIT) == 1)
		n++;
	CHECK(n > 0);
	for (msg = 0; msg < 2; msg++) {
		NATIVE(snd_as(msg, d[1], "abc", 3, 0), SHIM_SPACE);
		RING(snd_as(msg, d[1], "abc", 3, MSG_DONTWAIT), -EAGAIN);
		set_nonblock(d[1], true);
		RING(snd_as(msg, d[1], "abc", 3, 0), -EAGAIN);
		set_nonblock(d[1], false);
	}
	while (recv(d[0], buf, 8, MSG_DONTWAIT) == 1)
		got++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(got, n);
}

static void udp(enum shim_ring_form form)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int a = socket(AF_INET, SOCK_DGRAM, 0), b;

	setup(form);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(a, (struct sockaddr *)&in, len), 0);
	CHECK_EQ(getsockname(a, (struct sockaddr *)&in, &len), 0);
	b = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(connect(b, (struct sockaddr *)&in, len), 0);
	RING(snd(b, "abc", 3, 0), 3);
	RING(snd(b, big, 65508, 0), -EMSGSIZE);
	RING(rcv(a, buf, 2, MSG_TRUNC), 3);
	CHECK(!memcmp(buf, "ab", 2));
	NATIVE(rcv(a, buf, 8, 0), SHIM_WAITED);
	/* The port is closed: the error comes once. */
	close(a);
	RING(snd(b, "abc", 3, 0), 3);
	RING(rcv(b, buf, 8, 0), -ECONNREFUSED);
	NATIVE(rcv(b, buf, 8, 0), SHIM_WAITED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(moves_bytes),
		BOTH(kinds),
		ONCE(flags),
		ONCE(lengths),
		BOTH(with_o_nonblock),
		BOTH(with_dontwait),
		BOTH(blocking),
		BOTH(every_eighth),
		BOTH(may_split),
		BOTH(short_sends),
		BOTH(broken_pipe),
		BOTH(other_errors),
		BOTH(datagrams),
		BOTH(full_queue),
		BOTH(udp),
	};

	return RUN_ALL(tests);
}
