/* SPDX-License-Identifier: MIT */
/*
 * Where a report goes: a stream, or a file that is there whole or not at all,
 * because others may be waiting for it (a node exporter's directory).
 */
#ifndef SHIM_CLI_OUTPUT_H
#define SHIM_CLI_OUTPUT_H

#include <stdio.h>

struct output {
	FILE *stream;
	const char *name; /* for messages */
	char *temporary;  /* to be renamed to name */
};

/* @file, or @otherwise if that is NULL.  0, or -1 after a message. */
int output_open(struct output *output, const char *file, FILE *otherwise);

/* The same: has everything arrived?  @keep 0: forget it. */
int output_close(struct output *output, int keep);

#endif
