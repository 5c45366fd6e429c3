/* SPDX-License-Identifier: MIT */
/*
 * A second task, which asks for the data of files that the first one has opened.
 *
 * To open a file takes about as long as to ask for what is in it, and a disk that
 * answers many at once waits for the task that does both.  The two share their
 * descriptors.  Where there is one processor only, or no second task is to be had,
 * there is none, and the first does it all.
 *
 * All functions are for the first task alone.
 */
#ifndef SHIM_PREFETCH_QUEUE_H
#define SHIM_PREFETCH_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "prefetch_load.h"
#include "task.h"

#define SHIM_QUEUE_FILES 32U

/* Zero before the first use; must not move, nor go while task.tid is not 0. */
struct shim_queue {
	struct shim_task task;
	bool tried, on;
	atomic_bool stop;
	atomic_int sleeps;
	atomic_uint given, taken;
	struct shim_wanted files[SHIM_QUEUE_FILES];
};

/* A walk begins.  The task is started when there is something for it. */
void shim_queue_begin(struct shim_queue *q);

/*
 * Have the data of @w asked for, and its file closed.  False: there is no second
 * task, or it has enough to do.
 */
bool shim_queue_give(struct shim_queue *q, const struct shim_wanted *w);

/* That is all for now: see that it is heard of. */
void shim_queue_kick(struct shim_queue *q);

/* The walk is over.  What has been given may be left; waits for the task, @ms at most. */
void shim_queue_end(struct shim_queue *q, unsigned ms);

#endif
