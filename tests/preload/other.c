// SPDX-License-Identifier: MIT
/*
 * A library for a name space of its own (dlmopen), with a libc of its own: what
 * it does with threads, keys, processes and streams nobody outside hears of.  It
 * calls back into the program, which has the first libc.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void other_fn(void);

enum { KEYS = 40 };

void other_keys(const char *who);
void other_thread(other_fn *fn);
int other_child(other_fn *fn, int how);
int other_file(const char *path);

static pthread_key_t keys[KEYS];
static other_fn *destroyed;

static void gone(void *value)
{
	if (value != keys)
		printf("  a key is destroyed with what it was never given\n");
	else if (destroyed)
		destroyed();
	fflush(stdout);
}

__attribute__((constructor)) static void loaded(void)
{
	for (int i = 0; i < KEYS; i++) {
		if (pthread_key_create(&keys[i], gone))
			abort();
	}
}

__attribute__((destructor)) static void unloaded(void)
{
	for (int i = 0; i < KEYS; i++)
		pthread_key_delete(keys[i]);
	printf("  the other library is unloaded\n");
	fflush(stdout);
}

/* Which of the keys have a value that nobody has set? */
void other_keys(const char *who)
{
	int n = 0;

	for (int i = 0; i < KEYS; i++)
		n += pthread_getspecific(keys[i]) != NULL;
	printf("  %s: first key %u, %d have a value\n", who, keys[0], n);
	fflush(stdout);
}

static void *thread(void *arg)
{
	other_fn *fn = (other_fn *)arg;

	fn();
	other_keys("thread of the other libc");
	pthread_setspecific(keys[3], keys);
	fn();
	return NULL;
}

void other_thread(other_fn *fn)
{
	pthread_t t;

	destroyed = fn;
	if (pthread_create(&t, NULL, thread, (void *)fn) ||
	    pthread_join(t, NULL))
		abort();
	destroyed = NULL;
}

int other_child(other_fn *fn, int how)
{
	int status;
	pid_t pid = how == 3 ? vfork() : fork();

	if (!pid) {
		if (how == 3)
			_exit(3);
		fn();
		other_keys("child of the other libc");
		if (how == 0)
			exit(7);
		if (how == 1)
			_exit(8);
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	fn();
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The length of a file's first line, or -errno. */
int other_file(const char *path)
{
	char line[256];
	FILE *f = fopen(path, "r");
	int n = 0;

	if (!f)
		return -errno;
	while (n < 255 && (line[n] = (char)getc(f)) != '\n')
		n++;
	fclose(f);
	return n;
}
