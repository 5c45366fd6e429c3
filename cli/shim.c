// SPDX-License-Identifier: MIT
/*
 * shim: run programs under libshim.so and look at what it does.
 *
 * The command knows the library by its environment variables and by the file of
 * counters, and nothing else; it is not linked with it.  A map of the files:
 *   shim.c                the table of commands, help, messages
 *   run.c stat.c doctor.c one command each; probe.c is a hidden one, which makes
 *                         the calls (probe_calls.c) that doctor reports on
 *   launch.c              where the library is, its variables, LD_PRELOAD, exec
 *   child.c               a program as a child: signals, status
 *   program.c elf.c       can the library work in this program?
 *   counters.c attach.c   a table of counters from a file, from a process
 *   show.c output.c       the table as text, JSON, OpenMetrics; where it goes
 *   kernel.c              does the kernel give a ring, and why not
 *   reasons.c             the words for native calls, explained
 *   trace.c               the calls as they happen; it has a map of its own files
 *   trial.c               measures; the same
 *   compare.c             compares two traces; the same
 *   report.c              a trace as a page; the same; html.c makes pages
 */
#include "shim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The order is that of the list of commands. */
static const struct command *const commands[] = {
	&shim_run,
	&shim_trace,
	&shim_stat,
	&shim_trial,
	&shim_compare,
	&shim_report,
	&shim_doctor,
	&shim_probe,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

void say(const char *format, ...)
{
	char text[8192] = "";
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	/* In one piece: others may be writing to the same place. */
	fflush(stdout);
	fprintf(stderr, "shim: %s\n", text);
}

int usage(const char *command, const char *format, ...)
{
	char text[4096] = "";
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!strncmp(command, "shim ", 5))
		say("%s: %s; see shim help %s", command + 5, text, command + 5);
	else
		say("%s; see shim help", text);
	return EXIT_TROUBLE;
}

int next_option(int argc, char **argv, const char *shorts,
		const struct option *longs)
{
	int c;

	opterr = 0;
	c = getopt_long(argc, argv, shorts, longs, NULL);
	if (c == ':') {
		usage(argv[0], "%s needs a value", argv[optind - 1]);
		return '?';
	}
	if (c != '?')
		return c;
	/* A short one may be in the middle of a word. */
	if (optopt > 0 && optopt < 256)
		usage(argv[0], "bad option -%c", optopt);
	else
		usage(argv[0], "bad option %s", argv[optind - 1]);
	return c;
}

int show_help(const struct command *command)
{
	fputs(command->help, stdout);
	return 0;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

static int general_help(void)
{
	size_t i;

	fputs("Usage: shim COMMAND [OPTION]... [ARGUMENT]...\n"
	      "Run programs with their I/O calls on io_uring, and look at what happens.\n\n",
	      stdout);
	for (i = 0; i < COMMANDS; i++) {
		if (commands[i]->summary)
			printf("  %-9s %s\n", commands[i]->name,
			       commands[i]->summary);
	}
	fputs("  help      explain a command: shim help COMMAND\n\n"
	      "  -h, --help     this list\n"
	      "      --version  the version\n\n"
	      "See shim(1), and libshim(7) for the variables behind the options.\n",
	      stdout);
	return 0;
}

static int help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		return general_help();
	if (argc > 2)
		return usage("shim", "one command at a time");
	command = find_command(argv[1]);
	if (!command || !command->summary)
		return usage("shim", "no command %s", argv[1]);
	return show_help(command);
}

static int version(void)
{
	puts("shim " SHIM_VERSION);
	return 0;
}

static int dispatch(int argc, char **argv)
{
	const struct command *command;
	char name[64];

	if (argc < 2)
		return usage("shim", "a command is missing");
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
		return general_help();
	if (!strcmp(argv[1], "--version"))
		return version();
	if (!strcmp(argv[1], "help"))
		return help(argc - 1, argv + 1);
	command = find_command(argv[1]);
	if (!command)
		return usage("shim", argv[1][0] == '-' ? "bad option %s" :
			     "no command %s", argv[1]);
	snprintf(name, sizeof(name), "shim %s", command->name);
	argv[1] = name;
	return command->main(argc - 1, argv + 1);
}

/* What was printed has arrived, or it is said that it has not. */
static int finish(int status)
{
	int failed = ferror(stdout);

	errno = 0;
	if (fflush(stdout) || failed) {
		say("standard output: %s", strerror(errno ? errno : EIO));
		return EXIT_TROUBLE;
	}
	return status;
}

int main(int argc, char **argv)
{
	return finish(dispatch(argc, argv));
}
