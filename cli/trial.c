// SPDX-License-Identifier: MIT
/*
 * shim trial: is a program faster on io_uring?  It is run natively and in the
 * modes of the library, in turn, often enough to say something, and the answer
 * may well be that nothing can be said.
 *
 *   trial.c          the options, the environments, which report goes where
 *   trial_rounds.c   which run comes when, and what is done before it
 *   trial_run.c      one run: input, output, end, what it took
 *   trial_input.c    the same standard input for each of them
 *   trial_cold.c     makes the caches cold
 *   trial_check.c    were all runs alike?
 *   trial_stats.c    medians, ratios, intervals, verdicts: pure functions
 *   trial_result.c trial_words.c                     what all reports say
 *   trial_show.c trial_json.c trial_html.c           how they say it
 */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "program.h"
#include "scratch.h"
#include "shim.h"
#include "trial_input.h"
#include "trial_rounds.h"
#include "trial_run.h"
#include "trial_show.h"

#define EXIT_UNSOUND 1

/* Twice through all orders of three modes. */
#define ROUNDS 12
#define MARGIN 3

enum { OPT_COLD = 1200, OPT_WARM, OPT_BOTH, OPT_JSON, OPT_HTML, OPT_MODES,
       OPT_MARGIN, OPT_TIMEOUT, OPT_PREPARE };

static const char help[] =
"Usage: shim trial [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
"Find out whether a program is faster under the library: run it natively and in\n"
"modes of the library, in turn, compare times and results, and say what follows.\n\n"
"      --warm              with what it reads in the caches (default)\n"
"      --cold              with caches that are dropped before each run\n"
"      --both              first cold, then warm\n"
"  -n, --rounds=NUMBER     so many runs of each mode are measured (12)\n"
"      --modes=LIST        of ring, auto, off (ring,auto); native is always there\n"
"      --margin=PERCENT    less than this is no difference (3)\n"
"      --timeout=SECONDS   for each run (ten times the first one, at least 60)\n"
"      --prepare=COMMAND   for the shell, before each run\n"
"      --json              the report as JSON, with all samples\n"
"      --html=FILE         a page with pictures as well\n"
"  -o, --output=FILE       the report goes there, and not to stdout\n"
"      --wait=native|ring, --patch=auto|off, --no-follow\n"
"                          as for shim run\n"
"  -q, --quiet             no progress on a terminal\n"
"  -h, --help              this text\n\n"
"What PROGRAM prints is compared, not shown.  It gets what comes through a pipe\n"
"or from a file on stdin in every run, and else nothing.\n"
"The status is 0 if the trial was sound, 1 if not (runs differed, a run crashed,\n"
"took too long or left something running), 2: wrong usage, or trouble, 125: the\n"
"library cannot work, 126, 127: PROGRAM cannot be executed, was not found.\n";

static const struct option options[] = {
	LAUNCH_OPTIONS,
	{ "cold", no_argument, NULL, OPT_COLD },
	{ "warm", no_argument, NULL, OPT_WARM },
	{ "both", no_argument, NULL, OPT_BOTH },
	{ "rounds", required_argument, NULL, 'n' },
	{ "modes", required_argument, NULL, OPT_MODES },
	{ "margin", required_argument, NULL, OPT_MARGIN },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "prepare", required_argument, NULL, OPT_PREPARE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "html", required_argument, NULL, OPT_HTML },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

struct request {
	struct trial trial;
	bool json;
	const char *output, *html;
	struct output report, page;
	struct input input;
	char modes[64];
};

static void set_phases(struct trial *t, int option)
{
	t->phases_number = option == OPT_BOTH ? 2 : 1;
	t->phases[0].cold = option != OPT_WARM;
}

static int add_mode(struct trial *t, const char *name)
{
	unsigned i;

	if (strcmp(name, "native") != 0 && !launch_knows_mode(name))
		return usage("shim trial", "--modes: %s: no such mode", name);
	for (i = 0; i < t->modes_number; i++) {
		if (!strcmp(t->modes[i].name, name))
			return 0;
	}
	t->modes[t->modes_number++].name = name;
	return 0;
}

