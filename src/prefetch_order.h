/* SPDX-License-Identifier: MIT */
/* In which order does a program take what is in a directory? */
#ifndef SHIM_PREFETCH_ORDER_H
#define SHIM_PREFETCH_ORDER_H

#include "prefetch_walk.h"

/*
 * The order in which @touched, three entries of one directory, are near
 * neighbours, or SHIM_ORDER_UNKNOWN.
 */
enum shim_walk_order shim_order_of(const struct shim_walk *walk,
				   const uint32_t touched[3]);

/* Put the entries of a directory into @walk's order, and hash them. */
void shim_order_sort(struct shim_walk *walk, struct shim_walk_dir *dir);

#endif
