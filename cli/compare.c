// SPDX-License-Identifier: MIT
/*
 * shim compare: do two runs of a program make the same I/O calls?
 *
 * The runs are given as traces in strace's format, because that is what one has,
 * and what others can read; or they are made here (compare_run.c), and traced.  The way of a trace: strace_line.c, strace_parse.c
 * (events), normalise.c with rewrite.c, temporary.c, fd_names.c, fdtable.c and
 * call_kinds.c (lines without what is chance), compare_threads.c with align.c and
 * expected.c, compare_show.c or compare_json.c.
 */
#include "compare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "shim.h"

enum { OPT_EXPECTED = 1200, OPT_STRICT_FDS, OPT_JSON };


struct options {
	const char *expected, *output;
	bool strict, json, quiet;
	struct launch launch;
	bool launches; /* an option is for a program */
	char **argv;   /* of the program; NULL: two traces are compared */
	struct runs runs;
};

static const struct option longs[] = {
	{ "calls", required_argument, NULL, 'e' },
	{ "strict", no_argument, NULL, OPT_STRICT_FDS },
	{ "expected", required_argument, NULL, OPT_EXPECTED },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ "patch", required_argument, NULL, OPT_PATCH },
	{ "no-follow", no_argument, NULL, OPT_NO_FOLLOW },
	{ "quiet", no_argument, NULL, 'q' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
"Usage: shim compare [OPTION]... A B\n"
"       shim compare [OPTION]... -- PROGRAM [ARGUMENT]...\n"
"Compare two traces of system calls, as strace -f writes them: do the threads\n"
"make the same I/O calls, with the same results?  '-' is the standard input.\n"
"Or run a program twice, natively and with its calls on the ring, and compare\n"
"that, how it ends, and what it prints.\n"
"\n"
"  -e, --calls=LIST     compare these calls, not those that the library handles;\n"
"                       also 'signal' and 'end', or 'all'\n"
"      --strict         another number of a descriptor is a difference as well\n"
"      --expected=FILE  lines \"CALL PATTERN reason...\": expected differences\n"
"      --json           print JSON\n"
"      --mode=MODE      of the second run: ring (if not given), auto, off\n"
"      --wait=, --patch=, --no-follow\n"
"                       as of shim run, for both runs\n"
"  -q, --quiet          print nothing: the status tells\n"
"  -o, --output=FILE    print to FILE, which appears when it is complete\n"
"  -h, --help           this text\n"
"\n"
"Left out of account are pids, addresses, times, temporary names, and which\n"
"number a descriptor has.  Status: 0 the same, 1 different, 2 trouble.\n";

static int select_calls(struct selection *selection, const char *list)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t n;

	if (!strncmp(list, "trace=", 6))
		list += 6;
	selection->given = true;
	for (;;) {
		n = strspn(list, letters);
		if (!n || (list[n] && list[n] != ','))
			return -EINVAL;
		if (n == 3 && !memcmp(list, "all", 3))
			selection->all = true;
		if (strings_add(&selection->names, (struct slice){ list, n }) < 0)
			return -ENOMEM;
		if (!list[n])
			return 0;
		list += n + 1;
	}
}

static int take_option(struct comparison *c, struct options *o, int option,
		       const char *command)
{
	switch (option) {
	case 'e':
		if (select_calls(&c->selection, optarg))
			return usage(command, "bad list of calls %s", optarg);
		return 0;
	case 'o':
		o->output = optarg;
		return 0;
	case OPT_EXPECTED:
		o->expected = optarg;
		return 0;
	case OPT_STRICT_FDS:
		o->strict = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case '?':
		return EXIT_TROUBLE;
	default:
		o->launches = true;
		return launch_option(&o->launch, option, optarg);
	}
}

/* What is said of a trace names it, and it may be called anything. */
static int complain(const char *file, const char *what)
{
	struct text name = { .n = 0 };

	text_escaped(&name, (struct slice){ file, strlen(file) });
	say("%s: %s", name.s ? name.s : "", what);
	free(name.s);
	return -1;
}

