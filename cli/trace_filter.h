/* SPDX-License-Identifier: MIT */
/* Which calls are traced: the expressions of strace's -e that make sense here. */
#ifndef SHIM_CLI_TRACE_FILTER_H
#define SHIM_CLI_TRACE_FILTER_H

#include "tracer.h"

/* Every call that there is. */
void filter_all(struct trace_options *options);

/*
 * "open,read", "trace=%file", "trace=!read", "status=failed".  The last one of a
 * kind counts.  0, or a status of shim after a message about @command.
 */
int filter_expression(struct trace_options *options, const char *expression,
		      const char *command);

#endif
