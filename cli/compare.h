/* SPDX-License-Identifier: MIT */
/* Two traces, or two runs, compared: what `shim compare` has found. */
#ifndef SHIM_CLI_COMPARE_H
#define SHIM_CLI_COMPARE_H

#include "align.h"
#include "compare_run.h"
#include "normalise.h"

/* A difference that is expected. */
struct rule {
	char *call, *pattern, *reason; /* one allocation: call */
	unsigned long count;
};

struct rules {
	struct rule *all;
	size_t number, room;
	long *memory; /* the rule of a text, plus one; -1: none; 0: not known */
};

/* 0, or -1 after a message. */
int rules_read(struct rules *rules, const char *file);
void rules_free(struct rules *rules);

struct call_row {
	uint64_t calls[2], errors[2], bytes[2];
	bool differs;
};

/* A thread of A and its like in B; NO_THREAD: there is none. */
struct pair {
	uint32_t thread[2];
	struct steps steps;
	size_t differences, first; /* first: a step */
};

struct comparison {
	const char *file[2];
	const struct runs *runs; /* NULL: two traces are compared */
	struct normaliser side[2];
	struct selection selection;
	struct strings calls, texts;
	struct rules rules;
	struct call_row *rows; /* one per string of calls */
	struct pair *pairs;
	size_t pairs_number, pairs_room;
	size_t differences, expected, differing;
};

/* Both have been normalised.  0 or -ENOMEM. */
int compare_threads(struct comparison *c);

/* The entry of a step's side, or NULL. */
const struct entry *step_entry(const struct comparison *c, const struct pair *pair,
			       const struct step *step, int side);
/* Neither in both nor expected. */
bool step_differs(const struct comparison *c, const struct pair *pair,
		  const struct step *step);

/* 0, or -1: not written, or no memory. */
int show_comparison(FILE *to, const struct comparison *c);
int show_comparison_json(FILE *to, const struct comparison *c);

/* Do the runs themselves differ: their ends, what they have written? */
bool runs_differ(const struct comparison *c);

/* The steps to be shown: context, the first divergence, context. */
struct hunk {
	size_t begin, from, to, end;
};

struct hunk first_hunk(const struct pair *pair);

/* "thread 2 (cat, pid 4711)" */
void describe_thread(struct text *text, const struct comparison *c, size_t pair,
		     int side);

#endif
