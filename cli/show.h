/* SPDX-License-Identifier: MIT */
/* A table of counters, written for people and for programs. */
#ifndef SHIM_CLI_SHOW_H
#define SHIM_CLI_SHOW_H

#include <stdio.h>

#include "counters.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_OPENMETRICS };

/* 0, or -1: not written, or no memory. */
int show_counters(FILE *to, const struct counters *counters,
		  enum format format);

#endif
