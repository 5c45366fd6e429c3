// SPDX-License-Identifier: MIT
/*
 * The address that recvfrom and recvmsg give back is a value-result
 * argument: cut to the room that there is, the full length told, nothing
 * written on a stream, the datagram gone although the address could not be
 * stored.  A call that is tried on a ring and then again natively would eat two
 * datagrams; one that goes through a copy would write what the kernel does not.
 *
 * Ring: recvfrom recvmsg
 */
#include "family.h"

#define UNTOUCHED 0xee

static struct sockaddr_storage want;	/* the sender's address */
static socklen_t want_len;
static char *nowhere;

/* What became of an address buffer: untouched, a prefix, or something else. */
static const char *stored(const void *buf, size_t size, size_t room)
{
	const unsigned char *p = buf;
	size_t full = want_len < room ? want_len : room, i;

	for (i = 0; i < size && p[i] == UNTOUCHED; i++)
		;
	if (i == size)
		return "untouched";
	if (memcmp(p, &want, full))
		return "something else";
	for (i = full; i < size && p[i] == UNTOUCHED; i++)
		;
	return i == size ? "as much as fits" : "too much";
}

struct where {
	const char *name;
	long room;		/* what the caller says */
	int addr, len;		/* 0 good, 1 NULL, 2 nowhere */
};

static const struct where wheres[] = {
	{ "room for all", sizeof(want), 0, 0 },
	{ "room for 16", 16, 0, 0 },
	{ "room for 4", 4, 0, 0 },
	{ "room for 1", 1, 0, 0 },
	{ "no room", 0, 0, 0 },
	{ "room -1", -1, 0, 0 },
	{ "room INT_MIN", INT_MIN, 0, 0 },
	{ "room INT_MAX", INT_MAX, 0, 0 },
	{ "NULL and NULL", 0, 1, 1 },
	{ "NULL address", 16, 1, 0 },
	{ "NULL length", 16, 0, 1 },
	{ "bad address", 16, 2, 0 },
	{ "bad address, no room", 0, 2, 0 },
	{ "bad length", 16, 0, 2 },
	{ "both bad", 16, 2, 2 },
};

static void *choose(int how, void *good)
{
	return how == 0 ? good : how == 1 ? NULL : nowhere;
}

static void by_recvfrom(int fd, const struct where *w, int flags)
{
	struct sockaddr_storage addr;
	socklen_t len = w->room;
	char buf[16];
	ssize_t n;

	memset(buf, FILLER, sizeof(buf));
	memset(&addr, UNTOUCHED, sizeof(addr));
	n = recvfrom(fd, buf, sizeof(buf), flags, choose(w->addr, &addr),
		     choose(w->len, &len));
	say("  recvfrom %s: %s '%s', length %d, %s", w->name, result(n),
	    as_text(buf, sizeof(buf)), (int)len,
	    stored(&addr, sizeof(addr), w->room));
}

static void by_recvmsg(int fd, const struct where *w, int flags)
{
	struct sockaddr_storage addr;
	char buf[16];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_name = choose(w->addr, &addr), .msg_namelen = w->room,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_flags = 0x1234,
	};
	ssize_t n;

	memset(buf, FILLER, sizeof(buf));
	memset(&addr, UNTOUCHED, sizeof(addr));
	n = recvmsg(fd, &msg, flags);
	say("  recvmsg %s: %s '%s', length %d, flags %#x, %s", w->name,
	    result(n), as_text(buf, sizeof(buf)), (int)msg.msg_namelen,
	    msg.msg_flags, stored(&addr, sizeof(addr), w->room));
}

static void all_wheres(const char *name, const int fd[2], int flags)
{
	say("%s, flags %#x", name, flags);
	for (size_t i = 0; i < ARRAY_SIZE(wheres); i++) {
		feed(fd, "first");
		feed(fd, "second");
		by_recvfrom(fd[0], &wheres[i], flags);
		say_left(fd[0]);
		if (wheres[i].len)
			continue;
		feed(fd, "first");
		feed(fd, "second");
		by_recvmsg(fd[0], &wheres[i], flags);
		say_left(fd[0]);
	}
	/* Nothing there: the address is not even looked at. */
	for (size_t i = 0; i < ARRAY_SIZE(wheres); i++) {
		by_recvfrom(fd[0], &wheres[i], flags | MSG_DONTWAIT);
		by_recvmsg(fd[0], &wheres[i], flags | MSG_DONTWAIT);
	}
}

