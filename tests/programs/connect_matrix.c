// SPDX-License-Identifier: MIT
/*
 * connect in every outcome, and what the socket can do afterwards. A refused
 * connect on a ring leaves the socket in a state in which the next native one
 * fails once with ECONNABORTED; an O_NONBLOCK connect waits; a bad address is
 * noticed before a bad descriptor.
 *
 * Ring: connect
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include "life.h"

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

static struct sockaddr_in good, bad;
static int lis;

static int bound(struct sockaddr_in *in)
{
	socklen_t len = sizeof(*in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(fd, (void *)in, len) == 0);
	NEED(getsockname(fd, (void *)in, &len) == 0);
	return fd;
}

static int to(int fd, struct sockaddr_in *in)
{
	return connect(fd, (void *)in, sizeof(*in));
}

static void talk(int fd)
{
	int peer = accept(lis, NULL, NULL);
	char buf[8];

	NEED(peer >= 0);
	show(write(fd, "ping", 4), "\twrite");
	show(read(peer, buf, 8), "\tread");
	close(peer);
}

static void blocking(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	show(to(fd, &good), "good");
	talk(fd);
	show(to(fd, &good), "again");
	show(to(fd, &bad), "elsewhere");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	for (int i = 0; i < 3; i++)
		show(to(fd, &bad), "refused");
	show(to(fd, &good), "\tthen good");
	talk(fd);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	show(to(fd, &bad), "refused");
	set_nonblock(fd, true);
	show(to(fd, &bad), "\tthen nonblocking");
	sleep_ms(5);
	show(to(fd, &bad), "\tand again");
	set_nonblock(fd, false);
	show(to(fd, &good), "\tthen good");
	talk(fd);
	close(fd);
	show(to(fd, &good), "closed");
}

static int so_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = -1;

	NEED(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0);
	return err;
}

static void nonblocking(void)
{
	struct pollfd p = { .events = POLLOUT };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	show(to(fd, &good), "nonblocking");
	p.fd = fd;
	show(poll(&p, 1, 5000), "\tpoll");
	printf("\tevents %x error %s\n", p.revents, name_of(so_error(fd)));
	show(to(fd, &good), "\tagain");
	talk(fd);
	show(to(fd, &good), "\tand again");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	show(to(fd, &bad), "nonblocking, refused");
	p.fd = fd;
	show(poll(&p, 1, 5000), "\tpoll");
	printf("\tevents %x error %s\n", p.revents, name_of(so_error(fd)));
	printf("\terror then %d\n", so_error(fd));
	close(fd);
}

static void unspec(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	show(to(fd, &good), "good");
	talk(fd);
	show(connect(fd, &none, sizeof(none)), "AF_UNSPEC");
	show(to(fd, &good), "\tgood again");
	talk(fd);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	show(connect(fd, &none, sizeof(none)), "AF_UNSPEC on a fresh one");
	show(to(fd, &bad), "\trefused");
	show(connect(fd, &none, sizeof(none)), "AF_UNSPEC after refused");
	show(to(fd, &good), "\tgood");
	talk(fd);
	close(fd);
}

static void udp(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_DGRAM, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[8];

	a = good;
	a.sin_port = 0;
	NEED(bind(l, (void *)&a, len) == 0);
	NEED(getsockname(l, (void *)&a, &len) == 0);
	show(to(fd, &a), "udp");
	show(write(fd, "gram", 4), "\twrite");
	show(read(l, buf, 8), "\tread");
	show(to(fd, &a), "udp again");
	show(connect(fd, &none, sizeof(none)), "udp AF_UNSPEC");
	show(write(fd, "gram", 4), "\twrite");
	close(l);
	show(to(fd, &a), "udp, nobody there");
	show(write(fd, "gram", 4), "\twrite");
	show(read(fd, buf, 8), "\tread");
	show(write(fd, "gram", 4), "\twrite");
	close(fd);
}

static void arguments(void)
{
	volatile uintptr_t nowhere = 16;
	int p[2], fd = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/dev/null", O_RDWR), path = open("/", O_PATH);
	int u = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_in odd = good;

	NEED(pipe(p) == 0);
	show(connect(fd, (void *)nowhere, sizeof(good)), "bad pointer");
	show(connect(-1, (void *)nowhere, sizeof(good)), "bad both");
	show(connect(p[0], (void *)nowhere, sizeof(good)), "pipe, bad pointer");
	show(to(-1, &good), "bad fd");
	show(to(900, &good), "closed fd");
	show(to(p[0], &good), "pipe");
	show(to(file, &good), "device");
	show(to(path, &good), "O_PATH");
	show(connect(fd, (void *)&good, 0), "length 0");
	show(connect(fd, (void *)&good, 1), "length 1");
	show(connect(fd, (void *)&good, 8), "length 8");
	show(connect(fd, (void *)&good, 15), "length 15");
	show(connect(fd, (void *)&good, 129), "length 129");
	show(connect(fd, (void *)&good, -1), "length -1");
	odd.sin_family = AF_INET6;
	show(to(fd, &odd), "wrong family");
	odd.sin_family = 77;
	show(to(fd, &odd), "unknown family");
	show(to(u, &good), "unix socket, inet address");
	show(to(lis, &good), "listening socket");
	show(to(fd, &good), "good in the end");
	talk(fd);
	close(p[0]);
	close(p[1]);
	close(fd);
	close(file);
	close(path);
	close(u);
}

static int un_to(int fd, const char *name, int len)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memcpy(un.sun_path, name, len);
	return connect(fd, (void *)&un,
		       offsetof(struct sockaddr_un, sun_path) + len);
}

static int un_bound(const char *name, int len, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	memcpy(un.sun_path, name, len);
	NEED(bind(fd, (void *)&un,
		  offsetof(struct sockaddr_un, sun_path) + len) == 0);
	return fd;
}

static int nobody(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)arg;
	if (getuid() == 0)
		NEED(setuid(65534) == 0);
	show(un_to(fd, "stream", 7), "nobody");
	return 0;
}

static void unix_ones(void)
{
	int l = un_bound("stream", 7, SOCK_STREAM);
	int d = un_bound("dgram", 6, SOCK_DGRAM);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), b[8], full = 0;

	show(un_to(fd, "missing", 8), "unix, missing");
	show(un_to(fd, "stream", 7), "unix, not listening");
	show(un_to(fd, "dgram", 6), "unix, wrong type");
	show(un_to(fd, "", 0), "unix, empty name");
	put_file("plain", "x", 1);
	show(un_to(fd, "plain", 6), "unix, a plain file");
	show(un_to(fd, "plain/x", 8), "unix, below a plain file");
	NEED(listen(l, 1) == 0);
	show(un_to(fd, "stream", 7), "unix, good");
	show(un_to(fd, "stream", 7), "unix, again");
	NEED(chmod("stream", 0600) == 0);
	if (getuid() == 0)
		run_child("nobody", nobody, NULL);
	for (int i = 0; i < 8; i++) {
		b[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (un_to(b[i], "stream", 7) < 0 && errno == EAGAIN)
			full++;
	}
	show(full, "unix, backlog full");
	for (int i = 0; i < 8; i++)
		close(b[i]);
	close(fd);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	show(un_to(fd, "dgram", 6), "unix dgram");
	show(write(fd, "x", 1), "\twrite");
	show(un_to(fd, "stream", 7), "unix dgram to stream");
	close(fd);
	close(l);
	close(d);
}

static void abstract(void)
{
	char name[32] = "";
	int len, l, fd = socket(AF_UNIX, SOCK_STREAM, 0);

	len = 1 + snprintf(name + 1, 31, "shim-%d-test", getpid());
	l = un_bound(name, len, SOCK_STREAM);
	show(un_to(fd, name, len), "abstract, not listening");
	NEED(listen(l, 1) == 0);
	show(un_to(fd, name, len - 1), "abstract, shorter");
	show(un_to(fd, name, len), "abstract");
	close(l);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	show(un_to(fd, name, len), "abstract, gone");
	close(fd);
}

static void six(void)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET6, SOCK_STREAM, 0), fd;

	in.sin6_addr = in6addr_loopback;
	if (l < 0 || bind(l, (void *)&in, len) < 0) {
		printf("no IPv6\n");
		return;
	}
	NEED(getsockname(l, (void *)&in, &len) == 0);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	show(connect(fd, (void *)&in, len), "IPv6, not listening");
	NEED(listen(l, 1) == 0);
	show(connect(fd, (void *)&in, 20), "IPv6, short");
	show(connect(fd, (void *)&in, len), "IPv6");
	close(l);
	close(fd);
}

static void fast_open(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, 4) < 0) {
		show(-1, "TCP_FASTOPEN_CONNECT");
	} else {
		show(to(fd, &good), "fast open");
		show(write(fd, "fast", 4), "\twrite");
	}
	close(fd);
}

int main(void)
{
	int unused;

	begin();
	NEED(chmod(".", 0755) == 0);
	signal(SIGPIPE, SIG_IGN);
	lis = bound(&good);
	NEED(listen(lis, 16) == 0);
	unused = bound(&bad);
	blocking();
	nonblocking();
	unspec();
	udp();
	arguments();
	unix_ones();
	abstract();
	six();
	fast_open();
	close(lis);
	close(unused);
	list_fds("left open");
	return 0;
}
