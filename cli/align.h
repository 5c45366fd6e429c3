/* SPDX-License-Identifier: MIT */
/* Two lists of numbers, aligned: what is in both, in one, in the other. */
#ifndef SHIM_CLI_ALIGN_H
#define SHIM_CLI_ALIGN_H

#include <stddef.h>
#include <stdint.h>

/* An element of both, or with -1 of one of them. */
struct step {
	int32_t a, b;
};

struct steps {
	struct step *all;
	size_t number, room;
};

/*
 * 0 or -ENOMEM.  The smallest number of differences if these are few; else a
 * small one, in a time that stays in proportion to the lengths.
 */
int align(const uint32_t *a, size_t a_number, const uint32_t *b, size_t b_number,
	  struct steps *steps);

#endif
