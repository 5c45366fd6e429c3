/* SPDX-License-Identifier: MIT */
/* Files that a variable names and that processes have mapped together. */
#ifndef SHIM_SHARED_FILE_H
#define SHIM_SHARED_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * @pattern with the pid of this process in the place of each "%p", in @name of
 * @size bytes.  0 or -ENAMETOOLONG.  Async-signal-safe.
 */
int shim_file_name(char *name, size_t size, const char *pattern);

/*
 * What a file has to be before it is mapped: made if it is empty, looked at
 * otherwise.  Called while the file is locked.  @size: how much to map.  0 or
 * -errno.
 */
typedef int shim_prepare(int fd, void *arg, uint64_t *size);

/*
 * Map the file @pattern, shared, for reading and writing, at *@map; if there is
 * none it is made, with @mode.  No descriptor is kept.  0 or -errno.
 * Async-signal-safe, but may wait for another process that prepares the file.
 */
int shim_map_file(const char *pattern, mode_t mode, shim_prepare *prepare,
		  void *arg, void **map);

#endif
