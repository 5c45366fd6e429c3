/* SPDX-License-Identifier: MIT */
/* Names of files that a variable gives, with the pid in them. */
#ifndef SHIM_FILE_NAME_H
#define SHIM_FILE_NAME_H

#include <stddef.h>

/*
 * @pattern with the pid of this process in the place of each "%p", in @name of
 * @size bytes.  0 or -ENAMETOOLONG.  Async-signal-safe.
 */
int shim_file_name(char *name, size_t size, const char *pattern);

#endif
