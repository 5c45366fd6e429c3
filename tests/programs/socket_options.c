// SPDX-License-Identifier: MIT
/*
 * SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT and O_NONBLOCK for every call that
 * receives and sends, set before and after the socket was used, by ourselves,
 * through a dup and by a child.  On a ring they do not act: the call waits for
 * ever, or returns with less than the low-water mark.
 *
 * Ring: recvfrom recvmsg readv sendto sendmsg writev
 */
#include "family.h"

static bool by_child, by_dup;

/* As set_timeout, by whom it is asked for. */
static void set_int(int fd, int what, int value)
{
	int other = by_dup ? dup(fd) : fd, status;
	pid_t child = by_child ? fork() : 0;

	CHECK(child >= 0);
	if (!child) {
		if (what == SO_RCVTIMEO || what == SO_SNDTIMEO)
			set_timeout(other, what, value);
		else if (what == O_NONBLOCK)
			set_nonblock(other, value);
		else
			CHECK(setsockopt(other, SOL_SOCKET, what, &value,
					 sizeof(value)) == 0);
		if (by_child)
			_exit(0);
	}
	if (by_child)
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	if (by_dup)
		CHECK(close(other) == 0);
}

static void once(const int fd[2], const struct getter *g, const char *when)
{
	char buf[32];
	ssize_t n;

	memset(buf, FILLER, sizeof(buf));
	n = g->get(fd[0], buf, 30, 0);
	say("    %s: %s '%s'", when, result(n), as_text(buf, n));
}

static void receiving(int kind, const struct getter *g)
{
	int fd[2];

	say("  %s %s", socket_name[kind], g->name);
	make_sockets(kind, fd);
	feed(fd, "first");
	once(fd, g, "used");
	set_int(fd[0], SO_RCVTIMEO, 15);
	once(fd, g, "timed");
	feed(fd, "second");
	once(fd, g, "timed, there");
	set_int(fd[0], SO_RCVTIMEO, 0);
	feed(fd, "third");
	once(fd, g, "not timed");
	set_int(fd[0], O_NONBLOCK, 1);
	once(fd, g, "nonblocking");
	feed(fd, "fourth");
	once(fd, g, "nonblocking, there");
	set_int(fd[0], O_NONBLOCK, 0);
	feed(fd, "fifth");
	once(fd, g, "blocking");
	close_channel(fd);
}

struct feeder {
	int fd, n;
};

static void *in_tens(void *arg)
{
	struct feeder *f = arg;

	for (int i = 0; i < f->n; i++) {
		nap_us(4000);
		CHECK(syscall(SYS_write, f->fd, "0123456789", 10L) == 10);
	}
	return NULL;
}

/* Three tens: only with the last of them there is enough. */
static void low_water(int kind, const struct getter *g)
{
	struct feeder f = { .n = 3 };
	pthread_t thread;
	int fd[2];

	make_sockets(kind, fd);
	say("  %s %s, low water", socket_name[kind], g->name);
	feed(fd, "first");
	once(fd, g, "used");
	set_int(fd[0], SO_RCVLOWAT, 30);
	f.fd = fd[1];
	thread = start(in_tens, &f);
	once(fd, g, "three tens");
	CHECK(pthread_join(thread, NULL) == 0);
	say_left(fd[0]);
	feed(fd, "some");
	set_timeout(fd[0], SO_RCVTIMEO, 15);
	once(fd, g, "not enough");
	feed(fd, "more");
	set_nonblock(fd[0], true);
	once(fd, g, "not enough, nonblocking");
	set_nonblock(fd[0], false);
	set_timeout(fd[0], SO_RCVTIMEO, 0);
	set_int(fd[0], SO_RCVLOWAT, 1);
	feed(fd, "last");
	once(fd, g, "low again");
	close_channel(fd);
}

static void sending(int kind, const struct putter *p)
{
	int fd[2];

	say("  %s %s", socket_name[kind], p->name);
	make_sockets(kind, fd);
	say("    used: %s", result(p->put(fd[1], "first", 5, 0)));
	fill_once(fd[1], 'f');
	set_int(fd[1], SO_SNDTIMEO, 15);
	say("    timed: %s", result(p->put(fd[1], "lost", 4, 0)));
	set_int(fd[1], SO_SNDTIMEO, 0);
	set_int(fd[1], O_NONBLOCK, 1);
	say("    nonblocking: %s", result(p->put(fd[1], "lost", 4, 0)));
	set_int(fd[1], O_NONBLOCK, 0);
	while (recv(fd[0], (char[65536]){ 0 }, 65536, MSG_DONTWAIT) > 0)
		;
	say("    room: %s", result(p->put(fd[1], "second", 6, 0)));
	say_left(fd[0]);
	close_channel(fd);
}

static void all(const char *who)
{
	say("set by %s", who);
	for (size_t g = 0; g < ARRAY_SIZE(getters); g++) {
		for (int kind = 0; kind < SOCKETS; kind++)
			receiving(kind, &getters[g]);
		low_water(S_TCP, &getters[g]);
	}
	for (size_t p = 0; p < ARRAY_SIZE(putters); p++)
		for (int kind = S_UNIX; kind < S_UDP; kind++)
			sending(kind, &putters[p]);
}

int main(void)
{
	alarm(25);
	all("ourselves");
	by_dup = true;
	all("a dup");
	by_dup = false;
	by_child = true;
	all("a child");
	return 0;
}
