/* SPDX-License-Identifier: MIT */
/*
 * The processes and threads that are traced, and how they end: the recording does
 * not tell that, the kernel does.
 */
#ifndef SHIM_CLI_TRACEES_H
#define SHIM_CLI_TRACEES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode.h"

struct process {
	struct process *next;
	uint32_t pid;
	int pidfd;        /* -1: none */
	bool stranger;    /* its number means another process: not watched */
	bool ours;        /* our child: waitpid(2) tells its end */
	bool gone;        /* it does not live any more */
	bool exiting;     /* exit_group(2) was called, with ... */
	int exit_code;
	uint64_t exit_time;
	unsigned asked;   /* for its end, in vain */
	bool known;       /* its end is, as of wait(2): */
	int status;
	struct tracee *threads;
	struct fd_paths *paths;
};

/* A call that has begun. */
struct pending {
	char *record;      /* its ENTER record, a copy */
	size_t size, room;
	/* How much of it is printed; for the text. */
	struct progress progress;
	bool begun, cut;
};

/* Calls of signal handlers in calls that they have interrupted, at most. */
#define PENDING_MOST 8

/* A thread. */
struct tracee {
	struct tracee *next;    /* with the same hash */
	struct tracee *sibling; /* of the same process */
	struct process *process;
	uint32_t tid;
	bool ending;            /* it has said that it ends */
	bool gone;
	unsigned depth;         /* calls that it is in */
	struct pending calls[PENDING_MOST];
};

#define TRACEE_BUCKETS 1024U

struct tracees {
	struct process *processes;
	struct tracee *buckets[TRACEE_BUCKETS];
	size_t number, processes_number;
};

struct tracee *tracee_find(const struct tracees *all, uint32_t tid);
struct process *process_find(const struct tracees *all, uint32_t pid);

/* New ones; NULL: no memory.  A process is watched from here on. */
struct process *process_add(struct tracees *all, uint32_t pid);
struct tracee *tracee_add(struct tracees *all, struct process *process,
			  uint32_t tid);

/* The thread with the number of its process goes last, the process with it. */
void tracee_remove(struct tracees *all, struct tracee *tracee);
void process_remove(struct tracees *all, struct process *process);
void tracees_free(struct tracees *all);

/*
 * Begin a call, of which an ENTER record tells: it is copied.  There is room, or
 * NULL: no memory.
 */
struct pending *tracee_enter(struct tracee *tracee, const void *record,
			     size_t size);

/* Call @at is over. */
void tracee_drop(struct tracee *tracee, unsigned at);

/* Sleep until a process ends, at most @ns; marks those that are gone. */
void tracees_wait(struct tracees *all, uint64_t ns);

/* Does the thread live?  It has said that it will not for long. */
bool tracee_lives(const struct tracee *tracee);

/* Find out how it has ended, once it is gone. */
void process_status(struct process *process);

/* The kernel does not tell: did it say itself that it would exit? */
void process_believe(struct process *process);

#endif
