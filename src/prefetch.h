/* SPDX-License-Identifier: MIT */
/*
 * Running ahead of the program (SHIM_MODE=auto): the side of its threads.
 *
 * A task of its own (task.h), with a ring of its own, reads what the program will
 * want next.  A hint changes nothing but the kernel's caches: nothing that comes
 * of it is ever shown to the program.  The program's threads only say what they have
 * touched; that takes no lock and no system call, except to wake the task.
 *
 *     idle -> started by a seed -> running -> idle again: the walk is over, the
 *     guesses were not used, memory is short, or somebody said stop
 *
 * The task takes the credentials, limits and namespaces of the thread that starts
 * it.  Whoever changes those says shim_prefetch_stop() before.
 *
 * All functions are async-signal-safe.
 */
#ifndef SHIM_PREFETCH_H
#define SHIM_PREFETCH_H

#include <stdbool.h>
#include <stdint.h>

/* How far ahead of the program.  Once, before anything else. */
void shim_prefetch_init(unsigned long depth, unsigned long bytes);

/* Is there somebody to tell?  Then every file that is touched is told. */
extern volatile int shim_prefetch_running;

/* What the program's thread has found out when its calls were slow. */
struct shim_prefetch_seed {
	const char *directory; /* it is in this one, an absolute path; or */
	char *const *operands; /* it has opened the first of these; or */
	const char *file;      /* it reads this one, to the end; an absolute path */
	uint64_t at;           /* it is there, in that file */
	uint64_t dev, ino;     /* of what it has touched there */
	bool data;             /* it reads the data, not only the inode */
};

/*
 * Begin there.  Starts the task if none runs.  0 or -errno; -EBUSY: not now.
 */
int shim_prefetch_begin(const struct shim_prefetch_seed *seed);

/* Does the task want to know where the program is? */
bool shim_prefetch_wants_seed(void);

enum shim_touch {
	SHIM_TOUCH_LOOKED, /* stat(2) and its relatives */
	SHIM_TOUCH_WAITED, /* the same, and that was slow */
	SHIM_TOUCH_OPENED, /* a file */
	SHIM_TOUCH_READ,   /* a file, and that was slow */
	SHIM_TOUCH_DIR,    /* a directory was opened */
	SHIM_TOUCH_OPERAND, /* ino is the address in argv */
	SHIM_TOUCH_STREAM,  /* ino is the position in that one file */
};

void shim_prefetch_touch(enum shim_touch how, uint64_t dev, uint64_t ino);

/*
 * No more hints from now on, and nothing of the task left: neither a thread nor a
 * worker, within a second.  @wait false: it ends by itself, soon.
 */
void shim_prefetch_stop(bool wait);

/*
 * Wait until this process has one thread, the only one that libc knows of: workers
 * of a ring leave a moment after it.  For some ten milliseconds at most.
 */
void shim_prefetch_alone(void);

/* The same as a stop, and for ever. */
void shim_prefetch_forbid(bool forbid);

/* How often has a task ended because its guesses were not used? */
unsigned shim_prefetch_failures(void);

/* This is a forked child: it has no task. */
void shim_prefetch_fork_child(void);

#endif
