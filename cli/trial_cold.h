/* SPDX-License-Identifier: MIT */
/* Making the caches cold before a run. */
#ifndef SHIM_CLI_TRIAL_COLD_H
#define SHIM_CLI_TRIAL_COLD_H

#include "trial.h"

struct cold;

/*
 * As root all clean caches of the machine go; else those of the files that the
 * program opens, which takes a run that is watched.  0, a status after a
 * message, or -EINTR.
 */
int cold_begin(struct cold **cold, struct trial *trial);

/* 0, or a status after a message. */
int cold_drop(const struct cold *cold);

void cold_end(struct cold *cold);

#endif
