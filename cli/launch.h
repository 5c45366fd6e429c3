/* SPDX-License-Identifier: MIT */
/*
 * Running a program under the library: the options that `shim run` and `shim
 * stat` have in common, each the twin of a variable, and what has to be in the
 * environment.
 */
#ifndef SHIM_CLI_LAUNCH_H
#define SHIM_CLI_LAUNCH_H

#include <stdbool.h>
#include <getopt.h>

#define LAUNCH_SETTINGS 4

struct launch {
	const char *command;                 /* "shim run": for messages */
	const char *values[LAUNCH_SETTINGS]; /* of the variables; NULL: as it is */
	bool quiet, strict;
};

/* Values of options, from here to OPT_LAUNCH_END. */
enum {
	OPT_MODE = 1100,
	OPT_WAIT,
	OPT_PATCH,
	OPT_NO_FOLLOW,
	OPT_STRICT,
	OPT_QUIET,
	OPT_LAUNCH_END
};

#define LAUNCH_OPTIONS \
	{ "mode", required_argument, NULL, OPT_MODE }, \
	{ "wait", required_argument, NULL, OPT_WAIT }, \
	{ "patch", required_argument, NULL, OPT_PATCH }, \
	{ "no-follow", no_argument, NULL, OPT_NO_FOLLOW }, \
	{ "strict", no_argument, NULL, OPT_STRICT }, \
	{ "quiet", no_argument, NULL, OPT_QUIET }

#define LAUNCH_HELP \
"      --mode=ring|auto|off\n" \
"                          what calls ride the ring: all that can; none, but a\n" \
"                          ring reads files ahead of the program; or none\n" \
"      --wait=native|ring  where a call that has to wait sleeps\n" \
"      --patch=auto|off    see the calls that libc makes inside itself, or not\n" \
"      --no-follow         only this program, not what it starts\n" \
"  -q, --quiet             no warning if the library cannot work in it\n" \
"      --strict            then do not run it either: status 125\n"

/* Take option @c with the value @arg.  0, or a status after a message. */
int launch_option(struct launch *launch, int c, const char *arg);

/*
 * Change this process's environment to what the program gets, with the counters
 * in @stats (NULL: SHIM_STATS as it is), and warn if it will not help.  0, or a
 * status after a message.
 */
int launch_prepare(const struct launch *launch, const char *program,
		   const char *stats);

/*
 * The opposite: take the library out of LD_PRELOAD, and its variables out of the
 * environment.  0 or -errno.
 */
int launch_without(void);

/* Is @word a value of --mode? */
bool launch_knows_mode(const char *word);

/* Execute @argv; returns a status, after a message, if that fails. */
int launch_exec(char **argv);

/* The path of the library.  0 or -errno; -EINVAL: LD_PRELOAD cannot carry it. */
int launch_library(char *path, unsigned long size);

/* Put @library in front of LD_PRELOAD unless it is there. 0 or -errno. */
int launch_preload(const char *library);

#endif
