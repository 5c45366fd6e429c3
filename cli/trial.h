/* SPDX-License-Identifier: MIT */
/*
 * What the files of `shim trial` share: a program is run natively and in the
 * modes of the library, in turn, and the runs are compared.
 *
 * A trial has phases (cold, warm).  A phase has one run of each mode that is not
 * measured - the caches get warm, the counters of the library are taken - and
 * then rounds, with one measured run of each mode in every round.
 */
#ifndef SHIM_CLI_TRIAL_H
#define SHIM_CLI_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "counters.h"
#include "launch.h"
#include "trial_stats.h"

#define TRIAL_MODES 4  /* native, and the words of SHIM_MODE */
#define TRIAL_PHASES 2
#define TRIAL_CONFIDENCE 0.95 /* of all verdicts of a trial together */

enum stream { STREAM_OUT, STREAM_ERR, STREAMS };

/* What came out of a stream: all of it by its digest, the beginning itself. */
struct captured {
	uint64_t bytes;
	uint64_t digest[2];
	char *head;
	size_t kept;
};

/* One run.  Times are in seconds, of all processes of the run together. */
struct run {
	double wall, user, sys;
	double minor, major; /* page faults without and with a read */
	double read;         /* bytes from disks */
	int status;          /* as of waitpid(2) */
	bool late;           /* ended by us: it took too long */
	bool left;           /* something went on, and was ended by us */
	struct captured captured[STREAMS];
};

/* The first run that was not like the first native one. */
struct difference {
	unsigned number;     /* how many such runs */
	bool native;         /* is one of them a native one? */
	char where[64];      /* "ring, cold, round 3" */
	char what[512];      /* "standard output: ..." */
};

struct mode {
	const char *name;
	char **environment;  /* of measured runs */
	char **counting;     /* of the one that is not; the same for native */
};

struct phase {
	bool cold;
	unsigned rounds;     /* completed */
	struct run *runs[TRIAL_MODES]; /* one per round; nothing captured */
	struct counters counters[TRIAL_MODES];
	bool counted[TRIAL_MODES]; /* has the library been at work? */
};

/* How a program is run. */
struct setting {
	char **argv;
	const struct input *input;
	double limit;        /* seconds; 0: none */
};

struct trial {
	struct launch launch;
	struct setting setting;
	struct mode modes[TRIAL_MODES]; /* the first one is native */
	unsigned modes_number;
	struct phase phases[TRIAL_PHASES];
	unsigned phases_number;
	unsigned rounds;
	double margin;       /* percent */
	double timeout;      /* of each run; 0: by the first one */
	const char *prepare; /* for the shell, before each run; or NULL */
	struct run first;    /* what all others have to be like */
	struct difference difference;
	char unsound[128];   /* what is wrong with runs that are alike, or "" */
	bool over;           /* and so wrong that there is no use in going on */
	char cold_how[128];  /* in words: what was made cold */
	const char *counters_file; /* what the library counts in */
};

/* What is measured of a run, for reports. */
enum measure {
	MEASURE_WALL, MEASURE_USER, MEASURE_SYS, MEASURE_MINOR, MEASURE_MAJOR,
	MEASURE_READ, MEASURES
};

#endif
