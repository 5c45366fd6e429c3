/* SPDX-License-Identifier: MIT */
/* What the runs of a trial say, in numbers and words; for all its reports. */
#ifndef SHIM_CLI_TRIAL_RESULT_H
#define SHIM_CLI_TRIAL_RESULT_H

#include "text.h"
#include "trial.h"

/* Native routes that are named in a report. */
#define WHY_REASONS 4

struct why_reason {
	const char *word;
	uint64_t calls;
};

/* What the counters of the run that was not measured say. */
struct why {
	bool counted;    /* else the library was in no process */
	uint64_t calls, ring, native;
	uint64_t waited; /* natively they would have slept, or did */
	struct why_reason reasons[WHY_REASONS]; /* the most frequent ones */
	unsigned reasons_number;
	uint64_t hints, used, wasted, hinted_bytes; /* of SHIM_MODE=auto */
	double per_call; /* seconds that a call takes longer than natively */
};

struct result {
	const char *name;
	bool native;
	struct spread of[MEASURES];
	double asleep;       /* share of its time that no processor was at work */
	struct ratio ratio;  /* of the wall times; not of native */
	enum verdict verdict;
	const char *impossible; /* why FASTER cannot be; then UNEXPLAINED */
	struct why why;      /* not of native */
};

struct results {
	const struct phase *phase;
	double confidence;   /* of each interval */
	unsigned number;
	struct result of[TRIAL_MODES]; /* native is the first */
};

/* A phase with at least one complete round.  0 or -ENOMEM. */
int results_of(const struct trial *trial, const struct phase *phase,
	       struct results *results);

/* "faster", "no difference" ... */
const char *verdict_word(enum verdict verdict);

/* The verdict in one sentence, without a newline. */
void put_verdict(struct text *text, const struct trial *trial,
		 const struct results *results, const struct result *result);

/* One line per fact, each with a newline. */
void put_why(struct text *text, const struct results *results);

/* What is wrong with the trial; nothing if it is sound. */
void put_unsound(struct text *text, const struct trial *trial);

#endif
