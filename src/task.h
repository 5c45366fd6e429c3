/* SPDX-License-Identifier: MIT */
/*
 * A task beside the program's threads: of its process and in its memory, but with
 * descriptors, a current directory and signals of its own, and unknown to libc.
 *
 * It ends with the process, whatever ends that, and with execve(2), as all threads
 * do; so nothing has to be waited for, reaped or killed.
 */
#ifndef SHIM_TASK_H
#define SHIM_TASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SHIM_TASK_TLS 1024U
#define SHIM_TASK_STACK (160U << 10)

/* Zero before the first start; must not move. */
struct shim_task {
	atomic_int tid; /* 0 when there is none; the kernel clears it */
	int (*run)(void *arg);
	void *arg;
	bool beside;    /* shares the descriptors of the task that starts it */
	char tls[SHIM_TASK_TLS] __attribute__((aligned(64)));
	char stack[SHIM_TASK_STACK] __attribute__((aligned(64)));
};

/*
 * Run @run with @arg.  It must not use libc or thread-local variables.  It starts
 * with an empty table of descriptors and every signal blocked.  0 or -errno.
 * Async-signal-safe.
 */
int shim_task_start(struct shim_task *task, int (*run)(void *arg), void *arg);

/* The same in a task, whose descriptors the new one shares. */
int shim_task_start_beside(struct shim_task *task, int (*run)(void *arg),
			   void *arg);

/*
 * Wait until the task has ended and is not seen in the process any more, at most
 * for @ms milliseconds.  0, or -ETIMEDOUT.  Async-signal-safe.
 */
int shim_task_join(struct shim_task *task, unsigned ms);

#endif
