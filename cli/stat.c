// SPDX-License-Identifier: MIT
/*
 * shim stat: the counters of a program that is run for it, of a process that is
 * running, or of a file.
 *
 * The program is a child here, because there is a table to print when it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "child.h"
#include "counters.h"
#include "launch.h"
#include "output.h"
#include "scratch.h"
#include "shim.h"
#include "show.h"

enum { OPT_JSON = 1200, OPT_OPENMETRICS };

static const char help[] =
"Usage: shim stat [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
"       shim stat [OPTION]... PID\n"
"       shim stat [OPTION]... FILE\n"
"Count the calls of a program and the ways they took; or show what a running\n"
"process (started with --stats=FILE) or a file of counters has.\n\n"
"      --json              the table as JSON\n"
"      --openmetrics       as OpenMetrics text\n"
"  -o, --output=FILE       there, and not on stderr (PID, FILE: stdout)\n"
"  -p, --pid=PID           show this process, whatever its number looks like\n"
"  -r, --read=FILE         show this file, whatever its name looks like\n"
LAUNCH_HELP
"  -h, --help              this text\n\n"
"A single argument is a PID if it is a number, and a FILE if such a file exists\n"
"and is not executable; -- says that a program follows.\n"
"The status is the program's; 2: wrong usage, nothing to show, or not written.\n";

static const struct option options[] = {
	LAUNCH_OPTIONS,
	{ "json", no_argument, NULL, OPT_JSON },
	{ "openmetrics", no_argument, NULL, OPT_OPENMETRICS },
	{ "output", required_argument, NULL, 'o' },
	{ "pid", required_argument, NULL, 'p' },
	{ "read", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

struct request {
	struct launch launch;
	enum format format;
	const char *output, *pid, *file;
	char **argv; /* the program */
};

/* Run the program; 0 and its end in @status, or our own status. */
static int run_program(struct request *r, int *status)
{
	struct child child;
	int ret = child_start(&child, r->argv, NULL, NULL);

	if (ret)
		return ret;
	child_wait(&child, status, 0);
	return child_failed(&child);
}

/* 0, or -1 after a message. */
static int show(const struct request *r, struct output *out,
		const struct counters *c)
{
	int ret = show_counters(out->stream, c, r->format);

	return output_close(out, 1) || ret ? -1 : 0;
}

/* An empty file: no program has loaded the library. */
static int show_run(const struct request *r, struct output *out, int fd)
{
	struct counters c = { .all = NULL };
	struct stat st;
	int ret;

	if (!fstat(fd, &st) && !st.st_size) {
		if (!r->launch.quiet)
			say("%s: nothing was counted: the library was not "
			    "loaded", r->argv[0]);
		return show(r, out, &c);
	}
	ret = counters_read(&c, fd);
	if (ret) {
		say("counters: %s", counters_error(&c, ret));
		output_close(out, 0);
	} else {
		ret = show(r, out, &c);
	}
	counters_free(&c);
	return ret;
}

/* Our own status, and the end of the program in @status. */
static int run_and_show(struct request *r, const char *stats, int fd,
			int *status)
{
	struct output out;
	int ret = launch_prepare(&r->launch, r->argv[0], stats);

	if (!ret && output_open(&out, r->output, stderr))
		ret = EXIT_TROUBLE;
	if (ret) {
		unlink(stats);
		return ret;
	}
	ret = run_program(r, status);
	/* Now: printing may be the end of us. */
	unlink(stats);
	if (ret)
		output_close(&out, 0);
	else if (show_run(r, &out, fd))
		ret = EXIT_TROUBLE;
	return ret;
}

static int stat_program(struct request *r)
{
	char stats[PATH_MAX];
	int fd, ret, status = 0;

	fd = scratch_file("stat", stats, sizeof(stats));
	if (fd < 0) {
		say("temporary file: %s", strerror(-fd));
		return EXIT_CANNOT_RUN;
	}
	ret = run_and_show(r, stats, fd, &status);
	close(fd);
	/* What the program has to say is more than our troubles. */
	return ret && !status ? ret : child_end_as(status);
}

