// SPDX-License-Identifier: MIT
/*
 * accept and accept4: what they write into the caller's address and length,
 * every flag, every descriptor that is not a listener, the number that the new
 * descriptor gets, its flags, a descriptor limit that is reached (the connection
 * stays in the queue), a pointer that leads nowhere (the connection is gone).
 * The order of the checks is the kernel's, and differs between a call and a ring.
 *
 * Ring: accept accept4
 */
#include <sys/resource.h>

#include "family.h"

#define UNTOUCHED 0xee

static char *nowhere;

struct listener {
	const char *name;
	int fd;
	struct sockaddr_storage addr;
	socklen_t len;
};

static struct listener tcp, named;

static void make_listeners(void)
{
	struct sockaddr_un *un = (void *)&named.addr;

	tcp.name = "tcp";
	tcp.len = sizeof(struct sockaddr_in);
	tcp.fd = tcp_listener(64, (void *)&tcp.addr);
	named.name = "unix";
	unix_address(un, "listener");
	named.len = sizeof(*un);
	named.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(named.fd, (void *)un, sizeof(*un)) == 0);
	CHECK(listen(named.fd, 64) == 0);
}

/* A connection that is in the queue when this returns. */
static int knock(const struct listener *l)
{
	int fd = socket(l->addr.ss_family, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(connect(fd, (void *)&l->addr, l->len) == 0);
	CHECK(poll_fd(l->fd, POLLIN, 5000) == POLLIN);
	return fd;
}

static bool queued(const struct listener *l)
{
	return poll_fd(l->fd, POLLIN, 0) == POLLIN;
}

static const struct where {
	const char *name;
	long room;
	int addr, len;		/* 0 good, 1 NULL, 2 nowhere */
} wheres[] = {
	{ "room for all", sizeof(struct sockaddr_storage), 0, 0 },
	{ "room for 16", 16, 0, 0 },
	{ "room for 4", 4, 0, 0 },
	{ "room for 1", 1, 0, 0 },
	{ "no room", 0, 0, 0 },
	{ "room -1", -1, 0, 0 },
	{ "room INT_MIN", INT_MIN, 0, 0 },
	{ "room INT_MAX", INT_MAX, 0, 0 },
	{ "NULL and NULL", 0, 1, 1 },
	{ "NULL address", 16, 1, 0 },
	{ "NULL address, room -1", -1, 1, 0 },
	{ "NULL length", 16, 0, 1 },
	{ "NULL address, bad length", 16, 1, 2 },
	{ "bad address", 16, 2, 0 },
	{ "bad address, no room", 0, 2, 0 },
	{ "bad address, room -1", -1, 2, 0 },
	{ "bad length", 16, 0, 2 },
	{ "both bad", 16, 2, 2 },
};

static void *choose(int how, void *good)
{
	return how == 0 ? good : how == 1 ? NULL : nowhere;
}

static const char *stored(const unsigned char *got, const void *want,
			  size_t full)
{
	size_t i;

	for (i = 0; i < 128 && got[i] == UNTOUCHED; i++)
		;
	if (i == 128)
		return "untouched";
	for (i = full; i < 128 && got[i] == UNTOUCHED; i++)
		;
	return i < 128 ? "too much" :
	       memcmp(got, want, full) ? "something else" : "as much as fits";
}

static void one_where(const struct listener *l, const struct where *w, bool four)
{
	int client = knock(l), fd;
	struct sockaddr_storage addr, mine = { 0 };
	socklen_t len = w->room, full = sizeof(mine);

	CHECK(getsockname(client, (void *)&mine, &full) == 0);
	memset(&addr, UNTOUCHED, sizeof(addr));
	fd = four ? accept4(l->fd, choose(w->addr, &addr),
			    choose(w->len, &len), SOCK_CLOEXEC) :
	     accept(l->fd, choose(w->addr, &addr), choose(w->len, &len));
	say("  %s %s: %s, length %d, %s", four ? "accept4" : "accept", w->name,
	    fd < 0 ? result(fd) : "ok", (int)len,
	    stored((void *)&addr, &mine,
		   w->room < (long)full ? (size_t)w->room : full));
	say("    still queued %d", queued(l));
	if (fd >= 0)
		CHECK(close(fd) == 0);
	else if (!queued(l))
		say("    client sees %s", poll_fd(client, POLLRDHUP, 5000) ?
		    "the end" : "nothing");
	while (queued(l))
		close(accept(l->fd, NULL, NULL));
	CHECK(close(client) == 0);
}

static void addresses(const struct listener *l)
{
	say("%s addresses", l->name);
	for (size_t i = 0; i < ARRAY_SIZE(wheres); i++)
		for (int four = 0; four < 2; four++)
			one_where(l, &wheres[i], four);
	/* Nobody there. */
	set_nonblock(l->fd, true);
	for (size_t i = 0; i < ARRAY_SIZE(wheres); i++) {
		struct sockaddr_storage addr;
		socklen_t len = wheres[i].room;
		int fd = accept(l->fd, choose(wheres[i].addr, &addr),
				choose(wheres[i].len, &len));

		say("  nobody, %s: %s, length %d", wheres[i].name,
		    result(fd), (int)len);
	}
	set_nonblock(l->fd, false);
}

static void say_flags(int fd)
{
	say("    close-on-exec %d, nonblocking %d",
	    fcntl(fd, F_GETFD) & FD_CLOEXEC ? 1 : 0,
	    fcntl(fd, F_GETFL) & O_NONBLOCK ? 1 : 0);
}

static void flags(const struct listener *l)
{
	static const int table[] = {
		0, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_CLOEXEC | SOCK_NONBLOCK,
		1, O_APPEND, 0x100, -1, INT_MIN, SOCK_NONBLOCK | 2,
	};

	say("%s flags", l->name);
	for (int nonblock = 0; nonblock < 2; nonblock++) {
		set_nonblock(l->fd, nonblock);
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			int client = knock(l);
			int fd = accept4(l->fd, NULL, NULL, table[i]);

			say("  %#x: %s", table[i], fd < 0 ? result(fd) : "ok");
			if (fd < 0)
				fd = accept(l->fd, NULL, NULL);
			say_flags(fd);
			CHECK(close(fd) == 0);
			CHECK(close(client) == 0);
		}
		if (nonblock)
			say("  nobody: %s", result(accept4(l->fd, NULL, NULL,
							   SOCK_CLOEXEC)));
	}
	set_nonblock(l->fd, false);
}

