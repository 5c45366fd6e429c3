/* SPDX-License-Identifier: MIT */
/*
 * Counters per call and column: the routes, and what happened on the way.
 *
 * Each thread counts in its own block; a sum is made when somebody asks.  With
 * SHIM_STATS=FILE every count also goes, at once and as decimal digits, into a
 * shared mapping of FILE, so that it is there, readable, whatever kills the
 * process.
 */
#ifndef SHIM_COUNTERS_H
#define SHIM_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route.h"

enum shim_column {
	SHIM_COL_ERRORS = SHIM_ROUTES, /* calls that returned -1 */
	SHIM_COL_BYTES,                /* moved by read and write */
	SHIM_COL_WAITS,                /* waited with the event pending */
	SHIM_COL_CANCELS,              /* events cancelled after EINTR */
	SHIM_COL_ABANDONED,            /* events whose caller went away */
	SHIM_COLUMNS
};

/* What became of the hints of SHIM_MODE=auto; see prefetch.h. */
enum shim_hint_column {
	SHIM_HINT_HINTS,  /* files asked for */
	SHIM_HINT_USED,   /* ... that the program has come to */
	SHIM_HINT_WASTED, /* ... that it has not, when the walk was over */
	SHIM_HINT_BYTES,  /* of files, asked for */
	SHIM_HINT_COLUMNS
};

typedef uint64_t shim_counts[SHIM_CALLS][SHIM_COLUMNS];

struct shim_thread;

/* The name of a column: a route's without "native:", or its own.  Static. */
const char *shim_column_name(unsigned column);

/*
 * Add to a counter; @t may be NULL.  Async-signal-safe, no system call.  What
 * most calls do of it is inline, in thread.h: shim_count().
 */
void shim_count_anywhere(struct shim_thread *t, enum shim_call call,
			 unsigned column, uint64_t n);

/* The same of hints: lines of "prefetch". */
void shim_count_hint(enum shim_hint_column column, uint64_t n);
/* What is not used by now counts as wasted: the walk, or the process, is over. */
void shim_hints_settle(void);
const char *shim_hint_column_name(enum shim_hint_column column);

/* The sum over all threads, dead ones too, of this process. */
void shim_counters_sum(shim_counts sum);

/* Keep what a dead thread's block has counted.  Zeroes the block's counts. */
void shim_counters_fold(shim_counts counts);

/* Zeroes the counts of a block; what is zero is not written. */
void shim_counters_clear(shim_counts counts);

/* This is a forked child: it has done nothing yet. */
void shim_counters_reset(void);

/*
 * Map @path as the place of the counters ("%p" is the pid).  Returns 0, or
 * -errno when it cannot be opened, written or mapped.  No descriptor is kept.
 * Not async-signal-safe against itself.
 */
int shim_counters_open(const char *path);

/*
 * Write the report of this process to @fd, if anything was counted.  @patched:
 * are libc's own functions?  It says so.
 */
void shim_counters_print(int fd, bool patched);

#endif
