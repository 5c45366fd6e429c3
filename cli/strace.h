/* SPDX-License-Identifier: MIT */
/*
 * A trace of system calls in strace's text format, as a list of events.
 *
 * Lines of many threads are mixed in it, and a call that was interrupted by a line
 * of another thread is in two pieces; here it is in one.  All slices are part of
 * the text of the trace, or of pieces that were joined.
 */
#ifndef SHIM_CLI_STRACE_H
#define SHIM_CLI_STRACE_H

#include "text.h"

enum strace_kind {
	STRACE_NOTHING, /* an empty line, a message of strace */
	STRACE_BAD,     /* not understood */
	STRACE_CALL,
	STRACE_ENTER,   /* unfinished */
	STRACE_LEAVE,   /* resumed */
	STRACE_SIGNAL,
	STRACE_EXIT,
	STRACE_ATTACH,  /* a new process: its pid */
};

struct strace_line {
	enum strace_kind kind;
	long pid;                      /* -1: not given */
	struct slice times;            /* what -t and -r have put in front */
	struct slice name, args, result; /* of LEAVE: args are all the rest */
};

/* Take a line to pieces. */
void strace_line(struct slice text, struct strace_line *line);

/*
 * Does @s end with "strace: Process PID attached"?  On the standard error that can
 * be in the middle of a line: what is before it is left in @s.
 */
bool strace_attached(struct slice *s, long *pid);

/* "ARGS) = RESULT" to its parts; false: there is no result. */
bool strace_split(struct slice text, struct slice *args, struct slice *result);

/* Does this call make threads or processes? */
bool strace_creates(struct slice name);

/* Takes "<0.000012>" of -T from the end of a result; empty: there is none. */
struct slice strace_duration(struct slice *result);

/*
 * Where what begins at s.s[i] ends: a string in quotes, or the "<...>" behind a
 * descriptor.  s.n: nowhere.
 */
size_t skip_string(struct slice s, size_t i);
size_t skip_note(struct slice s, size_t i);

#define NO_THREAD UINT32_MAX

struct thread {
	long pid;
	uint32_t parent, first_child, last_child, next; /* NO_THREAD: none */
	uint32_t pending; /* the event that it has entered; NO_THREAD: none */
	bool ended;
	struct slice program; /* what it has executed last, or "" */
};

struct event {
	enum strace_kind kind;
	uint32_t thread, line;
	uint32_t child; /* whom this call has created, or NO_THREAD */
	struct slice name, args, result;
};

struct trace {
	struct text text;
	struct thread *threads;
	size_t threads_number, threads_room;
	struct event *events;
	size_t events_number, events_room;
	uint32_t first_root, last_root;
	struct strings joined;
	size_t calls, exits, bad, first_bad; /* first_bad: a line */
	/* While it is read: */
	uint32_t *pids;
	size_t pids_slots, pids_used;
	uint32_t oldest, line;
	struct slice held; /* the beginning of a line */
};

/* 0 or -errno; -EFBIG: too large, -EBADMSG: there is no system call in it. */
int trace_read(struct trace *trace, int fd);
void trace_free(struct trace *trace);

/* The latest thread with this pid, or NO_THREAD. */
uint32_t trace_find(const struct trace *trace, long pid);

#endif
