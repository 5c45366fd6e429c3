// SPDX-License-Identifier: MIT
/* Tasks beside the program's threads, and the queue between two of them. */
#include "support.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "prefetch_queue.h"

/* A sanitizer's run-time is not for a task that libc does not know of. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static void nothing(enum shim_ring_form form)
{
	(void)form;
}
#define TESTS ONCE(nothing),
#else
static atomic_int seen = -1;

static int look(void *arg)
{
	atomic_int *stop = arg;

	/* Its table is empty: the lowest number is free. */
	atomic_store(&seen, (int)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY));
	while (!atomic_load(stop))
		syscall(SYS_sched_yield);
	return 0;
}

static bool one_thread(void)
{
	struct stat st;

	return !stat("/proc/self/task", &st) && st.st_nlink == 3;
}

static void task(enum shim_ring_form form)
{
	static struct shim_task t;
	static atomic_int stop;
	int i, free = dup(0);

	(void)form;
	close(free);
	for (i = 0; i < 50; i++) {
		atomic_store(&stop, 0);
		atomic_store(&seen, -1);
		CHECK_EQ(shim_task_start(&t, look, &stop), 0);
		CHECK_EQ(shim_task_start(&t, look, &stop), -EBUSY);
		while (atomic_load(&seen) < 0)
			sched_yield();
		CHECK_EQ(seen, 0);
		CHECK_EQ(dup(0), free);
		close(free);
		CHECK_EQ(shim_task_join(&t, 1), -ETIMEDOUT);
		atomic_store(&stop, 1);
		CHECK_EQ(shim_task_join(&t, 5000), 0);
		CHECK(one_thread());
	}
}

static struct shim_queue queue;

static struct shim_wanted wanted(void)
{
	struct shim_wanted w = {
		.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), .len = 4096,
	};

	return w;
}

/* Give @n files, as fast as they are taken. */
static void give(unsigned n)
{
	struct shim_wanted w;

	while (n--) {
		w = wanted();
		CHECK(w.fd >= 0);
		while (!shim_queue_give(&queue, &w) && queue.on)
			sched_yield();
		/* There is but one processor. */
		if (!queue.on)
			shim_load_ask(&w);
		if (n % 8 == 0)
			shim_queue_kick(&queue);
	}
}

static void all_is_taken(void)
{
	while (atomic_load(&queue.taken) != atomic_load(&queue.given))
		sched_yield();
}

/* Each file that was given is closed; nobody is left. */
static void queued(enum shim_ring_form form)
{
	int i, free = dup(0);

	(void)form;
	close(free);
	for (i = 0; i < 20; i++) {
		shim_queue_begin(&queue);
		give(i % 2 ? 1000 : 1);
		all_is_taken();
		CHECK_EQ(dup(0), free);
		close(free);
		shim_queue_end(&queue, 5000);
		CHECK(one_thread());
	}
}

/* What is given and not taken does not keep it from ending. */
static void ended_early(enum shim_ring_form form)
{
	struct shim_wanted w[SHIM_QUEUE_FILES];
	unsigned i, n;

	(void)form;
	for (n = 0; n < 20; n++) {
		shim_queue_begin(&queue);
		for (i = 0; i < SHIM_QUEUE_FILES; i++) {
			w[i] = wanted();
			CHECK(w[i].fd >= 0);
			shim_queue_give(&queue, &w[i]);
		}
		shim_queue_end(&queue, 5000);
		CHECK(one_thread());
		for (i = 0; i < SHIM_QUEUE_FILES; i++)
			close(w[i].fd);
	}
}

static void one_processor(enum shim_ring_form form)
{
	struct shim_wanted w = wanted();
	cpu_set_t all, one;
	int cpu = sched_getcpu();

	(void)form;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(!sched_getaffinity(0, sizeof(all), &all));
	CHECK(!sched_setaffinity(0, sizeof(one), &one));
	shim_queue_begin(&queue);
	CHECK(!shim_queue_give(&queue, &w));
	CHECK(one_thread());
	shim_queue_end(&queue, 5000);
	CHECK(!sched_setaffinity(0, sizeof(all), &all));
	CHECK_EQ(shim_load_ask(&w), 4096);
}
#define TESTS ONCE(task), ONCE(queued), ONCE(ended_early), ONCE(one_processor),
#endif

int main(void)
{
	const struct CMUnitTest tests[] = { TESTS };

	return RUN_ALL(tests);
}
