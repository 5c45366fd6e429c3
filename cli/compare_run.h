/* SPDX-License-Identifier: MIT */
/* Running a program twice to compare the runs. */
#ifndef SHIM_CLI_COMPARE_RUN_H
#define SHIM_CLI_COMPARE_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "launch.h"

/* What one run has written to one stream. */
struct run_output {
	uint64_t bytes;
	uint64_t digest[2];
};

/* A: native, B: with its calls on the ring. */
struct runs {
	const char *mode[2];
	char trace[2][PATH_MAX];     /* a file, to be removed; "": none */
	int status[2];               /* of wait(2) */
	struct run_output output[2][2]; /* stdout, stderr */
};

/*
 * Run @argv both ways, one after the other, in the same directory, with the same
 * standard input.  0, or a status of shim after a message.
 */
int runs_make(struct runs *runs, const struct launch *launch, char **argv);
void runs_remove(struct runs *runs);

/* Is what the runs did themselves the same: their ends; a stream? */
bool runs_end_alike(const struct runs *runs);
bool runs_write_alike(const struct runs *runs, int stream);

/* "exit 0", "killed by SIGTERM" */
void run_end(const struct runs *runs, int side, char text[64]);

#endif
