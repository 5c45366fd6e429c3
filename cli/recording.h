/* SPDX-License-Identifier: MIT */
/*
 * A recording, as format/trace.h has it: made and read while programs write it, or
 * read afterwards.
 *
 * The memory is shared with programs that may do to it what they like.  So each
 * record is copied before it is looked at, and nothing in it is believed without
 * a look at the limits.
 */
#ifndef SHIM_CLI_RECORDING_H
#define SHIM_CLI_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../format/trace.h"

/* What is set in the header, and how much memory a recording may take. */
struct recording_setup {
	uint32_t flags; /* SHIM_TRACE_FOLLOW, ... */
	uint32_t string_max;
	uint64_t numbers[SHIM_TRACE_NUMBERS / 64];
};

#define RECORDING_LANES 1024U
#define RECORDING_LANE (SHIM_TRACE_PAGE + (1UL << 20))

/* A lane, as its reader sees it. */
struct lane {
	void *user;     /* the taker's */
	uint32_t pid, tid;
	bool known;     /* claimed, with a pid */
	bool dead;      /* nobody writes to it any more */
	bool torn;      /* what is at @scan makes no sense */
	uint32_t waiting; /* records that were found but not taken */
	uint64_t scan;  /* what is before it has been looked at */
	uint64_t last;  /* where the last record that was found ends */
	uint64_t taken; /* what is before it can be given back */
	uint64_t newest; /* the largest number that was found; 0: none */
};

struct recording;

/*
 * Takes the records, in the order of their numbers as far as possible: a late one
 * comes late.  @record is a copy, valid during the call, of @size bytes; its
 * @seq, @kind, @tid are as they were found.
 */
struct recording_taker {
	void (*record)(void *arg, struct lane *lane,
		       const struct shim_trace_record *record, size_t size);
	void *arg;
};

/* A new one, in memory; its descriptor in @fd.  0 or -errno. */
int recording_make(struct recording **r, const struct recording_setup *setup,
		   int *fd);

/* One that was made by others and is over.  0 or -errno; -EBADMSG: it is none. */
int recording_open(struct recording **r, int fd);
void recording_free(struct recording *r);

struct shim_trace_header *recording_header(struct recording *r);

/* The word for a route, in @word; "?" if there is none. */
void recording_word(struct recording *r, unsigned route,
		    char word[SHIM_TRACE_WORD]);

/*
 * Take what is there, in @room records or more; give back their space.  Returns
 * how many were taken.
 */
unsigned recording_drain(struct recording *r, unsigned room,
			 const struct recording_taker *taker);

/* Nobody writes any more: do not wait for what is missing. */
void recording_over(struct recording *r);

/* Process @pid does not live any more; its lanes end where they are. */
void recording_bury(struct recording *r, uint32_t pid);

/*
 * The same for its lanes in which nothing is newer than number @seq: it has
 * executed another program then.
 */
void recording_supersede(struct recording *r, uint32_t pid, uint64_t seq);

/* No lane leads to @user any more. */
void recording_forget(struct recording *r, const void *user);

/* Has everything been taken that process @pid has written? */
bool recording_drained(const struct recording *r, uint32_t pid);

/* Records that are known to be lost. */
uint64_t recording_lost(struct recording *r);

#endif