static void known(const int fd[2])
{
	want_len = sizeof(want);
	memset(&want, 0, sizeof(want));
	CHECK(getsockname(fd[1], (struct sockaddr *)&want, &want_len) == 0);
}

/* A pair of unix sockets whose sender has a name. */
static void named_pair(int type, int fd[2], const char *name)
{
	struct sockaddr_un addr;

	CHECK(socketpair(AF_UNIX, type, 0, fd) == 0);
	unix_address(&addr, name);
	if (*name)
		CHECK(bind(fd[1], (void *)&addr, sizeof(addr)) == 0);
}

static void unix_one(int type, const char *what, const char *name)
{
	int fd[2];

	named_pair(type, fd, name);
	known(fd);
	say("name length %d", (int)want_len);
	all_wheres(what, fd, 0);
	all_wheres(what, fd, MSG_DONTWAIT);
	close_channel(fd);
	if (*name)
		CHECK(unlink(name) == 0);
}

static void inet_one(int kind)
{
	int fd[2];

	make_sockets(kind, fd);
	known(fd);
	all_wheres(socket_name[kind], fd, 0);
	all_wheres(socket_name[kind], fd, MSG_PEEK);
	all_wheres(socket_name[kind], fd, MSG_TRUNC);
	close_channel(fd);
}

/* Bad descriptors and bad pointers together: which is told. */
static void orders(void)
{
	int file = open("/dev/null", O_RDWR), path = open("/", O_PATH), p[2];
	int lone = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in addr;
	int listener = tcp_listener(1, &addr);
	int bare = socket(AF_UNIX, SOCK_STREAM, 0);
	int fds[7];

	CHECK(pipe(p) == 0);
	CHECK(syscall(SYS_write, p[1], "data", 4) == 4);
	memcpy(fds, (int[]){ 900, -1, file, path, p[0], lone, listener },
	       sizeof(fds));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		say("descriptor %zu", i);
		by_recvfrom(fds[i], &wheres[0], MSG_DONTWAIT);
		by_recvfrom(fds[i], &wheres[14], MSG_DONTWAIT);
		by_recvmsg(fds[i], &wheres[5], MSG_DONTWAIT);
		say("  %s", result(recv(fds[i], nowhere, 4, MSG_DONTWAIT)));
		say("  %s", result(recv(fds[i], NULL, 0, MSG_DONTWAIT)));
		say("  %s", result(recvmsg(fds[i], (void *)nowhere,
					   MSG_DONTWAIT)));
	}
	by_recvfrom(bare, &wheres[0], MSG_DONTWAIT);
	say("in the pipe %s", result(read(p[0], (char[8]){ 0 }, 8)));
	for (size_t i = 2; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	close(p[1]);
	close(bare);
}

/* The error of an unreachable peer belongs to the socket, and is told once. */
static void refused(void)
{
	struct sockaddr_in addr;
	int nobody = udp_socket(&addr), fd = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[8];

	close(nobody);
	CHECK(connect(fd, (void *)&addr, sizeof(addr)) == 0);
	for (int i = 0; i < 3; i++) {
		say("send: %s", result(send(fd, "x", 1, 0)));
		CHECK(poll_fd(fd, POLLIN, 5000));
		say("recv: %s", result(recv(fd, buf, 8, MSG_DONTWAIT)));
		say("recv: %s", result(recv(fd, buf, 8, MSG_DONTWAIT)));
		say("send: %s", result(send(fd, "x", 1, 0)));
		CHECK(poll_fd(fd, POLLIN, 5000));
		say("send: %s", result(sendto(fd, "x", 1, 0, NULL, 0)));
		say("recvfrom: %s", result(recvfrom(fd, buf, 8, MSG_DONTWAIT,
						    NULL, NULL)));
	}
	close(fd);
}

int main(void)
{
	alarm(25);
	nowhere = edge_after(16, PROT_NONE);
	inet_one(S_TCP);
	inet_one(S_UDP);
	unix_one(SOCK_STREAM, "unix", "");
	unix_one(SOCK_STREAM, "unix", "named");
	unix_one(SOCK_SEQPACKET, "seqpacket", "named");
	unix_one(SOCK_DGRAM, "dgram", "");
	unix_one(SOCK_DGRAM, "dgram", "named");
	orders();
	refused();
	return 0;
}
