// SPDX-License-Identifier: MIT
/* What `shim compare` has found, for programs; escaped as it is for people. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

static json_t *json_text(struct slice s)
{
	struct text text = { .n = 0 };
	json_t *string;

	text_escaped(&text, s);
	string = json_stringn(text.s ? text.s : "", text.n);
	free(text.s);
	return string;
}

static json_t *json_word(const char *s)
{
	return json_text((struct slice){ s, strlen(s) });
}

static json_t *json_call(const struct call_row *row)
{
	json_t *object = json_object(), *one;
	int side;

	for (side = 0; side < 2; side++) {
		one = json_object();
		json_object_set_new(one, "calls",
				    json_integer((json_int_t)row->calls[side]));
		json_object_set_new(one, "errors",
				    json_integer((json_int_t)row->errors[side]));
		json_object_set_new(one, "bytes",
				    json_integer((json_int_t)row->bytes[side]));
		json_object_set_new(object, side ? "b" : "a", one);
	}
	json_object_set_new(object, "same", json_boolean(!row->differs));
	return object;
}

static json_t *json_calls(const struct comparison *c)
{
	json_t *calls = json_object();
	size_t i;

	for (i = 0; i < c->calls.number; i++) {
		if (c->rows[i].calls[0] || c->rows[i].calls[1])
			json_object_setn_new(calls, c->calls.all[i].s.s,
					     c->calls.all[i].s.n,
					     json_call(&c->rows[i]));
	}
	return calls;
}

static json_t *json_line(const struct comparison *c, const struct pair *pair,
			 const struct step *step)
{
	json_t *object = json_object();
	const struct entry *entry = NULL, *other;
	int side;

	for (side = 0; side < 2; side++) {
		other = step_entry(c, pair, step, side);
		if (!other)
			continue;
		entry = other;
		json_object_set_new(object, side ? "line_b" : "line_a",
				    json_integer(entry->line));
	}
	if (entry)
		json_object_set_new(object, "text", json_text(
			c->texts.all[entry->text].s));
	return object;
}

static json_t *json_divergence(const struct comparison *c,
			       const struct pair *pair)
{
	struct hunk h = first_hunk(pair);
	json_t *lines = json_array();
	size_t i;

	for (i = h.begin; i < h.end; i++)
		json_array_append_new(lines, json_line(c, pair,
						       &pair->steps.all[i]));
	return lines;
}

static json_t *json_threads(const struct comparison *c)
{
	json_t *threads = json_array(), *one;
	struct text text;
	size_t i;
	int side;

	for (i = 0; i < c->pairs_number; i++) {
		if (!c->pairs[i].differences)
			continue;
		one = json_object();
		for (side = 0; side < 2; side++) {
			text = (struct text){ .n = 0 };
			describe_thread(&text, c, i, side);
			json_object_set_new(one, side ? "b" : "a",
					    json_string(text.s ? text.s : ""));
			free(text.s);
		}
		json_object_set_new(one, "differences", json_integer(
			(json_int_t)c->pairs[i].differences));
		json_object_set_new(one, "first", json_divergence(c, &c->pairs[i]));
		json_array_append_new(threads, one);
	}
	return threads;
}

static json_t *json_rules(const struct rules *rules)
{
	json_t *list = json_array(), *one;
	size_t i;

	for (i = 0; i < rules->number; i++) {
		one = json_object();
		json_object_set_new(one, "call", json_word(rules->all[i].call));
		json_object_set_new(one, "pattern",
				    json_word(rules->all[i].pattern));
		json_object_set_new(one, "reason",
				    json_word(rules->all[i].reason));
		json_object_set_new(one, "count", json_integer(
			(json_int_t)rules->all[i].count));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *json_stream(const struct runs *runs, int stream)
{
	json_t *one = json_object(), *both = json_array();
	const struct run_output *output;
	char text[40];
	int side;

	for (side = 0; side < 2; side++) {
		output = &runs->output[side][stream];
		snprintf(text, sizeof(text), "%016llx%016llx",
			 (unsigned long long)output->digest[1],
			 (unsigned long long)output->digest[0]);
		json_array_append_new(both, json_pack("{s:I,s:s}", "bytes",
				      (json_int_t)output->bytes, "xxh3", text));
	}
	json_object_set_new(one, "same",
			    json_boolean(runs_write_alike(runs, stream)));
	json_object_set_new(one, "runs", both);
	return one;
}

static json_t *json_runs(const struct runs *runs)
{
	json_t *top = json_object();
	char end[2][64];

	run_end(runs, 0, end[0]);
	run_end(runs, 1, end[1]);
	json_object_set_new(top, "modes", json_pack("[s,s]", runs->mode[0],
						    runs->mode[1]));
	json_object_set_new(top, "status", json_pack("{s:b,s:[s,s]}", "same",
			    runs_end_alike(runs), "runs", end[0], end[1]));
	json_object_set_new(top, "stdout", json_stream(runs, 0));
	json_object_set_new(top, "stderr", json_stream(runs, 1));
	return top;
}

int show_comparison_json(FILE *to, const struct comparison *c)
{
	json_t *top = json_object();
	int ret;

	json_object_set_new(top, "version", json_string(SHIM_VERSION));
	json_object_set_new(top, "a", json_word(c->file[0]));
	json_object_set_new(top, "b", json_word(c->file[1]));
	json_object_set_new(top, "same", json_boolean(!c->differences &&
						      !runs_differ(c)));
	if (c->runs)
		json_object_set_new(top, "runs", json_runs(c->runs));
	json_object_set_new(top, "differences",
			    json_integer((json_int_t)c->differences));
	json_object_set_new(top, "threads",
			    json_integer((json_int_t)c->pairs_number));
	json_object_set_new(top, "calls", json_calls(c));
	json_object_set_new(top, "differing", json_threads(c));
	json_object_set_new(top, "expected", json_rules(&c->rules));
	ret = json_dumpf(top, to, JSON_INDENT(2));
	fputc('\n', to);
	json_decref(top);
	return ret || ferror(to) ? -1 : 0;
}
