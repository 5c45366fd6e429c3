// SPDX-License-Identifier: MIT
/*
 * accept(2) on the ring: only where it can be asked not to wait, and then with
 * the connection, the address, the descriptor and the errors of the system call,
 * which is made on a second socket beside it.
 */
#include "calls.h"

#include <netinet/in.h>
#include <sys/un.h>

static struct sockaddr_storage addr;
static socklen_t addrlen;
static int pair[2]; /* two listeners of the same kind: one for the ring */
static int domain;

static struct shim_outcome acc4(int fd, void *to, void *len, int flags)
{
	struct shim_outcome o = no_outcome();

	shim_call_accept(&o, SHIM_CALL_ACCEPT4, fd, to, len, flags);
	return o;
}

static struct shim_outcome acc(int fd)
{
	return acc4(fd, NULL, NULL, 0);
}

static int listener(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(domain, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (domain == AF_UNIX) /* with a name from the kernel */
		CHECK_EQ(bind(fd, (struct sockaddr *)&un, 2), 0);
	else
		CHECK_EQ(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	CHECK_EQ(listen(fd, 8), 0);
	return fd;
}

static void setup(enum shim_ring_form form, int family)
{
	calls_open(form);
	if (!shim_self->driver.ring.accept_dontwait)
		_exit(0);
	domain = family;
	pair[0] = listener();
	pair[1] = listener();
}

static int knock(int fd)
{
	struct sockaddr_storage to;
	socklen_t len = sizeof(to);
	int c = socket(domain, SOCK_STREAM, 0);

	CHECK_EQ(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	CHECK_EQ(connect(c, (struct sockaddr *)&to, len), 0);
	return c;
}

/* Is a connection there?  It is then taken. */
static bool waiting(int fd)
{
	int flags = fcntl(fd, F_GETFL), got;

	CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	got = accept(fd, NULL, NULL);
	CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
	if (got < 0) {
		CHECK_EQ(errno, EAGAIN);
		return false;
	}
	close(got);
	return true;
}

static int lowest(void)
{
	int fd = dup(0);

	CHECK(fd >= 0);
	close(fd);
	return fd;
}

static void connection(enum shim_ring_form form, int family)
{
	struct sockaddr_storage self;
	socklen_t len = sizeof(self);
	char text[8] = "";
	int c, fd;

	setup(form, family);
	c = knock(pair[0]);
	fd = lowest();
	addrlen = sizeof(addr);
	RING(acc4(pair[0], &addr, &addrlen, 0), fd);
	CHECK_EQ(getsockname(c, (struct sockaddr *)&self, &len), 0);
	CHECK_EQ(addrlen, len);
	CHECK(!memcmp(&addr, &self, len));
	CHECK_EQ(write(c, "hello", 5), 5);
	CHECK_EQ(read(fd, text, 8), 5);
	CHECK(!strcmp(text, "hello"));
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR);
	CHECK(!waiting(pair[0]));
}

static void connection_unix(enum shim_ring_form form)
{
	connection(form, AF_UNIX);
}

static void connection_inet(enum shim_ring_form form)
{
	connection(form, AF_INET);
}

static void flags(enum shim_ring_form form)
{
	int fd;

	setup(form, AF_UNIX);
	knock(pair[0]);
	knock(pair[0]);
	fd = lowest();
	RING(acc4(pair[0], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), fd);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	RING(acc4(pair[0], NULL, NULL, 1), -EINVAL);
	RING(acc4(pair[0], NULL, NULL, MSG_DONTWAIT), -EINVAL);
	CHECK(waiting(pair[0]));
}

/* waiting */

static void nonblocking(enum shim_ring_form form)
{
	setup(form, AF_INET);
	set_nonblock(pair[0], true);
	RING(acc(pair[0]), -EAGAIN);
	RING(acc4(pair[0], NULL, NULL, SOCK_CLOEXEC), -EAGAIN);
	knock(pair[0]);
	RING(acc(pair[0]), lowest());
}

static void blocking(enum shim_ring_form form)
{
	int fd;

	setup(form, AF_UNIX);
	shim_wait_on_ring = true; /* makes no difference here */
	fd = lowest();
	/* SOCK_NONBLOCK is for the new one; MSG_DONTWAIT is another flag. */
	NATIVE(acc4(pair[0], NULL, NULL, SOCK_NONBLOCK), SHIM_WAITED);
	CHECK_EQ(lowest(), fd);
	set_time(pair[1], SO_RCVTIMEO, 10);
	NATIVE(acc(pair[1]), SHIM_WAITED);
}

static void every_eighth(enum shim_ring_form form)
{
	int i, fd;

	setup(form, AF_UNIX);
	NATIVE(acc(pair[0]), SHIM_WAITED);
	knock(pair[0]);
	knock(pair[0]);
	fd = lowest();
	for (i = 1; i < 8; i++)
		NATIVE(acc(pair[0]), SHIM_WAITED);
	RING(acc(pair[0]), fd);
	RING(acc(pair[0]), lowest());
}

/* what is not asked */

static void old_kernel(enum shim_ring_form form)
{
	setup(form, AF_UNIX);
	knock(pair[0]);
	shim_self->driver.ring.accept_dontwait = false;
	NATIVE(acc(pair[0]), SHIM_UNSUPPORTED);
	NATIVE(acc(-1), SHIM_UNSUPPORTED);
	CHECK(waiting(pair[0]));
}

static void kinds(enum shim_ring_form form)
{
	int p[2], d[2];

	setup(form, AF_UNIX);
	make_pipe(p);
	make_pair(SOCK_DGRAM, d);
	NATIVE(acc(-1), SHIM_UNKNOWN_FD);
	NATIVE(acc(999), SHIM_UNKNOWN_FD);
	NATIVE(acc(p[0]), SHIM_KIND);
	NATIVE(acc(d[0]), SHIM_KIND);
}

/* errors */

static void not_listening(enum shim_ring_form form, int family)
{
	int fd;

	setup(form, family);
	fd = socket(family, SOCK_STREAM, 0);
	RING(acc(fd), -EINVAL);
	RING(acc(knock(pair[0])), -EINVAL);
	CHECK_EQ(shutdown(pair[1], SHUT_RDWR), 0);
	/* Natively this one wakes up in its wait. */
	if (family == AF_UNIX)
		NATIVE(acc(pair[1]), SHIM_WAITED);
	else
		RING(acc(pair[1]), -EINVAL);
}

static void not_listening_unix(enum shim_ring_form form)
{
	not_listening(form, AF_UNIX);
}

static void not_listening_inet(enum shim_ring_form form)
{
	not_listening(form, AF_INET);
}

/* No descriptor: the connection stays. */
static void no_descriptor(enum shim_ring_form form)
{
	setup(form, AF_INET);
	knock(pair[0]);
	limit_fds((unsigned)lowest());
	RING(acc(pair[0]), -EMFILE);
	/* That comes before there is nothing, too. */
	RING(acc(pair[1]), -EMFILE);
	limit_fds(1024);
	RING(acc(pair[0]), lowest());
	NATIVE(acc(pair[0]), SHIM_WAITED);
}

/* The lower ones are taken by then. */
static void last_descriptor(enum shim_ring_form form)
{
	int fd;

	setup(form, AF_UNIX);
	knock(pair[0]);
	fd = lowest();
	limit_fds((unsigned)fd + 1);
	RING(acc(pair[0]), fd);
}

struct place {
	void *addr, *len;
};

/* The same on both sides, and as many connections left. */
static void same(struct place *x, struct place *y, long *got)
{
	struct shim_outcome o;
	long want;
	int fd;

	knock(pair[0]);
	knock(pair[1]);
	fd = lowest();
	o = acc4(pair[0], x->addr, x->len, 0);
	if (o.rest == SHIM_DONE && o.res >= 0) {
		CHECK_EQ(o.res, fd);
		close(fd);
	}
	want = native(SYS_accept, pair[1], y->addr, y->len);
	if (want >= 0) {
		CHECK_EQ(want, fd);
		close(fd);
	}
	RING(o, want);
	CHECK_EQ(lowest(), fd);
	CHECK_EQ(waiting(pair[0]), waiting(pair[1]));
	*got = want;
}

/* A connection whose address cannot be stored is lost, as natively. */
static void bad_addresses(enum shim_ring_form form)
{
	static const socklen_t lengths[] = {
		0, 1, 2, 15, 16, 17, 128, 129, INT32_MAX, UINT32_MAX,
	};
	struct sockaddr_storage a, b;
	socklen_t la = 16, lb = 16;
	struct place x = { &a, &la }, y = { &b, &lb };
	unsigned i;
	long got;

	setup(form, AF_INET);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(&a, 0x5a, sizeof(a));
		memset(&b, 0x5a, sizeof(b));
		la = lb = lengths[i];
		same(&x, &y, &got);
		CHECK_EQ(la, lb);
		CHECK(!memcmp((char *)&a + 4, (char *)&b + 4, sizeof(a) - 4));
		CHECK_EQ(a.ss_family, b.ss_family);
	}
	la = lb = 16;
	x.addr = y.addr = edge();
	same(&x, &y, &got);
	CHECK_EQ(got, -EFAULT);
	x.addr = y.addr = edge() - 8;
	same(&x, &y, &got);
	x = y = (struct place){ &a, edge() };
	same(&x, &y, &got);
	CHECK_EQ(got, -EFAULT);
	x = y = (struct place){ &a, NULL };
	same(&x, &y, &got);
	x = y = (struct place){ NULL, edge() };
	same(&x, &y, &got);
	CHECK(got >= 0);
}

static void bad_address_is_lost(enum shim_ring_form form)
{
	setup(form, AF_UNIX);
	knock(pair[0]);
	addrlen = sizeof(addr);
	RING(acc4(pair[0], edge(), &addrlen, 0), -EFAULT);
	CHECK(!waiting(pair[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(connection_unix),
		BOTH(connection_inet),
		BOTH(flags),
		BOTH(nonblocking),
		BOTH(blocking),
		BOTH(every_eighth),
		BOTH(old_kernel),
		ONCE(kinds),
		BOTH(not_listening_unix),
		BOTH(not_listening_inet),
		BOTH(no_descriptor),
		BOTH(last_descriptor),
		BOTH(bad_addresses),
		BOTH(bad_address_is_lost),
	};

	return RUN_ALL(tests);
}
