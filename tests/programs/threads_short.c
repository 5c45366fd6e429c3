// SPDX-License-Identifier: MIT
/*
 * Ten thousand threads that live for one exchange, some ended by pthread_exit in
 * a handler, by a cancellation, or by one that comes while a clean-up handler is
 * doing I/O; thread-specific destructors do I/O as well.  Nothing is lost, and
 * nothing is left.
 *
 * Ring: read write
 * Rings: many
 * Timeout: 60
 */
#include "common.h"

#define THREADS 10000
#define AT_ONCE 20

static pthread_key_t key;
static _Atomic unsigned destroyed, cleaned, exchanged;

static void exchange(const int fds[2])
{
	char buf[4];

	CHECK(write(fds[1], "abc", 3) == 3);
	CHECK(read(fds[0], buf, sizeof(buf)) == 3);
	exchanged++;
}

static void destroy(void *arg)
{
	exchange(arg);
	close_channel(arg);
	free(arg);
	destroyed++;
}

/* A cancellation is not acted upon a second time: both exchanges happen. */
static void clean_up(void *arg)
{
	exchange(arg);
	pthread_cancel(pthread_self());
	exchange(arg);
	cleaned++;
}

static void leave(int sig)
{
	(void)sig;
	pthread_exit(NULL);
}

static void *live(void *arg)
{
	unsigned how = (unsigned)(uintptr_t)arg % 8;
	int *fds = malloc(2 * sizeof(*fds));
	char buf[4];

	make_channel(how & 1 ? UNIX : PIPE, fds);
	pthread_setspecific(key, fds);
	exchange(fds);
	if (how == 1) {
		pthread_kill(pthread_self(), SIGUSR1);
		fail("a handler that ends its thread returned");
	}
	pthread_cleanup_push(clean_up, fds);
	if (how == 2) {
		pthread_cancel(pthread_self());
		read(fds[0], buf, sizeof(buf));
		fail("not cancelled");
	}
	if (how == 3)
		pthread_exit(NULL);
	pthread_cleanup_pop(how == 4);
	return NULL;
}

int main(void)
{
	pthread_t threads[AT_ONCE];
	int fds = count_fds();

	on_signal(SIGUSR1, leave, 0);
	CHECK(pthread_key_create(&key, destroy) == 0);
	for (unsigned i = 0; i < THREADS; i += AT_ONCE) {
		for (unsigned j = 0; j < AT_ONCE; j++)
			threads[j] = start(live, (void *)(uintptr_t)(i + j));
		for (unsigned j = 0; j < AT_ONCE; j++)
			CHECK(pthread_join(threads[j], NULL) == 0);
	}
	say("destroyed %u cleaned %u exchanged %u", destroyed, cleaned,
	    exchanged);
	CHECK(count_fds() == fds);
	say("tasks %d", settled_tasks(1));
	return 0;
}
