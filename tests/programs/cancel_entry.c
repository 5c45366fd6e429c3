// SPDX-License-Identifier: MIT
/*
 * A cancellation that is pending when a call is entered acts there, before the
 * call does anything, though it need not wait: the data stays in the pipe,
 * nothing is written, the file is neither made nor opened, and close leaves the
 * fd open.  With PTHREAD_CANCEL_DISABLE it does not act, blocked or not.  A
 * library that answers from a fast path may forget to look.
 */
#include "common.h"

enum { READ, WRITE, OPEN, CREATE, CLOSE, CONNECT, CALLS };

static const char *const call_name[] = {
	"read", "write", "open", "open O_CREAT", "close", "connect",
};

static int channel[2], sock;
static int call;
static bool disabled;
static struct sockaddr_in addr;
static char path[64];
static volatile int phase;
static volatile pid_t tid;

static long make_call(void)
{
	char text[8];

	switch (call) {
	case READ:
		return read(channel[0], text, 3);
	case WRITE:
		return write(channel[1], "defg", 4);
	case OPEN:
		return open("/dev/null", O_RDONLY);
	case CREATE:
		return open(path, O_CREAT | O_WRONLY, 0600);
	case CLOSE:
		return close(channel[1]);
	default:
		return connect(sock, (void *)&addr, sizeof(addr));
	}
}

static void *thread_main(void *arg)
{
	long ret;

	(void)arg;
	if (disabled)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	phase = 1;
	while (phase != 2)
		sched_yield();
	ret = make_call();
	say("    %s returns %s", call_name[call], result(ret));
	if (call == OPEN || call == CREATE)
		syscall(SYS_close, (int)ret);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	return NULL;
}

static void look(void)
{
	char text[16];
	int fd = channel[1];
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	if (call != CLOSE || !disabled)
		CHECK(fcntl(fd, F_GETFD) == 0);
	set_nonblock(channel[0], true);
	say("    in the pipe: %s", result(read(channel[0], text, 16)));
	say("    file: %s", result(access(path, F_OK)));
	say("    connection: %s",
	    result(getpeername(sock, (void *)&peer, &len)));
}

static void one(void)
{
	int fds = count_fds();
	pthread_t thread;
	void *ret;

	say("  %s, %s", call_name[call], disabled ? "disabled" : "enabled");
	make_channel(PIPE, channel);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(write(channel[1], "abc", 3) == 3);
	phase = 0;
	thread = start(thread_main, NULL);
	while (phase != 1)
		nap_us(100);
	CHECK(pthread_cancel(thread) == 0);
	phase = 2;
	CHECK(pthread_join(thread, &ret) == 0);
	CHECK(ret == PTHREAD_CANCELED);
	look();
	close(channel[1]);
	CHECK(close(channel[0]) == 0);
	CHECK(close(sock) == 0);
	unlink(path);
	CHECK(count_fds() == fds);
}

static void *blocked_reader(void *arg)
{
	char text[8];

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	tid = my_tid();
	say("    read %s", result(read(*(int *)arg, text, 8)));
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	say("    testcancel");
	pthread_testcancel();
	return NULL;
}

/* Cancelled while it is blocked, but disabled: it does not notice. */
static void disabled_blocked(int kind)
{
	pthread_t thread;
	void *ret;

	say("  blocked on %s, disabled", channel_name[kind]);
	make_channel(kind, channel);
	tid = 0;
	thread = start(blocked_reader, &channel[0]);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(pthread_cancel(thread) == 0);
	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(write(channel[1], "12345", 5) == 5);
	CHECK(pthread_join(thread, &ret) == 0);
	CHECK(ret == PTHREAD_CANCELED);
	close_channel(channel);
}

int main(void)
{
	int listener = tcp_listener(20, &addr);

	snprintf(path, sizeof(path), "/tmp/cancel_entry.%d", getpid());
	for (int i = 0; i < 2; i++) {
		disabled = i;
		for (call = 0; call < CALLS; call++)
			one();
	}
	for (int kind = 0; kind < CHANNELS; kind++)
		disabled_blocked(kind);
	CHECK(close(listener) == 0);
	say("tasks %d", settled_tasks(1));
	return 0;
}
