// SPDX-License-Identifier: MIT
/*
 * When waitpid has returned, a killed process holds nothing any more: the very
 * next write gives EPIPE, the very next read the end of file.  A ring with a
 * pending operation is torn down by a kernel worker some milliseconds after the
 * process can be waited for, and holds the file until then.
 *
 * Ring: read write
 */
#include "common.h"

#define ROUNDS 20

static void child(int call, int fd[2])
{
	char buf[16] = "";

	if (call == 0) {
		CHECK(close(fd[1]) == 0);
		read(fd[0], buf, sizeof(buf));
	} else {
		CHECK(close(fd[0]) == 0);
		write(fd[1], buf, sizeof(buf));
	}
	fail("the call returned");
}

static void kill_blocked(int call, int fd[2], int sig)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid)
		child(call, fd);
	CHECK(close(fd[call]) == 0);
	CHECK(wait_until_blocked(pid, pid));
	CHECK(kill(pid, sig) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static bool peer_of_reader(int kind, int sig)
{
	int fd[2], err;
	ssize_t n;

	make_channel(kind, fd);
	kill_blocked(0, fd, sig);
	n = write(fd[1], "x", 1);
	err = errno;
	CHECK(close(fd[1]) == 0);
	return n < 0 && err == EPIPE;
}

static bool peer_of_writer(int kind, int sig)
{
	static char block[65536];
	ssize_t n;
	int fd[2], err;

	make_channel(kind, fd);
	fill_up(fd[1], 'f');
	kill_blocked(1, fd, sig);
	set_nonblock(fd[0], true);
	do {
		n = read(fd[0], block, sizeof(block));
	} while (n > 0);
	err = errno;
	CHECK(n == 0 || err == EAGAIN);
	CHECK(close(fd[0]) == 0);
	return n == 0;
}

int main(void)
{
	static const int deaths[] = { SIGKILL, SIGTERM };

	signal(SIGPIPE, SIG_IGN);
	for (int kind = PIPE; kind <= UNIX; kind++) {
		for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
			int reader = 0, writer = 0;

			for (int n = 0; n < ROUNDS; n++) {
				reader += peer_of_reader(kind, deaths[i]);
				writer += peer_of_writer(kind, deaths[i]);
			}
			say("%s, SIG%s: EPIPE at once %d of %d, "
			    "end of file at once %d of %d",
			    channel_name[kind], sigabbrev_np(deaths[i]),
			    reader, ROUNDS, writer, ROUNDS);
		}
	}
	return 0;
}