/* What cannot be accepted from, with and without more that is wrong. */
static void wrong_ones(void)
{
	int fds[12], n = 0, pair[2], p[2];
	struct sockaddr_in addr;
	socklen_t len = 16;

	make_sockets(S_UNIX, pair);
	CHECK(pipe(p) == 0);
	fds[n++] = socket(AF_INET, SOCK_STREAM, 0);
	fds[n++] = udp_socket(&addr);
	fds[n++] = socket(AF_UNIX, SOCK_STREAM, 0);
	fds[n++] = socket(AF_UNIX, SOCK_DGRAM, 0);
	fds[n++] = pair[0];
	fds[n++] = pair[1];
	fds[n++] = p[0];
	fds[n++] = open("/dev/null", O_RDWR);
	fds[n++] = open(".", O_RDONLY);
	fds[n++] = open(".", O_PATH);
	fds[n++] = 900;
	fds[n++] = -1;
	for (int i = 0; i < n; i++) {
		say("wrong %d: %s %s %s", i, result(accept(fds[i], NULL, NULL)),
		    result(accept4(fds[i], (void *)nowhere, &len, 0)),
		    result(accept4(fds[i], (void *)nowhere, (void *)nowhere,
				   0)));
		say("  %s %s", result(accept4(fds[i], NULL, NULL, 1)),
		    result(accept4(fds[i], NULL, NULL, SOCK_NONBLOCK)));
		if (i < 10)
			close(fds[i]);
	}
	close(p[1]);
}

/* The lowest free number, as for any descriptor. */
static void numbers(const struct listener *l)
{
	int client = knock(l), a = dup(1), b = dup(1), c = dup(1), fd;
	int second[2] = { knock(l), -1 };

	CHECK(close(b) == 0);
	CHECK(close(a) == 0);
	fd = accept(l->fd, NULL, NULL);
	say("%s: the lowest number %d", l->name, fd == a);
	second[1] = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	say("  the next %d", second[1] == b);
	CHECK(close(client) == 0 && close(fd) == 0 && close(c) == 0);
	close_channel(second);
}

