// SPDX-License-Identifier: MIT
/*
 * A blocked write and every kind of signal.  Small (up to PIPE_BUF) into a full
 * pipe, socket or eventfd: nothing has moved, so it goes on or gives EINTR.
 * Large: the head has moved, and then the partial count is returned as soon as
 * a handler has run, even with SA_RESTART (and, by a pipe, after a mere stop
 * and continue): the rest cannot be a second native write, nor a wait in which
 * restarts are invisible.
 *
 * Ring: write
 * Timeout: 90
 */
#include <sys/eventfd.h>

#include "signals.h"

enum { EVENTFD = CHANNELS, KINDS };

#define LARGE (8 << 20)

static unsigned char data[LARGE];

/* Full ones, made beforehand: tcp takes a while to be full for good. */
static int full[KINDS][ARRAY_SIZE(scenarios)][2];
static long filled[KINDS][ARRAY_SIZE(scenarios)];

static const char *name_of(int kind)
{
	return kind == EVENTFD ? "eventfd" : channel_name[kind];
}

static void child_writes_small(const struct scenario *s, int fd)
{
	ssize_t n;

	set_up(s);
	board->ready = 1;
	do {
		n = write(fd, "\1\0\0\0\0\0\0", 8);
		say("    write %s", result(n));
	} while (n < 0 && errno == EINTR);
	CHECK(n == 8);
	say("    handlers %d", board->handlers);
	_exit(0);
}

static void make_full(int kind, int fd[2], long *bytes)
{
	uint64_t most = UINT64_MAX - 1;

	if (kind == EVENTFD) {
		fd[0] = eventfd(0, 0);
		fd[1] = dup(fd[0]);
		CHECK(write(fd[1], &most, 8) == 8);
	} else {
		make_channel(kind, fd);
		*bytes = fill_once(fd[1], 'f');
	}
}

static void make_all_full(void)
{
	long more;

	for (int kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
			make_full(kind, full[kind][i], &filled[kind][i]);
	do {
		nap_us(300000);
		more = 0;
		for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
			long n = fill_once(full[TCP][i][1], 'f');

			filled[TCP][i] += n;
			more += n;
		}
	} while (more);
}

/* Everything up to the end of file. */
static long drain(int fd)
{
	static char block[65536];
	long total = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		total += n;
	CHECK(n == 0);
	return total;
}

static void small(int kind, size_t number)
{
	const struct scenario *s = &scenarios[number];
	int *fd = full[kind][number];
	uint64_t value;
	pid_t child;

	say("  %s: %s", name_of(kind), s->name);
	memset(board, 0, sizeof(*board));
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_writes_small(s, fd[1]);
	wait_ready(1);
	disturb(child, s);
	CHECK(waitpid(child, NULL, WNOHANG) == 0);
	if (kind == EVENTFD) {
		CHECK(read(fd[0], &value, 8) == 8);
		CHECK(value == UINT64_MAX - 1);
		wait_child(child);
		CHECK(read(fd[0], &value, 8) == 8 && value == 1);
		CHECK(close(fd[1]) == 0);
	} else {
		CHECK(close(fd[1]) == 0);
		CHECK(drain(fd[0]) == filled[kind][number] + 8);
		wait_child(child);
	}
	CHECK(close(fd[0]) == 0);
}

static void child_writes_large(const struct scenario *s, int fd, size_t size)
{
	ssize_t n;

	set_up(s);
	board->ready = 1;
	n = write(fd, data, size);
	board->total = n;
	board->ready = 2;
	nap_us(1000);
	_exit(0);
}

static void large(int kind, const struct scenario *s)
{
	size_t size = kind == TCP ? LARGE : 1000000;
	pid_t child;
	int fd[2];

	say("  %s, large: %s", name_of(kind), s->name);
	memset(board, 0, sizeof(*board));
	make_channel(kind, fd);
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_writes_large(s, fd[1], size);
	wait_ready(1);
	disturb(child, s);
	say("    %s", board->ready == 2 ? "returned" : "waits");
	CHECK(close(fd[1]) == 0);
	CHECK(drain(fd[0]) == board->total);
	wait_child(child);
	if (kind == PIPE)
		say("    write %ld", board->total);
	else
		say("    write %s", board->total < (long)size ? "in part" :
		    "all");
	say("    handlers %d", board->handlers);
	CHECK(close(fd[0]) == 0);
}

int main(void)
{
	make_board();
	make_all_full();
	for (int kind = 0; kind < KINDS; kind++) {
		for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
			small(kind, i);
			if (kind != EVENTFD)
				large(kind, &scenarios[i]);
		}
	}
	return 0;
}
