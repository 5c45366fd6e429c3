// SPDX-License-Identifier: MIT
/*
 * pthread_cancel of a thread blocked in read, write and connect, and
 * pthread_exit out of a handler there: the clean-up handlers run innermost
 * first, the thread's specific data is destroyed, and both can use the very
 * file of the blocked call.  Nothing was read or written by the call, its
 * buffer is not touched afterwards, and a close is seen by the peer at once.
 *
 * io_uring_enter is no cancellation point; an operation left behind would eat
 * the bytes of the next reader and hold the file.
 *
 * Ring: read write connect
 */
#include "common.h"

enum { CANCEL, CANCEL_ASYNC, EXIT_IN_HANDLER, WAYS };
enum { READ, WRITE, CONNECT, CALLS };

static const char *const way_name[] = {
	"cancel", "cancel, asynchronous type", "pthread_exit in a handler",
};
static const char *const call_name[] = { "read", "write", "connect" };

static int channel[2];
static int way, call;
static struct sockaddr_in addr;
static volatile pid_t tid;
static pthread_key_t key;
static char buf[2000];

static void handler(int sig)
{
	(void)sig;
	say("    handler");
	pthread_exit((void *)7);
}

static void cleanup(void *arg)
{
	say("    cleanup %s", (const char *)arg);
}

/* I/O with the file that the thread was blocked on, while it unwinds. */
static void cleanup_io(void *arg)
{
	char text[8];

	if (call == READ) {
		CHECK(write(channel[1], "abc", 3) == 3);
		say("    cleanup %s reads %s", (const char *)arg,
		    result(read(channel[0], text, 2)));
		CHECK(!memcmp(text, "ab", 2));
	} else {
		say("    cleanup %s", (const char *)arg);
	}
}

static void destroy(void *arg)
{
	char text[8];

	say("    destructor %s", (const char *)arg);
	if (call == READ) {
		CHECK(read(channel[0], text, 8) == 1);
		CHECK(text[0] == 'c');
	}
}

static noinline void blocked(void)
{
	pthread_cleanup_push(cleanup_io, (void *)"inner");
	if (call == READ)
		say("    read %s", result(read(channel[0], buf, 100)));
	else if (call == WRITE)
		say("    write %s", result(write(channel[1], buf, 900)));
	else
		say("    connect %s", result(connect(channel[1],
				(void *)&addr, sizeof(addr))));
	pthread_cleanup_pop(0);
}

static void *thread_main(void *arg)
{
	(void)arg;
	if (way == CANCEL_ASYNC)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	CHECK(pthread_setspecific(key, "key") == 0);
	tid = my_tid();
	pthread_cleanup_push(cleanup, (void *)"outer");
	pthread_cleanup_push(cleanup, (void *)"middle");
	blocked();
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void end_it(void)
{
	pthread_t thread;
	void *ret;

	memset(buf, 'x', sizeof(buf));
	tid = 0;
	thread = start(thread_main, NULL);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	if (way == EXIT_IN_HANDLER)
		CHECK(pthread_kill(thread, SIGUSR1) == 0);
	else
		CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &ret) == 0);
	if (ret == PTHREAD_CANCELED)
		say("    cancelled");
	else
		say("    exit value %ld", (long)ret);
	for (size_t i = 0; i < sizeof(buf); i++)
		CHECK(buf[i] == 'x');
	memset(buf, 'o', sizeof(buf));
}

static long drain(int fd, char byte)
{
	char block[4096];
	long total = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			CHECK(block[i] == byte);
		total += n;
	}
	CHECK(n == 0);
	return total;
}

static void after_read(int kind)
{
	char text[8];

	CHECK(write(channel[1], "next", 4) == 4);
	CHECK(read(channel[0], text, 8) == 4 && !memcmp(text, "next", 4));
	CHECK(close(channel[0]) == 0);
	if (kind == TCP)
		CHECK(poll_fd(channel[1], POLLRDHUP, 5000));
	else
		say("    peer %s", result(write(channel[1], "z", 1)));
	CHECK(close(channel[1]) == 0);
}

static void after_write(long filled)
{
	CHECK(close(channel[1]) == 0);
	CHECK(drain(channel[0], 'f') == filled);
	CHECK(close(channel[0]) == 0);
}

static void one(int kind)
{
	int fds = count_fds();
	long filled = 0;

	say("  %s %s, %s", call_name[call], channel_name[kind],
	    way_name[way]);
	make_channel(kind, channel);
	if (call == WRITE)
		filled = fill_up(channel[1], 'f');
	end_it();
	CHECK(count_fds() == fds + 2);
	if (call == READ)
		after_read(kind);
	else
		after_write(filled);
	CHECK(count_fds() == fds);
}

static void one_connect(void)
{
	int first = socket(AF_INET, SOCK_STREAM, 0);
	int fds = count_fds(), listener;

	say("  connect, %s", way_name[way]);
	listener = tcp_listener(0, &addr);
	CHECK(connect(first, (void *)&addr, sizeof(addr)) == 0);
	CHECK(poll_fd(listener, POLLIN, 5000) == POLLIN);
	channel[1] = socket(AF_INET, SOCK_STREAM, 0);
	end_it();
	CHECK(count_fds() == fds + 2);
	set_nonblock(channel[1], true);
	say("    again %s", result(connect(channel[1], (void *)&addr,
					   sizeof(addr))));
	CHECK(close(channel[1]) == 0);
	CHECK(close(listener) == 0);
	CHECK(close(first) == 0);
	CHECK(count_fds() == fds - 1);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	on_signal(SIGUSR1, handler, SA_RESTART);
	CHECK(pthread_key_create(&key, destroy) == 0);
	for (way = 0; way < WAYS; way++) {
		for (call = READ; call < CONNECT; call++)
			for (int kind = 0; kind < CHANNELS; kind++)
				one(kind);
		call = CONNECT;
		one_connect();
	}
	say("tasks %d", settled_tasks(1));
	return 0;
}
