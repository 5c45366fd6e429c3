/* SPDX-License-Identifier: MIT */
/* The reports of a trial. */
#ifndef SHIM_CLI_TRIAL_SHOW_H
#define SHIM_CLI_TRIAL_SHOW_H

#include "trial_result.h"

/* A trial with the results of its @number phases that have any. */
struct report {
	const struct trial *trial;
	const struct results *results;
	unsigned number;
};

/* Each: 0, or -1: not written, or no memory. */
int show_trial_text(FILE *to, const struct report *report);
int show_trial_json(FILE *to, const struct report *report);
int show_trial_html(FILE *to, const struct report *report);

/* The command line, not yet made harmless. */
void put_command(struct text *text, const struct trial *trial);

/* "Linux 6.18, 2 processors, 2026-11-23; native, ring in turn, 12 rounds". */
void put_circumstances(struct text *text, const struct trial *trial);

#endif
