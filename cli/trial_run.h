/* SPDX-License-Identifier: MIT */
/* One run of a program: its input, its output, its end, what it took. */
#ifndef SHIM_CLI_TRIAL_RUN_H
#define SHIM_CLI_TRIAL_RUN_H

#include "trial.h"

/* Of each stream so much is kept, to show where two runs differ. */
#define CAPTURED_HEAD (256UL << 10)
/* Seconds that what a program has started may outlive it. */
#define RUN_GRACE 2.0

/*
 * To be called once, before the first run: signals that mean "stop" end a run
 * from now on and are kept for run_stopped(), and orphans become our children.
 */
void run_begin(void);

/* The signal that we were told to stop by, or 0. */
int run_stopped(void);

/* Now end by that signal. */
void run_obey(void);

/*
 * Run @setting->argv once, with @environment.  0; or a status after a message:
 * the program could not be executed, or something of our own failed; or -EINTR
 * when we were told to stop.  However it ends, nothing of it goes on.
 */
int run_once(const struct setting *setting, char **environment,
	     struct run *run);

/* What run_once() has captured. */
void run_release(struct run *run);

/* Seconds since some point in the past. */
double run_clock(void);

#endif
