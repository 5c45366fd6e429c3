/* SPDX-License-Identifier: MIT */
#ifndef SHIM_CLI_SCRATCH_H
#define SHIM_CLI_SCRATCH_H

#include <stddef.h>

/*
 * Make an empty file "shim.@what.XXXXXX" that a program can be given the name of:
 * absolute, without a '%', in XDG_RUNTIME_DIR, TMPDIR or /tmp, its owner's alone.
 * Its name goes into @name[@size].  A descriptor, or -errno.
 */
int scratch_file(const char *what, char *name, size_t size);

#endif
