// SPDX-License-Identifier: MIT
/*
 * A handler works on the full channel that the interrupted write waits for:
 * drains it, closes either end, replaces the fd, changes the buffer.  A write
 * that starts again sends what the buffer holds *then*, to the file that has
 * the number then, and raises SIGPIPE then.
 *
 * Ring: write
 */
#include <limits.h>

#include "common.h"

static int channel[2], other[2];
static int kind, flags;
static long filled;
static volatile sig_atomic_t step, satisfied, drained, pipes;
static pid_t main_tid;
static void (*volatile action)(void);
static char record[9];

static void on_pipe(int sig)
{
	(void)sig;
	pipes++;
}

/* Take out what is there, up to a limit; the last eight bytes are kept. */
static long take(int fd, char last[9], long limit)
{
	static char block[65536];
	long total = 0;

	set_nonblock(fd, true);
	while (total < limit) {
		long left = limit - total;
		ssize_t n = read(fd, block, left < (long)sizeof(block) ?
				 left : (long)sizeof(block));

		if (n <= 0)
			break;
		total += n;
		if (n >= 8)
			memcpy(last, block + n - 8, 8);
	}
	set_nonblock(fd, false);
	return total;
}

static void nothing(void)
{
}

static void drain(void)
{
	char last[9] = "";

	CHECK(take(channel[0], last, filled) == filled);
	drained = satisfied = 1;
}

static void change_buffer(void)
{
	drain();
	memcpy(record, "changed!", 8);
}

static void write_too(void)
{
	drain();
	CHECK(write(channel[1], "handler!", 8) == 8);
}

static void nonblocking(void)
{
	set_nonblock(channel[1], true);
	say("    handler writes %s",
	    result(write(channel[1], record, kind == PIPE ? 4096 : 8)));
	set_nonblock(channel[1], false);
}

static void close_reader(void)
{
	CHECK(close(channel[0]) == 0);
	channel[0] = -1;
	satisfied = 1;
}

static void close_it(void)
{
	CHECK(close(channel[1]) == 0);
	channel[1] = -1;
	satisfied = 1;
}

static void replace(void)
{
	CHECK(dup2(other[1], channel[1]) == channel[1]);
	satisfied = 1;
}

static const struct {
	const char *name;
	void (*action)(void);
} actions[] = {
	{ "nothing", nothing },
	{ "drain", drain },
	{ "drain and change the buffer", change_buffer },
	{ "drain and write", write_too },
	{ "O_NONBLOCK", nonblocking },
	{ "close the reading end", close_reader },
	{ "close the fd", close_it },
	{ "dup2 over the fd", replace },
};

static void handler(int sig)
{
	(void)sig;
	action();
	step = 3;
}

static void *interrupter(void *arg)
{
	char last[9] = "";

	(void)arg;
	CHECK(wait_until_blocked(getpid(), main_tid));
	CHECK(syscall(SYS_tgkill, getpid(), main_tid, SIGUSR1) == 0);
	while (step != 3)
		nap_us(100);
	if (satisfied || !(flags & SA_RESTART))
		return NULL;
	CHECK(wait_until_blocked(getpid(), main_tid));
	CHECK(take(channel[0], last, filled) == filled);
	drained = 1;
	return NULL;
}

static void show(int fd, const char *name, long skip)
{
	char last[9] = "";
	long n = fd < 0 ? 0 : take(fd, last, LONG_MAX);

	say("    %s: %ld more, %s", name, n - skip, n - skip > 0 ? last : "");
}

static void one(const char *name)
{
	int number;
	pthread_t thread;

	say("  %s: %s%s", channel_name[kind], name,
	    flags ? ", SA_RESTART" : "");
	make_channel(kind, channel);
	make_channel(PIPE, other);
	filled = fill_up(channel[1], 'f');
	step = satisfied = drained = pipes = 0;
	memcpy(record, "original", 8);
	on_signal(SIGUSR1, handler, flags);
	number = channel[1];
	thread = start(interrupter, NULL);
	say("    outer %s", result(write(number, record, 8)));
	CHECK(pthread_join(thread, NULL) == 0);
	say("    SIGPIPE %d", pipes);
	show(channel[0], "channel", drained ? 0 : filled);
	show(other[0], "other", 0);
	close(channel[0]);
	close(channel[1]);
	close_channel(other);
}

int main(void)
{
	int fds = count_fds();

	main_tid = my_tid();
	on_signal(SIGPIPE, on_pipe, SA_RESTART);
	for (kind = PIPE; kind <= UNIX; kind++) {
		for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
			action = actions[i].action;
			flags = SA_RESTART;
			one(actions[i].name);
			flags = 0;
			one(actions[i].name);
		}
	}
	CHECK(count_fds() == fds);
	return 0;
}
