// SPDX-License-Identifier: MIT
/*
 * A timer's handler jumps out of reads at every possible instruction, while a
 * writer feeds the channel.  Natively a jump may lose the *return value* of a
 * read that has completed, never a byte: either the buffer has got the bytes or
 * the file still has them.  The buffer is filled with a byte that never occurs
 * in the stream, so that after a jump it tells how many came.  From then on it
 * is filled with a canary that nothing may touch again.
 *
 * Ring: read
 * Timeout: 60
 */
#include <setjmp.h>
#include <sys/time.h>

#include "common.h"

#define EMPTY 0xff
#define CANARY 0xfe
#define BUFFERS 8
#define SIZE 300
#define TOTAL 60000

static sigjmp_buf saved;
static volatile sig_atomic_t armed;
static int channel[2];

static void handler(int sig)
{
	(void)sig;
	if (!armed)
		return;
	armed = 0;
	siglongjmp(saved, 1);
}

static void *feed(void *arg)
{
	uint32_t seed = 4711;
	unsigned char piece[200];
	unsigned int at = 0;

	(void)arg;
	while (at < TOTAL) {
		unsigned int n = 1 + next_random(&seed) % sizeof(piece);

		n = n < TOTAL - at ? n : TOTAL - at;
		for (unsigned int i = 0; i < n; i++)
			piece[i] = (at + i) % 251;
		CHECK(write(channel[1], piece, n) == (ssize_t)n);
		at += n;
		if (next_random(&seed) % 4)
			nap_us(next_random(&seed) % 200);
	}
	return NULL;
}

static unsigned int came(const unsigned char *buf, unsigned int at)
{
	unsigned int n = 0;

	for (; n < SIZE && buf[n] != EMPTY; n++)
		CHECK(buf[n] == (at + n) % 251);
	for (unsigned int i = n; i < SIZE; i++)
		CHECK(buf[i] == EMPTY);
	return n;
}

static void set_timer(uint32_t *seed)
{
	struct itimerval timer = { 0 };

	timer.it_value.tv_usec = 1 + next_random(seed) % 150;
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void check_canary(const unsigned char *buf)
{
	for (int i = 0; i < SIZE; i++)
		CHECK(buf[i] == CANARY);
}

/* One read; true if it was jumped out of. */
static noinline bool attempt(unsigned char *buf, size_t size, uint32_t *seed)
{
	ssize_t n;

	memset(buf, EMPTY, SIZE);
	if (sigsetjmp(saved, 1))
		return true;
	set_timer(seed);
	armed = 1;
	n = read(channel[0], buf, size);
	armed = 0;
	CHECK(n > 0 && (size_t)n <= size);
	CHECK(n == SIZE || buf[n] == EMPTY);
	CHECK(buf[n - 1] != EMPTY);
	return false;
}

static void all_bytes(void)
{
	static unsigned char bufs[BUFFERS][SIZE];
	unsigned int at = 0, turn = 0, jumps = 0;
	uint32_t seed = 42;

	memset(bufs, CANARY, sizeof(bufs));
	while (at < TOTAL) {
		unsigned char *buf = bufs[turn++ % BUFFERS];

		check_canary(buf);
		jumps += attempt(buf, 1 + next_random(&seed) % SIZE, &seed);
		at += came(buf, at);
		memset(buf, CANARY, SIZE);
	}
	for (turn = 0; turn < BUFFERS; turn++)
		check_canary(bufs[turn]);
	CHECK(at == TOTAL);
	CHECK(jumps > 0);
}

static void one(int kind)
{
	struct itimerval off = { 0 };
	int fds = count_fds();
	pthread_t thread;

	make_channel(kind, channel);
	set_mask(SIG_BLOCK, SIGALRM);
	thread = start(feed, NULL);
	set_mask(SIG_UNBLOCK, SIGALRM);
	all_bytes();
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(poll_fd(channel[0], POLLIN, 0) == 0);
	CHECK(close(channel[0]) == 0);
	if (kind == TCP)
		CHECK(poll_fd(channel[1], POLLRDHUP, 5000));
	else
		say("  peer: %s", result(write(channel[1], "x", 1)));
	CHECK(close(channel[1]) == 0);
	CHECK(count_fds() == fds);
	say("%s: %d bytes, none lost, none twice", channel_name[kind], TOTAL);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	on_signal(SIGALRM, handler, 0);
	for (int kind = 0; kind < CHANNELS; kind++)
		one(kind);
	return 0;
}
