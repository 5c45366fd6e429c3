// SPDX-License-Identifier: MIT
/*
 * The tables of a report about calls: waits, routes, latencies; see
 * report_tables.h.  Those about files, errors and programs are in
 * report_lists.c.
 */
#include "report_tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "reasons.h"

#define MOST_WAITS 25

struct rank {
	int64_t key;
	uint32_t number;
};

static int by_key(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

int rank(struct ranking *r, const struct sums *sums, size_t number,
	 int64_t (*key)(const struct sums *sums, size_t i))
{
	struct rank *ranks = calloc(number + 1, sizeof(*ranks));
	size_t i;

	r->all = calloc(number + 1, sizeof(*r->all));
	r->number = 0;
	for (i = 0; ranks && r->all && i < number; i++) {
		ranks[r->number].key = key(sums, i);
		ranks[r->number].number = (uint32_t)i;
		r->number += ranks[r->number].key > 0;
	}
	if (ranks)
		qsort(ranks, r->number, sizeof(*ranks), by_key);
	for (i = 0; i < r->number; i++)
		r->all[i] = ranks[i].number;
	free(ranks);
	return ranks && r->all ? 0 : -ENOMEM;
}

void cell_count(FILE *to, uint64_t n)
{
	fputs("<td>", to);
	html_count(to, n);
	fputs("</td>", to);
}

void cell_time(FILE *to, int64_t ns)
{
	fputs("<td>", to);
	if (ns >= 0)
		html_time(to, ns);
	fputs("</td>", to);
}

void cell_bytes(FILE *to, uint64_t n)
{
	fputs("<td>", to);
	html_bytes(to, n);
	fputs("</td>", to);
}

void cell_thing(FILE *to, const struct sums *sums, uint32_t thing)
{
	fputs("<td class=\"n\">", to);
	if (thing != NONE)
		html_name(to, sums->things.all[thing].s);
	fputs("</td>", to);
}

static void cell_call(FILE *to, const struct sums *sums, uint32_t call)
{
	fputs("<td class=\"t\">", to);
	if (call != NONE)
		html_text(to, sums->calls.all[call].s);
	fputs("</td>", to);
}

/* What a table does not show of its list. */
void put_rest(FILE *to, size_t shown, size_t all)
{
	if (shown >= all)
		return;
	fputs("<p class=\"dim\">And ", to);
	html_count(to, all - shown);
	fputs(" more.</p>\n", to);
}

static int64_t time_of_wait(const struct sums *sums, size_t i)
{
	return sums->wait[i].time;
}

static void put_wait(FILE *to, const struct sums *sums,
		     const struct wait_sum *wait, int64_t whole)
{
	int64_t parts[WAYS] = { [WAY_WAIT] = wait->time };

	fputs("<tr>", to);
	cell_call(to, sums, wait->call);
	cell_thing(to, sums, wait->thing);
	cell_time(to, wait->time);
	fputs("<td>", to);
	svg_bar(to, parts, whole);
	fputs("</td>", to);
	cell_count(to, wait->waits);
	cell_time(to, wait->time / (int64_t)wait->waits);
	cell_time(to, wait->most);
	fputs("</tr>\n", to);
}

int tables_waits(FILE *to, const struct sums *sums)
{
	struct ranking r;
	int ret = rank(&r, sums, sums->waits.number, time_of_wait);
	size_t n = r.number < MOST_WAITS ? r.number : MOST_WAITS, i;

	if (ret || (!n && !sums->routes))
		goto out;
	fputs("<h2>What was waited for</h2>\n", to);
	if (!n) {
		fputs("<p>No call had to wait.</p>\n", to);
		goto out;
	}
	html_table(to, sums->routes ?
		   "Calls that had to wait, by the time that they waited" :
		   "Calls that are made in order to wait; of others it is not "
		   "known",
		   "<call|<on|time|<|waits|mean|longest");
	for (i = 0; i < n; i++)
		put_wait(to, sums, &sums->wait[r.all[i]],
			 sums->wait[r.all[0]].time);
	html_table_end(to);
	put_rest(to, n, r.number);
out:
	free(r.all);
	return ret;
}

static int64_t whole_of(const struct call_sum *call)
{
	int64_t sum = 0;
	int way;

	for (way = 0; way < WAYS; way++)
		sum = add_times(sum, call->time[way]);
	return sum;
}

/* By time; if the trace has none, by number. */
static int64_t weight_of_call(const struct sums *sums, size_t i)
{
	return sums->durations ? add_times(whole_of(&sums->call[i]), 1) :
		(int64_t)sums->call[i].calls;
}

static int64_t longest_of(const struct sums *sums)
{
	int64_t most = 0, one;
	size_t i;

	for (i = 0; i < sums->calls.number; i++) {
		one = whole_of(&sums->call[i]);
		most = one > most ? one : most;
	}
	return most;
}

static bool unfinished(const struct sums *sums)
{
	size_t i;

	for (i = 0; i < sums->calls.number; i++) {
		if (sums->call[i].unfinished)
			return true;
	}
	return false;
}

static void put_call(FILE *to, const struct sums *sums, uint32_t number,
		     int64_t longest)
{
	const struct call_sum *call = &sums->call[number];

	fputs("<tr>", to);
	cell_call(to, sums, number);
	cell_count(to, call->calls);
	if (sums->durations) {
		cell_time(to, whole_of(call));
		fputs("<td>", to);
		svg_bar(to, call->time, longest);
		fputs("</td>", to);
		cell_time(to, call->time[WAY_WAIT]);
	}
	if (sums->routes) {
		cell_count(to, call->routes[ROUTE_RING]);
		cell_count(to, call->routes[ROUTE_NATIVE]);
	}
	cell_count(to, call->errors);
	if (unfinished(sums))
		cell_count(to, call->unfinished);
	cell_bytes(to, call->bytes);
	fputs("</tr>\n", to);
}

static uint64_t of_reason(const struct sums *sums, size_t reason)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sums->calls.number; i++)
		sum += sums->call[i].reasons[reason];
	return sum;
}

