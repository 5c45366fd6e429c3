// SPDX-License-Identifier: MIT
/*
 * Exceptions thrown by a timer's handler at any instruction of calls that do
 * not wait.  Whatever the moment: a record has been taken, and is in the buffer,
 * or it has not, and is in the pipe; nothing is written later; and the calls
 * after it, from a deeper frame, are as all others (docs/semantics.md: on the
 * ring; py_tests/test_stats.py looks at that).
 *
 * Ring: read write recvfrom
 * Timeout: 60
 */
#include <sys/ioctl.h>
#include <sys/time.h>

#include "common.h"

#define CANARY 0x5a

enum call { READ, RECV, WRITE, CALLS };

struct Interrupted {};

static int fds[2], other[2];
static volatile sig_atomic_t armed;
static unsigned thrown, wrong;

static void handler(int)
{
	if (armed) {
		armed = 0;
		throw Interrupted();
	}
}

static void every(long us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static noinline long under_fire(int call, char *buf)
{
	long n;

	armed = 1;
	if (call == READ)
		n = read(fds[0], buf, 8);
	else if (call == RECV)
		n = recv(fds[0], buf, 8, 0);
	else
		n = write(fds[1], buf, 8);
	armed = 0;
	return n;
}

/* Bytes in the channel, drained. */
static int left_over(void)
{
	char drained[64];
	int n = -1;

	CHECK(ioctl(fds[0], FIONREAD, &n) == 0);
	CHECK(n <= 8);
	if (n)
		CHECK(raw_call(SYS_read, fds[0], (long)drained, n) == n);
	return n;
}

static noinline void deeper(void)
{
	volatile char frame[8192];
	char buf[4];

	memset((void *)frame, CANARY, sizeof(frame));
	for (int i = 0; i < 5; i++) {
		CHECK(write(other[1], "abc", 3) == 3);
		CHECK(read(other[0], buf, 3) == 3);
	}
	for (size_t i = 0; i < sizeof(frame); i++)
		CHECK(frame[i] == CANARY);
}

static void one(int call, unsigned turn)
{
	char record[9], buf[9] = "        ";
	bool thrown_now = false;
	long n = 8;

	snprintf(record, sizeof(record), "%08u", turn);
	if (call == WRITE)
		memcpy(buf, record, 8);
	else
		CHECK(raw_call(SYS_write, fds[1], (long)record, 8) == 8);
	try {
		n = under_fire(call, buf);
	} catch (const Interrupted &) {
		thrown_now = true;
		thrown++;
	}
	deeper();
	if (!thrown_now)
		CHECK(n == 8);
	n = left_over();
	if (call == WRITE)
		wrong += n != 8 && (n || !thrown_now);
	else if (n)
		wrong += !thrown_now || memcmp(buf, "        ", 8);
	else
		wrong += memcmp(buf, record, 8) != 0;
}

static void storm(int call)
{
	unsigned turn = 0;

	make_channel(call == RECV ? UNIX : PIPE, fds);
	thrown = wrong = 0;
	every(97);
	while (thrown < 500 && turn < 2000000)
		one(call, turn++);
	every(0);
	say("%d: %s exceptions, %u records wrong", call,
	    thrown < 500 ? "few" : "enough", wrong);
	close_channel(fds);
}

int main(void)
{
	on_signal(SIGALRM, handler, SA_RESTART | SA_NODEFER);
	make_channel(PIPE, other);
	for (int call = 0; call < CALLS; call++)
		storm(call);
	return 0;
}
