// SPDX-License-Identifier: MIT
/*
 * A thread is cancelled in a write that has moved a part already and waits for
 * space with the rest.  The part has arrived, and it is a call like any other:
 * py_tests/test_stats.py counts them.
 */
#include <sys/uio.h>

#include "common.h"

#define SIZE 16000

enum call { WRITE, WRITEV, SEND, SENDMSG, CALLS };

static const char *const name[] = { "write", "writev", "send", "sendmsg" };

static int fds[2];
static pid_t writer;
static char big[SIZE];

static void *blocked_write(void *arg)
{
	struct iovec iov[2] = {
		{ big, SIZE / 2 }, { big + SIZE / 2, SIZE / 2 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int call = *(int *)arg;

	writer = my_tid();
	if (call == WRITE)
		CHECK(write(fds[1], big, SIZE) < 0);
	else if (call == WRITEV)
		CHECK(writev(fds[1], iov, 2) < 0);
	else if (call == SEND)
		CHECK(send(fds[1], big, SIZE, 0) < 0);
	else
		CHECK(sendmsg(fds[1], &msg, 0) < 0);
	fail("not cancelled");
}

static long arrived(void)
{
	char buf[4096];
	long n, sum = 0;

	while ((n = raw_call(SYS_read, fds[0], (long)buf, sizeof(buf))) > 0)
		sum += n;
	return sum;
}

static void one(int call, bool timeout)
{
	struct timeval tv = { 600, 0 };
	int small = 1;
	pthread_t t;
	void *ret;

	make_channel(UNIX, fds);
	CHECK(!setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	if (timeout)
		CHECK(!setsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &tv,
				  sizeof(tv)));
	writer = 0;
	t = start(blocked_write, &call);
	while (!writer)
		nap_us(200);
	CHECK(wait_until_blocked(getpid(), writer));
	CHECK(pthread_cancel(t) == 0);
	CHECK(pthread_join(t, &ret) == 0 && ret == PTHREAD_CANCELED);
	set_nonblock(fds[0], true);
	say("%s%s: %ld bytes have arrived", name[call],
	    timeout ? ", with a timeout" : "", arrived());
	close_channel(fds);
}

int main(void)
{
	for (int call = 0; call < CALLS; call++) {
		one(call, false);
		one(call, true);
	}
	return 0;
}
