// SPDX-License-Identifier: MIT
/*
 * shim trace: the calls of a program, as they happen, in strace's format.
 *
 * The library writes them into memory that it shares with this command, which is
 * why a trace costs a fraction of what strace's does.  The way of a record:
 * recording.c with recording_lane.c (memory), trace_run.c (the loop), tracer.c
 * with tracees.c (who did it), then trace_text.c, trace_json.c or trace_table.c,
 * with decode*.c (arguments), and sink.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "shim.h"
#include "trace_filter.h"
#include "trace_run.h"
#include "trace_table.h"

enum { OPT_TRACE_JSON = 1200, OPT_READ, OPT_TRACE, OPT_STATUS };

static const char help[] =
"Usage: shim trace [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
"       shim trace [OPTION]... --read=FILE\n"
"Print the I/O calls of a program as strace(1) does, or those that were recorded\n"
"in a file (SHIM_TRACE=FILE).\n\n"
"  -f                      its threads and the processes that it starts, too\n"
"  -e EXPRESSION           trace=CALL,...  %file %desc %network, !CALL,...\n"
"                          status=successful|failed|unfinished\n"
"  -z, -Z                  only calls that succeed; that fail\n"
"  -o FILE                 write to FILE, for its owner's eyes; '|command'\n"
"  -t, -tt, -ttt, -r       when: s, us, since 1970; since the line before\n"
"  -T                      how long each call took\n"
"  -y                      the paths of descriptors\n"
"  -s SIZE                 print so many bytes of strings (32)\n"
"  -a COLUMN               where the results stand (40)\n"
"  -c, -C                  a table of the calls; the calls and the table\n"
"  -S COLUMN, -U COLUMN,...  sort it by; its columns\n"
"      --json              a JSON object per line\n"
"      --read=FILE         show what was recorded\n"
LAUNCH_HELP
"  -h, --help              this text\n\n"
"The status is the program's.  shim-trace(5) describes the formats.\n";

static const struct option longs[] = {
	LAUNCH_OPTIONS,
	{ "follow-forks", no_argument, NULL, 'f' },
	{ "output", required_argument, NULL, 'o' },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "status", required_argument, NULL, OPT_STATUS },
	{ "successful-only", no_argument, NULL, 'z' },
	{ "failed-only", no_argument, NULL, 'Z' },
	{ "string-limit", required_argument, NULL, 's' },
	{ "columns", required_argument, NULL, 'a' },
	{ "decode-fds", no_argument, NULL, 'y' },
	{ "summary-only", no_argument, NULL, 'c' },
	{ "summary", no_argument, NULL, 'C' },
	{ "summary-sort-by", required_argument, NULL, 'S' },
	{ "summary-columns", required_argument, NULL, 'U' },
	{ "json", no_argument, NULL, OPT_TRACE_JSON },
	{ "read", required_argument, NULL, OPT_READ },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

struct request {
	struct launch launch;
	struct trace_options options;
	const char *read;
	unsigned stamps; /* how many -t */
};

/* A decimal number up to @most. */
static int number(struct request *r, const char *what, unsigned *to,
		  unsigned long most)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(optarg, &end, 10);
	if (errno || *end || end == optarg || *optarg == '-' || value > most)
		return usage(r->launch.command, "%s %s: not a number from 0 to "
			     "%lu", what, optarg, most);
	*to = (unsigned)value;
	return 0;
}

static int sort_by(struct request *r)
{
	if (!strcmp(optarg, "none") || !strcmp(optarg, "nothing")) {
		r->options.sort = -1;
		return 0;
	}
	r->options.sort = table_column(optarg, strlen(optarg));
	return r->options.sort >= 0 ? 0 :
		usage(r->launch.command, "-S %s: no such column", optarg);
}

static int choose_columns(struct request *r)
{
	const char *at = optarg;
	size_t n;
	int column;

	for (r->options.columns_number = 0;; at += n + 1) {
		n = strcspn(at, ",");
		column = table_column(at, n);
		if (column < 0 || r->options.columns_number == TABLE_COLUMNS)
			return usage(r->launch.command, "-U %s: not a list of "
				     "columns", optarg);
		r->options.columns[r->options.columns_number++] =
			(signed char)column;
		if (!at[n])
			return 0;
	}
}

