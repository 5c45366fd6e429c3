/* SPDX-License-Identifier: MIT */
/*
 * A trace, summed up: what `shim report` shows.
 *
 * A trace is read once and forgotten while it is read, so that its size does not
 * matter.  What is kept is limited in number; what does not fit is summed up
 * under one name for all others, and the page says so.  Times are ns.
 */
#ifndef SHIM_CLI_REPORT_H
#define SHIM_CLI_REPORT_H

#include "fdtable.h"
#include "text.h"

#define NONE UINT32_MAX

#define MOST_THREADS 65536
#define MOST_TIMED 2048   /* of them with a time line */
#define MOST_CALLS 1024   /* names */
#define MOST_NAMES 65536  /* of files and peers, of programs, of errors */
#define MOST_REASONS 64
#define LONGEST_NAME_KEPT 4096UL
#define SLOWEST 15

#define MOST_TIME (INT64_MAX / 4) /* readers and sums go no further */

enum route { ROUTE_UNKNOWN, ROUTE_RING, ROUTE_NATIVE };

/* What the time of a call was spent on. */
enum way { WAY_RING, WAY_NATIVE, WAY_WAIT, WAY_UNKNOWN, WAYS };

/* A call as a trace tells it; the slices are the reader's. */
struct seen {
	long pid, tid;
	int64_t time;                 /* -1: not told */
	int64_t duration, ring, wait; /* -1: not told */
	int64_t result;
	enum route route;
	bool failed, unfinished;
	struct slice name, reason, error;
	struct slice path;   /* what its descriptor is; "": not told */
	struct slice args;   /* as strace has them, or ... */
	struct slice arg[6]; /* ... one by one, args being empty */
};

/*
 * Latencies: eight buckets for each power of two.  An upper bound is at most an
 * eighth too high.
 */
#define PARTS 8UL
#define BUCKETS (64 * PARTS)

struct histogram {
	uint64_t count, bucket[BUCKETS];
	int64_t most, sum;
};

struct call_sum {
	uint64_t calls, errors, bytes, unfinished;
	uint64_t routes[3];
	uint64_t reasons[MOST_REASONS];
	int64_t time[WAYS];
	struct histogram *by_way[WAYS]; /* NULL: none */
};

enum thing_kind { THING_FILE, THING_PEER, THING_PIPE, THING_OTHER };

/* What calls are made on. */
struct thing {
	enum thing_kind kind;
	uint64_t calls, errors, in, out;
	int64_t time, wait;
	long owner; /* of a pipe: who has made it */
};

/* Calls of one name that waited for one thing. */
struct wait_sum {
	uint32_t thing, call;
	uint64_t waits;
	int64_t time, most;
};

struct error_sum {
	uint32_t call, example; /* a thing, or NONE */
	uint64_t count;
};

struct program_sum {
	uint64_t starts, calls, errors, bytes;
	int64_t time, wait;
};

/*
 * The time from the first call on is cut into bins.  When it outgrows them, each
 * becomes twice as wide.
 */
#define BINS 512

struct bin {
	uint64_t calls;
	int64_t time[WAYS];
};

struct thread_sum {
	long pid, tid;
	uint32_t process;
	bool ended;
	uint64_t calls;
	int64_t time[WAYS];
	int64_t begin, end; /* -1: not known */
	struct bin *bins;   /* NULL: none */
};

struct process_sum {
	long pid, parent;  /* parent: -1: not known */
	uint32_t program;  /* a string of programs; NONE: not told */
	uint32_t command;  /* of commands: its words */
	uint32_t programs; /* how many it has executed */
	uint32_t threads;
	uint32_t how;      /* of commands: how it ended; NONE: it has not */
	struct fdtable *fds; /* things */
	int64_t begin, end;
	uint64_t calls;
	int64_t time, wait;
};

struct slow {
	uint32_t thread, call, thing;
	int64_t time, duration;
	enum way way;
};

