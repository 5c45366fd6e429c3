// SPDX-License-Identifier: MIT
/*
 * Threads that another libc has made read one descriptor of a file, with ours
 * thinking that there is one thread: they share a file position all the same, and
 * each record is read once.
 */
#include <dlfcn.h>

#include "common.h"

enum { RECORDS = 100000, READERS = 2 };

static unsigned char seen[RECORDS];
static int fd;

static void *reader(void *arg)
{
	int record;

	while (read(fd, &record, sizeof(record)) == sizeof(record))
		__atomic_add_fetch(&seen[record], 1, __ATOMIC_RELAXED);
	return arg;
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
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
		      void *);
	int (*join)(pthread_t, void **);
	int counts[3] = { 0 };
	pthread_t t[READERS];
	void *other;

	fill();
	fd = open("records", O_RDONLY);
	CHECK(fd >= 0 && read(fd, counts, sizeof(int)) == sizeof(int));
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	other = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	CHECK(other);
	*(void **)&create = dlsym(other, "pthread_create");
	*(void **)&join = dlsym(other, "pthread_join");
	CHECK(create && join);
	for (int i = 0; i < READERS; i++)
		CHECK(create(&t[i], NULL, reader, NULL) == 0);
	for (int i = 0; i < READERS; i++)
		CHECK(join(t[i], NULL) == 0);
	for (int i = 0; i < RECORDS; i++)
		counts[seen[i] < 2 ? seen[i] : 2]++;
	say("never %d, once %d, more often %d", counts[0], counts[1], counts[2]);
	return 0;
}
