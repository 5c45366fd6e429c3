// SPDX-License-Identifier: MIT
/*
 * A thousand threads, each cancelled or made to pthread_exit from a handler in
 * a blocked read or a blocked write, at varied moments, also before it blocks:
 * the fds, the tasks and the mappings are what they were, and the channel is
 * intact. A ring per thread that outlives its thread shows here.
 *
 * Ring: read
 * Timeout: 90
 */
#include "common.h"

#define ROUNDS 100
#define AT_ONCE 10

static int channel[2], full[2];
static volatile int cleaned;

static void handler(int sig)
{
	(void)sig;
	pthread_exit(NULL);
}

static void cleanup(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void *thread_main(void *arg)
{
	char buf[64];
	long n;

	memset(buf, 0, sizeof(buf));
	pthread_cleanup_push(cleanup, NULL);
	set_mask(SIG_UNBLOCK, SIGUSR1);
	if ((long)arg % 3)
		n = read(channel[0], buf, sizeof(buf));
	else
		n = write(full[1], buf, sizeof(buf));
	fail("a blocked call returned %s", result(n));
	pthread_cleanup_pop(0);
	return NULL;
}

static void round_of_threads(uint32_t *seed)
{
	pthread_t threads[AT_ONCE];

	set_mask(SIG_BLOCK, SIGUSR1);
	for (long i = 0; i < AT_ONCE; i++)
		threads[i] = start(thread_main, (void *)i);
	set_mask(SIG_UNBLOCK, SIGUSR1);
	nap_us(next_random(seed) % 1500);
	for (int i = 0; i < AT_ONCE; i++) {
		if (i % 2)
			CHECK(pthread_cancel(threads[i]) == 0);
		else
			CHECK(pthread_kill(threads[i], SIGUSR1) == 0);
	}
	for (int i = 0; i < AT_ONCE; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static int count_mappings(void)
{
	static char text[1 << 20];
	long len = slurp("/proc/self/maps", text, sizeof(text));
	int lines = 0;

	for (long i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static long drain(int fd)
{
	char block[4096];
	long total = 0;

	set_nonblock(fd, true);
	for (;;) {
		long n = read(fd, block, sizeof(block));

		if (n <= 0)
			return total;
		total += n;
	}
}

static void one(int kind)
{
	int fds, maps = 0;
	uint32_t seed = 5;
	long filled;
	char byte;

	make_channel(kind, channel);
	make_channel(kind, full);
	filled = fill_up(full[1], 'f');
	cleaned = 0;
	fds = count_fds();
	for (int i = 0; i < ROUNDS; i++) {
		round_of_threads(&seed);
		if (i == ROUNDS / 10)
			maps = count_mappings();
		if (count_fds() != fds)
			fail("round %d: %d fds became %d", i, fds,
			     count_fds());
	}
	CHECK(cleaned == ROUNDS * AT_ONCE);
	say("%s: %d clean-ups, tasks %d", channel_name[kind], cleaned,
	    settled_tasks(1));
	if (count_mappings() > maps + 3 * AT_ONCE)
		fail("%d mappings became %d", maps, count_mappings());
	CHECK(write(channel[1], "k", 1) == 1);
	CHECK(read(channel[0], &byte, 1) == 1 && byte == 'k');
	CHECK(drain(full[0]) == filled);
	close_channel(channel);
	close_channel(full);
}

int main(void)
{
	on_signal(SIGUSR1, handler, 0);
	one(PIPE);
	one(UNIX);
	return 0;
}
