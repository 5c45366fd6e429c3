/* SPDX-License-Identifier: MIT */
/* Making the caches cold before a run. */
#ifndef SHIM_CLI_TRIAL_COLD_H
#define SHIM_CLI_TRIAL_COLD_H

#include <stdbool.h>
#include <stddef.h>

struct cold;

/*
 * As root all clean caches of the machine will go; else the contents of the files
 * that the program opens, which takes a run of cold_command().
 * 0, or a status after a message.
 */
int cold_begin(struct cold **cold, char **argv);

/* What to run once, in place of the program; NULL: that is not needed. */
char **cold_command(const struct cold *cold);

/* It has been run.  0, or a status after a message. */
int cold_learn(struct cold *cold);

/* 0, or a status after a message. */
int cold_drop(const struct cold *cold);

/* "... were dropped": what it does. */
const char *cold_how(const struct cold *cold);

void cold_end(struct cold *cold);

#endif