static void set_format(struct request *r, enum trace_format format)
{
	/* With --json the table has no place. */
	if (r->options.format != TRACE_JSON)
		r->options.format = format;
}

/* Options that are nothing but a switch. */
static bool take_switch(struct request *r, int c)
{
	struct trace_options *o = &r->options;

	switch (c) {
	case 'f':
		o->follow = true;
		return true;
	case 'z':
		o->status = TRACE_SUCCESSFUL;
		return true;
	case 'Z':
		o->status = TRACE_FAILED;
		return true;
	case 't':
		r->stamps++;
		return true;
	case 'r':
		o->relative = true;
		return true;
	case 'T':
		o->durations = true;
		return true;
	case 'y':
		o->paths = true;
		return true;
	case 'c':
		set_format(r, TRACE_TABLE);
		return true;
	case 'C':
		set_format(r, TRACE_TEXT_AND_TABLE);
		return true;
	case OPT_TRACE_JSON:
		o->format = TRACE_JSON;
		return true;
	default:
		return false;
	}
}

static int take_set(struct request *r, const char *of)
{
	char expression[4096];

	if (snprintf(expression, sizeof(expression), "%s=%s", of, optarg) >=
	    (int)sizeof(expression))
		return usage(r->launch.command, "--%s: too long", of);
	return filter_expression(&r->options, expression, r->launch.command);
}

static int take_option(struct request *r, int c)
{
	struct trace_options *o = &r->options;

	if (take_switch(r, c))
		return 0;
	switch (c) {
	case 'e':
		return filter_expression(o, optarg, r->launch.command);
	case OPT_TRACE:
		return take_set(r, "trace");
	case OPT_STATUS:
		return take_set(r, "status");
	case 'o':
		o->output = optarg;
		return 0;
	case 's':
		return number(r, "-s", &o->string_max, 1UL << 17);
	case 'a':
		return number(r, "-a", &o->column, 4096);
	case 'S':
		return sort_by(r);
	case 'U':
		return choose_columns(r);
	case OPT_READ:
		r->read = optarg;
		return 0;
	case '?':
		return EXIT_TROUBLE;
	default:
		o->hush |= c == 'q' || c == OPT_QUIET;
		return launch_option(&r->launch, c, optarg);
	}
}

static void set_defaults(struct request *r)
{
	static const signed char columns[] = {
		TABLE_PERCENT, TABLE_TOTAL, TABLE_AVERAGE, TABLE_CALLS,
		TABLE_ERRORS, TABLE_NAME,
	};

	trace_defaults(&r->options);
	filter_all(&r->options);
	memcpy(r->options.columns, columns, sizeof(columns));
	r->options.columns_number = sizeof(columns);
	r->options.sort = TABLE_TOTAL;
}

static int trace(struct request *r, char **argv)
{
	struct trace_program program = {
		.options = &r->options, .launch = &r->launch, .argv = argv,
	};
	int ret = trace_program(&program);

	return ret ? ret : child_end_as(program.status);
}

static int trace_main(int argc, char **argv)
{
	struct request r = { .launch = { .command = argv[0] } };
	int c, ret;

	set_defaults(&r);
	while ((c = next_option(argc, argv, "+:fe:zZo:trTys:a:cCS:U:qh",
				longs)) != -1) {
		if (c == OPT_HELP || c == 'h')
			return show_help(&shim_trace);
		ret = take_option(&r, c);
		if (ret)
			return ret;
	}
	r.options.stamp = r.stamps < STAMP_EPOCH ? (enum trace_stamp)r.stamps :
		STAMP_EPOCH;
	argv += optind;
	if (r.read && *argv)
		return usage("shim trace", "one of a program and --read");
	if (r.read)
		return trace_recording(&r.options, r.read);
	if (!*argv)
		return usage("shim trace", "a program is missing");
	return trace(&r, argv);
}

const struct command shim_trace = {
	.name = "trace",
	.summary = "print the calls of a program, as strace does",
	.help = help,
	.main = trace_main,
};
