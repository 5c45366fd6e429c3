/* SPDX-License-Identifier: MIT */
/* Memory: the task's own, and how much there is to read ahead into. */
#ifndef SHIM_PREFETCH_MEMORY_H
#define SHIM_PREFETCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that can be had without swapping, as the kernel estimates it; all there
 * are, if it does not say.  Takes a descriptor of the calling task for an instant.
 */
uint64_t shim_memory_available(void);

/*
 * Zeroes for the task.  Not locked, whatever the program wants of its own memory, so that
 * it takes nothing of RLIMIT_MEMLOCK.  NULL: there is none.
 */
void *shim_memory_map(size_t size);
void shim_memory_unmap(void *memory, size_t size);

/* A forked child is not to have it. */
void shim_memory_keep(void *memory, size_t size);

#endif
