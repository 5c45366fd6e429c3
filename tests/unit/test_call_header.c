// SPDX-License-Identifier: MIT
/*
 * The headers of sendmsg(2) and recvmsg(2).  What is sent is looked at first,
 * wherever it points, because addresses and descriptors are left to the kernel's
 * own call; what is received is the kernel's to fill, and must be filled as it
 * does natively.
 */
#include "calls.h"

#include <sys/un.h>

#define MAX_RW 0x7ffff000UL

static int s[2], t[2]; /* the same twice: one for the ring */
static char buf[64];

static void setup(enum shim_ring_form form, int type)
{
	calls_open(form);
	make_pair(type, s);
	make_pair(type, t);
}

static struct shim_outcome rcv(int fd, struct msghdr *m, int flags)
{
	struct shim_outcome o = no_outcome();

	shim_call_recvmsg(&o, fd, m, flags);
	return o;
}

static struct shim_outcome snd(int fd, const struct msghdr *m, int flags)
{
	struct shim_outcome o = no_outcome();

	shim_call_sendmsg(&o, fd, m, flags);
	return o;
}

/* sendmsg */

/* Nothing arrives. */
static void not_sent(const struct msghdr *m, enum shim_route route)
{
	NATIVE(snd(s[1], m, 0), route);
	NATIVE(snd(s[1], m, MSG_DONTWAIT | MSG_NOSIGNAL), route);
	CHECK_EQ(recv(s[0], buf, sizeof(buf), MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
}

static void gathers(enum shim_ring_form form, int type)
{
	char text[] = "hello!", a[4] = "", b[8] = "";
	struct iovec out[3] = { { text, 2 }, { NULL, 0 }, { text + 2, 4 } };
	struct iovec in[2] = { { a, 3 }, { b, 8 } };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 3 };

	setup(form, type);
	m.msg_flags = -1; /* ignored */
	RING(snd(s[1], &m, 0), 6);
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2 };
	RING(rcv(s[0], &m, 0), 6);
	CHECK(!strcmp(a, "hel") && !strcmp(b, "lo!"));
}

static void gathers_stream(enum shim_ring_form form)
{
	gathers(form, SOCK_STREAM);
}

static void gathers_datagram(enum shim_ring_form form)
{
	gathers(form, SOCK_DGRAM);
}

static void address(enum shim_ring_form form)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct iovec one = { buf, 4 };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };

	setup(form, SOCK_DGRAM);
	m.msg_name = &un;
	m.msg_namelen = sizeof(un);
	not_sent(&m, SHIM_ADDRESS);
	m.msg_namelen = 0;
	not_sent(&m, SHIM_ADDRESS);
	m.msg_name = NULL;
	m.msg_namelen = 4;
	not_sent(&m, SHIM_ADDRESS);
	m.msg_name = edge();
	not_sent(&m, SHIM_ADDRESS);
}

static void control(enum shim_ring_form form)
{
	char space[64] = "";
	struct iovec one = { buf, 4 };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };

	setup(form, SOCK_STREAM);
	m.msg_control = space;
	m.msg_controllen = sizeof(space);
	not_sent(&m, SHIM_CONTROL);
	m.msg_controllen = 0;
	not_sent(&m, SHIM_CONTROL);
	m.msg_control = NULL;
	m.msg_controllen = 1;
	not_sent(&m, SHIM_CONTROL);
}

static void vectors(enum shim_ring_form form)
{
	struct iovec iov[SHIM_SEGMENTS + 1];
	struct msghdr m = { .msg_iov = iov };
	unsigned i;

	setup(form, SOCK_STREAM);
	for (i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ buf, 1 };
	not_sent(&m, SHIM_VECTOR);
	m.msg_iovlen = SHIM_SEGMENTS + 1;
	not_sent(&m, SHIM_VECTOR);
	m.msg_iovlen = (1UL << 32) + 1;
	not_sent(&m, SHIM_VECTOR);
	m.msg_iovlen = SIZE_MAX;
	not_sent(&m, SHIM_VECTOR);
	m.msg_iovlen = SHIM_SEGMENTS;
	RING(snd(s[1], &m, 0), SHIM_SEGMENTS);
	CHECK_EQ(drain(s[0]), SHIM_SEGMENTS);
	m.msg_iovlen = 2;
	m.msg_iov = across(iov, 2 * sizeof(*iov), 1);
	not_sent(&m, SHIM_VECTOR);
	m.msg_iov = NULL;
	not_sent(&m, SHIM_VECTOR);
	m.msg_iov = iov;
	iov[0].iov_len = iov[1].iov_len = 0;
	not_sent(&m, SHIM_LENGTH);
	iov[0].iov_len = MAX_RW;
	iov[1].iov_len = 1;
	not_sent(&m, SHIM_LENGTH);
}

