/* SPDX-License-Identifier: MIT */
/* The counters of a process that is running: its mapped SHIM_STATS file. */
#ifndef SHIM_CLI_ATTACH_H
#define SHIM_CLI_ATTACH_H

#include "counters.h"

/*
 * Add the counters of @pid.  0, or -errno; -ENODATA: it keeps none in a file,
 * -ENOEXEC: it does not even have the library.
 */
int attach_counters(struct counters *counters, long pid);

#endif
