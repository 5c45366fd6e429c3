/* SPDX-License-Identifier: MIT */
/*
 * Can a preloaded library work in this program?  To be known before it is run,
 * because where it cannot nothing else tells: the program simply runs natively.
 */
#ifndef SHIM_CLI_PROGRAM_H
#define SHIM_CLI_PROGRAM_H

#include <limits.h>

enum fitness {
	PROGRAM_FITS,
	PROGRAM_IGNORES, /* nobody reads LD_PRELOAD, or most calls are not seen */
	PROGRAM_BREAKS,  /* another loader would stumble over the library */
	PROGRAM_UNKNOWN, /* it cannot be read, or is damaged */
};

struct program {
	char path[PATH_MAX];  /* what the name stands for, by PATH */
	char image[PATH_MAX]; /* what is executed: of a script its interpreter */
	enum fitness fitness;
	char what[PATH_MAX];  /* in words: "set-user-ID", "static" ... */
	const char *so;       /* what follows from it */
};

/*
 * Find @name as execvp(3) does and look at it.  0, or the error that exec would
 * have, roughly: -ENOENT, -EACCES ...  A program that cannot be judged is no
 * error, but PROGRAM_UNKNOWN.
 */
int program_look(const char *name, struct program *program);

#endif
