/* SPDX-License-Identifier: MIT */
/*
 * What the descriptors of a process were opened as, as far as its calls tell: the
 * path as the program gave it.  Forked processes have copies, which share the
 * names.
 */
#ifndef SHIM_CLI_FD_PATHS_H
#define SHIM_CLI_FD_PATHS_H

#include <stdint.h>

#include "decode.h"
#include "text.h"

struct fd_paths;

struct fd_paths *fd_paths_new(void);
/* NULL of NULL, and without memory. */
struct fd_paths *fd_paths_copy(const struct fd_paths *paths);
void fd_paths_free(struct fd_paths *paths);

/* Another program was executed: what is close-on-exec is not there any more. */
void fd_paths_exec(struct fd_paths *paths);

/* Empty if it is not known.  Valid until the next change. */
struct slice fd_path(const struct fd_paths *paths, int64_t fd);

/* A call has returned. */
void fd_paths_follow(struct fd_paths *paths, const struct decoder *call);

#endif