struct sums {
	struct strings calls, reasons, things, waits, errors, programs, commands;
	struct call_sum *call;
	struct thing *thing;
	struct wait_sum *wait;
	struct error_sum *error;
	struct program_sum *program;
	struct thread_sum *thread;
	struct process_sum *process;
	size_t call_room, thing_room, wait_room, error_room, program_room;
	size_t threads, thread_room, processes, process_room, timed;
	struct strings ids; /* "t PID TID", "p PID": the latest one */
	struct slow slow[SLOWEST];
	size_t slows;
	int64_t begin, end; /* -1: the trace has no times */
	unsigned shift;     /* a bin is 2^shift ns */
	bool durations, routes, others;
	bool ordered; /* a call that makes a process comes before what that does */
	uint64_t number, lost;
	uint64_t lines, bad, first_bad; /* text that is no call */
	uint64_t cut;                   /* the last line, if it is not whole */
};

/* Each 0 or -ENOMEM. */
int sum_call(struct sums *sums, const struct seen *seen);
int sum_start(struct sums *sums, long pid, long tid, int64_t time,
	      struct slice program, struct slice command);
int sum_fork(struct sums *sums, long pid, long parent, int64_t time);
int sum_thread(struct sums *sums, long pid, long tid, int64_t time);
/* @how: "exited with 1", "killed by SIGKILL". */
int sum_exit(struct sums *sums, long pid, int64_t time, struct slice how);
void sums_free(struct sums *sums);

/* The thread @tid of @pid, made if it is new. */
int find_thread(struct sums *sums, long pid, long tid, uint32_t *thread);

bool knows_thread(const struct sums *sums, long pid);
int rename_thread(struct sums *sums, long pid, long new_pid);

/* @thread turns out to be one of @parent's process. */
int join_thread(struct sums *sums, uint32_t thread, uint32_t parent);

/* The trace goes on at least until @time; -1: not told. */
void note_time(struct sums *sums, int64_t time);
int64_t add_times(int64_t a, int64_t b);

/*
 * The number of @s among at most @most, of which the last is for all that are
 * left; or -ENOMEM.
 */
long number_of(struct sums *sums, struct strings *all, struct slice s,
	       size_t most);
/* The same; if it is new, an element of the array *@array is made and zeroed. */
int element_of(struct sums *sums, struct strings *all, struct slice s,
	       size_t most, void *array, size_t *room, size_t size,
	       uint32_t *number);

/* What a call is made on: a thing or NONE; -ENOMEM.  In report_things.c. */
int find_thing(struct sums *sums, const struct process_sum *process,
	       const struct seen *seen, uint32_t *thing);
/* What it changes: descriptors. */
int note_descriptors(struct sums *sums, const struct process_sum *process,
		     const struct seen *seen, uint32_t thing);
struct slice seen_arg(const struct seen *seen, unsigned at);

/* The bounds of a bucket. */
int64_t bucket_begin(size_t bucket);
/* The time that @share of the calls did not exceed. */
int64_t histogram_at(const struct histogram *h, double share);

/* 0, or -1 after a message that names @file. */
int report_read(struct sums *sums, int fd, const char *file);

/* A line of strace's text; 0, -ENOMEM, or -EBADMSG: not understood. */
struct text_state {
	struct strings pending; /* by pid: calls that have begun */
	struct pending *all;
	size_t room;
	int64_t last, day; /* the last time; of -t, the days before it */
	long first, cloner;
	unsigned clones;   /* that are going on */
	struct text held;  /* the beginning of a line */
};

int text_line(struct sums *sums, struct text_state *state, struct slice line);
void text_free(struct text_state *state);

/* A line of `shim trace --json`.  The same, and @why of @size tells it. */
int json_line(struct sums *sums, struct slice line, char *why, size_t size);

/* The page; errors are remembered by the stream.  0 or -ENOMEM. */
int report_page(FILE *to, const struct sums *sums, struct slice name);

const char *way_name(enum way way);

/* Pictures, in report_svg.c. */
void svg_key(FILE *to, const struct sums *sums);
void svg_line(FILE *to, const struct sums *sums, uint32_t thread,
	      uint64_t most_calls);
/* As long as the sum of @parts is of @whole. */
void svg_bar(FILE *to, const int64_t *parts, int64_t whole);
/* Powers of two of ns, from @first up to @last. */
void svg_histogram(FILE *to, const struct sums *sums, uint32_t call,
		   unsigned first, unsigned last);
uint64_t calls_of_power(const struct histogram *h, unsigned power);

#endif