static int64_t calls_of_reason(const struct sums *sums, size_t i)
{
	return (int64_t)of_reason(sums, i);
}

static void put_meaning(FILE *to, struct slice word)
{
	const char *text = NULL;
	char name[32];

	if (word.n < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)word.n, word.s);
		text = reason_text(name);
	}
	fputs("<td class=\"t w\">", to);
	html_word(to, text ? text : "");
	fputs("</td>", to);
}

/* "read 12, write 3" */
static void put_reason(FILE *to, const struct sums *sums,
		       const struct ranking *calls, uint32_t reason)
{
	const char *comma = "";
	uint64_t n;
	size_t i;

	fputs("<tr><td class=\"t\">", to);
	html_text(to, sums->reasons.all[reason].s);
	fputs("</td>", to);
	put_meaning(to, sums->reasons.all[reason].s);
	cell_count(to, of_reason(sums, reason));
	fputs("<td class=\"n\">", to);
	for (i = 0; i < calls->number; i++) {
		n = sums->call[calls->all[i]].reasons[reason];
		if (!n)
			continue;
		fputs(comma, to);
		html_text(to, sums->calls.all[calls->all[i]].s);
		fputs("&nbsp;", to);
		html_count(to, n);
		comma = ", ";
	}
	fputs("</td></tr>\n", to);
}

static int put_reasons(FILE *to, const struct sums *sums,
		       const struct ranking *calls)
{
	struct ranking r;
	int ret = rank(&r, sums, sums->reasons.number, calls_of_reason);
	size_t i;

	if (!ret && r.number) {
		html_table(to, "Why calls were native",
			   "<reason|<meaning|calls|<which");
		for (i = 0; i < r.number; i++)
			put_reason(to, sums, calls, r.all[i]);
		html_table_end(to);
	}
	free(r.all);
	return ret;
}

int tables_calls(FILE *to, const struct sums *sums)
{
	char columns[128];
	struct ranking r;
	int ret = rank(&r, sums, sums->calls.number, weight_of_call);
	size_t i;

	if (ret)
		goto out;
	fputs("<h2>Calls, and the way they went</h2>\n", to);
	if (sums->durations)
		svg_key(to, sums);
	snprintf(columns, sizeof(columns), "<call|calls%s%s|errors%s|bytes",
		 sums->durations ? "|time|<|of it waiting" : "",
		 sums->routes ? "|on the ring|native" : "",
		 unfinished(sums) ? "|unfinished" : "");
	html_table(to, sums->durations ? "By the time that they took" :
		   "By their number", columns);
	for (i = 0; i < r.number; i++)
		put_call(to, sums, r.all[i], longest_of(sums));
	html_table_end(to);
	ret = put_reasons(to, sums, &r);
out:
	free(r.all);
	return ret;
}

static void put_latency(FILE *to, const struct sums *sums, uint32_t call,
			int way)
{
	static const double shares[] = { 0.5, 0.9, 0.99 };
	const struct histogram *h = sums->call[call].by_way[way];
	size_t i;

	fputs("<tr>", to);
	cell_call(to, sums, call);
	fprintf(to, "<td class=\"t\">%s</td>", way_name((enum way)way));
	cell_count(to, h->count);
	cell_time(to, h->sum / (int64_t)h->count);
	for (i = 0; i < 3; i++)
		cell_time(to, histogram_at(h, shares[i]));
	cell_time(to, h->most);
	fputs("</tr>\n", to);
}

void table_latencies(FILE *to, const struct sums *sums,
		     const struct ranking *calls)
{
	size_t i;
	int way;

	html_table(to, "Times of calls; median, 90&#8239;% and 99&#8239;% are "
		   "upper bounds, at most an eighth too high",
		   "<call|<way|calls|mean|median|90&#8239;%|99&#8239;%|longest");
	for (i = 0; i < calls->number; i++) {
		for (way = 0; way < WAYS; way++) {
			if (sums->call[calls->all[i]].by_way[way])
				put_latency(to, sums, calls->all[i], way);
		}
	}
	html_table_end(to);
}

static void put_buckets(FILE *to, const struct sums *sums, uint32_t call,
			int way, unsigned first, unsigned last)
{
	unsigned power;

	fputs("<tr>", to);
	cell_call(to, sums, call);
	fprintf(to, "<td class=\"t\">%s</td>", way_name((enum way)way));
	for (power = first; power <= last; power++)
		cell_count(to, calls_of_power(sums->call[call].by_way[way],
					      power));
	fputs("</tr>\n", to);
}

void table_buckets(FILE *to, const struct sums *sums, const uint32_t *calls,
		   size_t number, unsigned first, unsigned last)
{
	struct text columns = { .n = 0 };
	unsigned power;
	char time[32];
	size_t i;
	int way;

	text_puts(&columns, "<call|<way");
	for (power = first; power <= last; power++)
		text_printf(&columns, "|%s", time_text(time, sizeof(time),
			    (int64_t)1 << (power + 1)));
	fputs("<details><summary>The pictures as a table</summary>\n", to);
	html_table(to, "How many calls took up to this time, and more than half "
		   "of it", columns.s && !columns.failed ? columns.s : "");
	for (i = 0; i < number; i++) {
		for (way = 0; way < WAYS; way++) {
			if (sums->call[calls[i]].by_way[way])
				put_buckets(to, sums, calls[i], way, first,
					    last);
		}
	}
	html_table_end(to);
	fputs("</details>\n", to);
	free(columns.s);
}
