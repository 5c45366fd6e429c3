// SPDX-License-Identifier: MIT
/*
 * Two processes with one table of descriptors (CLONE_FILES): what one opens, the
 * other has open, and they share the position of it.  Each record of a file is
 * read once.
 */
#include <sys/mman.h>

#include "common.h"

enum { RECORDS = 100000 };

static struct {
	volatile int fd;
	unsigned char seen[RECORDS];
} *shared;

static void read_all(void)
{
	int record;

	while (read(shared->fd, &record, sizeof(record)) == sizeof(record))
		__atomic_add_fetch(&shared->seen[record], 1, __ATOMIC_RELAXED);
}

static int child(void *arg)
{
	while (!shared->fd)
		sched_yield();
	read_all();
	(void)arg;
	return 0;
}

static void fill(void)
{
	FILE *f = fopen("records", "w");

	CHECK(f);
	for (int i = 0; i < RECORDS; i++)
		CHECK(fwrite(&i, sizeof(i), 1, f) == 1);
	CHECK(fclose(f) == 0);
}

int main(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int counts[3] = { 0 }, status;
	pid_t pid;

	fill();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	pid = clone(child, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	CHECK(pid > 0);
	shared->fd = open("records", O_RDONLY);
	CHECK(shared->fd > 0);
	read_all();
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (int i = 0; i < RECORDS; i++)
		counts[shared->seen[i] < 2 ? shared->seen[i] : 2]++;
	say("never %d, once %d, more often %d", counts[0], counts[1], counts[2]);
	return 0;
}
