/* SPDX-License-Identifier: MIT */
/* The runs of a trial: which comes when, what happens before, what is checked. */
#ifndef SHIM_CLI_TRIAL_ROUNDS_H
#define SHIM_CLI_TRIAL_ROUNDS_H

#include "trial.h"

/*
 * Make all runs of @trial and fill in what they have shown.  0, also when the
 * trial is not sound; a status after a message; or -EINTR: told to stop.
 */
int trial_perform(struct trial *trial);

/*
 * Which mode is the @i-th one of round @round?  A Williams design: each mode
 * comes equally often at each place, and equally often after each other one,
 * once @round has gone through twice their @number.
 */
unsigned trial_order(unsigned round, unsigned i, unsigned number);

/* Is @run like the first one?  If not, note that. */
void trial_check(struct trial *trial, const struct run *run, bool native,
		 const char *where);

/* Has something been found that makes the comparison worthless? */
bool trial_is_sound(const struct trial *trial);

/* "exit status 1", "killed by SIGSEGV". */
const char *trial_status(const struct run *run, char *text, size_t size);

#endif
