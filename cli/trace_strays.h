/* SPDX-License-Identifier: MIT */
/* Processes that are traced and have not made a call yet. */
#ifndef SHIM_CLI_TRACE_STRAYS_H
#define SHIM_CLI_TRACE_STRAYS_H

#include "tracees.h"

/*
 * Add the processes that have the recording, the file behind @fd, in memory: a
 * forked one has it from the beginning.  How many there are.
 */
unsigned add_strays(struct tracees *all, int fd);

#endif
