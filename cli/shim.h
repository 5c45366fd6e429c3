/* SPDX-License-Identifier: MIT */
/*
 * What the files of the shim command share: commands, statuses, messages.
 *
 * A command is one file that defines a struct command, and one line in the table
 * of shim.c.
 */
#ifndef SHIM_CLI_H
#define SHIM_CLI_H

#include <getopt.h>
#include <stdio.h>

/* Statuses of shim itself; a program that it runs has its own. */
#define EXIT_TROUBLE 2      /* wrong usage, output that cannot be written */
#define EXIT_CANNOT_RUN 125 /* as env(1), nohup(1): before the program ... */
#define EXIT_NOT_EXEC 126   /* ... could be executed */
#define EXIT_NOT_FOUND 127

struct command {
	const char *name;
	const char *summary; /* NULL: not in the list */
	const char *help;
	/* argv[0] is "shim NAME".  Returns an exit status. */
	int (*main)(int argc, char **argv);
};

extern const struct command shim_run, shim_trace, shim_stat, shim_trial,
	shim_compare, shim_report, shim_doctor, shim_probe;

/* A line on stderr that begins with "shim: ". */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Wrong usage of @command, one line; returns EXIT_TROUBLE. */
int usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * getopt_long(3) that says in one line what is wrong.  @shorts begins with "+:",
 * or with ":" if options may come late; -1 at the end, '?' after a message.
 */
int next_option(int argc, char **argv, const char *shorts,
		const struct option *longs);

/* Every command has --help, as this value. */
#define OPT_HELP 1000
int show_help(const struct command *command);

#endif
