/* SPDX-License-Identifier: MIT */
/*
 * A program as a child of this process: signals that are meant for it are handed
 * on, and its end can become ours.  One at a time.
 */
#ifndef SHIM_CLI_CHILD_H
#define SHIM_CLI_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid;
	int tell; /* a pipe: the status of an exec that failed */
};

/*
 * Run @argv in the environment as it is.  @prepare (or NULL) is called with @arg
 * in the child, before the exec; it may only do what is safe after a fork, and a
 * status other than 0 ends the child.  0, or a status after a message.
 */
int child_start(struct child *child, char **argv, int (*prepare)(void *arg),
		void *arg);

/* Has it ended?  With @options of waitpid(2): its pid, 0, or -errno. */
int child_wait(struct child *child, int *status, int options);

/*
 * After it has ended: 0, or the status of shim if it could not be executed (that
 * has been said).
 */
int child_failed(struct child *child);

/* It has ended, and this process goes on: signals are not handed on any more. */
void child_gone(void);

/* End as the program did, but without a second core file. */
int child_end_as(int status);

#endif
