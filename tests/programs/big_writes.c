// SPDX-License-Identifier: MIT
/*
 * A blocking write of more than fits returns only when all of it has been
 * taken, in one piece and in order, however slow the reader; two writers do not
 * mix what is at most PIPE_BUF. A ring returns a short count. Datagrams keep
 * their boundaries, and a datagram that has to wait for room keeps its payload.
 *
 * Ring: read write
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include "life.h"

#define BIG 600000

static char data[BIG], back[BIG];

struct drain {
	int fd, chunk, pause;
	long total;
};

static void *drain(void *arg)
{
	struct drain *d = arg;
	ssize_t n;

	for (int i = 0; d->total < BIG; i++) {
		size_t len = BIG - d->total;

		if (len > (size_t)d->chunk)
			len = d->chunk;
		if (d->pause && i % d->pause == 0)
			sleep_ms(1);
		n = read(d->fd, back + d->total, len);
		if (n <= 0)
			break;
		d->total += n;
	}
	return NULL;
}

static void one(const char *name, int in, int out, int chunk, int pause)
{
	struct drain d = { .fd = in, .chunk = chunk, .pause = pause };
	pthread_t t;

	memset(back, 0, BIG);
	NEED(pthread_create(&t, NULL, drain, &d) == 0);
	show(write(out, data, BIG), "%s: write, reader by %d", name, chunk);
	NEED(pthread_join(t, NULL) == 0);
	show(d.total, "\tread");
	NEED(!memcmp(data, back, BIG));
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

/* The reader goes away in the middle: what was taken counts. */
static void *leave(void *arg)
{
	int fd = *(int *)arg;

	NEED(read_full(fd, back, 100000) == 100000);
	close(fd);
	return NULL;
}

static void abandoned(const char *name, int in, int out)
{
	ssize_t n;
	pthread_t t;

	NEED(pthread_create(&t, NULL, leave, &in) == 0);
	n = write(out, data, BIG);
	NEED(pthread_join(t, NULL) == 0);
	printf("%s: reader left: %s\n", name,
	       n >= 100000 && n < BIG ? "partial" : "wrong");
	show(write(out, data, 10), "\tnext write");
	close(out);
}

struct atom {
	int fd;
	char c;
};

#define ATOM 1500
#define ATOMS 200

static void *atoms(void *arg)
{
	struct atom *a = arg;
	char buf[ATOM];

	memset(buf, a->c, ATOM);
	for (int i = 0; i < ATOMS; i++)
		NEED(write(a->fd, buf, ATOM) == ATOM);
	return NULL;
}

static void atomic(void)
{
	struct atom a[3];
	char buf[ATOM];
	pthread_t t[3];
	int p[2], n[3] = { 0 };

	NEED(pipe(p) == 0);
	for (int i = 0; i < 3; i++) {
		a[i] = (struct atom){ p[1], 'a' + i };
		NEED(pthread_create(&t[i], NULL, atoms, &a[i]) == 0);
	}
	for (int i = 0; i < 3 * ATOMS; i++) {
		NEED(read_full(p[0], buf, ATOM) == ATOM);
		for (int k = 0; k < ATOM; k++)
			NEED(buf[k] == buf[0]);
		n[buf[0] - 'a']++;
	}
	for (int i = 0; i < 3; i++)
		NEED(pthread_join(t[i], NULL) == 0);
	printf("atoms %d %d %d\n", n[0], n[1], n[2]);
	close(p[0]);
	close(p[1]);
}

#define GRAMS 300

static void *late_grams(void *arg)
{
	char buf[2000];
	int in = *(int *)arg;

	sleep_ms(20);
	for (int i = 0; i < GRAMS; i++) {
		size_t want = i % 1900 + 50;

		NEED(read(in, buf, sizeof(buf)) == (ssize_t)want);
		NEED(buf[0] == (char)i && buf[want - 1] == (char)i);
	}
	return NULL;
}

/* A full queue: the writer waits, every payload arrives whole. */
static void grams(const char *name, int type)
{
	char buf[2000];
	pthread_t t;
	int s[2];

	NEED(socketpair(AF_UNIX, type, 0, s) == 0);
	NEED(pthread_create(&t, NULL, late_grams, &s[0]) == 0);
	for (int i = 0; i < GRAMS; i++) {
		size_t len = i % 1900 + 50;

		memset(buf, i, len);
		NEED(write(s[1], buf, len) == (ssize_t)len);
	}
	NEED(pthread_join(t, NULL) == 0);
	printf("%s: %d datagrams\n", name, GRAMS);
	show(write(s[1], data, 10), "\twrite");
	show(read(s[0], buf, 4), "\tread of 4");
	set_nonblock(s[0], true);
	show(read(s[0], buf, 4), "\tthe rest is gone");
	show(write(s[1], data, BIG), "\ttoo long");
	show(write(s[1], data, 0), "\tempty");
	show(read(s[0], buf, 4), "\tread");
	close(s[1]);
	show(read(s[0], buf, 4), "\tpeer closed, read");
	show(write(s[0], buf, 4), "\tpeer closed, write");
	close(s[0]);
}

static void packets(void)
{
	char buf[8192];
	int p[2];

	NEED(pipe2(p, O_DIRECT) == 0);
	show(write(p[1], data, 100), "packet");
	show(write(p[1], data, 200), "packet");
	show(write(p[1], data, 5000), "longer than a packet");
	show(read(p[0], buf, sizeof(buf)), "read");
	show(read(p[0], buf, 50), "read of 50");
	show(read(p[0], buf, sizeof(buf)), "read");
	show(read(p[0], buf, sizeof(buf)), "read");
	close(p[1]);
	show(read(p[0], buf, sizeof(buf)), "read");
	close(p[0]);
}

int main(void)
{
	int p[2], s[2];

	begin();
	signal(SIGPIPE, SIG_IGN);
	fill(data, BIG, 77);
	NEED(pipe(p) == 0);
	one("pipe", p[0], p[1], 100000, 1);
	one("pipe", p[0], p[1], 700, 40);
	NEED(fcntl(p[1], F_SETPIPE_SZ, 4096) == 4096);
	one("small pipe", p[0], p[1], 3000, 20);
	abandoned("pipe", p[0], p[1]);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	one("unix", s[0], s[1], 100000, 1);
	one("unix", s[0], s[1], 700, 40);
	abandoned("unix", s[0], s[1]);
	tcp_pair(s);
	one("tcp", s[0], s[1], 100000, 1);
	one("tcp", s[0], s[1], 3000, 20);
	atomic();
	grams("dgram", SOCK_DGRAM);
	grams("seqpacket", SOCK_SEQPACKET);
	packets();
	return 0;
}
