// SPDX-License-Identifier: MIT
/*
 * A handler does I/O while the call that it interrupted is blocked: on the
 * same file, on others, on the very fd number.  The outer call is over while
 * the handler runs: it holds no file, eats no byte, uses no fd number.
 * Afterwards it says EINTR, or starts again *from the fd number*: closed
 * meanwhile it gives EBADF, replaced by dup2 it reads the new file.
 *
 * A pending operation on a ring refers to the file, not to the number; it
 * would eat what the handler wants, and be completed by the handler's own
 * calls.
 *
 * Ring: read
 * Timeout: 60
 */
#include "common.h"

static int channel[2], other[2];
static int kind, flags;
static volatile sig_atomic_t step;
static volatile sig_atomic_t satisfied;	/* the outer call needs no data */
static pid_t main_tid;
static void (*volatile action)(void);

static void show_fds(const char *when)
{
	char text[512];

	say("    %s: fds %s", when, list_fds(0, text, sizeof(text)));
}

static void put(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void get(int fd, size_t size, const char *want)
{
	char text[64] = "";
	ssize_t n = read(fd, text, size);

	say("    handler reads %s", result(n));
	CHECK(n < 0 || !strcmp(text, want));
}

static void nothing(void)
{
}

static void other_channel(void)
{
	put(other[1], "other");
	get(other[0], 60, "other");
}

static void same_channel(void)
{
	put(channel[1], "taken");
	get(channel[0], 60, "taken");
}

static void same_channel_in_part(void)
{
	put(channel[1], "takenouter");
	get(channel[0], 5, "taken");
	satisfied = 1;
}

static void for_the_outer(void)
{
	put(channel[1], "outer");
	satisfied = 1;
}

static void open_and_list(void)
{
	int fd = open("/dev/null", O_RDONLY);

	say("    open %s", result(fd));
	show_fds("in the handler");
	CHECK(close(fd) == 0);
	fd = open("/proc/self/exe", O_RDONLY);
	say("    open %s", result(fd));
	CHECK(close(fd) == 0);
}

static void make_pipe(void)
{
	int fd[2];

	CHECK(pipe(fd) == 0);
	say("    pipe %d %d", fd[0], fd[1]);
	put(fd[1], "new");
	get(fd[0], 60, "new");
	close_channel(fd);
}

static void dup_and_read(void)
{
	int fd = dup(channel[0]);

	say("    dup %s", result(fd));
	CHECK(dup2(channel[0], 50) == 50);
	put(channel[1], "onetwo");
	get(fd, 3, "one");
	get(50, 3, "two");
	CHECK(close(fd) == 0);
	CHECK(close(50) == 0);
}

/* An fd that the handler opens, too, and leaves open: what number it has. */
static void leave_open(void)
{
	static int left = -1;

	if (left >= 0)
		CHECK(close(left) == 0);
	left = dup(1);
	say("    dup %s, left open", result(left));
	show_fds("with it");
}

static void nonblocking(void)
{
	char byte;

	set_nonblock(channel[0], true);
	say("    handler reads %s", result(read(channel[0], &byte, 1)));
	set_nonblock(channel[0], false);
}

/* The outer call starts again on a file that is not the one it waited for. */
static void replace(void)
{
	CHECK(dup2(other[0], channel[0]) == channel[0]);
	if (kind == PIPE)
		say("    peer %s", result(write(channel[1], "x", 1)));
	else
		say("    peer %d", poll_fd(channel[1], POLLRDHUP, 5000));
	put(other[1], "outer");
	satisfied = 1;
}

static void close_it(void)
{
	CHECK(close(channel[0]) == 0);
	if (kind == PIPE)
		say("    peer %s", result(write(channel[1], "x", 1)));
	else
		say("    peer %d", poll_fd(channel[1], POLLRDHUP, 5000));
	satisfied = 1;
}

static void close_peer(void)
{
	CHECK(close(channel[1]) == 0);
	channel[1] = dup(1);
	satisfied = 1;
}

static void refused(void)
{
	struct sockaddr_in addr;
	int listener = tcp_listener(1, &addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(close(listener) == 0);
	say("    connect %s",
	    result(connect(fd, (void *)&addr, sizeof(addr))));
	CHECK(close(fd) == 0);
}

/* Data for the outer call arrives while the handler is blocked elsewhere. */
static void blocked(void)
{
	step = 2;
	get(other[0], 60, "inner");
	satisfied = 1;
}

static const struct {
	const char *name;
	void (*action)(void);
} actions[] = {
	{ "nothing", nothing },
	{ "other channel", other_channel },
	{ "same channel", same_channel },
	{ "same channel, the rest is left", same_channel_in_part },
	{ "data for the outer call", for_the_outer },
	{ "open and list", open_and_list },
	{ "pipe", make_pipe },
	{ "dup, dup2, read", dup_and_read },
	{ "fd left open", leave_open },
	{ "O_NONBLOCK", nonblocking },
	{ "dup2 over the fd", replace },
	{ "close the fd", close_it },
	{ "close the other end", close_peer },
	{ "connect refused", refused },
	{ "blocked read", blocked },
};

static void handler(int sig)
{
	(void)sig;
	action();
	step = 3;
}

static void *interrupter(void *arg)
{
	(void)arg;
	CHECK(wait_until_blocked(getpid(), main_tid));
	CHECK(syscall(SYS_tgkill, getpid(), main_tid, SIGUSR1) == 0);
	if (action == blocked) {
		while (step != 2)
			nap_us(100);
		CHECK(wait_until_blocked(getpid(), main_tid));
		put(channel[1], "outer");
		put(other[1], "inner");
	}
	while (step != 3)
		nap_us(100);
	if (satisfied || !(flags & SA_RESTART))
		return NULL;
	CHECK(wait_until_blocked(getpid(), main_tid));
	put(channel[1], "outer");
	return NULL;
}

static void outer_read(void)
{
	char text[64] = "";
	ssize_t n = read(channel[0], text, 60);

	say("    outer %s", result(n));
	CHECK(n <= 0 || !strcmp(text, "outer"));
}

static void one(const char *name)
{
	pthread_t thread;

	say("  %s: %s%s", channel_name[kind], name,
	    flags ? ", SA_RESTART" : "");
	make_channel(kind, channel);
	make_channel(kind, other);
	step = satisfied = 0;
	on_signal(SIGUSR1, handler, flags);
	thread = start(interrupter, NULL);
	outer_read();
	CHECK(pthread_join(thread, NULL) == 0);
	if (satisfied && !flags)
		outer_read();
	if (fcntl(channel[0], F_GETFD) == 0)
		say("    left: %d", poll_fd(channel[0], POLLIN, 0));
	close(channel[0]);
	CHECK(close(channel[1]) == 0);
	close_channel(other);
	show_fds("after");
}

int main(void)
{
	main_tid = my_tid();
	signal(SIGPIPE, SIG_IGN);
	for (kind = 0; kind < CHANNELS; kind++) {
		for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
			action = actions[i].action;
			flags = SA_RESTART;
			one(actions[i].name);
			flags = 0;
			one(actions[i].name);
		}
	}
	return 0;
}
