/* SPDX-License-Identifier: MIT */
/* What has to be known of a system call to compare it with another. */
#ifndef SHIM_CLI_CALL_KINDS_H
#define SHIM_CLI_CALL_KINDS_H

#include "text.h"

enum call_effect {
	EFFECT_NONE,
	EFFECT_OPEN,   /* a new descriptor, named by a path */
	EFFECT_NEW,    /* by the call */
	EFFECT_PAIR,   /* two, in an array */
	EFFECT_DUP,
	EFFECT_DUP2,
	EFFECT_FCNTL,
	EFFECT_CLOSE,
	EFFECT_RANGE,
};

#define CALL_RING 1    /* the library handles it: compared unless told otherwise */
#define CALL_DATA 2    /* moves bytes; its strings are not names */
#define CALL_MAKES 4   /* a name that may be a temporary one */
#define CALL_PID 8     /* returns one */
#define CALL_PIDS 16   /* has them among its arguments */

struct call_kind {
	const char *name;
	enum call_effect effect;
	unsigned flags;
	unsigned fds; /* which arguments are descriptors: bits */
};

/* Never NULL: of a call that is not known, one without a name. */
const struct call_kind *call_kind(struct slice name);

#endif
