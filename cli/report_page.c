// SPDX-License-Identifier: MIT
/*
 * The page of a report: what happened, in the order in which one asks; see
 * report.h.  The tables at its end are in report_tables.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "report.h"
#include "report_tables.h"

#define MOST_LINES 24      /* threads with a time line */
#define MOST_HISTOGRAMS 12

static int64_t duration_of(const struct sums *sums)
{
	return sums->begin < 0 ? 0 : sums->end - sums->begin;
}

static int64_t time_of_calls(const struct sums *sums, int way)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < sums->calls.number; i++)
		sum = add_times(sum, sums->call[i].time[way]);
	return sum;
}

static uint64_t calls_by_route(const struct sums *sums, enum route route)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sums->calls.number; i++)
		sum += sums->call[i].routes[route];
	return sum;
}

static void put_number(FILE *to, uint64_t n, const char *word)
{
	html_count(to, n);
	fprintf(to, " %s%s", word, n == 1 ? "" : !strcmp(word, "process") ?
		"es" : "s");
}

static size_t processes_of(const struct sums *sums)
{
	size_t i, n = 0;

	for (i = 0; i < sums->processes; i++)
		n += sums->process[i].threads > 0;
	return n;
}

static void put_times(FILE *to, const struct sums *sums)
{
	static const char *const words[WAYS] = {
		[WAY_RING] = "on the ring", [WAY_NATIVE] = "in native calls",
		[WAY_WAIT] = "waiting", [WAY_UNKNOWN] = "in other calls",
	};
	int64_t time[WAYS], all = 0;
	int way, n = 0;

	for (way = 0; way < WAYS; way++) {
		time[way] = time_of_calls(sums, way);
		all = add_times(all, time[way]);
	}
	if (!all)
		return;
	fputs("<p>All together the threads spent <b>", to);
	html_time(to, all);
	fputs("</b> in these calls", to);
	for (way = 0; way < WAYS; way++) {
		if (!time[way])
			continue;
		fputs(n++ ? ", " : ": ", to);
		html_percent(to, (uint64_t)time[way], (uint64_t)all);
		fprintf(to, " of it %s", words[way]);
	}
	fputs(".</p>\n", to);
}

static void put_summary(FILE *to, const struct sums *sums)
{
	uint64_t ring = calls_by_route(sums, ROUTE_RING), errors = 0;
	size_t i;

	for (i = 0; i < sums->calls.number; i++)
		errors += sums->call[i].errors;
	fputs("<p><b>", to);
	put_number(to, sums->number, "call");
	fputs("</b> of ", to);
	put_number(to, sums->threads, "thread");
	fputs(" in ", to);
	put_number(to, processes_of(sums), "process");
	if (sums->begin >= 0) {
		fputs(", in <b>", to);
		html_time(to, duration_of(sums));
		fputs("</b>", to);
	}
	fputs("; ", to);
	if (sums->routes) {
		html_percent(to, ring, sums->number);
		fputs(" rode the ring; ", to);
	}
	put_number(to, errors, "error");
	fputs(".</p>\n", to);
	put_times(to, sums);
}

static void note(FILE *to, const char *text)
{
	fprintf(to, "<p class=\"note\">%s</p>\n", text);
}

static void note_lines(FILE *to, const struct sums *sums)
{
	if (sums->lost) {
		fputs("<p class=\"note\">", to);
		put_number(to, sums->lost, "record");
		fputs(" of the trace were lost: the program was faster than who "
		      "read it.</p>\n", to);
	}
	if (sums->bad)
		fprintf(to, "<p class=\"note\">Lines that were not understood: "
			"%" PRIu64 "; the first is line %" PRIu64 ".</p>\n",
			sums->bad, sums->first_bad);
	if (sums->cut)
		fprintf(to, "<p class=\"note\">The last line (%" PRIu64 ") was "
			"cut off.</p>\n", sums->cut);
}

static void put_notes(FILE *to, const struct sums *sums)
{
	note_lines(to, sums);
	if (sums->others)
		note(to, "There are more names or threads than can be told "
		     "apart here: the rest is summed up as all others.");
	if (!sums->routes)
		note(to, "The trace does not say which way calls went: route "
		     "unknown. <code>shim trace --json</code> says it.");
	if (sums->begin < 0)
		note(to, "The trace has no times: <code>strace -f -ttt -T"
		     "</code> writes them.");
	else if (!sums->durations)
		note(to, "The trace does not say how long calls took: "
		     "<code>strace -T</code> writes it.");
}

static void put_ticks(FILE *to, const struct sums *sums)
{
	int64_t bins = ((sums->end - sums->begin) >> sums->shift) + 1;
	int64_t all = bins << sums->shift;
	int i;

	fputs("<div class=\"ticks\" aria-hidden=\"true\">", to);
	for (i = 0; i <= 4; i++) {
		fputs("<span>", to);
		html_time(to, all / 4 * i);
		fputs("</span>", to);
	}
	fputs("</div>\n", to);
}

/* What the text above a line says, and the row of a table as well. */
static void put_thread(FILE *to, const struct sums *sums, uint32_t number)
{
	const struct thread_sum *thread = &sums->thread[number];
	int64_t whole = duration_of(sums);
	int way;

	fprintf(to, "<p><b>%ld</b> ", thread->tid);
	put_command_line(to, sums, thread->process);
	fputs(" <span class=\"dim\">", to);
	put_number(to, thread->calls, "call");
	for (way = 0; way < WAYS; way++) {
		if (!thread->time[way])
			continue;
		fputs(", ", to);
		html_percent(to, (uint64_t)thread->time[way], (uint64_t)whole);
		fprintf(to, " %s", way_name(way));
	}
	fputs("</span></p>\n", to);
}

