// SPDX-License-Identifier: MIT
/* The report of a trial as a page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "trial_plot.h"
#include "trial_show.h"

static struct slice slice_of(const struct text *text)
{
	return (struct slice){ text->s ? text->s : "", text->n };
}

static void put_seconds(FILE *to, double seconds)
{
	fputs("<td>", to);
	html_time(to, llround(seconds * 1e9));
	fputs("</td>", to);
}

static void put_number(FILE *to, double number)
{
	fputs("<td>", to);
	html_count(to, (uint64_t)llround(number));
	fputs("</td>", to);
}

static void begin_row(FILE *to, const char *name)
{
	fputs("<tr><th scope=\"row\" class=\"t\">", to);
	html_word(to, name);
	fputs("</th>", to);
}

static void put_spread(FILE *to, const struct spread *spread)
{
	put_seconds(to, spread->median);
	fputs("<td>", to);
	html_time(to, llround(spread->low * 1e9));
	fputs(" \342\200\223 ", to);
	html_time(to, llround(spread->high * 1e9));
	fputs("</td>", to);
}

static void put_ratio_cells(FILE *to, const struct result *r)
{
	if (r->native) {
		fputs("<td></td><td></td>", to);
		return;
	}
	fprintf(to, "<td>%.2f</td>", r->ratio.estimate);
	if (r->ratio.known)
		fprintf(to, "<td>%.2f \342\200\223 %.2f</td>", r->ratio.low,
			r->ratio.high);
	else
		fputs("<td>too few rounds</td>", to);
}

static void put_times(FILE *to, const struct results *rs)
{
	const struct result *r;
	unsigned i;

	html_table(to, "Medians over the rounds.", "<|time|middle half|times "
		   "native|interval|user|system|asleep|page faults|major|read");
	for (i = 0; i < rs->number; i++) {
		r = &rs->of[i];
		begin_row(to, r->name);
		put_spread(to, &r->of[MEASURE_WALL]);
		put_ratio_cells(to, r);
		put_seconds(to, r->of[MEASURE_USER].median);
		put_seconds(to, r->of[MEASURE_SYS].median);
		fprintf(to, "<td>%.0f %%</td>", 100 * r->asleep);
		put_number(to, r->of[MEASURE_MINOR].median);
		put_number(to, r->of[MEASURE_MAJOR].median);
		fputs("<td>", to);
		html_bytes(to, (uint64_t)llround(r->of[MEASURE_READ].median));
		fputs("</td></tr>\n", to);
	}
	html_table_end(to);
}

static void put_share(FILE *to, uint64_t part, uint64_t whole)
{
	fputs("<td>", to);
	if (whole)
		html_percent(to, part, whole);
	fputs("</td>", to);
}

static void put_why_row(FILE *to, const struct result *r)
{
	const struct why *why = &r->why;
	unsigned i;

	begin_row(to, r->name);
	put_number(to, (double)why->calls);
	put_share(to, why->ring, why->calls);
	put_share(to, why->waited, why->ring ? why->calls : 0);
	put_number(to, (double)why->hints);
	put_share(to, why->used, why->hints);
	put_share(to, why->wasted, why->hints);
	fputs("<td class=\"n\">", to);
	for (i = 0; i < why->reasons_number; i++) {
		fputs(i ? ", " : "", to);
		html_word(to, why->reasons[i].word);
		fputc(' ', to);
		html_count(to, why->reasons[i].calls);
	}
	fputs("</td></tr>\n", to);
}

static void put_why_table(FILE *to, const struct results *rs)
{
	unsigned i;

	html_table(to, "Why: what the library counted in a run that was not "
		   "measured.", "<|calls|on the ring|had to wait|hints|used|"
		   "wasted|<native because of");
	for (i = 1; i < rs->number; i++)
		put_why_row(to, &rs->of[i]);
	html_table_end(to);
}

static void put_paragraph(FILE *to, const char *class, struct slice s)
{
	while (s.n && s.s[s.n - 1] == '\n')
		s.n--;
	fprintf(to, "<p%s%s%s>", class ? " class=\"" : "", class ? class : "",
		class ? "\"" : "");
	html_text(to, s);
	fputs("</p>\n", to);
}

static int put_phase(FILE *to, const struct trial *t, const struct results *rs)
{
	struct text text = { .n = 0 };
	bool failed = false;
	unsigned i;

	fprintf(to, "<h2>%s</h2>\n", rs->phase->cold ? "Cold" : "Warm");
	if (rs->phase->cold) {
		text_printf(&text, "Before each run %s.", t->cold_how);
		put_paragraph(to, "dim", slice_of(&text));
	}
	for (i = 1; i < rs->number; i++) {
		text.n = 0;
		put_verdict(&text, t, rs, &rs->of[i]);
		put_paragraph(to, "note", slice_of(&text));
		failed |= text.failed;
	}
	plot_runs(to, rs);
	plot_ratios(to, t, rs);
	put_times(to, rs);
	put_why_table(to, rs);
	fprintf(to, "<p class=\"dim\">The interval of each ratio has a "
		"confidence of %.4g %%, so that all verdicts together have one "
		"of %g %%. They come from %u rounds.</p>\n",
		100 * rs->confidence, 100 * TRIAL_CONFIDENCE,
		rs->phase->rounds);
	free(text.s);
	return failed;
}

int show_trial_html(FILE *to, const struct report *report)
{
	const struct trial *t = report->trial;
	struct text text = { .n = 0 };
	bool failed = false;
	unsigned i;

	put_command(&text, t);
	html_begin(to, "shim trial", slice_of(&text));
	text.n = 0;
	put_circumstances(&text, t);
	put_paragraph(to, "dim", slice_of(&text));
	text.n = 0;
	put_unsound(&text, t);
	if (text.n) {
		fputs("<h2>Not sound</h2>\n", to);
		put_paragraph(to, "note", slice_of(&text));
	}
	for (i = 0; i < report->number; i++)
		failed |= put_phase(to, t, &report->results[i]);
	html_end(to);
	failed |= text.failed;
	free(text.s);
	return failed || ferror(to) ? -1 : 0;
}