/* @list may be cut up. */
static int set_modes(struct trial *t, char *list)
{
	char *word, *rest = NULL;
	int ret = 0;

	t->modes_number = 0;
	ret = add_mode(t, "native");
	for (word = strtok_r(list, ",", &rest); word && !ret;
	     word = strtok_r(NULL, ",", &rest))
		ret = add_mode(t, word);
	if (!ret && t->modes_number < 2)
		ret = usage("shim trial", "--modes: none but native");
	return ret;
}

static int set_modes_option(struct request *r, const char *list)
{
	if (snprintf(r->modes, sizeof(r->modes), "%s", list) >=
	    (int)sizeof(r->modes))
		return usage("shim trial", "--modes: too long");
	return set_modes(&r->trial, r->modes);
}

static int set_rounds(struct trial *t, const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || end == text || n < 1 || n > STATS_MOST)
		return usage("shim trial", "-n %s: not a number from 1 to %d",
			     text, STATS_MOST);
	t->rounds = (unsigned)n;
	return 0;
}

/* A number between @least and @most. */
static int set_number(double *number, const char *option, const char *text,
		      double least, double most)
{
	char *end;

	*number = strtod(text, &end);
	if (*end || end == text || !(*number >= least && *number <= most))
		return usage("shim trial", "--%s=%s: not a number from %g to "
			     "%g", option, text, least, most);
	return 0;
}

static int take_option(struct request *r, int c)
{
	switch (c) {
	case OPT_COLD:
	case OPT_WARM:
	case OPT_BOTH:
		set_phases(&r->trial, c);
		return 0;
	case 'n':
		return set_rounds(&r->trial, optarg);
	case OPT_MODE:
		return usage("shim trial", "--mode: see --modes");
	case OPT_MODES:
		return set_modes_option(r, optarg);
	case OPT_MARGIN:
		return set_number(&r->trial.margin, "margin", optarg, 0, 50);
	case OPT_TIMEOUT:
		return set_number(&r->trial.timeout, "timeout", optarg, 0.1,
				  1e6);
	case OPT_PREPARE:
		r->trial.prepare = optarg;
		return 0;
	case OPT_JSON:
		r->json = true;
		return 0;
	case OPT_HTML:
		r->html = optarg;
		return 0;
	case 'o':
		r->output = optarg;
		return 0;
	case '?':
		return EXIT_TROUBLE;
	default:
		return launch_option(&r->trial.launch, c, optarg);
	}
}

/*
 * A list of our own: setenv(3) reuses those that it has made, but not what is in
 * them.
 */
