// SPDX-License-Identifier: MIT
/* The runs of a trial, in turn; see trial_rounds.h. */
#include "trial_rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"
#include "trial_cold.h"
#include "trial_input.h"
#include "trial_run.h"

/* Without --timeout a run may take so many times as long as the first one ... */
#define LIMIT_TIMES 10
/* ... and at least so many seconds. */
#define LIMIT_LEAST 60

struct rounds {
	struct trial *trial;
	struct cold *cold;
	bool progress; /* shown? */
};

unsigned trial_order(unsigned round, unsigned i, unsigned number)
{
	unsigned first = round % number;

	/* Round after round one place further, then all of that backwards. */
	return round / number % 2 ? (first + number - 1 - i) % number :
		(first + i) % number;
}

static void show_progress(const struct rounds *r, const char *where)
{
	if (r->progress)
		fprintf(stderr, "\r\033[Kshim trial: %s", where);
}

static void hide_progress(const struct rounds *r)
{
	if (r->progress)
		fputs("\r\033[K", stderr);
}

/* What has to be there before the program can be run again. */
static int prepare(const struct trial *t)
{
	static const struct input nothing = { .copy = -1 };
	char shell[] = "/bin/sh", c[] = "-c", text[128];
	char *argv[] = { shell, c, NULL, NULL };
	struct setting setting = { .argv = argv, .input = &nothing };
	struct run run;
	int ret;

	if (!t->prepare)
		return 0;
	argv[2] = strdup(t->prepare);
	ret = run_once(&setting, t->modes[0].environment, &run);
	if (!ret && run.status) {
		fwrite(run.captured[STREAM_ERR].head, 1,
		       run.captured[STREAM_ERR].kept, stderr);
		say("--prepare: %s", trial_status(&run, text, sizeof(text)));
		ret = EXIT_TROUBLE;
	}
	if (!ret)
		run_release(&run);
	free(argv[2]);
	return ret;
}

/* One run, with all that belongs before and after it. */
static int one_run(const struct rounds *r, const struct phase *phase,
		   unsigned mode, char **environment, struct run *run,
		   const char *which)
{
	struct trial *t = r->trial;
	char where[64];
	int ret;

	snprintf(where, sizeof(where), "%s, %s, %s", t->modes[mode].name,
		 phase->cold ? "cold" : "warm", which);
	show_progress(r, where);
	ret = prepare(t);
	if (!ret && phase->cold)
		ret = cold_drop(r->cold);
	if (!ret)
		ret = run_once(&t->setting, environment, run);
	if (!ret)
		trial_check(t, run, mode == 0, where);
	return ret;
}

/* The very first one: what all others have to be like, and how long it takes. */
static int first_run(const struct rounds *r)
{
	struct trial *t = r->trial;
	int ret;

	t->setting.limit = t->timeout;
	ret = one_run(r, &(struct phase){ .cold = false }, 0,
		      t->modes[0].environment, &t->first, "first run");
	if (ret || t->timeout > 0)
		return ret;
	t->setting.limit = LIMIT_TIMES * t->first.wall;
	if (t->setting.limit < LIMIT_LEAST)
		t->setting.limit = LIMIT_LEAST;
	return 0;
}

/* A run that shows which files the program opens, for cold_drop(). */
static int watch_files(const struct rounds *r)
{
	struct trial *t = r->trial;
	struct setting setting = t->setting;
	char text[128];
	struct run run;
	int ret;

	setting.argv = cold_command(r->cold);
	show_progress(r, "which files?");
	ret = prepare(t);
	if (!ret)
		ret = run_once(&setting, t->modes[0].environment, &run);
	if (ret)
		return ret;
	if (run.status != t->first.status) {
		say("--cold: a run that was to show the files: %s",
		    trial_status(&run, text, sizeof(text)));
		ret = EXIT_TROUBLE;
	}
	run_release(&run);
	return ret ? ret : cold_learn(r->cold);
}

static int begin_cold(struct rounds *r)
{
	struct trial *t = r->trial;
	int ret = cold_begin(&r->cold, t->setting.argv);

	if (!ret && cold_command(r->cold))
		ret = watch_files(r);
	return ret;
}

/* The library writes them whatever becomes of the program; empty: not loaded. */
static int take_counters(struct phase *phase, unsigned mode, const char *file)
{
	struct counters *c = &phase->counters[mode];
	int fd = open(file, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0) {
		say("counters: %s", strerror(errno));
		return EXIT_TROUBLE;
	}
	phase->counted[mode] = lseek(fd, 0, SEEK_END) > 0;
	ret = phase->counted[mode] ? counters_read(c, fd) : 0;
	close(fd);
	if (!ret)
		return 0;
	say("counters: %s", counters_error(c, ret));
	return EXIT_TROUBLE;
}

/* A run of each mode that is not measured. */
static int warm_up(const struct rounds *r, struct phase *phase)
{
	struct trial *t = r->trial;
	const char *file = t->counters_file;
	struct run run;
	unsigned i;
	int ret = 0;

	for (i = 0; i < t->modes_number && !ret && !t->over; i++) {
		if (truncate(file, 0)) {
			say("%s: %s", file, strerror(errno));
			return EXIT_CANNOT_RUN;
		}
		ret = one_run(r, phase, i, t->modes[i].counting, &run,
			      "not measured");
		if (ret)
			return ret;
		run_release(&run);
		if (i)
			ret = take_counters(phase, i, file);
	}
	return ret;
}

static int one_round(const struct rounds *r, struct phase *phase)
{
	struct trial *t = r->trial;
	unsigned i, mode;
	char which[32];
	struct run *run;
	int ret = 0;

	snprintf(which, sizeof(which), "round %u of %u", phase->rounds + 1,
		 t->rounds);
	for (i = 0; i < t->modes_number && !ret && !t->over; i++) {
		mode = trial_order(phase->rounds, i, t->modes_number);
		run = &phase->runs[mode][phase->rounds];
		ret = one_run(r, phase, mode, t->modes[mode].environment, run,
			      which);
		if (!ret)
			run_release(run);
	}
	if (!ret && !t->over)
		phase->rounds++;
	return ret;
}

static int make_room(const struct trial *t, struct phase *phase)
{
	unsigned i;

	for (i = 0; i < t->modes_number; i++) {
		phase->runs[i] = calloc(t->rounds, sizeof(*phase->runs[i]));
		if (!phase->runs[i]) {
			say("%s", strerror(ENOMEM));
			return EXIT_CANNOT_RUN;
		}
	}
	return 0;
}

static int perform_phase(const struct rounds *r, struct phase *phase)
{
	struct trial *t = r->trial;
	int ret = make_room(t, phase);

	if (!ret)
		ret = warm_up(r, phase);
	while (!ret && phase->rounds < t->rounds && !t->over)
		ret = one_round(r, phase);
	return ret;
}

int trial_perform(struct trial *t)
{
	struct rounds r = { .trial = t, .progress = !t->launch.quiet &&
			    isatty(STDERR_FILENO) };
	unsigned i;
	int ret;

	ret = first_run(&r);
	if (!ret && t->phases[0].cold && !t->over)
		ret = begin_cold(&r);
	if (!ret && r.cold)
		snprintf(t->cold_how, sizeof(t->cold_how), "%s",
			 cold_how(r.cold));
	for (i = 0; i < t->phases_number && !ret && !t->over; i++)
		ret = perform_phase(&r, &t->phases[i]);
	hide_progress(&r);
	cold_end(r.cold);
	return ret;
}
