/* SPDX-License-Identifier: MIT */
/* The operands of a program as a walk; see prefetch_walk.h. */
#ifndef SHIM_PREFETCH_OPERANDS_H
#define SHIM_PREFETCH_OPERANDS_H

#include "prefetch_walk.h"

/*
 * Take in the next run of operands that are in one directory, as a directory of the
 * walk, which is then in it.  False: there are no more.
 */
bool shim_operands_more(struct shim_walk *walk);

#endif