static char **copy_environment(char **from)
{
	size_t n = 0;
	char **copy;

	while (from[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	if (copy)
		memcpy(copy, from, n * sizeof(*copy));
	return copy;
}

static int change_environment(struct trial *t, const char *mode,
			      const char *stats)
{
	int ret;

	if (!strcmp(mode, "native")) {
		ret = launch_without();
		if (ret)
			say("environment: %s", strerror(-ret));
		return ret ? EXIT_CANNOT_RUN : 0;
	}
	unsetenv("SHIM_STATS");
	unsetenv("SHIM_TRACE");
	ret = launch_option(&t->launch, OPT_MODE, mode);
	return ret ? ret : launch_prepare(&t->launch, t->setting.argv[0],
					  stats);
}

/* What a run has in its environment; prepared, so that it takes no time. */
static int make_environment(struct trial *t, const char *mode,
			    const char *stats, char ***made)
{
	char **ours = environ;
	int ret = EXIT_CANNOT_RUN;

	environ = copy_environment(ours);
	if (environ) {
		ret = change_environment(t, mode, stats);
		*made = copy_environment(environ);
	}
	environ = ours;
	if (ret || *made)
		return ret;
	say("environment: %s", strerror(ENOMEM));
	return EXIT_CANNOT_RUN;
}

static int make_environments(struct trial *t)
{
	struct mode *mode;
	unsigned i;
	int ret = 0;

	for (i = 0; i < t->modes_number && !ret; i++) {
		mode = &t->modes[i];
		ret = make_environment(t, mode->name, NULL,
				       &mode->environment);
		if (!ret)
			ret = make_environment(t, mode->name, t->counters_file,
					       &mode->counting);
	}
	return ret;
}

/* There is nothing to try where the library does nothing. */
static int refuse_program(const struct trial *t)
{
	struct program program;

	if (program_look(t->setting.argv[0], &program) ||
	    program.fitness == PROGRAM_FITS ||
	    program.fitness == PROGRAM_UNKNOWN)
		return 0;
	say("%s: %s: %s; there is nothing to try", program.image, program.what,
	    program.so);
	return EXIT_CANNOT_RUN;
}

/* 0 or a status after a message. */
static int report_trial(struct request *r)
{
	const struct trial *t = &r->trial;
	struct results results[TRIAL_PHASES];
	struct report report = { .trial = t, .results = results };
	int failed = 0;
	unsigned i;

	for (i = 0; i < t->phases_number && t->phases[i].rounds; i++) {
		if (results_of(t, &t->phases[i], &results[report.number++])) {
			say("%s", strerror(ENOMEM));
			return EXIT_TROUBLE;
		}
	}
	if (r->html)
		failed = show_trial_html(r->page.stream, &report);
	failed |= r->json ? show_trial_json(r->report.stream, &report) :
		show_trial_text(r->report.stream, &report);
	if (failed)
		return EXIT_TROUBLE;
	return trial_is_sound(t) ? 0 : EXIT_UNSOUND;
}

static int try_program(struct request *r, const char *counters_file)
{
	struct trial *t = &r->trial;
	int ret;

	t->counters_file = counters_file;
	ret = make_environments(t);
	if (ret)
		return ret;
	ret = input_open(&r->input);
	if (ret && !run_stopped()) {
		say("standard input: %s", strerror(-ret));
		return EXIT_TROUBLE;
	}
	t->setting.input = &r->input;
	if (!ret)
		ret = trial_perform(t);
	input_close(&r->input);
	return ret ? ret : report_trial(r);
}

static void release(struct trial *t)
{
	unsigned i, j;

	run_release(&t->first);
	for (i = 0; i < t->phases_number; i++) {
		for (j = 0; j < t->modes_number; j++) {
			free(t->phases[i].runs[j]);
			counters_free(&t->phases[i].counters[j]);
		}
	}
}

/* The trial, with its file for counters. */
static int with_counters(struct request *r)
{
	char file[PATH_MAX];
	int fd, ret;

	fd = scratch_file("trial", file, sizeof(file));
	if (fd < 0) {
		say("temporary file: %s", strerror(-fd));
		return EXIT_CANNOT_RUN;
	}
	close(fd);
	ret = try_program(r, file);
	unlink(file);
	release(&r->trial);
	return ret;
}

/* And with its outputs, which are there before hours of runs are. */
static int with_outputs(struct request *r)
{
	bool keep;
	int ret;

	if (output_open(&r->report, r->output, stdout))
		return EXIT_TROUBLE;
	if (r->html && output_open(&r->page, r->html, stdout)) {
		output_close(&r->report, 0);
		return EXIT_TROUBLE;
	}
	ret = with_counters(r);
	keep = !ret || ret == EXIT_UNSOUND;
	if (r->html && output_close(&r->page, keep))
		ret = EXIT_TROUBLE;
	if (output_close(&r->report, keep))
		ret = EXIT_TROUBLE;
	if (run_stopped())
		run_obey();
	return ret;
}

static int trial_main(int argc, char **argv)
{
	static struct request r = { .trial = { .rounds = ROUNDS,
		.margin = MARGIN, .phases_number = 1 } };
	int c, ret;

	r.trial.launch.command = argv[0];
	strcpy(r.modes, "ring,auto");
	ret = set_modes(&r.trial, r.modes);
	while (!ret && (c = next_option(argc, argv, "+:qhn:o:", options)) !=
	       -1) {
		if (c == OPT_HELP || c == 'h')
			return show_help(&shim_trial);
		ret = take_option(&r, c == 'q' ? OPT_QUIET : c);
	}
	if (ret)
		return ret;
	r.trial.setting.argv = argv + optind;
	if (!argv[optind])
		return usage("shim trial", "a program is missing");
	ret = refuse_program(&r.trial);
	if (ret)
		return ret;
	run_begin();
	return with_outputs(&r);
}

const struct command shim_trial = {
	.name = "trial",
	.summary = "measure whether a program is faster, and why",
	.help = help,
	.main = trial_main,
};
