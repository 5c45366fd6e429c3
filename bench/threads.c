// SPDX-License-Identifier: MIT
/*
 * Memory per thread: threads N
 *
 * Starts N threads, each of which writes to and reads from a pipe once, so that
 * under the library it has a ring, and then sleeps.  Prints how much the memory
 * of the process (VmRSS, page tables) and of the kernel (Slab, KernelStack,
 * Percpu of /proc/meminfo: of the whole machine) has grown meanwhile, in bytes
 * per thread, one "NAME BYTES" a line.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "bench.h"

static const struct place {
	const char *file, *name;
} places[] = {
	{ "/proc/self/status", "VmRSS" },
	{ "/proc/self/status", "VmPTE" },
	{ "/proc/meminfo", "Slab" },
	{ "/proc/meminfo", "KernelStack" },
	{ "/proc/meminfo", "Percpu" },
};

#define PLACES (sizeof(places) / sizeof(*places))

static pthread_barrier_t done;
static int ends[2];
static pthread_mutex_t leave = PTHREAD_MUTEX_INITIALIZER;

/* In bytes. */
static long grown(const struct place *p)
{
	static char text[8192];
	char *at;
	long fd, n;

	fd = raw(SYS_open, (long)p->file, O_RDONLY, 0);
	if (fd < 0)
		die(p->file, fd);
	n = raw(SYS_read, fd, (long)text, sizeof(text) - 1);
	raw(SYS_close, fd, 0, 0);
	text[n < 0 ? 0 : n] = '\0';
	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, p->name, strlen(p->name)) &&
		    at[strlen(p->name)] == ':')
			return atol(at + strlen(p->name) + 1) * 1024;
	}
	return 0;
}

static void *thread(void *arg)
{
	char c = 'x';

	if (write(ends[1], &c, 1) != 1 || read(ends[0], &c, 1) != 1)
		die("pipe", errno);
	pthread_barrier_wait(&done);
	pthread_mutex_lock(&leave);
	pthread_mutex_unlock(&leave);
	return arg;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? number(argv[1], 1) : 0, i, before[PLACES];
	pthread_attr_t attr;
	pthread_t *all;
	int err;

	if (!n) {
		fprintf(stderr, "usage: threads N\n");
		return 2;
	}
	all = calloc((size_t)n, sizeof(*all));
	if (!all || pipe(ends))
		die("set-up", errno);
	memset(all, 1, (size_t)n * sizeof(*all));
	pthread_barrier_init(&done, NULL, (unsigned)n + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_mutex_lock(&leave);
	for (i = 0; i < (long)PLACES; i++)
		grown(&places[i]);
	for (i = 0; i < (long)PLACES; i++)
		before[i] = grown(&places[i]);
	for (i = 0; i < n; i++) {
		err = pthread_create(&all[i], &attr, thread, NULL);
		if (err)
			die("pthread_create", err);
	}
	pthread_barrier_wait(&done);
	for (i = 0; i < (long)PLACES; i++)
		printf("%s %.0f\n", places[i].name,
		       (double)(grown(&places[i]) - before[i]) / (double)n);
	pthread_mutex_unlock(&leave);
	for (i = 0; i < n; i++)
		pthread_join(all[i], NULL);
	return 0;
}
