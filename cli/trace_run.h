/* SPDX-License-Identifier: MIT */
/* Tracing a program, or showing what was recorded of one. */
#ifndef SHIM_CLI_TRACE_RUN_H
#define SHIM_CLI_TRACE_RUN_H

#include "launch.h"
#include "tracer.h"

struct trace_program {
	const struct trace_options *options;
	const struct launch *launch;
	char **argv;
	/* In the child, before it executes the program; or NULL.  See child.h. */
	int (*prepare)(void *arg);
	void *arg;
	/* Afterwards: */
	int status;      /* its end, as of wait(2) */
	bool incomplete; /* the trace, and it was said why */
	bool empty;      /* nothing was recorded: the library was not loaded */
};

/*
 * Run the program to its end, and those that it starts if options say so, while
 * the trace is written.  0, or a status of shim after a message; a trace that could
 * not be written is no reason for that.  The environment of this process is changed.
 */
int trace_program(struct trace_program *program);

/* Show the recording in @file.  0, or a status of shim after a message. */
int trace_recording(const struct trace_options *options, const char *file);

#endif
