/* SPDX-License-Identifier: MIT */
/* What was seen of the library at work in the probe. */
#ifndef SHIM_CLI_DOCTOR_H
#define SHIM_CLI_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define MOST_FINDINGS 128

struct finding {
	char call[32], on[64];
	char route[64]; /* "ring", a reason, or "!" and why it was not tried */
};

struct examination {
	char library[PATH_MAX];
	bool patched, ring; /* any call at all went by a ring */
	struct finding findings[MOST_FINDINGS];
	size_t number;
};

/* 0, or -1 after a message. */
int examine(struct examination *e);

#endif
