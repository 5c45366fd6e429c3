// SPDX-License-Identifier: MIT
/*
 * A thread is blocked on a descriptor that another one closes, shuts down, or puts
 * another file behind: whether it goes on to wait, for what, and what it gets.
 *
 * Ring: read write
 * Timeout: 60
 */
#include "common.h"

static struct {
	int fd;
	volatile pid_t tid;
	char said[64];
} blocked;

static void *reader(void *arg)
{
	char got[16] = "";
	ssize_t n;

	blocked.tid = my_tid();
	n = read(blocked.fd, got, sizeof(got) - 1);
	snprintf(blocked.said, sizeof(blocked.said), "read %s '%s'", result(n),
		 got);
	return arg;
}

static void *writer(void *arg)
{
	blocked.tid = my_tid();
	snprintf(blocked.said, sizeof(blocked.said), "write %s",
		 result(write(blocked.fd, "yy", 2)));
	return arg;
}

static void *acceptor(void *arg)
{
	int fd;

	blocked.tid = my_tid();
	fd = accept(blocked.fd, NULL, NULL);
	snprintf(blocked.said, sizeof(blocked.said), "accept %s",
		 fd < 0 ? result(fd) : "done");
	if (fd >= 0)
		close(fd);
	return arg;
}

static pthread_t block(void *(*fn)(void *), int fd)
{
	pthread_t t;

	blocked.fd = fd;
	blocked.tid = 0;
	t = start(fn, NULL);
	while (!blocked.tid)
		nap_us(50);
	CHECK(wait_until_blocked(getpid(), blocked.tid));
	return t;
}

static void end(pthread_t t)
{
	CHECK(pthread_join(t, NULL) == 0);
	say("  %s", blocked.said);
}

/* Open a file by just this number, which is free. */
static void reuse(int fd)
{
	int got = open("plain", O_RDONLY);
	char text[5] = "";

	CHECK(got >= 0 && dup2(got, fd) == fd);
	if (got != fd)
		CHECK(close(got) == 0);
	CHECK(read(fd, text, 4) == 4);
	say("  the number again: %s", text);
}

enum { CLOSED, REPLACED, ENDED, RANGE, WAYS };

static const char *const way_name[WAYS] = {
	"close", "dup2", "end", "close_range",
};

/* @fd[0] is read in another thread. */
static void under_reader(int kind, int way, const int fd[2])
{
	int other[2];

	switch (way) {
	case CLOSED:
		CHECK(close(fd[0]) == 0);
		reuse(fd[0]);
		break;
	case REPLACED:
		CHECK(pipe(other) == 0 && write(other[1], "new", 3) == 3);
		CHECK(dup2(other[0], fd[0]) == fd[0]);
		close_channel(other);
		break;
	case ENDED:
		if (kind != PIPE)
			CHECK(shutdown(fd[0], SHUT_RD) == 0);
		break;
	default:
		CHECK(close_range(fd[0], fd[0], 0) == 0);
		reuse(fd[0]);
	}
}

static void read_one(int kind, int way)
{
	char text[16] = "";
	pthread_t t;
	int fd[2];

	say("%s, read, %s", channel_name[kind], way_name[way]);
	make_channel(kind, fd);
	CHECK(write(fd[1], "q", 1) == 1 && read(fd[0], text, 1) == 1);
	t = block(reader, fd[0]);
	under_reader(kind, way, fd);
	if (way != ENDED || kind == PIPE)
		say("  peer writes %s", result(write(fd[1], "late", 4)));
	end(t);
	if (way != ENDED)
		say("  then: %s", result(read(fd[0], text, 8)));
	close_channel(fd);
}

/* @fd[1] is full, and written in another thread. */
static void write_one(int kind, bool same_end)
{
	pthread_t t;
	int fd[2];

	say("%s, write, %s", channel_name[kind], same_end ? "end" : "peer closes");
	make_channel(kind, fd);
	fill_up(fd[1], 'f');
	t = block(writer, fd[1]);
	if (same_end && kind != PIPE)
		CHECK(shutdown(fd[1], SHUT_WR) == 0);
	else
		CHECK(close(fd[0]) == 0);
	end(t);
	CHECK(close(fd[1]) == 0);
	if (same_end && kind != PIPE)
		CHECK(close(fd[0]) == 0);
}

static void accept_one(int way)
{
	int client = socket(AF_INET, SOCK_STREAM, 0), listener;
	struct sockaddr_in addr;
	pthread_t t;

	say("accept, %s", way_name[way]);
	listener = tcp_listener(5, &addr);
	t = block(acceptor, listener);
	if (way == ENDED) {
		CHECK(shutdown(listener, SHUT_RDWR) == 0);
	} else {
		CHECK(close(listener) == 0);
		reuse(listener);
		say("  connect %s", result(connect(client, (void *)&addr,
						   sizeof(addr))));
	}
	end(t);
	CHECK(close(client) == 0 && close(listener) == 0);
}

int main(void)
{
	FILE *f = fopen("plain", "w");

	CHECK(f && fputs("plain text\n", f) >= 0 && fclose(f) == 0);
	signal(SIGPIPE, SIG_IGN);
	for (int kind = 0; kind < CHANNELS; kind++) {
		for (int way = 0; way < WAYS; way++)
			read_one(kind, way);
		write_one(kind, true);
		write_one(kind, false);
	}
	accept_one(CLOSED);
	accept_one(ENDED);
	return 0;
}