static int show_found(const struct request *r, struct counters *c)
{
	struct output out;
	int ret = 0;

	if (output_open(&out, r->output, stdout) || show(r, &out, c))
		ret = EXIT_TROUBLE;
	counters_free(c);
	return ret;
}

static int stat_file(const struct request *r)
{
	struct counters c = { .all = NULL };
	struct stat st;
	int fd, ret;

	fd = open(r->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		say("%s: %s", r->file, strerror(errno));
		return EXIT_TROUBLE;
	}
	if (!fstat(fd, &st) && !S_ISREG(st.st_mode)) {
		say("%s: not a regular file", r->file);
		close(fd);
		return EXIT_TROUBLE;
	}
	ret = counters_read(&c, fd);
	close(fd);
	if (!ret)
		return show_found(r, &c);
	say("%s: %s", r->file, counters_error(&c, ret));
	counters_free(&c);
	return EXIT_TROUBLE;
}

static int stat_pid(const struct request *r)
{
	struct counters c = { .all = NULL };
	char *end;
	long pid;
	int ret;

	errno = 0;
	pid = strtol(r->pid, &end, 10);
	if (errno || *end || end == r->pid || pid <= 0)
		return usage("shim stat", "%s: not the number of a process",
			     r->pid);
	ret = attach_counters(&c, pid);
	if (!ret)
		return show_found(r, &c);
	if (ret == -ENODATA)
		say("process %ld has the library, but no file of counters "
		    "(start it with SHIM_STATS=FILE)", pid);
	else if (ret == -ENOEXEC)
		say("process %ld does not have the library", pid);
	else
		say("process %ld: %s", pid, strerror(-ret));
	counters_free(&c);
	return EXIT_TROUBLE;
}

/* What does the only argument mean? */
static int stat_argument(struct request *r, char *arg)
{
	struct stat st;

	if (*arg && !arg[strspn(arg, "0123456789")]) {
		r->pid = arg;
		return stat_pid(r);
	}
	if (!stat(arg, &st) && S_ISREG(st.st_mode) && access(arg, X_OK)) {
		r->file = arg;
		return stat_file(r);
	}
	return stat_program(r);
}

static int take_option(struct request *r, int c)
{
	switch (c) {
	case OPT_JSON:
		r->format = FORMAT_JSON;
		return 0;
	case OPT_OPENMETRICS:
		r->format = FORMAT_OPENMETRICS;
		return 0;
	case 'o':
		r->output = optarg;
		return 0;
	case 'p':
		r->pid = optarg;
		return 0;
	case 'r':
		r->file = optarg;
		return 0;
	case '?':
		return EXIT_TROUBLE;
	default:
		return launch_option(&r->launch, c, optarg);
	}
}

static int stat_main(int argc, char **argv)
{
	struct request r = { .launch = { .command = argv[0] } };
	bool dashes;
	int c, ret;

	while ((c = next_option(argc, argv, "+:qho:p:r:", options)) != -1) {
		if (c == OPT_HELP || c == 'h')
			return show_help(&shim_stat);
		ret = take_option(&r, c);
		if (ret)
			return ret;
	}
	dashes = !strcmp(argv[optind - 1], "--");
	r.argv = argv + optind;
	argc -= optind;
	if (!!r.pid + !!r.file + !!argc > 1)
		return usage("shim stat", "one of a program, a process, a file");
	if (r.pid)
		return stat_pid(&r);
	if (r.file)
		return stat_file(&r);
	if (!argc)
		return usage("shim stat", "a program, a process or a file is "
			     "missing");
	return argc == 1 && !dashes ? stat_argument(&r, r.argv[0]) :
		stat_program(&r);
}

const struct command shim_stat = {
	.name = "stat",
	.summary = "count the calls of a program, a process, or in a file",
	.help = help,
	.main = stat_main,
};
