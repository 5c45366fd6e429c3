// SPDX-License-Identifier: MIT
/*
 * A thousand jumps out of blocked reads and writes in turn: the fds in
 * /proc/self/fd, listed with opendir, the mappings and the tasks are the same
 * right after each jump and at the end.  A wait that borrows an fd for itself
 * must give it back before the program's code runs again, which after a jump
 * is at once.
 *
 * Ring: read write
 * Timeout: 60
 */
#include <setjmp.h>
#include <sys/time.h>

#include "common.h"

#define JUMPS 1000

static sigjmp_buf saved;
static volatile sig_atomic_t armed;

static void handler(int sig)
{
	(void)sig;
	if (armed) {
		armed = 0;
		siglongjmp(saved, 1);
	}
}

static int count_lines(const char *path)
{
	static char text[1 << 20];
	long len = slurp(path, text, sizeof(text));
	int lines = 0;

	CHECK(len > 0);
	for (long i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static void set_timer(uint32_t *seed)
{
	struct itimerval timer = {
		.it_value.tv_usec = 20 + next_random(seed) % 400,
		.it_interval.tv_usec = 2000,
	};

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static noinline void block(int turn, int reader, int writer)
{
	char buf[16];

	memset(buf, 0, sizeof(buf));
	for (;;) {
		if (turn % 2)
			read(reader, buf, sizeof(buf));
		else
			write(writer, buf, sizeof(buf));
	}
}

static void jumps(int empty[2], int full[2])
{
	struct itimerval off = { 0 };
	uint32_t seed = 11;
	int fds = count_fds();

	for (volatile int i = 0; i < JUMPS; i++) {
		if (sigsetjmp(saved, 1) == 0) {
			set_timer(&seed);
			armed = 1;
			block(i, empty[0], full[1]);
		}
		CHECK(count_fds() == fds);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(count_fds() == fds);
}

static void one(int kind)
{
	int empty[2], full[2];
	long filled;
	char byte;

	make_channel(kind, empty);
	make_channel(kind, full);
	filled = fill_up(full[1], 'f');
	jumps(empty, full);
	CHECK(poll_fd(empty[0], POLLIN, 0) == 0);
	CHECK(write(empty[1], "k", 1) == 1);
	CHECK(read(empty[0], &byte, 1) == 1 && byte == 'k');
	close_channel(empty);
	CHECK(close(full[1]) == 0);
	while (read(full[0], &byte, 1) == 1)
		filled--;
	CHECK(kind == TCP || filled == 0);
	CHECK(close(full[0]) == 0);
	say("%s: %d jumps", channel_name[kind], JUMPS);
}

int main(void)
{
	int fds = count_fds(), maps, now;

	on_signal(SIGALRM, handler, 0);
	one(PIPE);
	maps = count_lines("/proc/self/maps");
	one(PIPE);
	one(UNIX);
	now = count_lines("/proc/self/maps");
	if (now > maps + 2)
		fail("%d mappings became %d", maps, now);
	CHECK(count_fds() == fds);
	say("fds and mappings as before, tasks %d", settled_tasks(1));
	return 0;
}
