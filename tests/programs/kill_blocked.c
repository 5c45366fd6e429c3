// SPDX-License-Identifier: MIT
/*
 * A process killed (SIGKILL, SIGTERM, the last thread's exit) while blocked in
 * read, write or connect: its files are closed, the peer gets EPIPE or the end
 * of file, a listener's port can be bound again, and not a byte has been
 * taken. The kernel's teardown of a ring with a pending operation may come
 * some milliseconds after waitpid: here up to 5 s are allowed for it, and
 * kill_blocked_strict allows none.
 *
 * Ring: read write connect
 */
#include "common.h"

enum { READ, WRITE, CONNECT, CALLS };

static const char *const call_name[] = { "read", "write", "connect" };
static const int deaths[] = { SIGKILL, SIGTERM, SIGUSR2 };

static int channel[2];
static struct sockaddr_in addr;

static void *blocked_thread(void *arg)
{
	char byte;

	read(*(int *)arg, &byte, 1);
	return NULL;
}

static void child(int call, bool threads)
{
	static char buf[512];

	if (threads)
		start(blocked_thread, &channel[0]);
	if (call == READ) {
		CHECK(close(channel[1]) == 0);
		read(channel[0], buf, sizeof(buf));
	} else if (call == WRITE) {
		CHECK(close(channel[0]) == 0);
		write(channel[1], buf, sizeof(buf));
	} else {
		connect(channel[1], (void *)&addr, sizeof(addr));
	}
	fail("the call returned");
}

static void kill_it(int call, int sig, bool threads)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid)
		child(call, threads);
	CHECK(wait_until_blocked(pid, pid));
	CHECK(kill(pid, sig) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	say("    status %#x", status);
}

static void reader(int sig, bool threads)
{
	int last = 0;

	kill_it(READ, sig, threads);
	CHECK(poll_fd(channel[0], POLLIN, 0) == 0);
	CHECK(close(channel[0]) == 0);
	for (int i = 0; i < 500 && last != EPIPE; i++) {
		errno = 0;
		if (write(channel[1], "x", 1) < 0)
			last = errno;
		nap_us(last == EPIPE ? 0 : 10000);
	}
	say("    peer %s", err_name(last == ECONNRESET ? EPIPE : last));
	CHECK(close(channel[1]) == 0);
}

static void writer(long filled, int sig)
{
	static char block[65536];
	long total = 0, n;

	kill_it(WRITE, sig, false);
	CHECK(close(channel[1]) == 0);
	do {
		CHECK(poll_fd(channel[0], POLLIN, 5000));
		n = read(channel[0], block, sizeof(block));
		for (long i = 0; i < n; i++)
			CHECK(block[i] == 'f');
		total += n > 0 ? n : 0;
	} while (n > 0);
	say("    end %s", result(n));
	CHECK(total == filled);
	CHECK(close(channel[0]) == 0);
}

/* The killed one's SYN_SENT socket is gone: the port it had is free. */
static void connecter(int sig)
{
	int listener = tcp_listener(0, &addr), first, ret = -1;
	struct sockaddr_in mine = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(mine);

	first = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(first, (void *)&addr, sizeof(addr)) == 0);
	CHECK(poll_fd(listener, POLLIN, 5000) == POLLIN);
	channel[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(channel[1], (void *)&mine, len) == 0);
	CHECK(getsockname(channel[1], (void *)&mine, &len) == 0);
	kill_it(CONNECT, sig, false);
	CHECK(close(channel[1]) == 0);
	channel[0] = socket(AF_INET, SOCK_STREAM, 0);
	for (int i = 0; i < 500 && ret; i++) {
		ret = bind(channel[0], (void *)&mine, len);
		nap_us(ret ? 10000 : 0);
	}
	say("    bind %s", result(ret));
	CHECK(close(channel[0]) == 0);
	CHECK(close(first) == 0);
	CHECK(close(listener) == 0);
}

static void one(int kind, int sig)
{
	say("  %s: %s, SIG%s", call_name[READ], channel_name[kind],
	    sigabbrev_np(sig));
	make_channel(kind, channel);
	reader(sig, false);
	say("  %s: %s, SIG%s, two threads", call_name[READ],
	    channel_name[kind], sigabbrev_np(sig));
	make_channel(kind, channel);
	reader(sig, true);
	say("  %s: %s, SIG%s", call_name[WRITE], channel_name[kind],
	    sigabbrev_np(sig));
	make_channel(kind, channel);
	writer(fill_up(channel[1], 'f'), sig);
}

int main(void)
{
	int fds = count_fds();

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		for (int kind = 0; kind < CHANNELS; kind++)
			one(kind, deaths[i]);
		say("  connect: SIG%s", sigabbrev_np(deaths[i]));
		connecter(deaths[i]);
	}
	CHECK(count_fds() == fds);
	return 0;
}
