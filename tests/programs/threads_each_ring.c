// SPDX-License-Identifier: MIT
/*
 * Eight threads, alive at the same time, each with a pipe and a socket pair that
 * nobody else touches. Rings belong to threads: a test looks from outside, with
 * strace, whether each of these threads made a ring and entered it, and that can
 * only be told when no thread has ended before the last one began.
 *
 * Ring: read write
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 50 };

static pthread_barrier_t all_here;
static long sums[THREADS];

static void need(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static long pass(int from, int to, int value)
{
	unsigned char sent[64], got[64];
	long sum = 0;

	memset(sent, value, sizeof(sent));
	need(write(to, sent, sizeof(sent)) == (ssize_t)sizeof(sent), "write");
	need(read(from, got, sizeof(got)) == (ssize_t)sizeof(got), "read");
	for (size_t i = 0; i < sizeof(got); i++)
		sum += got[i];
	return sum;
}

static void *run(void *arg)
{
	int me = (int)(long)arg;
	int channel[2], pair[2];

	need(pipe(channel) == 0, "pipe");
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	pthread_barrier_wait(&all_here);
	for (int round = 0; round < ROUNDS; round++) {
		sums[me] += pass(channel[0], channel[1], me + 1);
		sums[me] += pass(pair[0], pair[1], round);
	}
	pthread_barrier_wait(&all_here);
	need(close(channel[0]) == 0 && close(channel[1]) == 0, "close");
	need(close(pair[0]) == 0 && close(pair[1]) == 0, "close");
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&all_here, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		need(pthread_create(&threads[i], NULL, run, (void *)i) == 0, "thread");
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		printf("thread %d: %ld\n", i, sums[i]);
	}
	return 0;
}
