// SPDX-License-Identifier: MIT
/*
 * What was found, for people: a verdict, a table, and like diff -u where threads
 * begin to differ.  Whatever comes from a trace or a file is printed escaped.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

#define LONGEST_LINE 400UL
#define SHOWN_BEFORE 100UL

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void show_verdict(FILE *to, const struct comparison *c)
{
	uint64_t calls[2] = { 0, 0 };
	size_t i;

	for (i = 0; i < c->calls.number; i++) {
		calls[0] += c->rows[i].calls[0];
		calls[1] += c->rows[i].calls[1];
	}
	if (!c->differences && runs_differ(c))
		fputs("different: not in the calls", to);
	else if (c->differences)
		fprintf(to, "different: %zu line%s, in %zu of %zu thread%s",
			c->differences, plural(c->differences), c->differing,
			c->pairs_number, plural(c->pairs_number));
	else
		fprintf(to, "same: %zu thread%s", c->pairs_number,
			plural(c->pairs_number));
	fprintf(to, "; %" PRIu64 " and %" PRIu64 " calls", calls[0], calls[1]);
	if (c->expected)
		fprintf(to, "; %zu expected difference%s", c->expected,
			plural(c->expected));
	fputs("\n\n", to);
}

static const char *yes(bool same)
{
	return same ? "yes" : "no";
}

static void show_runs(FILE *to, const struct runs *runs)
{
	static const char *const names[] = { "standard output",
					     "standard error" };
	char end[2][64];
	int i;

	run_end(runs, 0, end[0]);
	run_end(runs, 1, end[1]);
	fprintf(to, "%-16s %18s %18s  same\n", "", runs->mode[0], runs->mode[1]);
	fprintf(to, "%-16s %18s %18s  %s\n", "status", end[0], end[1],
		yes(runs_end_alike(runs)));
	for (i = 0; i < 2; i++)
		fprintf(to, "%-16s %12" PRIu64 " bytes %12" PRIu64
			" bytes  %s\n", names[i], runs->output[0][i].bytes,
			runs->output[1][i].bytes,
			yes(runs_write_alike(runs, i)));
	fputc('\n', to);
}

static void show_table(FILE *to, const struct comparison *c)
{
	const struct call_row *row;
	size_t i;

	fprintf(to, "%-16s %9s %9s %8s %8s %13s %13s  same\n", "call", "calls A",
		"calls B", "errors A", "errors B", "bytes A", "bytes B");
	for (i = 0; i < c->calls.number; i++) {
		row = &c->rows[i];
		if (!row->calls[0] && !row->calls[1])
			continue;
		fprintf(to, "%-16.*s %9" PRIu64 " %9" PRIu64 " %8" PRIu64
			" %8" PRIu64 " %13" PRIu64 " %13" PRIu64 "  %s\n",
			(int)c->calls.all[i].s.n, c->calls.all[i].s.s,
			row->calls[0], row->calls[1], row->errors[0],
			row->errors[1], row->bytes[0], row->bytes[1],
			yes(!row->differs));
	}
}

/* A long line: its beginning, and what is around @at. */
static void show_line(FILE *to, int mark, struct slice s, size_t at)
{
	fputc(mark, to);
	if (s.n > LONGEST_LINE && at > LONGEST_LINE - SHOWN_BEFORE) {
		print_escaped(to, (struct slice){ s.s, SHOWN_BEFORE });
		fprintf(to, "[... %zu bytes ...]", at - 2 * SHOWN_BEFORE);
		s = slice_from(s, at - SHOWN_BEFORE);
	}
	if (s.n > LONGEST_LINE) {
		print_escaped(to, (struct slice){ s.s, LONGEST_LINE });
		fprintf(to, "[... %zu bytes]", s.n - LONGEST_LINE);
	} else {
		print_escaped(to, s);
	}
	fputc('\n', to);
}

static struct slice text_of(const struct comparison *c, const struct entry *entry)
{
	return c->texts.all[entry->text].s;
}

