/* SPDX-License-Identifier: MIT */
/* How much memory there is to read ahead into. */
#ifndef SHIM_PREFETCH_MEMORY_H
#define SHIM_PREFETCH_MEMORY_H

#include <stdint.h>

/*
 * Bytes that can be had without swapping, as the kernel estimates it; all there
 * are, if it does not say.  Takes a descriptor of the calling task for an instant.
 */
uint64_t shim_memory_available(void);

#endif
