/* SPDX-License-Identifier: MIT */
/*
 * One large file that the program reads from start to end: what comes next is what
 * comes next in it.  The kernel's own read-ahead starts when the program asks, one window
 * at a time, and the device has nothing to do in between.
 *
 * The file is found by its name for each step and closed again, so that it is
 * not held: another file of that name is the end.
 */
#ifndef SHIM_PREFETCH_STREAM_H
#define SHIM_PREFETCH_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct shim_stream {
	bool on;
	bool used;             /* the program has come to what was asked for */
	uint64_t dev, ino;
	uint64_t begun, at;    /* where the program was, and is */
	uint64_t asked;        /* up to here */
	char path[4096];
};

/* The program is at @at in the file @path, ended by a zero and not too long. */
void shim_stream_begin(struct shim_stream *s, const char *path, uint64_t dev,
		       uint64_t ino, uint64_t at);

/* It has come to @at.  False: it does not read on, which is the end. */
bool shim_stream_reach(struct shim_stream *s, uint64_t at);

/*
 * Ask for some more, @most bytes ahead of the program at most, and no more than twice
 * what it has read since the beginning.  Returns how many were asked for; 0: not now,
 * or the end of the file.  -errno is the end.
 */
long shim_stream_more(struct shim_stream *s, int own, uint64_t most);

#endif
