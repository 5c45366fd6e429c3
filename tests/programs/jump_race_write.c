// SPDX-License-Identifier: MIT
/*
 * A timer's handler jumps out of writes of records at every possible
 * instruction, while a slow reader keeps the channel nearly full.  A record
 * that the program knows to be written arrives once; one that was jumped out
 * of arrives once or not at all, whole, and in its place, never later, though
 * its buffer has been overwritten at once.
 *
 * Ring: write
 * Timeout: 60
 */
#include <setjmp.h>
#include <sys/time.h>

#include "common.h"

#define RECORDS 4000
#define SIZE 509
#define STALE 0xfe

enum { PENDING, WRITTEN, JUMPED };

static sigjmp_buf saved;
static volatile sig_atomic_t armed;
static int channel[2];
static unsigned char state[RECORDS];
static unsigned char stream[RECORDS * SIZE + 6000];
static size_t received;

static void handler(int sig)
{
	(void)sig;
	if (!armed)
		return;
	armed = 0;
	siglongjmp(saved, 1);
}

static void *drain(void *arg)
{
	uint32_t seed = 99;

	(void)arg;
	for (;;) {
		ssize_t n = read(channel[0], stream + received,
				 1 + next_random(&seed) % 6000);

		CHECK(n >= 0);
		if (!n)
			return NULL;
		received += n;
		CHECK(received <= RECORDS * SIZE);
		nap_us(next_random(&seed) % 150);
	}
}

static void set_timer(uint32_t *seed)
{
	struct itimerval timer = { 0 };

	timer.it_value.tv_usec = 1 + next_random(seed) % 150;
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static noinline int attempt(int number, uint32_t *seed)
{
	static unsigned char record[SIZE];
	ssize_t n;

	memset(record, number % 251, SIZE);
	if (sigsetjmp(saved, 1)) {
		memset(record, STALE, SIZE);
		return JUMPED;
	}
	set_timer(seed);
	armed = 1;
	n = write(channel[1], record, SIZE);
	armed = 0;
	memset(record, STALE, SIZE);
	CHECK(n == SIZE);
	return WRITTEN;
}

static bool is_record(size_t at, int number)
{
	if (at + SIZE > received)
		return false;
	for (size_t i = at; i < at + SIZE; i++)
		if (stream[i] != number % 251)
			return false;
	return true;
}

static void compare(void)
{
	size_t at = 0;

	for (int i = 0; i < RECORDS; i++) {
		if (is_record(at, i))
			at += SIZE;
		else if (state[i] != JUMPED)
			fail("record %d lost or torn", i);
	}
	if (at != received)
		fail("%zu bytes that nobody wrote", received - at);
}

static void one(int kind)
{
	struct itimerval off = { 0 };
	uint32_t seed = 7;
	int jumps = 0, fds = count_fds();
	pthread_t thread;

	make_channel(kind, channel);
	received = 0;
	set_mask(SIG_BLOCK, SIGALRM);
	thread = start(drain, NULL);
	set_mask(SIG_UNBLOCK, SIGALRM);
	for (int i = 0; i < RECORDS; i++) {
		state[i] = attempt(i, &seed);
		jumps += state[i] == JUMPED;
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(close(channel[1]) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(close(channel[0]) == 0);
	compare();
	CHECK(jumps > 0);
	CHECK(count_fds() == fds);
	say("%s: every record once, in order, whole", channel_name[kind]);
}

int main(void)
{
	on_signal(SIGALRM, handler, 0);
	one(PIPE);
	one(UNIX);
	return 0;
}
