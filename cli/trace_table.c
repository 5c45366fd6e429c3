// SPDX-License-Identifier: MIT
/*
 * The table of `shim trace -c`: strace's, with wall-clock times (strace -c -w),
 * for where a call waits is what one wants to know here.
 */
#include "trace_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table_row {
	const struct trace_call *call;
	uint64_t calls, errors, total, least, most;
};

#define ROWS 64

struct table {
	struct table_row rows[ROWS];
	struct table_row all;
};

struct column {
	const char *names[4]; /* as options have them */
	const char *title;
	int width;
};

/* In the order of enum table_column. */
static const struct column columns[TABLE_COLUMNS] = {
	{ { "time-percent", "time" }, "% time", 6 },
	{ { "total-time", "time-total" }, "seconds", 11 },
	{ { "min-time", "shortest", "time-min" }, "shortest", 8 },
	{ { "max-time", "longest", "time-max" }, "longest", 8 },
	{ { "avg-time", "time-avg" }, "usecs/call", 11 },
	{ { "calls", "count" }, "calls", 9 },
	{ { "errors", "error" }, "errors", 9 },
	{ { "name", "syscall", "syscall-name" }, "syscall", 16 },
};

int table_column(const char *name, size_t n)
{
	const char *const *word;
	int i;

	for (i = 0; i < TABLE_COLUMNS; i++) {
		for (word = columns[i].names; *word; word++) {
			if (strlen(*word) == n && !memcmp(*word, name, n))
				return i;
		}
	}
	return -1;
}

static void count(struct table_row *row, uint64_t ns, bool error)
{
	row->least = row->calls && row->least < ns ? row->least : ns;
	row->most = row->most > ns ? row->most : ns;
	row->calls++;
	row->errors += error;
	row->total += ns;
}

static void table_leave(struct tracer *t, struct tracee *tracee,
			struct pending *call, struct decoder *d,
			const struct shim_trace_leave *leave)
{
	const struct shim_trace_enter *enter = (void *)call->record;
	uint64_t began = enter->record.time, ended = leave->record.time;
	size_t row = (size_t)(d->call - trace_call_at(0));

	(void)tracee;
	if (!t->table)
		t->table = calloc(1, sizeof(*t->table));
	if (!t->table) {
		t->failed = true;
		return;
	}
	if (!tracer_shows(t, leave->result) || row >= ROWS)
		return;
	t->table->rows[row].call = d->call;
	count(&t->table->rows[row], ended > began ? ended - began : 0,
	      leave->result < 0);
}

/* Larger numbers first, but names in their order. */
static int by_number(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static uint64_t average(const struct table_row *row)
{
	return row->calls ? row->total / row->calls : 0;
}

static int compare(const void *one, const void *two, void *arg)
{
	const struct table_row *a = one, *b = two;

	switch (*(int *)arg) {
	case TABLE_NAME:
		return strcmp(a->call->name, b->call->name);
	case TABLE_CALLS:
		return by_number(a->calls, b->calls);
	case TABLE_ERRORS:
		return by_number(a->errors, b->errors);
	case TABLE_LEAST:
		return by_number(a->least, b->least);
	case TABLE_MOST:
		return by_number(a->most, b->most);
	case TABLE_AVERAGE:
		return by_number(average(a), average(b));
	default:
		return by_number(a->total, b->total);
	}
}

static void format_cell(char *cell, size_t size, const struct table_row *row,
			int column, uint64_t total)
{
	double percent = total ? 100.0 * (double)row->total / (double)total : 0;

	switch (column) {
	case TABLE_PERCENT:
		snprintf(cell, size, "%.2f", row->call ? percent : 100.0);
		break;
	case TABLE_TOTAL:
		snprintf(cell, size, "%.6f", (double)row->total / 1e9);
		break;
	case TABLE_LEAST:
		snprintf(cell, size, "%.6f", (double)row->least / 1e9);
		break;
	case TABLE_MOST:
		snprintf(cell, size, "%.6f", (double)row->most / 1e9);
		break;
	case TABLE_AVERAGE:
		snprintf(cell, size, "%lu", average(row) / 1000);
		break;
	case TABLE_CALLS:
		snprintf(cell, size, "%lu", row->calls);
		break;
	case TABLE_ERRORS:
		if (row->errors)
			snprintf(cell, size, "%lu", row->errors);
		break;
	default:
		snprintf(cell, size, "%s", row->call ? row->call->name : "total");
	}
}

/* Names to the left, numbers to the right; nothing behind the last name. */
static void put_cell(struct text *to, int column, bool last, const char *cell)
{
	int width = columns[column].width;

	if (column == TABLE_NAME)
		width = last ? 0 : -width;
	text_printf(to, "%*s%s", width, cell, last ? "\n" : " ");
}

static void put_titles(struct text *to, const struct trace_options *o)
{
	unsigned i;

	for (i = 0; i < o->columns_number; i++)
		put_cell(to, o->columns[i], i + 1 == o->columns_number,
			 columns[o->columns[i]].title);
}

static void put_rule(struct text *to, const struct trace_options *o)
{
	unsigned i;
	int n;

	for (i = 0; i < o->columns_number; i++) {
		for (n = 0; n < columns[o->columns[i]].width; n++)
			text_puts(to, "-");
		text_puts(to, i + 1 == o->columns_number ? "\n" : " ");
	}
}

static void put_row(struct text *to, const struct trace_options *o,
		    const struct table_row *row, uint64_t total)
{
	unsigned i;

	for (i = 0; i < o->columns_number; i++) {
		char cell[64] = "";

		format_cell(cell, sizeof(cell), row, o->columns[i], total);
		put_cell(to, o->columns[i], i + 1 == o->columns_number, cell);
	}
}

/* The rows that have calls, sorted, and their sum; how many. */
static size_t collect(struct table *table, int sort)
{
	size_t i, n = 0;

	for (i = 0; i < ROWS; i++) {
		struct table_row *row = &table->rows[i], *all = &table->all;

		if (!row->calls)
			continue;
		all->least = n && all->least < row->least ? all->least :
			row->least;
		all->most = all->most > row->most ? all->most : row->most;
		all->calls += row->calls;
		all->errors += row->errors;
		all->total += row->total;
		table->rows[n++] = *row;
	}
	if (sort >= 0)
		qsort_r(table->rows, n, sizeof(*table->rows), compare, &sort);
	return n;
}

static void table_finish(struct tracer *t, uint64_t lost)
{
	const struct trace_options *o = t->options;
	struct text *to = &t->sink.text;
	size_t i, n;

	(void)lost;
	/* As strace: without a call there is no table. */
	if (!t->table)
		return;
	n = collect(t->table, o->sort);
	text_puts(to, "# wall-clock time, of the calls that the library sees\n");
	put_titles(to, o);
	put_rule(to, o);
	for (i = 0; i < n; i++)
		put_row(to, o, &t->table->rows[i], t->table->all.total);
	put_rule(to, o);
	put_row(to, o, &t->table->all, t->table->all.total);
	free(t->table);
	t->table = NULL;
}

const struct trace_view trace_table_view = {
	.leave = table_leave,
	.finish = table_finish,
};
