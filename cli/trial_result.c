// SPDX-License-Identifier: MIT
/* From the runs of a phase to medians, ratios and reasons. */
#include "trial_result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static double measure_of(const struct run *run, enum measure measure)
{
	switch (measure) {
	case MEASURE_WALL:
		return run->wall;
	case MEASURE_USER:
		return run->user;
	case MEASURE_SYS:
		return run->sys;
	case MEASURE_MINOR:
		return run->minor;
	case MEASURE_MAJOR:
		return run->major;
	default:
		return run->read;
	}
}

static void samples_of(const struct phase *phase, unsigned mode,
		       enum measure measure, double *samples)
{
	unsigned i;

	for (i = 0; i < phase->rounds; i++)
		samples[i] = measure_of(&phase->runs[mode][i], measure);
}

static uint64_t prefetch(const struct counters *c, const char *column)
{
	size_t i;

	for (i = 0; i < c->number; i++) {
		if (counter_is_of(&c->all[i], "prefetch") &&
		    !strcmp(c->all[i].column, column))
			return c->all[i].count;
	}
	return 0;
}

/* Of the native calls with @word, whichever they were. */
static uint64_t with_reason(const struct counters *c, const char *word)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < c->number; i++) {
		if (counter_reason(&c->all[i]) &&
		    !strcmp(counter_reason(&c->all[i]), word))
			sum = add_counts(sum, c->all[i].count);
	}
	return sum;
}

/* Into the sorted list of the most frequent ones, unless it is there. */
static void insert_reason(struct why *why, const char *word, uint64_t calls)
{
	unsigned i, at = 0;

	for (i = 0; i < why->reasons_number; i++) {
		if (!strcmp(why->reasons[i].word, word))
			return;
		at += why->reasons[i].calls >= calls;
	}
	if (at == WHY_REASONS || !calls)
		return;
	if (why->reasons_number < WHY_REASONS)
		why->reasons_number++;
	for (i = why->reasons_number - 1; i > at; i--)
		why->reasons[i] = why->reasons[i - 1];
	why->reasons[at] = (struct why_reason){ word, calls };
}

static void explain(const struct counters *c, struct why *why)
{
	static const char *const waits[] = { "waited", "space", "uncached" };
	const char *word;
	size_t i;

	why->ring = counters_sum(c, NULL, "ring");
	why->native = counters_native(c, NULL);
	why->calls = add_counts(why->ring, why->native);
	why->waited = counters_sum(c, NULL, "waits");
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		why->waited = add_counts(why->waited, with_reason(c, waits[i]));
	for (i = 0; i < c->number; i++) {
		word = counter_reason(&c->all[i]);
		if (word)
			insert_reason(why, word, with_reason(c, word));
	}
	why->hints = prefetch(c, "hints");
	why->used = prefetch(c, "used");
	why->wasted = prefetch(c, "wasted");
	why->hinted_bytes = prefetch(c, "bytes");
}

/* The verdict, but for a gain that cannot have come from the library. */
static void judge(const struct trial *t, const struct result *native,
		  struct result *r)
{
	r->verdict = verdict_of(&r->ratio, t->margin / 100);
	if (r->verdict != VERDICT_FASTER)
		return;
	if (!r->why.ring && !r->why.hints)
		r->impossible = "the library did nothing that could save time";
	else if (!faster_is_possible(&r->ratio, native->of[MEASURE_WALL].median,
				     native->of[MEASURE_USER].median))
		r->impossible = "the program spends its time computing, which "
			"no library can save";
	if (r->impossible)
		r->verdict = VERDICT_UNEXPLAINED;
}

static double asleep(const struct result *r)
{
	double share = 1 - (r->of[MEASURE_USER].median +
			    r->of[MEASURE_SYS].median) /
		r->of[MEASURE_WALL].median;

	return share > 0 ? share : 0;
}

static int result_of(const struct phase *phase, unsigned mode, double *samples,
		     struct result *r)
{
	enum measure m;
	int ret = 0;

	for (m = 0; m < MEASURES && !ret; m++) {
		samples_of(phase, mode, m, samples);
		ret = spread_of(samples, phase->rounds, &r->of[m]);
	}
	if (!ret)
		r->asleep = asleep(r);
	return ret;
}

static int compare(const struct trial *t, struct results *results,
		   unsigned mode, const double *native, double *samples)
{
	const struct phase *phase = results->phase;
	struct result *first = &results->of[0], *r = &results->of[mode];
	int ret;

	samples_of(phase, mode, MEASURE_WALL, samples);
	ret = ratio_of(native, samples, phase->rounds, results->confidence,
		       &r->ratio);
	if (ret)
		return ret;
	r->why.counted = phase->counted[mode];
	explain(&phase->counters[mode], &r->why);
	if (r->why.calls)
		r->why.per_call = (r->of[MEASURE_WALL].median -
				   first->of[MEASURE_WALL].median) /
			(double)r->why.calls;
	judge(t, first, r);
	return 0;
}

int results_of(const struct trial *t, const struct phase *phase,
	       struct results *results)
{
	double *samples = calloc(phase->rounds, 2 * sizeof(*samples));
	double *native = samples ? samples + phase->rounds : NULL;
	size_t verdicts = t->modes_number - 1;
	int ret = samples ? 0 : -ENOMEM;
	unsigned i;

	*results = (struct results){ .phase = phase, .number = t->modes_number };
	verdicts *= t->phases_number;
	results->confidence = confidence_of_each(TRIAL_CONFIDENCE, verdicts);
	if (!ret)
		samples_of(phase, 0, MEASURE_WALL, native);
	for (i = 0; i < t->modes_number && !ret; i++) {
		results->of[i].name = t->modes[i].name;
		results->of[i].native = i == 0;
		ret = result_of(phase, i, samples, &results->of[i]);
		if (!ret && i)
			ret = compare(t, results, i, native, samples);
	}
	free(samples);
	return ret;
}