/* A number that was a pipe's, a moment ago. */
static void number_again(const struct listener *l)
{
	int client = knock(l), p[2], fd;
	char buf[8];

	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "pipe", 4) == 4);
	CHECK(read(p[0], buf, 8) == 4);
	CHECK(close(p[0]) == 0);
	fd = accept(l->fd, NULL, NULL);
	CHECK(fd == p[0]);
	CHECK(send(client, "tcp?", 4, 0) == 4);
	CHECK(read(fd, buf, 8) == 4);
	set_timeout(fd, SO_RCVTIMEO, 20);
	say("%s again: %s", l->name, result(recv(fd, buf, 8, 0)));
	CHECK(close(fd) == 0 && close(p[1]) == 0 && close(client) == 0);
}

static void limited(const struct listener *l)
{
	struct rlimit was, few;
	int client = knock(l), next = dup(1);
	socklen_t len = 16;
	char buf[8];

	CHECK(close(next) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &was) == 0);
	few = was;
	few.rlim_cur = next;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	say("%s limited: %s %s %s", l->name, result(accept(l->fd, NULL, NULL)),
	    result(accept4(l->fd, NULL, NULL, SOCK_CLOEXEC)),
	    result(accept4(l->fd, (void *)nowhere, &len, 1)));
	say("  not a listener: %s %s", result(accept(client, NULL, NULL)),
	    result(accept(900, NULL, NULL)));
	say("  still queued %d", queued(l));
	few.rlim_cur = next + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(send(client, "hello", 5, 0) == 5);
	next = accept(l->fd, NULL, NULL);
	say("  one more allowed: %s", next < 0 ? result(next) : "ok");
	CHECK(poll_fd(next, POLLIN, 5000));
	say("  it says %s", result(recv(next, buf, 8, 0)));
	set_nonblock(l->fd, true);
	say("  nobody, no number: %s", result(accept(l->fd, NULL, NULL)));
	set_nonblock(l->fd, false);
	CHECK(setrlimit(RLIMIT_NOFILE, &was) == 0);
	CHECK(close(next) == 0 && close(client) == 0);
}

static void timeouts(const struct listener *l)
{
	int client, fd;

	set_timeout(l->fd, SO_RCVTIMEO, 30);
	say("%s with a timeout: %s", l->name,
	    result(accept(l->fd, NULL, NULL)));
	client = knock(l);
	fd = accept4(l->fd, NULL, NULL, 0);
	say("  somebody: %s", fd < 0 ? result(fd) : "ok");
	/* It is inherited by a tcp connection, not by a unix one. */
	if (l == &tcp)
		say("  recv %s", result(recv(fd, (char[8]){ 0 }, 8, 0)));
	CHECK(close(fd) == 0 && close(client) == 0);
	set_timeout(l->fd, SO_RCVTIMEO, 0);
}

/* Gone again before it was accepted; shut down by ourselves. */
static void gone(const struct listener *l)
{
	int client = knock(l), fd;

	CHECK(send(client, "bye", 3, 0) == 3);
	CHECK(close(client) == 0);
	fd = accept(l->fd, NULL, NULL);
	say("%s gone: recv %s", l->name, result(recv(fd, (char[8]){ 0 }, 8,
						     0)));
	say("  recv %s", result(recv(fd, (char[8]){ 0 }, 8, 0)));
	CHECK(close(fd) == 0);
	CHECK(shutdown(l->fd, SHUT_RD) == 0);
	say("  after a shutdown: %s", result(accept(l->fd, NULL, NULL)));
}

int main(void)
{
	const struct listener *both[] = { &tcp, &named };

	alarm(25);
	nowhere = edge_after(16, PROT_NONE);
	make_listeners();
	wrong_ones();
	for (int i = 0; i < 2; i++) {
		addresses(both[i]);
		flags(both[i]);
		numbers(both[i]);
		number_again(both[i]);
		limited(both[i]);
		timeouts(both[i]);
	}
	for (int i = 0; i < 2; i++)
		gone(both[i]);
	CHECK(unlink("listener") == 0);
	return 0;
}
