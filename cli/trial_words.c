// SPDX-License-Identifier: MIT
/*
 * The results of a trial in sentences.  A report that claims more than was
 * measured is worse than none, so each sentence has its numbers in it.
 */
#include "trial_result.h"

#include <inttypes.h>
#include <string.h>

/* Whoever sleeps less than this hardly has anything to gain. */
#define HARDLY 0.05

const char *verdict_word(enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_FASTER] = "faster",
		[VERDICT_SLOWER] = "slower",
		[VERDICT_SAME] = "no difference",
		[VERDICT_INCONCLUSIVE] = "inconclusive",
		[VERDICT_UNEXPLAINED] = "inconclusive",
	};

	return words[verdict];
}

static void put_inconclusive(struct text *text, const struct results *results,
			     const struct result *r)
{
	unsigned rounds = results->phase->rounds;

	if (!r->ratio.known)
		text_printf(text, "%u rounds are too few, at least %zu are "
			    "needed.", rounds,
			    rounds_needed(results->confidence));
	else
		text_printf(text, "it takes between %.2f and %.2f times the "
			    "native time; more rounds or a quieter machine "
			    "may tell.", r->ratio.low, r->ratio.high);
}

void put_verdict(struct text *text, const struct trial *t,
		 const struct results *results, const struct result *r)
{
	const struct ratio *ratio = &r->ratio;

	text_printf(text, "%s: %s: ", r->name, verdict_word(r->verdict));
	switch (r->verdict) {
	case VERDICT_FASTER:
	case VERDICT_SLOWER:
		text_printf(text, "it takes %.2f times the native time (%.2f "
			    "to %.2f).", ratio->estimate, ratio->low,
			    ratio->high);
		break;
	case VERDICT_SAME:
		text_printf(text, "it takes between %.3f and %.3f times the "
			    "native time, which is within %g %%.", ratio->low,
			    ratio->high, t->margin);
		break;
	case VERDICT_UNEXPLAINED:
		text_printf(text, "it took %.2f times the native time (%.2f to "
			    "%.2f), but %s.", ratio->estimate, ratio->low,
			    ratio->high, r->impossible);
		break;
	default:
		put_inconclusive(text, results, r);
	}
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

static void put_hints(struct text *text, const struct result *r)
{
	const struct why *why = &r->why;
	bool small = why->hinted_bytes < 1000000;

	if (!why->hints) {
		text_printf(text, "%s: no hints were given: the program's own "
			    "calls were not slow, or not to be foreseen\n",
			    r->name);
		return;
	}
	text_printf(text, "%s: %" PRIu64 " hints (%.1f %s), %.0f %% of them "
		    "used, %.0f %% wasted\n", r->name, why->hints,
		    (double)why->hinted_bytes / (small ? 1e3 : 1e6),
		    small ? "kB" : "MB",
		    percent(why->used, why->hints),
		    percent(why->wasted, why->hints));
}

static void put_reasons(struct text *text, const struct result *r)
{
	unsigned i;

	text_printf(text, "%s: native because of", r->name);
	for (i = 0; i < r->why.reasons_number; i++)
		text_printf(text, "%s %s %" PRIu64, i ? "," : "",
			    r->why.reasons[i].word, r->why.reasons[i].calls);
	text_puts(text, "\n");
}

static void put_mode(struct text *text, const struct result *r)
{
	const struct why *why = &r->why;

	if (!why->counted) {
		text_printf(text, "%s: nothing was counted: the library was "
			    "not loaded\n", r->name);
		return;
	}
	text_printf(text, "%s: %" PRIu64 " calls", r->name, why->calls);
	/* Whether a call has to wait is known where the ring was asked. */
	if (why->ring)
		text_printf(text, ", %.0f %% on the ring, %.0f %% had to wait",
			    percent(why->ring, why->calls),
			    percent(why->waited, why->calls));
	if (why->calls && (r->verdict == VERDICT_FASTER ||
			   r->verdict == VERDICT_SLOWER))
		text_printf(text, "; %.2f us %s for each", why->per_call < 0 ?
			    -1e6 * why->per_call : 1e6 * why->per_call,
			    why->per_call < 0 ? "less" : "more");
	text_puts(text, "\n");
	/* That all is native in auto and off is no news. */
	if (why->reasons_number && strcmp(why->reasons[0].word, r->name) != 0)
		put_reasons(text, r);
	if (why->hints || !strcmp(r->name, "auto"))
		put_hints(text, r);
}

void put_why(struct text *text, const struct results *results)
{
	const struct result *native = &results->of[0];
	unsigned i;

	text_printf(text, "native: asleep %.0f %% of the time",
		    100 * native->asleep);
	if (native->asleep < HARDLY)
		text_puts(text, "; a program that hardly ever waits cannot "
			  "gain");
	text_puts(text, "\n");
	if (results->phase->cold && native->of[MEASURE_READ].median <= 0)
		text_puts(text, "native: nothing was read from a disk, so "
			  "these runs were hardly cold\n");
	for (i = 1; i < results->number; i++)
		put_mode(text, &results->of[i]);
}

void put_unsound(struct text *text, const struct trial *t)
{
	const struct difference *d = &t->difference;
	struct slice name = { t->setting.argv[0], strlen(t->setting.argv[0]) };

	if (*t->unsound) {
		text_escaped(text, name);
		text_printf(text, " %s\n", t->unsound);
	}
	if (!d->number)
		return;
	text_escaped(text, name);
	text_puts(text, " was not the same in every run: ");
	text_puts(text, d->what);
	text_printf(text, " (%s; %u run%s differed from the first one, %s)\n",
		    d->where, d->number, d->number == 1 ? "" : "s", d->native ?
		    "native ones as well" : "but no native one");
}
