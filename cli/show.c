// SPDX-License-Identifier: MIT
/*
 * Counters as text, JSON and OpenMetrics; see show.h.  The OpenMetrics text is
 * also what older readers of Prometheus' format accept: no type that they do not
 * know, no timestamps.
 */
#include "show.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* What is counted per call beside its routes. */
static const char *const columns[] = { "errors", "bytes", "waits" };
static const char *const prefetch[] = { "hints", "used", "wasted", "bytes" };
static const char *const rare[] = { "cancels", "abandoned" };

#define PREFETCH (sizeof(prefetch) / sizeof(prefetch[0]))
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define RARE (sizeof(rare) / sizeof(rare[0]))

static uint64_t calls_of(const struct counters *c, const char *call)
{
	return add_counts(counters_sum(c, call, "ring"),
			  counters_native(c, call));
}

static void text_row(FILE *to, const struct counters *c, const char *name,
		     const char *call)
{
	size_t i;

	fprintf(to, "%-16s %12" PRIu64 " %12" PRIu64 " %12" PRIu64, name,
		calls_of(c, call), counters_sum(c, call, "ring"),
		counters_native(c, call));
	for (i = 0; i < COLUMNS; i++)
		fprintf(to, " %*" PRIu64, i == 1 ? 15 : 9,
			counters_sum(c, call, columns[i]));
	fputc('\n', to);
	for (i = 0; i < RARE; i++) {
		if (call && counters_sum(c, call, rare[i]))
			fprintf(to, "  %-40s %12" PRIu64 "\n", rare[i],
				counters_sum(c, call, rare[i]));
	}
}

static void text_reasons(FILE *to, const struct counters *c, const char *call)
{
	const char *reason;
	size_t i;

	for (i = 0; i < c->number; i++) {
		reason = counter_reason(&c->all[i]);
		if (reason && counter_is_of(&c->all[i], call) && c->all[i].count)
			fprintf(to, "  %-40s %12" PRIu64 "\n", reason,
				c->all[i].count);
	}
}

static void show_text(FILE *to, const struct counters *c)
{
	size_t i;

	fprintf(to, "%-16s %12s %12s %12s %9s %15s %9s\n", "call", "calls",
		"ring", "native", "errors", "bytes", "waits");
	for (i = 0; i < c->number; i++) {
		if (!counter_is_call(&c->all[i]) || !counter_begins(c, i))
			continue;
		text_row(to, c, c->all[i].call, c->all[i].call);
		text_reasons(to, c, c->all[i].call);
	}
	text_row(to, c, "total", NULL);
	fprintf(to, "programs started: %" PRIu64 " with libc patched, %" PRIu64
		" without\n", counters_programs(c, "patched"),
		counters_programs(c, "unpatched"));
	if (counters_prefetch(c, "hints"))
		fprintf(to, "prefetch: %" PRIu64 " hints, %" PRIu64 " used, %"
			PRIu64 " wasted, %" PRIu64 " bytes\n",
			counters_prefetch(c, "hints"),
			counters_prefetch(c, "used"),
			counters_prefetch(c, "wasted"),
			counters_prefetch(c, "bytes"));
}

static int put_count(json_t *object, const char *key, uint64_t n)
{
	return json_object_set_new(object, key, json_integer(n > INT64_MAX ?
				   INT64_MAX : (json_int_t)n));
}

static json_t *json_of(const struct counters *c, const char *call)
{
	json_t *object = json_object();
	size_t i;

	put_count(object, "calls", calls_of(c, call));
	put_count(object, "ring", counters_sum(c, call, "ring"));
	put_count(object, "native", counters_native(c, call));
	for (i = 0; i < COLUMNS; i++)
		put_count(object, columns[i], counters_sum(c, call, columns[i]));
	for (i = 0; i < RARE; i++)
		put_count(object, rare[i], counters_sum(c, call, rare[i]));
	return object;
}

static json_t *json_reasons(const struct counters *c, const char *call)
{
	json_t *object = json_object();
	const char *reason;
	size_t i;

	for (i = 0; i < c->number; i++) {
		reason = counter_reason(&c->all[i]);
		if (reason && counter_is_of(&c->all[i], call))
			put_count(object, reason, c->all[i].count);
	}
	return object;
}

static json_t *json_prefetch(const struct counters *c)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < PREFETCH; i++)
		put_count(object, prefetch[i], counters_prefetch(c, prefetch[i]));
	return object;
}

