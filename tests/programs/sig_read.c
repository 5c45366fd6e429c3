// SPDX-License-Identifier: MIT
/*
 * A blocked read and every kind of signal: goes on invisibly, or EINTR, exactly
 * by the rules of the kernel.  A wait in io_uring_enter never restarts and
 * cannot know afterwards whether the handler had SA_RESTART, nor which of two
 * signals was taken first; it also returns on stop and continue.
 *
 * Ring: read
 * Timeout: 60
 */
#include <sys/eventfd.h>

#include "signals.h"

enum { EVENTFD = CHANNELS, KINDS };

static void make(int kind, int fd[2])
{
	if (kind != EVENTFD) {
		make_channel(kind, fd);
		return;
	}
	fd[0] = eventfd(0, 0);
	fd[1] = dup(fd[0]);
	CHECK(fd[0] >= 0 && fd[1] >= 0);
}

static void child_reads(const struct scenario *s, int fd)
{
	char buf[32];
	ssize_t n;

	set_up(s);
	board->ready = 1;
	do {
		memset(buf, '-', sizeof(buf));
		n = read(fd, buf, sizeof(buf));
		say("    read %s", result(n));
		CHECK(n > 0 || buf[0] == '-');
	} while (n < 0 && errno == EINTR);
	CHECK(n == 8 && buf[8] == '-');
	CHECK(!memcmp(buf, "\1\2\3\4\5\6\7", 8));
	say("    handlers %d", board->handlers);
	_exit(0);
}

static void one(int kind, const struct scenario *s)
{
	pid_t child;
	int fd[2];

	say("  %s: %s", kind == EVENTFD ? "eventfd" : channel_name[kind],
	    s->name);
	make(kind, fd);
	memset(board, 0, sizeof(*board));
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_reads(s, fd[0]);
	wait_ready(1);
	disturb(child, s);
	CHECK(write(fd[1], "\1\2\3\4\5\6\7", 8) == 8);
	wait_child(child);
	close_channel(fd);
}

int main(void)
{
	make_board();
	for (int kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
			one(kind, &scenarios[i]);
	return 0;
}
