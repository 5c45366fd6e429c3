// SPDX-License-Identifier: MIT
/*
 * send, sendto and sendmsg (and write, writev) with every flag on every kind of
 * socket, with and without an address, with lengths of nothing and of more than
 * there is: what is returned, and what the other side gets.  A ring has its own
 * idea of MSG_FASTOPEN, of lengths above 2 GiB, and of which flags a program
 * may give; and a short count where a blocking call goes on.
 *
 * Ring: sendto sendmsg
 * Timeout: 60
 */
#include "family.h"

static const struct flags {
	const char *name;
	int flags;
} table[] = {
	{ "0", 0 },
	{ "DONTWAIT", MSG_DONTWAIT },
	{ "NOSIGNAL", MSG_NOSIGNAL },
	{ "MORE", MSG_MORE },
	{ "CONFIRM", MSG_CONFIRM },
	{ "DONTROUTE", MSG_DONTROUTE },
	{ "EOR", MSG_EOR },
	{ "OOB", MSG_OOB },
	{ "FASTOPEN", MSG_FASTOPEN },
	{ "ZEROCOPY", MSG_ZEROCOPY },
	{ "PEEK", MSG_PEEK },
	{ "TRUNC", MSG_TRUNC },
	{ "WAITALL", MSG_WAITALL },
	{ "WAITALL|DONTWAIT", MSG_WAITALL | MSG_DONTWAIT },
	{ "ERRQUEUE", MSG_ERRQUEUE },
	{ "CMSG_CLOEXEC", MSG_CMSG_CLOEXEC },
	{ "BATCH", 0x40000 },
	{ "bit 19", 1 << 19 },
	{ "bit 27", 1 << 27 },
	{ "bit 31", INT_MIN },
	{ "bits 21-25", 0x3e00000 },
};

static const size_t lengths[] = { 0, 1, 6 };

static volatile int sigpipes;

static void count_sigpipe(int sig)
{
	(void)sig;
	sigpipes++;
}

static ssize_t one(const int fd[2], const struct putter *p, int flags,
		   size_t len)
{
	ssize_t n;

	errno = 0;
	n = p->put(fd[1], "abcdef", len, flags);
	say("  %s %zu: %s", p->name, len, result(n));
	return n > 0 ? n : 0;
}

static void flush_and_look(int kind, const int fd[2], int sent)
{
	int off = 0;

	/* Corked by MSG_MORE: pushed out by the last one. */
	if (kind == S_TCP)
		setsockopt(fd[1], IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
	if (kind == S_UDP)
		(void)syscall(SYS_sendto, fd[1], "end", 3, 0, NULL, 0);
	if (kind == S_TCP)
		wait_arrived(fd[0], sent);
	say_left(fd[0]);
}

static void by_flags(int kind)
{
	int fd[2], sent;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		say("%s %s", socket_name[kind], table[i].name);
		for (size_t p = 3; p < ARRAY_SIZE(putters); p++) {
			make_sockets(kind, fd);
			sent = 0;
			for (size_t k = 0; k < ARRAY_SIZE(lengths); k++)
				sent += one(fd, &putters[p], table[i].flags,
					    lengths[k]);
			if (!(table[i].flags & MSG_OOB))
				flush_and_look(kind, fd, sent);
			close_channel(fd);
		}
	}
}

/* Pieces held back with MSG_MORE are one segment, or one datagram. */
static void corked(int kind)
{
	int fd[2];

	for (size_t p = 3; p < ARRAY_SIZE(putters); p++) {
		say("%s corked", socket_name[kind]);
		make_sockets(kind, fd);
		one(fd, &putters[p], MSG_MORE, 6);
		one(fd, &putters[p], MSG_MORE, 1);
		one(fd, &putters[p], 0, 6);
		wait_arrived(fd[0], 13);
		say_left(fd[0]);
		close_channel(fd);
	}
}

struct place {
	const char *name;
	struct sockaddr *addr;
	socklen_t len;
};

static ssize_t to_place(int fd, const struct place *to, bool msg)
{
	struct iovec iov = { (void *)"abcdef", 6 };
	struct msghdr m = {
		.msg_name = to->addr, .msg_namelen = to->len,
		.msg_iov = &iov, .msg_iovlen = 1,
	};

	return msg ? sendmsg(fd, &m, MSG_NOSIGNAL) :
	       sendto(fd, "abcdef", 6, MSG_NOSIGNAL, to->addr, to->len);
}

static void to_all(const char *name, int fd, const struct place *to, int n,
		   int receiver)
{
	for (int i = 0; i < 2 * n; i++) {
		const struct place *place = &to[i / 2];

		say("  %s to %s by %s: %s", name, place->name,
		    i % 2 ? "sendmsg" : "sendto",
		    result(to_place(fd, place, i % 2)));
		if (receiver >= 0 && poll_fd(receiver, POLLIN, 2))
			say_left(receiver);
	}
}

