/* SPDX-License-Identifier: MIT */
/* What the task that runs ahead shares with the threads of the program. */
#ifndef SHIM_PREFETCH_TASK_H
#define SHIM_PREFETCH_TASK_H

#include <stdatomic.h>

#include "prefetch.h"
#include "prefetch_queue.h"
#include "task.h"

#define SHIM_AHEAD_MESSAGES 1024U
#define SHIM_AHEAD_JOIN_MS 1000U /* longer nobody waits for a task to end */
#define SHIM_AHEAD_NEVER 1000U /* failures: no ring, or no memory */

struct shim_ahead_message {
	uint64_t ino;
	enum shim_touch how;
};

/* A seed on its way; the task takes it when it is full, and empties it. */
struct shim_ahead_seed {
	atomic_bool full;
	bool data, stream;
	uint64_t dev, ino, at;
	char *const *operands;
	char path[4096];          /* of a directory, or of the file to stream */
};

struct shim_ahead {
	struct shim_task task;
	struct shim_queue queue;  /* and its second */
	int pid;                  /* the process that it belongs to */
	unsigned depth;
	uint64_t bytes;
	_Atomic uint64_t dev;     /* whose inodes are told */
	atomic_uint stop;         /* end; also what the task sleeps on */
	atomic_bool sleeps;       /* wake it when there are messages */
	atomic_bool wants_seed;
	atomic_uint failures;
	atomic_uint head, tail;   /* of the messages: taken, told */
	struct shim_ahead_message messages[SHIM_AHEAD_MESSAGES];
	struct shim_ahead_seed seed;
};

/* The task sleeps until it is told something, or @ms have passed. */
void shim_ahead_sleep(struct shim_ahead *a, int ms);

/* What the task does; the argument is a struct shim_ahead. */
int shim_ahead_run(void *arg);

#endif
