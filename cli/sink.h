/* SPDX-License-Identifier: MIT */
/*
 * Where a trace goes.  A trace never fails because it cannot be written: what
 * goes wrong is remembered, what comes then is thrown away, and that is said at
 * the end.
 */
#ifndef SHIM_CLI_SINK_H
#define SHIM_CLI_SINK_H

#include "text.h"

struct sink {
	struct text text; /* append to it, whole lines if possible */
	int fd;
	int error;        /* errno of the first write that failed */
	const char *name;
	FILE *pipe;       /* of "|command" */
	uint64_t written; /* bytes that were in @text before */
};

/*
 * @file, which nobody but its owner can read then, "|command", or the standard
 * error if it is NULL.  0, or -1 after a message.
 */
int sink_open(struct sink *sink, const char *file);

/* Write if there is much. */
void sink_trim(struct sink *sink);

/* Write. */
void sink_flush(struct sink *sink);

/* The same, and say what went wrong: -1 then. */
int sink_close(struct sink *sink);

/* How many bytes have been put in ever. */
uint64_t sink_position(const struct sink *sink);

#endif