static void inet_places(void)
{
	struct sockaddr_in to, other = { .sin_family = AF_INET6 };
	struct sockaddr_in unspec = { .sin_family = AF_UNSPEC };
	int receiver = udp_socket(&to), fd[2], s;
	struct sockaddr *bad = (void *)edge_after(16, PROT_NONE);
	const struct place places[] = {
		{ "nowhere", NULL, 0 },
		{ "NULL, 16", NULL, 16 },
		{ "the receiver", (void *)&to, sizeof(to) },
		{ "length 0", (void *)&to, 0 },
		{ "length 1", (void *)&to, 1 },
		{ "length 8", (void *)&to, 8 },
		{ "length 128", (void *)&to, 128 },
		{ "length 129", (void *)&to, 129 },
		{ "length -1", (void *)&to, -1 },
		{ "wrong family", (void *)&other, sizeof(other) },
		{ "no family", (void *)&unspec, sizeof(unspec) },
		{ "bad pointer", bad, sizeof(to) },
		{ "bad pointer, length 0", bad, 0 },
		{ "half", (void *)((char *)bad - 8), sizeof(to) },
	};

	s = socket(AF_INET, SOCK_DGRAM, 0);
	to_all("udp", s, places, ARRAY_SIZE(places), receiver);
	CHECK(connect(s, (void *)&to, sizeof(to)) == 0);
	to_all("connected udp", s, places, ARRAY_SIZE(places), receiver);
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	to_all("unconnected tcp", s, places, 2, -1);
	close(s);
	tcp_pair(fd);
	to_all("tcp", fd[1], places, ARRAY_SIZE(places), -1);
	wait_arrived(fd[0], 6);
	close_channel(fd);
	to_all("pipe", 0, places, 3, -1);
	to_all("closed", 900, places, ARRAY_SIZE(places), -1);
	close(receiver);
}

static void unix_places(int type, const char *name)
{
	struct sockaddr_un to, none, far;
	int receiver = socket(AF_UNIX, type, 0), s, fd[2];
	struct sockaddr_un *bad = (void *)edge_after(16, PROT_NONE);
	const struct place places[] = {
		{ "nowhere", NULL, 0 },
		{ "the receiver", (void *)&to, sizeof(to) },
		{ "its shortest name", (void *)&to, 2 + 6 },
		{ "nobody", (void *)&none, sizeof(none) },
		{ "no directory", (void *)&far, sizeof(far) },
		{ "length 2", (void *)&to, 2 },
		{ "length 1", (void *)&to, 1 },
		{ "length 111", (void *)&to, 111 },
		{ "bad pointer", (void *)bad, sizeof(to) },
	};

	unix_address(&to, "socket");
	unix_address(&none, "none");
	unix_address(&far, "no/where");
	CHECK(bind(receiver, (void *)&to, sizeof(to)) == 0);
	s = socket(AF_UNIX, type, 0);
	to_all(name, s, places, ARRAY_SIZE(places),
	       type == SOCK_DGRAM ? receiver : -1);
	close(s);
	CHECK(socketpair(AF_UNIX, type, 0, fd) == 0);
	to_all("pair", fd[1], places, ARRAY_SIZE(places), fd[0]);
	close_channel(fd);
	close(receiver);
	CHECK(unlink("socket") == 0);
}

/* A datagram may be too long, a count too large; the buffer may be short. */
static void sizes(int kind, const struct putter *p)
{
	static const size_t big[] = {
		65507, 65508, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0x140000000, LONG_MAX, SIZE_MAX,
	};
	static char sink[70000];
	char *buf = edge_after(65536, PROT_NONE) - 65536;
	int fd[2];

	make_sockets(kind, fd);
	set_nonblock(fd[0], true);
	set_nonblock(fd[1], true);
	for (size_t i = 0; i < ARRAY_SIZE(big); i++) {
		ssize_t n = p->put(fd[1], buf, big[i], 0), got;

		say("  %s %s %#zx: %s", socket_name[kind], p->name, big[i],
		    result(n));
		if (n > 0)
			CHECK(poll_fd(fd[0], POLLIN, 5000));
		while ((got = read(fd[0], sink, sizeof(sink))) > 0)
			say("    received %zd", got);
	}
	CHECK(munmap(buf, 65536 + 4096) == 0);
	close_channel(fd);
}

static void zero_datagrams(int kind)
{
	int fd[2];

	make_sockets(kind, fd);
	for (size_t p = 0; p < ARRAY_SIZE(putters); p++) {
		char buf[4];

		one(fd, &putters[p], 0, 0);
		/* write and writev of nothing do not reach the socket. */
		if (!poll_fd(fd[0], POLLIN, putters[p].flags ? 5000 : 20))
			say("    nothing");
		else
			say("    received %s",
			    result(recv(fd[0], buf, 4, MSG_DONTWAIT)));
	}
	close_channel(fd);
}

static void fast_open(void)
{
	struct sockaddr_in addr;
	int listener = tcp_listener(4, &addr), fd, conn;
	char buf[8];

	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("fast open: %s", result(sendto(fd, "abc", 3, MSG_FASTOPEN,
					   (void *)&addr, sizeof(addr))));
	conn = accept(listener, NULL, NULL);
	CHECK(conn >= 0);
	say("  received %s", result(recv(conn, buf, 8, 0)));
	say("  again: %s", result(sendto(fd, "abc", 3, MSG_FASTOPEN,
					 (void *)&addr, sizeof(addr))));
	close(fd);
	close(conn);
	close(listener);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("  to nobody: %s", result(sendto(fd, "abc", 3, MSG_FASTOPEN,
					     (void *)&addr, sizeof(addr))));
	close(fd);
}

int main(void)
{
	alarm(55);
	on_signal(SIGPIPE, count_sigpipe, 0);
	for (int kind = 0; kind < SOCKETS; kind++) {
		by_flags(kind);
		if (kind != S_TCP)
			for (size_t p = 0; p < ARRAY_SIZE(putters); p++)
				sizes(kind, &putters[p]);
		if (!is_stream(kind))
			zero_datagrams(kind);
	}
	corked(S_TCP);
	corked(S_UDP);
	inet_places();
	unix_places(SOCK_DGRAM, "dgram");
	unix_places(SOCK_STREAM, "stream");
	unix_places(SOCK_SEQPACKET, "seqpacket");
	fast_open();
	say("SIGPIPE %d", sigpipes);
	return 0;
}