static void unreadable(enum shim_ring_form form)
{
	struct iovec one = { buf, 4 };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };
	size_t past;

	setup(form, SOCK_STREAM);
	CHECK_EQ(snd(s[1], NULL, 0).rest, SHIM_NATIVE);
	not_sent((void *)8, SHIM_VECTOR);
	not_sent((void *)edge(), SHIM_VECTOR);
	for (past = 1; past < sizeof(m); past++)
		not_sent(across(&m, sizeof(m), past), SHIM_VECTOR);
	RING(snd(s[1], across(&m, sizeof(m), 0), 0), 4);
}

/* recvmsg: all that it writes, beside the native call */

struct received {
	struct msghdr m;
	struct iovec iov[2];
	struct sockaddr_un from;
	char a[4], b[8];
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
};

static void prepare(struct received *r)
{
	memset(r, 0x5a, sizeof(*r));
	r->iov[0] = (struct iovec){ r->a, 3 };
	r->iov[1] = (struct iovec){ r->b, 4 };
	r->m = (struct msghdr){
		.msg_name = &r->from, .msg_namelen = sizeof(r->from),
		.msg_iov = r->iov, .msg_iovlen = 2,
		.msg_control = &r->control,
		.msg_controllen = sizeof(r->control), .msg_flags = -1,
	};
}

/* But for where they are, and for new descriptors' numbers. */
static void check_same(const struct received *x, const struct received *y)
{
	CHECK_EQ(x->m.msg_namelen, y->m.msg_namelen);
	CHECK_EQ(x->m.msg_controllen, y->m.msg_controllen);
	CHECK_EQ(x->m.msg_flags, y->m.msg_flags);
	CHECK_EQ(x->m.msg_iovlen, y->m.msg_iovlen);
	CHECK(x->m.msg_iov == x->iov && x->m.msg_name == &x->from);
	CHECK(!memcmp(&x->from, &y->from, sizeof(x->from)));
	CHECK(!memcmp(x->a, y->a, sizeof(x->a)));
	CHECK(!memcmp(x->b, y->b, sizeof(x->b)));
	CHECK(!memcmp(&x->control, &y->control, sizeof(struct cmsghdr)));
}

static void receive_both(int flags, struct received *x, struct received *y)
{
	struct shim_outcome o;

	prepare(x);
	prepare(y);
	o = rcv(s[0], &x->m, flags);
	RING(o, native(SYS_recvmsg, t[0], &y->m, flags));
	check_same(x, y);
}

/* Send @text with @n copies of a descriptor to both. */
static void send_both(const char *text, unsigned n)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr head;
	} c = { .head = { CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec one = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };
	unsigned i;
	int fd = 0;

	for (i = 0; i < n; i++)
		memcpy(CMSG_DATA(&c.head) + i * sizeof(int), &fd, sizeof(fd));
	if (n) {
		m.msg_control = &c;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	CHECK_EQ(sendmsg(s[1], &m, 0), one.iov_len);
	CHECK_EQ(sendmsg(t[1], &m, 0), one.iov_len);
}

static void receives(enum shim_ring_form form, int type)
{
	struct received x, y;

	setup(form, type);
	send_both("abcde", 0);
	receive_both(0, &x, &y);
	CHECK(!memcmp(x.a, "abc", 3) && !memcmp(x.b, "de", 2));
	send_both("abcdefghijkl", 0);
	receive_both(MSG_PEEK, &x, &y);
	receive_both(0, &x, &y);
	CHECK_EQ(!(x.m.msg_flags & MSG_TRUNC), type == SOCK_STREAM);
	receive_both(MSG_DONTWAIT, &x, &y);
	CHECK_EQ(rcv(s[0], &x.m, MSG_DONTWAIT).res, -EAGAIN);
	/* A header that got nothing is as it was. */
	CHECK_EQ(x.m.msg_controllen, y.m.msg_controllen);
	close(s[1]);
	close(t[1]);
	if (type != SOCK_DGRAM)
		receive_both(0, &x, &y);
}

static void receives_stream(enum shim_ring_form form)
{
	receives(form, SOCK_STREAM);
}

static void receives_datagram(enum shim_ring_form form)
{
	receives(form, SOCK_DGRAM);
}

static void receives_packet(enum shim_ring_form form)
{
	receives(form, SOCK_SEQPACKET);
}

static void receives_address(enum shim_ring_form form)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct received x, y;
	int i;

	setup(form, SOCK_DGRAM);
	for (i = 0; i < 2; i++) {
		/* Abstract, of the same length, not the same. */
		un.sun_path[1] = (char)('a' + i);
		memcpy(un.sun_path + 2, &(int){ getpid() }, sizeof(int));
		CHECK_EQ(bind(i ? t[1] : s[1], (struct sockaddr *)&un, 16), 0);
	}
	send_both("abc", 0);
	prepare(&x);
	prepare(&y);
	x.m.msg_namelen = y.m.msg_namelen = 5;
	RING(rcv(s[0], &x.m, 0), native(SYS_recvmsg, t[0], &y.m, 0));
	CHECK_EQ(x.m.msg_namelen, 16);
	CHECK_EQ(x.from.sun_path[1], 'a');
	CHECK_EQ(y.from.sun_path[1], 'b');
	/* No more than there was room for. */
	CHECK_EQ(x.from.sun_path[3], 0x5a);
	x.from.sun_path[1] = y.from.sun_path[1] = 0;
	check_same(&x, &y);
	x.m.msg_namelen = y.m.msg_namelen = UINT32_MAX;
	RING(rcv(s[0], &x.m, 0), native(SYS_recvmsg, t[0], &y.m, 0));
}

