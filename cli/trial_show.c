// SPDX-License-Identifier: MIT
/* The report of a trial as text. */
#include "trial_show.h"

#include <string.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

void put_command(struct text *text, const struct trial *t)
{
	char **word;

	for (word = t->setting.argv; *word; word++) {
		if (word != t->setting.argv)
			text_puts(text, " ");
		text_puts(text, *word);
	}
}

void put_circumstances(struct text *text, const struct trial *t)
{
	struct utsname machine;
	time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;
	unsigned i;

	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%FT%H:%MZ", &tm);
	if (uname(&machine))
		strcpy(machine.release, "?");
	text_printf(text, "Linux %s, %ld processors, %s; ", machine.release,
		    sysconf(_SC_NPROCESSORS_ONLN), date);
	for (i = 0; i < t->modes_number; i++)
		text_printf(text, "%s%s", i ? ", " : "", t->modes[i].name);
	text_printf(text, " in turn, %u rounds", t->rounds);
}

/* All times of a table in one unit, so that they can be compared. */
static double unit_of(const struct results *r, const char **name)
{
	bool small = r->of[0].of[MEASURE_WALL].median < 1;

	*name = small ? "milliseconds" : "seconds";
	return small ? 1e3 : 1;
}

static int digits_of(double value)
{
	return value < 10 ? 3 : value < 100 ? 2 : 1;
}

static void put_time(FILE *to, double seconds, double unit)
{
	double value = seconds * unit;

	fprintf(to, " %8.*f", digits_of(value), value);
}

static void put_row(FILE *to, const struct result *r, double unit)
{
	const struct spread *wall = &r->of[MEASURE_WALL];
	double low = wall->low * unit, high = wall->high * unit;
	char text[64];

	fprintf(to, "  %-8s", r->name);
	put_time(to, wall->median, unit);
	snprintf(text, sizeof(text), "%.*f-%.*f", digits_of(low), low,
		 digits_of(high), high);
	fprintf(to, "  %-17s", text);
	*text = '\0';
	if (!r->native)
		snprintf(text, sizeof(text), "%6.2f  %.2f-%.2f",
			 r->ratio.estimate, r->ratio.low, r->ratio.high);
	/* No interval, no numbers that look like one. */
	if (!r->native && !r->ratio.known)
		snprintf(text, sizeof(text), "%6.2f", r->ratio.estimate);
	fprintf(to, " %-18s", text);
	put_time(to, r->of[MEASURE_USER].median, unit);
	put_time(to, r->of[MEASURE_SYS].median, unit);
	fprintf(to, " %9.0f %7.0f %10.1f\n", r->of[MEASURE_MINOR].median,
		r->of[MEASURE_MAJOR].median, r->of[MEASURE_READ].median / 1e6);
}

static void put_table(FILE *to, const struct trial *t, const struct results *r)
{
	const char *unit_name;
	double unit = unit_of(r, &unit_name);
	unsigned i;

	fprintf(to, "\n%s, %u rounds, medians, %s", r->phase->cold ? "cold" :
		"warm", r->phase->rounds, unit_name);
	if (r->phase->cold)
		fprintf(to, "; before each run %s", t->cold_how);
	fprintf(to, "\n  %-8s %8s  %-17s %6s  %-10.10s %8s %8s %9s %7s %10s\n",
		"", "time", "middle half", "ratio", "interval", "user",
		"system", "faults", "major", "MB read");
	for (i = 0; i < r->number; i++)
		put_row(to, &r->of[i], unit);
}

static void put_sentences(struct text *text, const struct trial *t,
			  const struct results *r)
{
	unsigned i;

	text_puts(text, "\n");
	for (i = 1; i < r->number; i++) {
		put_verdict(text, t, r, &r->of[i]);
		text_puts(text, "\n");
	}
	text_puts(text, "\n");
	put_why(text, r);
	text_printf(text, "(interval: %.4g %% confidence each, %g %% for all "
		    "verdicts together)\n", 100 * r->confidence,
		    100 * TRIAL_CONFIDENCE);
}

static void put_heading(FILE *to, const struct trial *t)
{
	struct text command = { .s = NULL }, line = { .s = NULL };

	put_command(&command, t);
	text_escaped(&line, (struct slice){ command.s, command.n });
	text_puts(&line, "\n");
	put_circumstances(&line, t);
	text_puts(&line, "\n");
	fwrite(line.s, 1, line.n, to);
	free(command.s);
	free(line.s);
}

int show_trial_text(FILE *to, const struct report *report)
{
	const struct trial *t = report->trial;
	struct text text = { .s = NULL };
	unsigned i;
	int failed;

	put_heading(to, t);
	for (i = 0; i < report->number; i++) {
		put_table(to, t, &report->results[i]);
		text.n = 0;
		put_sentences(&text, t, &report->results[i]);
		fwrite(text.s, 1, text.n, to);
	}
	text.n = 0;
	put_unsound(&text, t);
	if (text.n)
		fprintf(to, "\nnot sound: %.*s", (int)text.n, text.s);
	failed = text.failed || ferror(to);
	free(text.s);
	return failed ? -1 : 0;
}
