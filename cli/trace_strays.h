/* SPDX-License-Identifier: MIT */
/* Processes that are traced and not known yet, or not by their numbers. */
#ifndef SHIM_CLI_TRACE_STRAYS_H
#define SHIM_CLI_TRACE_STRAYS_H

#include "tracees.h"

/*
 * Add the processes that have the recording, the file behind @fd, in memory: a
 * forked one has it from the beginning.  How many there are.
 */
unsigned add_strays(struct tracees *all, int fd);

/*
 * Is @pid not what the recording calls so?  A process in another pid namespace has
 * another number there, and here that is somebody who was there before us.
 */
bool is_stranger(uint32_t pid);

#endif
