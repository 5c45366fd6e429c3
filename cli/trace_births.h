/* SPDX-License-Identifier: MIT */
/*
 * Who was created by whom, in a form that strace_parse.c reads: the text of a trace
 * does not tell, because the calls that create are not recorded.
 */
#ifndef SHIM_CLI_TRACE_BIRTHS_H
#define SHIM_CLI_TRACE_BIRTHS_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct birth {
	uint32_t parent, child; /* parent 0: not known */
};

struct births {
	struct birth *all;
	size_t number, room;
};

/* Those of one parent in the order of their pids: that in which they were made. */
void births_put(struct births *births, struct text *text);

#endif
