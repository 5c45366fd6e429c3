/* SPDX-License-Identifier: MIT */
/*
 * Recording calls into memory that is shared with a reader; format/trace.h is
 * the contract with that, and says what a record consists of.
 *
 * Whether there is a recording is decided once, before the first call is seen;
 * where there is none nothing of this is on the way of a call.
 *
 * All functions are async-signal-safe unless said otherwise, and may be left by
 * a jump at any instruction.  None sets errno.
 */
#ifndef SHIM_TRACE_H
#define SHIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/trace.h"
#include "route.h"

/* There is a recording: calls go by way of shim_trace_begin() and _end(). */
extern bool shim_tracing;

/*
 * Open the recording @path, or make one without a reader if there is no such
 * file.  @clock: CLOCK_MONOTONIC in ns, without a system call.  0, or -errno:
 * -EEXIST, the file is something else; -ESRCH, only another process is to be
 * recorded.  Not async-signal-safe.
 */
int shim_trace_open(const char *path, uint64_t (*clock)(void));

/* What a part of a record is copied from; see struct shim_trace_part. */
struct shim_trace_data {
	uint8_t kind, arg;
	uint16_t index;
	uint32_t size;
	uint64_t total;
	const void *from;
};

/* A message has so many segments, an address and control data. */
#define SHIM_TRACE_SEGMENTS 32
#define SHIM_TRACE_PARTS (SHIM_TRACE_SEGMENTS + 6)

struct shim_trace_parts {
	unsigned n;
	struct shim_trace_data all[SHIM_TRACE_PARTS + 1]; /* the last: too many */
};

/*
 * One more: @size bytes at @from, of which at most what a lane can take is used.
 * Whoever has more to say of it, @total or @index, says so in what is returned.
 */
struct shim_trace_data *shim_trace_add(struct shim_trace_parts *parts,
				       enum shim_trace_part_kind kind,
				       uint8_t arg, const void *from,
				       uint64_t size);

/* Is a call with this number to be recorded, in this thread? */
bool shim_trace_wants(unsigned nr);

/* A flag of the header. */
bool shim_trace_flag(uint32_t flag);

/* Bytes that are recorded of a string or a buffer. */
size_t shim_trace_string_max(void);

/* May lines of others come between those of this thread? */
bool shim_trace_has_company(void);

/*
 * Write a record: @record is the fixed part of @size bytes, of which mark, seq,
 * time and tid are filled in here.  Returns its number, or 0: it was lost.
 */
uint64_t shim_trace_write(struct shim_trace_record *record, size_t size,
			  const struct shim_trace_parts *parts);

/* A record without arguments: of a program, a thread, a process. */
void shim_trace_note(enum shim_trace_kind kind, uint64_t data,
		     const struct shim_trace_parts *parts);

/*
 * A child is about to share this thread's memory and thread-local storage.  Its
 * records are told apart by their thread id.  @at_once: while the thread itself
 * runs on as well; then neither is recorded any more.
 */
void shim_trace_sharing(bool at_once);

/* This is a forked child. */
void shim_trace_fork_child(void);

/* The thread is about to end. */
void shim_trace_thread_end(void);

/*
 * What became of the call that is in progress, for whoever records it.  Set by
 * shim_count(); @native by those that make native calls.
 */
struct shim_trace_last {
	uint16_t route;
	uint64_t native;
};

extern __thread struct shim_trace_last shim_trace_last;
extern uint64_t (*shim_trace_clock)(void); /* NULL: no times are recorded */

/* May the clock be read?  Records have no times where it may not. */
void shim_trace_use_clock(bool use);

/* CLOCK_MONOTONIC in ns; 0: there is none.  Another thread may forbid it now. */
static inline uint64_t shim_trace_now(void)
{
	uint64_t (*clock)(void) = __atomic_load_n(&shim_trace_clock,
						  __ATOMIC_RELAXED);

	return __builtin_expect(clock != NULL, 0) ? clock() : 0;
}

/* A native call is about to be made. */
static inline void shim_trace_native(void)
{
	shim_trace_last.native = shim_trace_now();
}

/* A call that is being recorded. */
struct shim_traced {
	struct shim_trace_enter enter;
	uint64_t seq; /* of @enter; 0: it is not recorded */
	bool asked;   /* whether what it points at can be read */
	bool early;   /* buffers that the kernel reads are in the ENTER record */
	uint64_t counts[3];
	struct shim_trace_last outer;
};

/*
 * Around a call, with the number and the arguments of the system call, which are
 * in @t->enter.args.  They may point anywhere: what they point at is copied where
 * it is known that it can be read, or after the kernel has been asked.
 * @result: >= 0 or -errno.
 */
void shim_trace_begin(struct shim_traced *t, unsigned nr);
void shim_trace_end(struct shim_traced *t, int64_t result);

#endif
