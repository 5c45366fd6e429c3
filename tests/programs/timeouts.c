// SPDX-License-Identifier: MIT
/*
 * SO_RCVTIMEO, SO_SNDTIMEO and SO_RCVLOWAT act on plain read, write and
 * connect. On a ring they are ignored: the call waits for ever, or returns with
 * less than the low-water mark. They belong to the socket, so that a child or a
 * dup sets them behind our back.
 *
 * Ring: read write
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include "life.h"

static char big[1 << 20];

static void timeout(int fd, int what, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	NEED(setsockopt(fd, SOL_SOCKET, what, &tv, sizeof(tv)) == 0);
}

static void tcp_pair(int *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(l, (void *)&in, len) == 0 && listen(l, 1) == 0);
	NEED(getsockname(l, (void *)&in, &len) == 0);
	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	NEED(connect(s[0], (void *)&in, len) == 0);
	s[1] = accept(l, NULL, NULL);
	NEED(s[1] >= 0);
	close(l);
}

static int set_by_child(void *arg)
{
	timeout(*(int *)arg, SO_RCVTIMEO, 20);
	return 0;
}

static void receive(const char *name, int *s)
{
	char buf[64];
	int other;

	NEED(write(s[1], "abc", 3) == 3);
	show(read(s[0], buf, 64), "%s: read", name);
	timeout(s[0], SO_RCVTIMEO, 20);
	show(read(s[0], buf, 64), "\twith a timeout, read");
	NEED(write(s[1], "abc", 3) == 3);
	show(read(s[0], buf, 64), "\tread");
	timeout(s[0], SO_RCVTIMEO, 0);
	NEED(write(s[1], "abc", 3) == 3);
	show(read(s[0], buf, 64), "\twithout, read");
	NEED(reap(start(set_by_child, &s[0])) == 0);
	show(read(s[0], buf, 64), "\tset by the child, read");
	timeout(s[0], SO_RCVTIMEO, 0);
	other = dup(s[0]);
	timeout(other, SO_RCVTIMEO, 20);
	close(other);
	show(read(s[0], buf, 64), "\tset through a dup, read");
	timeout(s[0], SO_RCVTIMEO, 0);
}

static void send_side(const char *name, int *s)
{
	long total = 0;
	ssize_t n;

	timeout(s[0], SO_SNDTIMEO, 30);
	for (int i = 0; i < 100; i++) {
		n = write(s[0], big, sizeof(big));
		if (n < 0)
			break;
		total += n;
	}
	show(n, "%s: write with a timeout", name);
	show(total > 10000, "\tsome written");
	while (total > 0) {
		n = read(s[1], big, sizeof(big));
		NEED(n > 0);
		total -= n;
	}
	show(total, "\tleft");
	show(write(s[0], "abc", 3), "\twrite");
	show(read(s[1], big, 100), "\tread");
	timeout(s[0], SO_SNDTIMEO, 0);
}

struct feed {
	int fd, n;
};

static void *feed(void *arg)
{
	struct feed *f = arg;

	for (int i = 0; i < f->n; i++) {
		sleep_ms(15);
		NEED(write(f->fd, "0123456789", 10) == 10);
	}
	return NULL;
}

/* Five tens: the reader sleeps until all fifty are there. */
static void low_water(int *s)
{
	struct feed f = { s[1], 5 };
	int low = 50, one = 1;
	char buf[100];
	pthread_t t;

	NEED(!setsockopt(s[0], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	NEED(pthread_create(&t, NULL, feed, &f) == 0);
	show(read(s[0], buf, 100), "tcp: low water of 50, read");
	NEED(pthread_join(t, NULL) == 0);
	NEED(write(s[1], "0123456789", 10) == 10);
	timeout(s[0], SO_RCVTIMEO, 20);
	show(read(s[0], buf, 100), "\twith ten and a timeout, read");
	NEED(!setsockopt(s[0], SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)));
	timeout(s[0], SO_RCVTIMEO, 0);
	NEED(write(s[1], "x", 1) == 1);
	show(read(s[0], buf, 1), "\tlow water of 1, read");
}

/* A backlog that is full: connect waits, and gives up at the timeout. */
static void connecting(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "full" };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c[4];

	NEED(bind(l, (void *)&un, sizeof(un)) == 0 && listen(l, 0) == 0);
	for (int i = 0; i < 4; i++) {
		c[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		timeout(c[i], SO_SNDTIMEO, 20);
		show(connect(c[i], (void *)&un, sizeof(un)),
		     "unix backlog: connect %d", i);
	}
	for (int i = 0; i < 4; i++)
		close(c[i]);
	close(l);
}

static void tcp_connecting(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0), c[6], timed = 0;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(l, (void *)&in, len) == 0 && listen(l, 0) == 0);
	NEED(getsockname(l, (void *)&in, &len) == 0);
	for (int i = 0; i < 6; i++) {
		c[i] = socket(AF_INET, SOCK_STREAM, 0);
		timeout(c[i], SO_SNDTIMEO, 50);
		if (connect(c[i], (void *)&in, len) < 0)
			timed += errno == EINPROGRESS;
	}
	show(timed > 0, "tcp backlog: some timed out");
	show(connect(c[5], (void *)&in, len), "\tagain");
	for (int i = 0; i < 6; i++)
		close(c[i]);
	close(l);
}

int main(void)
{
	int s[2];

	begin();
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	receive("unix", s);
	send_side("unix", s);
	NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	receive("seqpacket", s);
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	receive("dgram", s);
	tcp_pair(s);
	receive("tcp", s);
	send_side("tcp", s);
	low_water(s);
	connecting();
	tcp_connecting();
	return 0;
}