static int show_json(FILE *to, const struct counters *c)
{
	json_t *top = json_object(), *calls = json_object();
	json_t *programs = json_object(), *one;
	int ret;
	size_t i;

	json_object_set_new(top, "version", json_string(SHIM_VERSION));
	put_count(programs, "patched", counters_programs(c, "patched"));
	put_count(programs, "unpatched", counters_programs(c, "unpatched"));
	json_object_set_new(top, "programs", programs);
	if (counters_prefetch(c, "hints"))
		json_object_set_new(top, "prefetch", json_prefetch(c));
	for (i = 0; i < c->number; i++) {
		if (!counter_is_call(&c->all[i]) || !counter_begins(c, i))
			continue;
		one = json_of(c, c->all[i].call);
		json_object_set_new(one, "reasons",
				    json_reasons(c, c->all[i].call));
		json_object_set_new(calls, c->all[i].call, one);
	}
	json_object_set_new(top, "calls", calls);
	json_object_set_new(top, "total", json_of(c, NULL));
	ret = json_dumpf(top, to, JSON_INDENT(2));
	fputc('\n', to);
	json_decref(top);
	return ret;
}

static void metrics_head(FILE *to, const char *name, const char *unit,
			 const char *help)
{
	fprintf(to, "# TYPE libshim_%s counter\n", name);
	if (unit)
		fprintf(to, "# UNIT libshim_%s %s\n", name, unit);
	fprintf(to, "# HELP libshim_%s %s\n", name, help);
}

/* Names are [a-z0-9_-]: nothing in them has to be escaped. */
static void metrics_calls(FILE *to, const struct counters *c)
{
	const struct counter *one;
	const char *reason;
	size_t i;

	metrics_head(to, "calls", NULL,
		     "Calls, by the way they took and the reason for it.");
	for (i = 0; i < c->number; i++) {
		one = &c->all[i];
		reason = counter_reason(one);
		if (!counter_is_call(one) ||
		    (!reason && strcmp(one->column, "ring") != 0))
			continue;
		fprintf(to, "libshim_calls_total{call=\"%s\",route=\"%s\","
			"reason=\"%s\"} %" PRIu64 "\n", one->call,
			reason ? "native" : "ring", reason ? reason : "none",
			one->count);
	}
}

static void metrics_column(FILE *to, const struct counters *c,
			   const char *column, const char *name)
{
	size_t i;

	for (i = 0; i < c->number; i++) {
		if (counter_is_call(&c->all[i]) &&
		    !strcmp(c->all[i].column, column))
			fprintf(to, "libshim_%s_total{call=\"%s\"} %" PRIu64
				"\n", name, c->all[i].call, c->all[i].count);
	}
}

static void metrics_prefetch(FILE *to, const struct counters *c)
{
	static const struct {
		const char *what, *name, *unit, *help;
	} families[PREFETCH] = {
		{ "hints", "prefetch_hints", NULL,
		  "Files asked for ahead of the program." },
		{ "used", "prefetch_used", NULL,
		  "Of these, files that the program came to." },
		{ "wasted", "prefetch_wasted", NULL,
		  "Of these, files that it did not come to." },
		{ "bytes", "prefetch_bytes", "bytes",
		  "Bytes of files asked for ahead of the program." },
	};
	size_t i;

	for (i = 0; i < PREFETCH; i++) {
		metrics_head(to, families[i].name, families[i].unit,
			     families[i].help);
		fprintf(to, "libshim_%s_total %" PRIu64 "\n", families[i].name,
			counters_prefetch(c, families[i].what));
	}
}

static void show_openmetrics(FILE *to, const struct counters *c)
{
	static const struct {
		const char *column, *name, *unit, *help;
	} families[] = {
		{ "errors", "errors", NULL, "Calls that returned -1." },
		{ "bytes", "transferred_bytes", "bytes",
		  "Bytes moved by reads and writes." },
		{ "waits", "waits", NULL, "Calls that had to wait." },
		{ "cancels", "cancels", NULL,
		  "Events cancelled with their caller present." },
		{ "abandoned", "abandoned", NULL,
		  "Events whose caller went away." },
	};
	size_t i;

	metrics_calls(to, c);
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		metrics_head(to, families[i].name, families[i].unit,
			     families[i].help);
		metrics_column(to, c, families[i].column, families[i].name);
	}
	if (counters_prefetch(c, "hints"))
		metrics_prefetch(to, c);
	metrics_head(to, "programs", NULL,
		     "Programs started, with libc's own functions patched or not.");
	fprintf(to, "libshim_programs_total{libc=\"patched\"} %" PRIu64 "\n"
		"libshim_programs_total{libc=\"unpatched\"} %" PRIu64 "\n"
		"# EOF\n", counters_programs(c, "patched"), counters_programs(c, "unpatched"));
}

int show_counters(FILE *to, const struct counters *c, enum format format)
{
	int ret = 0;

	if (format == FORMAT_JSON)
		ret = show_json(to, c);
	else if (format == FORMAT_OPENMETRICS)
		show_openmetrics(to, c);
	else
		show_text(to, c);
	return ret || ferror(to) ? -1 : 0;
}
