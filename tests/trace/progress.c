// SPDX-License-Identifier: MIT
/*
 * progress FILE WAY THREADS CALLS: threads make numbered calls, and each notes in
 * FILE (a shared mapping, which survives everything) the last one that has
 * returned.  WAY is how the process ends when CALLS are through: exit, _exit,
 * abort, or loop: never.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned long *done;
static unsigned long calls;
static int null;

static void *work(void *arg)
{
	unsigned long thread = (unsigned long)(done ? arg : NULL), i;
	char text[32];
	int n;

	for (i = 1; i <= calls; i++) {
		n = snprintf(text, sizeof(text), "%lu:%lu", thread, i);
		if (write(null, text, (size_t)n) != n)
			abort();
		__atomic_store_n(&done[thread], i, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long threads, i;
	pthread_t ids[64];
	int fd;

	if (argc != 5)
		return 2;
	threads = strtoul(argv[3], NULL, 10);
	calls = strtoul(argv[4], NULL, 10);
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	null = open("/dev/null", O_WRONLY);
	if (fd < 0 || null < 0 || threads > 64 || ftruncate(fd, 4096))
		return 2;
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (i = 1; i < threads; i++)
		pthread_create(&ids[i], NULL, work, (void *)i);
	work(NULL);
	for (i = 1; i < threads; i++)
		pthread_join(ids[i], NULL);
	if (!strcmp(argv[2], "_exit"))
		_exit(3);
	if (!strcmp(argv[2], "abort"))
		abort();
	return 4;
}
