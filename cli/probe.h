/* SPDX-License-Identifier: MIT */
/* The calls that `shim doctor` has made under the library; see probe.c. */
#ifndef SHIM_CLI_PROBE_H
#define SHIM_CLI_PROBE_H

#include <stddef.h>

#define PROBE_NAME "__probe"
#define PROBE_NO_LIBRARY 3 /* status: nobody counts */

/* A directory of the probe's own, on some file system. */
struct probe_place {
	const char *dir, *fs;
};

enum { PLACE_NONE = -1, PLACE_HERE, PLACE_TMPFS, PLACES };

struct probe_row {
	const char *call;
	const char *on;
	int place; /* whose file system belongs to the name, or PLACE_NONE */
	/* Make descriptors: [0] to read from, [1] to write to.  May be NULL. */
	int (*files)(const struct probe_place *place, int fds[2]);
	/*
	 * Make the call once.  Neither makes another of the same name, and nothing
	 * is closed afterwards: a close counts as well.  Both: 0 or -errno.
	 */
	int (*make)(const struct probe_place *place, const int fds[2]);
};

extern const struct probe_row probe_rows[];
extern const size_t probe_number;

/* 0 or -errno: the files that the rows want to be there. */
int probe_files(const struct probe_place *place);

#endif
