// SPDX-License-Identifier: MIT
/* The report of a trial for programs: all samples, and what was made of them. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "trial_show.h"

static const char *const measures[MEASURES] = {
	"wall_seconds", "user_seconds", "system_seconds", "minor_faults",
	"major_faults", "bytes_read",
};

/* What is no UTF-8 is escaped as it is for people. */
static json_t *json_bytes(const char *s)
{
	json_t *string = json_string(s);
	struct text text = { .n = 0 };

	if (string)
		return string;
	text_escaped(&text, (struct slice){ s, strlen(s) });
	string = json_string(text.s ? text.s : "");
	free(text.s);
	return string;
}

static void put(json_t *object, const char *key, uint64_t n)
{
	json_object_set_new(object, key, json_integer((json_int_t)n));
}

static double sample(const struct run *run, enum measure m)
{
	const double values[MEASURES] = {
		run->wall, run->user, run->sys, run->minor, run->major,
		run->read,
	};

	return values[m];
}

static json_t *json_measures(const struct phase *phase, unsigned mode,
			     const struct result *r)
{
	json_t *all = json_object(), *one, *samples;
	enum measure m;
	unsigned i;

	for (m = 0; m < MEASURES; m++) {
		samples = json_array();
		for (i = 0; i < phase->rounds; i++)
			json_array_append_new(samples, json_real(
				sample(&phase->runs[mode][i], m)));
		one = json_pack("{s:f, s:[f,f]}", "median", r->of[m].median,
				"middle_half", r->of[m].low, r->of[m].high);
		json_object_set_new(one, "samples", samples);
		json_object_set_new(all, measures[m], one);
	}
	return all;
}

static json_t *json_why(const struct why *why)
{
	json_t *object = json_object(), *reasons = json_object();
	unsigned i;

	put(object, "calls", why->calls);
	put(object, "ring", why->ring);
	put(object, "native", why->native);
	put(object, "waited", why->waited);
	for (i = 0; i < why->reasons_number; i++)
		put(reasons, why->reasons[i].word, why->reasons[i].calls);
	json_object_set_new(object, "native_reasons", reasons);
	put(object, "hints", why->hints);
	put(object, "hints_used", why->used);
	put(object, "hints_wasted", why->wasted);
	put(object, "hinted_bytes", why->hinted_bytes);
	json_object_set_new(object, "seconds_per_call",
			    json_real(why->per_call));
	return object;
}

static json_t *json_ratio(const struct ratio *r)
{
	if (!r->known)
		return json_pack("{s:f, s:n}", "estimate", r->estimate,
				 "interval");
	return json_pack("{s:f, s:[f,f]}", "estimate", r->estimate, "interval",
			 r->low, r->high);
}

static json_t *json_mode(const struct report *report, const struct results *rs,
			 unsigned mode)
{
	const struct result *r = &rs->of[mode];
	json_t *object = json_measures(rs->phase, mode, r);
	struct text text = { .n = 0 };

	json_object_set_new(object, "asleep", json_real(r->asleep));
	if (r->native)
		return object;
	put_verdict(&text, report->trial, rs, r);
	json_object_set_new(object, "ratio", json_ratio(&r->ratio));
	json_object_set_new(object, "verdict",
			    json_string(verdict_word(r->verdict)));
	json_object_set_new(object, "sentence",
			    json_string(text.s ? text.s : ""));
	json_object_set_new(object, "why", r->why.counted ?
			    json_why(&r->why) : json_null());
	free(text.s);
	return object;
}

static json_t *json_phase(const struct report *report, const struct results *rs)
{
	json_t *object = json_object(), *modes = json_object();
	unsigned i;

	for (i = 0; i < rs->number; i++)
		json_object_set_new(modes, rs->of[i].name,
				    json_mode(report, rs, i));
	json_object_set_new(object, "phase", json_string(rs->phase->cold ?
							 "cold" : "warm"));
	put(object, "rounds", rs->phase->rounds);
	json_object_set_new(object, "confidence", json_real(rs->confidence));
	json_object_set_new(object, "modes", modes);
	return object;
}

static json_t *json_trial(const struct trial *t)
{
	json_t *top = json_object(), *command = json_array();
	struct utsname machine;
	char **word;

	for (word = t->setting.argv; *word; word++)
		json_array_append_new(command, json_bytes(*word));
	json_object_set_new(top, "version", json_string(SHIM_VERSION));
	json_object_set_new(top, "command", command);
	if (!uname(&machine))
		json_object_set_new(top, "kernel",
				    json_string(machine.release));
	put(top, "processors", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	json_object_set_new(top, "margin", json_real(t->margin / 100));
	json_object_set_new(top, "confidence", json_real(TRIAL_CONFIDENCE));
	return top;
}

int show_trial_json(FILE *to, const struct report *report)
{
	const struct trial *t = report->trial;
	json_t *top = json_trial(t), *phases = json_array();
	struct text text = { .n = 0 };
	unsigned i;
	int ret;

	for (i = 0; i < report->number; i++)
		json_array_append_new(phases, json_phase(report,
							 &report->results[i]));
	put_unsound(&text, t);
	json_object_set_new(top, "sound", json_boolean(!text.n));
	json_object_set_new(top, "unsound", text.n ? json_string(text.s) :
			    json_null());
	json_object_set_new(top, "phases", phases);
	ret = json_dumpf(top, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	fputc('\n', to);
	json_decref(top);
	free(text.s);
	return ret || ferror(to) ? -1 : 0;
}