/* The @number-th line in the hunk that only one side has, or NULL. */
static const struct entry *lone(const struct comparison *c,
				const struct pair *pair, const struct hunk *h,
				int side, size_t number)
{
	const struct step *step;
	size_t i;

	for (i = h->from; i < h->to; i++) {
		step = &pair->steps.all[i];
		if ((side ? step->a : step->b) < 0 && !number--)
			return step_entry(c, pair, step, side);
	}
	return NULL;
}

/* Where a line begins to differ from its opposite. */
static size_t first_byte(struct slice a, struct slice b)
{
	size_t i = 0;

	while (i < a.n && i < b.n && a.s[i] == b.s[i])
		i++;
	return i;
}

static void show_side(FILE *to, const struct comparison *c,
		      const struct pair *pair, const struct hunk *h, int side)
{
	const struct entry *entry, *other;
	size_t i;

	for (i = 0; (entry = lone(c, pair, h, side, i)); i++) {
		other = lone(c, pair, h, !side, i);
		show_line(to, side ? '+' : '-', text_of(c, entry), other ?
			  first_byte(text_of(c, entry), text_of(c, other)) : 0);
	}
}

static void show_same(FILE *to, const struct comparison *c,
		      const struct pair *pair, size_t from, size_t until)
{
	const struct step *step;

	for (; from < until; from++) {
		step = &pair->steps.all[from];
		show_line(to, step->b < 0 ? '-' : step->a < 0 ? '+' : ' ',
			  text_of(c, step_entry(c, pair, step, step->a < 0)), 0);
	}
}

/* The line of the file where the difference begins, on this side. */
static uint32_t line_of(const struct comparison *c, const struct pair *pair,
			const struct hunk *h, int side)
{
	const struct entry *entry;
	size_t i;

	for (i = h->from; i < pair->steps.number; i++) {
		entry = step_entry(c, pair, &pair->steps.all[i], side);
		if (entry)
			return entry->line;
	}
	return 0;
}

static void show_head(FILE *to, const struct comparison *c, size_t at, int side,
		      uint32_t line)
{
	struct text text = { .n = 0 };

	describe_thread(&text, c, at, side);
	fputs(side ? "+++ " : "--- ", to);
	print_escaped(to, (struct slice){ c->file[side], strlen(c->file[side]) });
	if (line)
		fprintf(to, ":%" PRIu32, line);
	fprintf(to, "\t%s\n", text.s ? text.s : "");
	free(text.s);
}

static void show_pair(FILE *to, const struct comparison *c, size_t at)
{
	const struct pair *pair = &c->pairs[at];
	struct hunk h = first_hunk(pair);

	fputc('\n', to);
	show_head(to, c, at, 0, line_of(c, pair, &h, 0));
	show_head(to, c, at, 1, line_of(c, pair, &h, 1));
	fprintf(to, "@@ first of %zu differing line%s @@\n", pair->differences,
		plural(pair->differences));
	show_same(to, c, pair, h.begin, h.from);
	show_side(to, c, pair, &h, 0);
	show_side(to, c, pair, &h, 1);
	show_same(to, c, pair, h.to, h.end);
}

static void show_rules(FILE *to, const struct rules *rules)
{
	const struct rule *rule;
	size_t i;

	if (rules->number)
		fputs("\nexpected differences:\n", to);
	for (i = 0; i < rules->number; i++) {
		rule = &rules->all[i];
		fprintf(to, "%9lu  ", rule->count);
		print_escaped(to, (struct slice){ rule->call, strlen(rule->call) });
		fputc(' ', to);
		print_escaped(to, (struct slice){ rule->pattern,
						  strlen(rule->pattern) });
		fputs(": ", to);
		print_escaped(to, (struct slice){ rule->reason,
						  strlen(rule->reason) });
		fputc('\n', to);
	}
}

int show_comparison(FILE *to, const struct comparison *c)
{
	size_t i;

	show_verdict(to, c);
	if (c->runs)
		show_runs(to, c->runs);
	show_table(to, c);
	for (i = 0; i < c->pairs_number; i++) {
		if (c->pairs[i].differences)
			show_pair(to, c, i);
	}
	show_rules(to, &c->rules);
	return ferror(to) ? -1 : 0;
}
