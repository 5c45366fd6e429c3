/* SPDX-License-Identifier: MIT */
/* Our standard input, for every run anew. */
#ifndef SHIM_CLI_TRIAL_INPUT_H
#define SHIM_CLI_TRIAL_INPUT_H

#include <sys/types.h>

enum input_kind {
	INPUT_NONE, /* a terminal, a device ...: the runs get /dev/null */
	INPUT_FILE, /* the file, opened again, from the same position on */
	INPUT_PIPE, /* what came through a pipe, through another one */
};

struct input {
	enum input_kind kind;
	off_t position; /* FILE */
	int copy;       /* PIPE: a file with all of it, or -1 */
};

/* Read the standard input up to its end if it is a pipe.  0 or -errno. */
int input_open(struct input *input);
void input_close(struct input *input);

/*
 * The descriptor that a run reads from, or -errno.  For a PIPE, *@feed is where
 * input_feed() has to write, otherwise -1.  Both are closed on exec.
 */
int input_start(const struct input *input, int *feed);

/*
 * Write from *@done on what fits, and count it.  1: more to come, 0: that was
 * all, -errno: nobody reads it any more, or it cannot be read.
 */
int input_feed(const struct input *input, int feed, off_t *done);

#endif
