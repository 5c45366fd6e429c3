/* SPDX-License-Identifier: MIT */
/*
 * From records to what is shown: the state of a trace, and the views that print
 * it (text, JSON, a table).
 */
#ifndef SHIM_CLI_TRACER_H
#define SHIM_CLI_TRACER_H

#include "recording.h"
#include "sink.h"
#include "trace_calls.h"
#include "tracees.h"

enum trace_stamp { STAMP_NONE, STAMP_SECONDS, STAMP_MICRO, STAMP_EPOCH };
enum trace_format { TRACE_TEXT, TRACE_JSON, TRACE_TABLE, TRACE_TEXT_AND_TABLE };

#define TRACE_SUCCESSFUL 1U
#define TRACE_FAILED 2U
#define TRACE_UNFINISHED 4U
#define TRACE_ANY 7U

#define TABLE_COLUMNS 8

struct trace_options {
	bool follow;
	enum trace_format format;
	const char *output;      /* NULL: the standard error */
	enum trace_stamp stamp;
	bool relative, durations, paths;
	unsigned string_max, column;
	bool hush;               /* no word about processes that appear */
	unsigned status;         /* TRACE_SUCCESSFUL, ... */
	uint64_t numbers[SHIM_TRACE_NUMBERS / 64];
	/* Of the table, by number of a column; -1: not there. */
	signed char columns[TABLE_COLUMNS];
	unsigned columns_number;
	int sort;                /* a column, or -1 */
	struct births *births;   /* NULL, or where those are noted */
};

/* As they are without options. */
void trace_defaults(struct trace_options *options);

struct tracer;

/* Each may be NULL. */
struct trace_view {
	/* A program begins: its START record. */
	void (*program)(struct tracer *t, struct tracee *tracee,
			const struct shim_trace_record *record, size_t size);
	/* A process, or a thread, appears; @parent 0: not known. */
	void (*process)(struct tracer *t, struct tracee *tracee,
			uint32_t parent, uint64_t time);
	void (*thread)(struct tracer *t, struct tracee *tracee, uint64_t time);
	/* A call begins. */
	void (*enter)(struct tracer *t, struct tracee *tracee,
		      struct pending *call);
	/* A signal handler begins another one in it. */
	void (*interrupted)(struct tracer *t, struct tracee *tracee,
			    struct pending *call);
	/* It has returned; @d has everything. */
	void (*leave)(struct tracer *t, struct tracee *tracee,
		      struct pending *call, struct decoder *d,
		      const struct shim_trace_leave *leave);
	/* It never will: its thread has gone, or has left it by a jump. */
	void (*abandoned)(struct tracer *t, struct tracee *tracee,
			  struct pending *call);
	/* A thread has ended, with this status of wait(2) if it is @known. */
	void (*ended)(struct tracer *t, struct tracee *tracee, bool known,
		      int status);
	/* At the end of all. */
	void (*finish)(struct tracer *t, uint64_t lost);
};

extern const struct trace_view trace_text_view, trace_json_view,
	trace_table_view, trace_births_view;

#define TRACE_VIEWS 3

struct tracer {
	const struct trace_options *options;
	struct recording *recording;
	struct tracees tracees;
	struct sink sink;
	const struct trace_view *views[TRACE_VIEWS];
	bool live;       /* the programs may be running still */
	bool root_known; /* our child has ended, and how: */
	int root_status;
	bool failed;     /* no memory: not all is shown */
	uint64_t unknown; /* records that make no sense */
	unsigned long records;
	/* The text view's. */
	struct tracee *open; /* whose line is not complete */
	uint64_t line;       /* where it begins, in bytes of the sink */
	uint64_t last_stamp;
	struct table *table;
	struct text scratch;
};

/* 0 or a status of shim after a message. */
int tracer_begin(struct tracer *t, const struct trace_options *options,
		 struct recording *recording);

/* Take what the recording has; how many records that were. */
unsigned tracer_drain(struct tracer *t, unsigned room);

/* Look for threads and processes that have ended, waiting up to @ns for one. */
void tracer_look(struct tracer *t, uint64_t ns);

/* Nothing runs any more: show what is left, and say what went wrong.  0 or -1. */
int tracer_end(struct tracer *t);

/* For the views. */

/* Nanoseconds since 1970 of a time of the recording; of now if it is 0. */
int64_t tracer_realtime(const struct tracer *t, uint64_t time);
uint64_t tracer_now(void);

/* What is known of a call that has begun. */
void tracer_decoder(struct tracer *t, const struct pending *call,
		    struct decoder *d);

/* A call that has not returned and will not: as if it had failed. */
void tracer_decoder_abandoned(struct tracer *t, const struct pending *call,
			      struct decoder *d);

/* Is a call with this result to be shown? */
bool tracer_shows(const struct tracer *t, int64_t result);

#endif
