// SPDX-License-Identifier: MIT
/*
 * recv, recvfrom and recvmsg with every flag on every kind of socket: what is
 * returned, what is in the buffer, what is still queued.  A ring retries on its
 * own: MSG_PEEK with MSG_WAITALL gives the same bytes twice there, MSG_ERRQUEUE
 * and an O_NONBLOCK socket wait for ever, a length is 32 bits, and 2 GiB is a
 * negative one.
 *
 * Ring: recvfrom recvmsg
 * Timeout: 60
 */
#include "family.h"

struct flags {
	const char *name;
	int flags;
};

static const struct flags table[] = {
	{ "0", 0 },
	{ "DONTWAIT", MSG_DONTWAIT },
	{ "PEEK", MSG_PEEK },
	{ "PEEK|DONTWAIT", MSG_PEEK | MSG_DONTWAIT },
	{ "TRUNC", MSG_TRUNC },
	{ "TRUNC|PEEK", MSG_TRUNC | MSG_PEEK },
	{ "TRUNC|DONTWAIT", MSG_TRUNC | MSG_DONTWAIT },
	{ "WAITALL|DONTWAIT", MSG_WAITALL | MSG_DONTWAIT },
	{ "PEEK|WAITALL|DONTWAIT", MSG_PEEK | MSG_WAITALL | MSG_DONTWAIT },
	{ "NOSIGNAL", MSG_NOSIGNAL },
	{ "CMSG_CLOEXEC", MSG_CMSG_CLOEXEC },
	{ "OOB", MSG_OOB },
	{ "ERRQUEUE", MSG_ERRQUEUE },
	{ "ERRQUEUE|DONTWAIT", MSG_ERRQUEUE | MSG_DONTWAIT },
	{ "EOR", MSG_EOR },
	{ "MORE", MSG_MORE },
	{ "CONFIRM", MSG_CONFIRM },
	{ "FASTOPEN", MSG_FASTOPEN },
	{ "ZEROCOPY", MSG_ZEROCOPY },
	{ "WAITFORONE", MSG_WAITFORONE },
	{ "bit 19", 1 << 19 },
	{ "bit 27", 1 << 27 },
	{ "bit 31", INT_MIN },
	{ "bits 21-25", 0x3e00000 },
};

static const size_t lengths[] = { 0, 4, 6, 10 };
static const int first_flagged = 3;

/* May wait where there is nothing: only those that do not are tried empty. */
static bool may_wait(int kind, int flags)
{
	if (flags & MSG_DONTWAIT)
		return false;
	return kind != S_TCP || !(flags & (MSG_ERRQUEUE | MSG_OOB));
}

static void one(const int fd[2], const struct getter *g, int flags, size_t len)
{
	char buf[16];
	ssize_t n;

	memset(buf, FILLER, sizeof(buf));
	errno = 0;
	n = g->get(fd[0], buf, len, flags);
	say("  %s %zu: %s '%s'", g->name, len, result(n),
	    as_text(buf, sizeof(buf)));
}

static void full(int kind, const struct getter *g, const struct flags *f)
{
	int fd[2];

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		if (kind == S_TCP && !lengths[i] && may_wait(kind, f->flags))
			continue;
		make_sockets(kind, fd);
		feed(fd, "abcdef");
		if (kind == S_SEQ || kind == S_DGRAM)
			feed(fd, "next");
		one(fd, g, f->flags, lengths[i]);
		say_left(fd[0]);
		close_channel(fd);
	}
}

static void empty(int kind, const struct getter *g, const struct flags *f)
{
	int fd[2];

	make_sockets(kind, fd);
	if (!may_wait(kind, f->flags))
		one(fd, g, f->flags, 10);
	set_nonblock(fd[0], true);
	one(fd, g, f->flags, 10);
	one(fd, g, f->flags, 0);
	feed(fd, "abcdef");
	one(fd, g, f->flags, 10);
	say_left(fd[0]);
	close_channel(fd);
}

static void flags(int kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		say("%s %s", socket_name[kind], table[i].name);
		for (size_t g = first_flagged; g < ARRAY_SIZE(getters); g++) {
			full(kind, &getters[g], &table[i]);
			empty(kind, &getters[g], &table[i]);
		}
	}
}

struct late {
	int *fd;
	pid_t reader;
};

static void *send_rest(void *arg)
{
	struct late *late = arg;

	CHECK(wait_until_blocked(getpid(), late->reader));
	CHECK(send(late->fd[1], "DEF", 3, 0) == 3);
	return NULL;
}