static int open_trace(const char *file)
{
	if (!strcmp(file, "-"))
		return dup(STDIN_FILENO);
	return open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static const char *why_not(int ret)
{
	if (ret == -EBADMSG)
		return "no trace of strace: there is no system call in it";
	return strerror(-ret);
}

static void warn_of_bad(const char *file, const struct trace *trace)
{
	char text[128];

	if (!trace->bad)
		return;
	snprintf(text, sizeof(text),
		 "%zu line%s not understood, the first is line %zu", trace->bad,
		 trace->bad == 1 ? "" : "s", trace->first_bad);
	complain(file, text);
}

static int read_trace(struct comparison *c, int side)
{
	int fd, ret;

	if (!c->file[side])
		return -1;
	fd = open_trace(c->file[side]);
	ret = -errno;
	if (fd >= 0) {
		ret = trace_read(&c->side[side].trace, fd);
		close(fd);
	}
	/* A program need not make any call. */
	if (ret == -EBADMSG && c->runs)
		ret = 0;
	if (ret)
		return complain(c->file[side], why_not(ret));
	warn_of_bad(c->file[side], &c->side[side].trace);
	return 0;
}

static int compare(struct comparison *c, bool strict)
{
	bool exits;
	int side, ret = 0;

	if (read_trace(c, 0) || read_trace(c, 1))
		return -1;
	exits = c->side[0].trace.exits && c->side[1].trace.exits;
	for (side = 0; side < 2 && !ret; side++) {
		c->side[side].selection = &c->selection;
		c->side[side].calls = &c->calls;
		c->side[side].texts = &c->texts;
		c->side[side].strict = strict;
		c->side[side].exits = exits;
		ret = normalise(&c->side[side]);
	}
	if (!ret)
		ret = compare_threads(c);
	if (ret)
		say("%s", strerror(-ret));
	return ret ? -1 : 0;
}

static int report(const struct comparison *c, const struct options *o)
{
	struct output output;
	int ret;

	if (o->quiet)
		return 0;
	if (output_open(&output, o->output, stdout))
		return -1;
	ret = o->json ? show_comparison_json(output.stream, c) :
			show_comparison(output.stream, c);
	return output_close(&output, 1) || (ret && o->output) ? -1 : 0;
}

static void free_all(struct comparison *c)
{
	size_t i;

	for (i = 0; i < c->pairs_number; i++)
		free(c->pairs[i].steps.all);
	free(c->pairs);
	free(c->rows);
	normaliser_free(&c->side[0]);
	normaliser_free(&c->side[1]);
	strings_free(&c->calls);
	strings_free(&c->texts);
	strings_free(&c->selection.names);
	rules_free(&c->rules);
}

static int run(struct comparison *c, const struct options *o)
{
	if (o->expected && rules_read(&c->rules, o->expected))
		return EXIT_TROUBLE;
	if (compare(c, o->strict))
		return EXIT_TROUBLE;
	/* Temporary names mean nothing to anybody. */
	if (c->runs) {
		c->file[0] = c->runs->mode[0];
		c->file[1] = c->runs->mode[1];
	}
	if (report(c, o))
		return EXIT_TROUBLE;
	return c->differences || runs_differ(c) ? 1 : 0;
}

bool runs_differ(const struct comparison *c)
{
	return c->runs && !(runs_end_alike(c->runs) &&
			    runs_write_alike(c->runs, 0) &&
			    runs_write_alike(c->runs, 1));
}

/* Two runs instead of two traces. */
static int run_program(struct comparison *c, struct options *o)
{
	struct runs *runs = &o->runs;
	int status = runs_make(runs, &o->launch, o->argv) ? EXIT_TROUBLE : 0;

	if (!status) {
		c->runs = runs;
		c->file[0] = runs->trace[0];
		c->file[1] = runs->trace[1];
		status = run(c, o);
	}
	runs_remove(runs);
	return status;
}

static int operands(struct comparison *c, struct options *o, int argc,
		    char **argv)
{
	if (!strcmp(argv[optind - 1], "--")) {
		o->argv = argv + optind;
		return *o->argv ? 0 : usage(argv[0], "a program is missing");
	}
	if (o->launches)
		return usage(argv[0], "--mode, --wait, --patch and --no-follow "
			     "are for a program, behind --");
	if (argc - optind != 2)
		return usage(argv[0], "two traces are wanted");
	c->file[0] = argv[optind];
	c->file[1] = argv[optind + 1];
	if (c->file[0][0] == '-' && !c->file[0][1] &&
	    !strcmp(c->file[0], c->file[1]))
		return usage(argv[0], "only one trace can be the standard input");
	return 0;
}

static int compare_main(int argc, char **argv)
{
	struct comparison c = { .file = { NULL, NULL } };
	struct options o = { .launch = { .command = argv[0] } };
	int option, status = 0;

	while (!status && (option = next_option(argc, argv, "+:he:qo:",
						longs)) != -1) {
		if (option == 'h' || option == OPT_HELP) {
			strings_free(&c.selection.names);
			return show_help(&shim_compare);
		}
		status = take_option(&c, &o, option, argv[0]);
	}
	if (!status)
		status = operands(&c, &o, argc, argv);
	if (!status)
		status = o.argv ? run_program(&c, &o) : run(&c, &o);
	free_all(&c);
	return status;
}

const struct command shim_compare = {
	.name = "compare",
	.summary = "compare two traces, or two runs of a program",
	.help = help,
	.main = compare_main,
};
