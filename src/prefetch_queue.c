// SPDX-License-Identifier: MIT
/* The second task; see prefetch_queue.h. */
#include "prefetch_queue.h"

#include <linux/futex.h>

#include "sys.h"

static void sleep_empty(struct shim_queue *q)
{
	atomic_store(&q->sleeps, 1);
	if (atomic_load(&q->taken) == atomic_load(&q->given) &&
	    !atomic_load(&q->stop))
		shim_sys4(SYS_futex, &q->sleeps, FUTEX_WAIT_PRIVATE, 1, NULL);
	atomic_store(&q->sleeps, 0);
}

/* What is left when it is told to stop is closed with the table, by the kernel. */
static int run(void *arg)
{
	struct shim_queue *q = arg;
	unsigned taken = atomic_load(&q->taken);

	while (!atomic_load(&q->stop)) {
		if (taken == atomic_load(&q->given)) {
			sleep_empty(q);
			continue;
		}
		shim_load_ask(&q->files[taken % SHIM_QUEUE_FILES]);
		atomic_store(&q->taken, ++taken);
	}
	return 0;
}

static bool several_processors(void)
{
	uint64_t mask[128] = { 0 }; /* of 8192 processors */
	unsigned i;
	int n = 0;

	shim_sys(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	for (i = 0; i < sizeof(mask) / sizeof(mask[0]) && n < 2; i++)
		n += __builtin_popcountll(mask[i]);
	return n > 1;
}

static void start(struct shim_queue *q)
{
	q->tried = true;
	if (!several_processors())
		return;
	atomic_store(&q->stop, false);
	atomic_store(&q->taken, atomic_load(&q->given));
	q->on = !shim_task_start_beside(&q->task, run, q);
}

void shim_queue_begin(struct shim_queue *q)
{
	/* One that is left from a walk before is stuck in a file system. */
	q->tried = atomic_load(&q->task.tid);
	q->on = false;
}

bool shim_queue_give(struct shim_queue *q, const struct shim_wanted *w)
{
	unsigned given = atomic_load(&q->given);

	if (!q->tried)
		start(q);
	if (!q->on || given - atomic_load(&q->taken) == SHIM_QUEUE_FILES)
		return false;
	q->files[given % SHIM_QUEUE_FILES] = *w;
	atomic_store(&q->given, given + 1);
	return true;
}

void shim_queue_kick(struct shim_queue *q)
{
	if (q->on && atomic_exchange(&q->sleeps, 0))
		shim_sys(SYS_futex, &q->sleeps, FUTEX_WAKE_PRIVATE, 1);
}

void shim_queue_end(struct shim_queue *q, unsigned ms)
{
	if (!q->on)
		return;
	atomic_store(&q->stop, true);
	shim_queue_kick(q);
	shim_task_join(&q->task, ms);
	q->on = false;
}
