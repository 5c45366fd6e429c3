/* SPDX-License-Identifier: MIT */
/* The columns of the table of calls. */
#ifndef SHIM_CLI_TRACE_TABLE_H
#define SHIM_CLI_TRACE_TABLE_H

#include "tracer.h"

enum table_column {
	TABLE_PERCENT,
	TABLE_TOTAL,
	TABLE_LEAST,
	TABLE_MOST,
	TABLE_AVERAGE,
	TABLE_CALLS,
	TABLE_ERRORS,
	TABLE_NAME,
};

/* One of them by any of its names, or -1. */
int table_column(const char *name, size_t n);

#endif