/* Three of six bytes are there, the others come when the call sleeps. */
static void in_two_parts(int kind, const struct getter *g, int flags,
			 const char *name)
{
	int fd[2];
	struct late late = { fd, my_tid() };
	pthread_t thread;

	say("%s %s in two parts", socket_name[kind], name);
	make_sockets(kind, fd);
	feed(fd, "abc");
	/* A unix socket peeks without waiting: then it is the join that sleeps. */
	thread = start(send_rest, &late);
	one(fd, g, flags, 6);
	CHECK(pthread_join(thread, NULL) == 0);
	if (flags & MSG_PEEK)
		wait_arrived(fd[0], 6);
	say_left(fd[0]);
	close_channel(fd);
}

static void wait_all(int kind)
{
	for (size_t g = first_flagged; g < ARRAY_SIZE(getters); g++) {
		in_two_parts(kind, &getters[g], MSG_WAITALL, "WAITALL");
		in_two_parts(kind, &getters[g], MSG_WAITALL | MSG_PEEK,
			     "WAITALL|PEEK");
		in_two_parts(kind, &getters[g], MSG_WAITALL | MSG_TRUNC,
			     "WAITALL|TRUNC");
	}
}

/* The end of the stream cuts a MSG_WAITALL short. */
static void ends(int kind)
{
	int fd[2];

	for (size_t g = 0; g < ARRAY_SIZE(getters); g++) {
		say("%s at the end", socket_name[kind]);
		make_sockets(kind, fd);
		feed(fd, "abc");
		CHECK(shutdown(fd[1], SHUT_WR) == 0);
		one(fd, &getters[g], MSG_WAITALL, 6);
		one(fd, &getters[g], MSG_WAITALL, 6);
		one(fd, &getters[g], MSG_PEEK, 6);
		one(fd, &getters[g], 0, 0);
		close_channel(fd);
		make_sockets(kind, fd);
		feed(fd, "abc");
		CHECK(shutdown(fd[0], SHUT_RD) == 0);
		one(fd, &getters[g], 0, 6);
		one(fd, &getters[g], 0, 6);
		close_channel(fd);
	}
}

/* Closed with something unread: a reset, told once. */
static void reset(int kind)
{
	int fd[2];

	for (size_t g = 0; g < ARRAY_SIZE(getters); g++) {
		say("%s reset", socket_name[kind]);
		make_sockets(kind, fd);
		CHECK(syscall(SYS_write, fd[0], "unread", 6) == 6);
		wait_arrived(fd[1], 6);
		feed(fd, "abc");
		CHECK(close(fd[1]) == 0);
		CHECK(poll_fd(fd[0], POLLRDHUP, 5000));
		for (int i = 0; i < 3; i++)
			one(fd, &getters[g], 0, 6);
		CHECK(close(fd[0]) == 0);
	}
}

/* Urgent data, out of line and in line. */
static void urgent(const struct getter *g)
{
	int fd[2], on = 1;

	for (int in_line = 0; in_line < 2; in_line++) {
		say("urgent, %s", in_line ? "in line" : "out of line");
		tcp_pair(fd);
		if (in_line)
			CHECK(!setsockopt(fd[0], SOL_SOCKET, SO_OOBINLINE, &on,
					  sizeof(on)));
		feed(fd, "abc");
		CHECK(send(fd[1], "!", 1, MSG_OOB) == 1);
		CHECK(poll_fd(fd[0], POLLPRI, 5000));
		CHECK(send(fd[1], "def", 3, 0) == 3);
		wait_arrived(fd[0], 3);
		one(fd, g, MSG_OOB | MSG_PEEK, 4);
		one(fd, g, 0, 10);
		one(fd, g, MSG_OOB, 4);
		one(fd, g, MSG_OOB, 4);
		say_left(fd[0]);
		close_channel(fd);
	}
}

static void huge(int kind, const struct getter *g)
{
	static const size_t sizes[] = {
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x140000000,
		LONG_MAX, SIZE_MAX,
	};
	char *buf = edge_after(4096, PROT_NONE) - 4096;
	ssize_t n;
	int fd[2];

	make_sockets(kind, fd);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		feed(fd, "abcdef");
		memset(buf, FILLER, 8);
		n = g->get(fd[0], buf, sizes[i], 0);
		say("  %s %s %zx: %s '%s'", socket_name[kind], g->name,
		    sizes[i], result(n), as_text(buf, 8));
		say_left(fd[0]);
	}
	CHECK(munmap(buf, 8192) == 0);
	close_channel(fd);
}

int main(void)
{
	alarm(55);
	for (int kind = 0; kind < SOCKETS; kind++) {
		flags(kind);
		for (size_t g = 0; g < ARRAY_SIZE(getters); g++)
			huge(kind, &getters[g]);
		if (!is_stream(kind))
			continue;
		wait_all(kind);
		ends(kind);
		reset(kind);
	}
	for (size_t g = first_flagged; g < ARRAY_SIZE(getters); g++)
		urgent(&getters[g]);
	return 0;
}
