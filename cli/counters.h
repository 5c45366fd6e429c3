/* SPDX-License-Identifier: MIT */
/*
 * A table of counters, read from what the library writes.
 *
 * That is lines "CALL COLUMN COUNT" below a header that begins with "# libshim",
 * padded with spaces, in a file (SHIM_STATS=FILE) or on stderr (SHIM_STATS=1).
 * A column is "ring", "native:REASON", or something else that was counted:
 * "errors", "bytes" ...  No name of a call or a reason is known here: a newer
 * library may have more.
 */
#ifndef SHIM_CLI_COUNTERS_H
#define SHIM_CLI_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_SIZE 32

struct counter {
	char call[NAME_SIZE];
	char column[NAME_SIZE];
	uint64_t count;
};

/* In the order in which calls, and columns of a call, first occurred. */
struct counters {
	struct counter *all;
	size_t number, room;
	/* Why a text was refused: "line 3: ...". */
	char why[128];
};

/*
 * Add what is in @text.  0 or -errno; -EBADMSG: it is not what the library
 * writes, see why.
 */
int counters_parse(struct counters *counters, const char *text, size_t size);

/* Add what can be read from @fd, from its beginning. The same, and -EFBIG. */
int counters_read(struct counters *counters, int fd);

void counters_free(struct counters *counters);

/* The reason of a column "native:REASON", or NULL. */
const char *counter_reason(const struct counter *counter);

/* "process" counts programs, "prefetch" hints, not calls. */
bool counter_is_call(const struct counter *counter);
bool counter_is_of(const struct counter *counter, const char *call);

/* Is this the first of its call? */
bool counter_begins(const struct counters *counters, size_t i);

/* Counts never wrap around. */
uint64_t add_counts(uint64_t a, uint64_t b);

/* The sum of a column of @call; NULL: of all calls. */
uint64_t counters_sum(const struct counters *counters, const char *call,
		      const char *column);

/* The same for all native routes together. */
uint64_t counters_native(const struct counters *counters, const char *call);

/* Programs that were started with libc "patched" or "unpatched". */
uint64_t counters_programs(const struct counters *counters, const char *how);

/* SHIM_MODE=auto: "hints", "used", "wasted", "bytes". */
uint64_t counters_prefetch(const struct counters *counters, const char *what);

/* In words, what counters_read() or counters_parse() returned. */
const char *counters_error(const struct counters *counters, int ret);

#endif
