/* SPDX-License-Identifier: MIT */
/*
 * Counters in a file: SHIM_STATS=FILE.
 *
 * The file is text, one line of fixed width per call and column that ever
 * occurred, the count in decimal digits, and it is mapped shared: every count
 * is an atomic addition on the digits themselves.  So the file can be read at
 * any moment with any tool, is complete after SIGKILL, and several processes
 * may count into the same one, where it adds up.
 */
#ifndef SHIM_COUNTERS_FILE_H
#define SHIM_COUNTERS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"

extern volatile bool shim_counters_file;

/* Async-signal-safe, no system call. */
void shim_counters_file_add(enum shim_call call, unsigned column, uint64_t n);

void shim_counters_file_hint(enum shim_hint_column column, uint64_t n);

/* One more program has begun, with libc's functions patched or not. */
void shim_counters_file_image(bool patched);

/* In a forked child: a file of its own if the name has its pid in it. */
void shim_counters_file_fork_child(void);

#endif