static int received_fd(const struct received *r, unsigned i)
{
	int fd;

	memcpy(&fd, CMSG_DATA(&r->control.align) + i * sizeof(int),
	       sizeof(fd));
	return fd;
}

static void receives_descriptors(enum shim_ring_form form)
{
	struct received x, y;
	int next;

	setup(form, SOCK_STREAM);
	next = dup(0);
	close(next);
	send_both("abc", 1);
	receive_both(MSG_CMSG_CLOEXEC, &x, &y);
	CHECK_EQ(received_fd(&x, 0), next);
	CHECK_EQ(fcntl(next, F_GETFD), FD_CLOEXEC);
	send_both("abc", 2);
	receive_both(0, &x, &y);
	CHECK_EQ(fcntl(received_fd(&x, 1), F_GETFD), 0);
	/* More than there is room for. */
	send_both("abc", 4);
	receive_both(0, &x, &y);
	CHECK(x.m.msg_flags & MSG_CTRUNC);
}

static void bad_headers(enum shim_ring_form form)
{
	static const size_t counts[] = { 0, 65, 1024, 1025, 1UL << 32,
					 SIZE_MAX };
	struct iovec many[1025], one = { buf, 4 };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };
	static const size_t beyond[] = { 1, 4, 5, 8, 9, sizeof(m) / 2 };
	struct msghdr *bad[] = { (void *)8, (void *)edge() };
	unsigned i;

	setup(form, SOCK_SEQPACKET);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct iovec){ buf, 0 };
	many[64].iov_len = 4;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		RING(rcv(s[0], bad[i], 0), -EFAULT);
	/* The ring would take the message, and then say EFAULT. */
	for (i = 0; i < ARRAY_SIZE(beyond); i++)
		NATIVE(rcv(s[0], across(&m, sizeof(m), beyond[i]), 0),
		       SHIM_VECTOR);
	RING(rcv(s[0], NULL, 0), -EFAULT);
	m.msg_iov = NULL;
	RING(rcv(s[0], &m, 0), -EFAULT);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		send_both("abc", 0);
		m = (struct msghdr){ .msg_iov = many, .msg_iovlen = counts[i] };
		RING(rcv(s[0], &m, 0), native(SYS_recvmsg, t[0], &m, 0));
		CHECK_EQ(recv(s[0], buf, 8, MSG_DONTWAIT),
			 recv(t[0], buf, 8, MSG_DONTWAIT));
	}
	many[64].iov_len = SIZE_MAX;
	m = (struct msghdr){ .msg_iov = many, .msg_iovlen = 65 };
	RING(rcv(s[0], &m, 0), native(SYS_recvmsg, t[0], &m, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(gathers_stream),
		BOTH(gathers_datagram),
		ONCE(address),
		ONCE(control),
		BOTH(vectors),
		ONCE(unreadable),
		BOTH(receives_stream),
		BOTH(receives_datagram),
		BOTH(receives_packet),
		BOTH(receives_address),
		BOTH(receives_descriptors),
		BOTH(bad_headers),
	};

	return RUN_ALL(tests);
}