static uint64_t most_in_bin(const struct sums *sums, const uint32_t *threads,
			    size_t n)
{
	const struct bin *bins;
	uint64_t most = 1;
	size_t i, j;

	for (i = 0; i < n; i++) {
		bins = sums->thread[threads[i]].bins;
		for (j = 0; j < BINS; j++) {
			if (bins[j].calls > most)
				most = bins[j].calls;
		}
	}
	return most;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int64_t time_of_thread(const struct sums *sums, size_t i)
{
	const struct thread_sum *thread = &sums->thread[i];
	int64_t sum = 0;
	int way;

	if (!thread->bins)
		return 0;
	for (way = 0; way < WAYS; way++)
		sum = add_times(sum, thread->time[way]);
	return sum ? sum : thread->calls ? 1 : 0;
}

static void put_lines(FILE *to, const struct sums *sums, uint32_t *threads,
		      size_t n, size_t all)
{
	uint64_t most = most_in_bin(sums, threads, n);
	size_t i;

	qsort(threads, n, sizeof(*threads), by_number);
	svg_key(to, sums);
	fputs("<p class=\"dim\">Above, the share of time that a thread spent in "
	      "calls; what is left it computed, or made calls that are not in the "
	      "trace; percentages are of the whole time. Below, how many calls it "
	      "made, ", to);
	html_count(to, most);
	fputs(" at most in ", to);
	html_time(to, (int64_t)1 << sums->shift);
	fputs(".", to);
	if (n < all) {
		fprintf(to, " The %zu threads with most time in calls, of ", n);
		html_count(to, all);
		fputs(".", to);
	}
	fputs("</p>\n<figure>\n", to);
	put_ticks(to, sums);
	for (i = 0; i < n; i++) {
		fputs("<div class=\"line\">", to);
		put_thread(to, sums, threads[i]);
		svg_line(to, sums, threads[i], most);
		fputs("</div>\n", to);
	}
	put_ticks(to, sums);
	fputs("</figure>\n", to);
}

static int put_time_lines(FILE *to, const struct sums *sums)
{
	struct ranking r;
	int ret = rank(&r, sums, sums->threads, time_of_thread);
	size_t n = r.number < MOST_LINES ? r.number : MOST_LINES;

	if (!ret && n && sums->begin >= 0) {
		fputs("<h2>What each thread did, and when</h2>\n", to);
		put_lines(to, sums, r.all, n, r.number);
		table_threads(to, sums, r.all, n);
	}
	free(r.all);
	return ret;
}

static bool range_of(const struct sums *sums, const uint32_t *calls, size_t n,
		     unsigned *first, unsigned *last)
{
	unsigned power;
	size_t i;
	int way;

	*first = 64;
	*last = 0;
	for (i = 0; i < n; i++) {
		for (way = 0; way < WAYS; way++) {
			for (power = 2; power < 64; power++) {
				if (!calls_of_power(sums->call[calls[i]]
						    .by_way[way], power))
					continue;
				*first = power < *first ? power : *first;
				*last = power > *last ? power : *last;
			}
		}
	}
	return *first <= *last;
}

static void put_histograms(FILE *to, const struct sums *sums,
			   const struct ranking *r)
{
	size_t n = r->number < MOST_HISTOGRAMS ? r->number : MOST_HISTOGRAMS, i;
	unsigned first, last;

	if (!range_of(sums, r->all, n, &first, &last))
		return;
	fputs("<h2>How long calls took</h2>\n", to);
	svg_key(to, sums);
	fputs("<p class=\"dim\">Both scales are logarithmic: how many calls took "
	      "so long.</p>\n<div class=\"grid\">\n", to);
	for (i = 0; i < n; i++) {
		fputs("<figure><h3>", to);
		html_text(to, sums->calls.all[r->all[i]].s);
		fputs("</h3>\n", to);
		svg_histogram(to, sums, r->all[i], first, last);
		fputs("</figure>\n", to);
	}
	fputs("</div>\n", to);
	table_latencies(to, sums, r);
	table_buckets(to, sums, r->all, n, first, last);
}

static int64_t time_of_call(const struct sums *sums, size_t i)
{
	int64_t sum = 0;
	int way;

	for (way = 0; way < WAYS; way++)
		sum = add_times(sum, sums->call[i].time[way]);
	return sum;
}

static int put_latencies(FILE *to, const struct sums *sums)
{
	struct ranking r;
	int ret = rank(&r, sums, sums->calls.number, time_of_call);

	if (!ret && r.number)
		put_histograms(to, sums, &r);
	free(r.all);
	return ret;
}

/* The first program is what it is about. */
static struct slice title_of(const struct sums *sums, struct slice name)
{
	struct slice title = name;

	if (sums->processes && sums->process[0].command != NONE)
		title = sums->commands.all[sums->process[0].command].s;
	if (title.n > 300)
		title.n = 300;
	return title.n ? title : name;
}

int report_page(FILE *to, const struct sums *sums, struct slice name)
{
	int ret;

	html_begin(to, "shim report", title_of(sums, name));
	put_summary(to, sums);
	fputs("<p class=\"dim\">Trace: ", to);
	html_name(to, name);
	fputs(", ", to);
	put_number(to, sums->lines, "line");
	fputs(".</p>\n", to);
	put_notes(to, sums);
	ret = put_time_lines(to, sums);
	ret = ret ? ret : tables_waits(to, sums);
	ret = ret ? ret : tables_calls(to, sums);
	ret = ret ? ret : put_latencies(to, sums);
	ret = ret ? ret : tables_things(to, sums);
	ret = ret ? ret : tables_errors(to, sums);
	ret = ret ? ret : tables_programs(to, sums);
	html_end(to);
	return ret;
}
