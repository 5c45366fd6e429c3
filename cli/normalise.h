/* SPDX-License-Identifier: MIT */
/*
 * What threads did, without what differs from run to run: each call as a line in
 * which descriptors are named after what they were opened as, and pids,
 * addresses, times and temporary names are gone.
 */
#ifndef SHIM_CLI_NORMALISE_H
#define SHIM_CLI_NORMALISE_H

#include "call_kinds.h"
#include "fdtable.h"
#include "strace.h"

struct entry {
	uint32_t call, text; /* numbers of strings, of both traces */
	uint32_t line;
	bool error;
	uint64_t bytes;
};

struct stream {
	struct entry *all;
	size_t number, room;
};

/* Which calls count. */
struct selection {
	bool given, all;
	struct strings names;
};

struct normaliser {
	struct trace trace;
	struct stream *streams; /* one per thread */
	const struct selection *selection;
	struct strings *calls, *texts; /* shared by both traces */
	bool strict, exits;
	/* While it works: */
	struct fdtable **tables;
	long *pending; /* what the descriptor of an unfinished call is */
	struct strings labels, counts, temporary, shown;
};

/* Of a trace that has been read.  0 or -ENOMEM. */
int normalise(struct normaliser *n);
void normaliser_free(struct normaliser *n);

/* For the parts of it. */

struct rewriter {
	struct normaliser *n;
	const struct call_kind *kind;
	struct slice in;
	size_t i;
	uint32_t thread;
	unsigned argument, depth;
	bool sure;  /* a path is made here, as only temporary files are */
	bool notes; /* there may be "<...>" */
	char next;  /* what the next number is, of its key: 'f', 'p' or 0 */
	bool addresses; /* its data are addresses */
	long first; /* what the first descriptor is */
	struct text *out;
};

/* Rewrite r->in to r->out. */
void rewrite(struct rewriter *r);
/* A name of a file, or of part of it, as it is between quotes. */
void rewrite_path(struct rewriter *r, struct slice path);
/* Other text between quotes: temporary names that are known. */
void rewrite_data(struct rewriter *r, struct slice data);
/* "fd<...>"; @note: what strace says it is, if that is not known. */
void put_descriptor(struct rewriter *r, long fd, long what, struct slice note);
/* Argument @at of @args; empty if there is none. */
struct slice argument(struct slice args, unsigned at);

/* Descriptors, in fd_names.c.  0 or -ENOMEM. */
int fd_effect(struct normaliser *n, const struct event *event,
	      const struct call_kind *kind, struct slice path);
long fd_of(const struct normaliser *n, uint32_t thread, struct slice argument);

#endif
