// SPDX-License-Identifier: MIT
/*
 * The statistics of a trial keep what they promise: simulated trials in which the
 * modes are the same are called faster no more often than is claimed, whatever
 * the noise looks like, and those in which they are not are found out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "../../../cli/trial_stats.h"

#define SEED 20231
#define TRIALS 20000
#define ROUNDS 12

/* One run's time, in seconds, of a program that takes 1 s when undisturbed. */
typedef double noise(gsl_rng *rng, unsigned run);

static double little(gsl_rng *rng, unsigned run)
{
	(void)run;
	return exp(gsl_ran_gaussian(rng, 0.005));
}

static double moderate(gsl_rng *rng, unsigned run)
{
	(void)run;
	return exp(gsl_ran_gaussian(rng, 0.05));
}

/* A shared machine: mostly undisturbed, now and then very much so. */
static double outliers(gsl_rng *rng, unsigned run)
{
	double t = 1 + gsl_ran_exponential(rng, 0.02);

	(void)run;
	return gsl_rng_uniform(rng) < 0.15 ? t + gsl_ran_pareto(rng, 1, 0.2) :
		t;
}

/* The disk knows two speeds. */
static double two_peaks(gsl_rng *rng, unsigned run)
{
	(void)run;
	return (gsl_rng_uniform(rng) < 0.5 ? 1 : 1.4) *
		exp(gsl_ran_gaussian(rng, 0.01));
}

/* Somebody else's load, slower and slower, with bursts over several runs. */
static double drift(gsl_rng *rng, unsigned run)
{
	static double burst;

	burst = (run ? burst * 0.8 : 0) + gsl_ran_exponential(rng, 0.03);
	return 1 + 0.02 * run + burst;
}

/* Alternating, in the order of a trial: A B, B A, ... */
static void simulate(gsl_rng *rng, noise *of, double factor, double *native,
		     double *mode)
{
	unsigned i, run = 0;

	for (i = 0; i < ROUNDS; i++) {
		if (i % 2)
			mode[i] = factor * of(rng, run++);
		native[i] = of(rng, run++);
		if (i % 2 == 0)
			mode[i] = factor * of(rng, run++);
	}
}

/* How many of TRIALS simulated ones end with @verdict. */
static unsigned count(noise *of, double factor, double confidence,
		      double margin, enum verdict verdict)
{
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	double native[ROUNDS], mode[ROUNDS];
	struct ratio r;
	unsigned i, n = 0;

	gsl_rng_set(rng, SEED);
	for (i = 0; i < TRIALS; i++) {
		simulate(rng, of, factor, native, mode);
		assert_int_equal(ratio_of(native, mode, ROUNDS, confidence,
					  &r), 0);
		n += verdict_of(&r, margin) == verdict;
	}
	gsl_rng_free(rng);
	return n;
}

static noise *const all[] = { little, moderate, outliers, two_peaks, drift };

#define NOISES (sizeof(all) / sizeof(all[0]))

/*
 * Without the margin the rate is what the interval promises: half of what
 * lies outside at each end.  It must not be 0 either, or nothing was tested.
 */
static void same_without_margin(void **state)
{
	double confidence = confidence_of_each(0.95, 2);
	unsigned i, n, claimed = (unsigned)(TRIALS * (1 - confidence) / 2);

	(void)state;
	for (i = 0; i < NOISES; i++) {
		n = count(all[i], 1, confidence, 0, VERDICT_FASTER);
		print_message("noise %u: faster %u of %u, claimed %u\n", i, n,
			      TRIALS, claimed);
		assert_in_range(n, 1, claimed);
		assert_in_range(count(all[i], 1, confidence, 0,
				      VERDICT_SLOWER), 1, claimed);
	}
}

/* With it, as in a real trial, one is far from what is allowed. */
static void same_with_margin(void **state)
{
	double confidence = confidence_of_each(0.95, 2);
	unsigned i, n, claimed = (unsigned)(TRIALS * (1 - confidence) / 2);

	(void)state;
	for (i = 0; i < NOISES; i++) {
		n = count(all[i], 1, confidence, 0.03, VERDICT_FASTER);
		print_message("noise %u: faster %u of %u\n", i, n, TRIALS);
		assert_in_range(n, 0, claimed);
	}
	assert_int_equal(count(little, 1, confidence, 0.03, VERDICT_FASTER), 0);
}

/* "No difference" is said where there is none and the noise is small ... */
static void same_is_found(void **state)
{
	double confidence = confidence_of_each(0.95, 2);

	(void)state;
	assert_in_range(count(little, 1, confidence, 0.03, VERDICT_SAME),
			TRIALS * 99 / 100, TRIALS);
	/* ... not where nothing can be said ... */
	assert_in_range(count(two_peaks, 1, confidence, 0.03,
			      VERDICT_INCONCLUSIVE), TRIALS * 9 / 10, TRIALS);
	/* ... and seldom where there is one that is larger than the margin. */
	assert_in_range(count(moderate, 0.95, confidence, 0.03, VERDICT_SAME),
			0, TRIALS * 25 / 1000);
	assert_in_range(count(little, 1.04, confidence, 0.03, VERDICT_SAME),
			0, TRIALS * 25 / 1000);
}

static void differences_are_found(void **state)
{
	double confidence = confidence_of_each(0.95, 4);

	(void)state;
	assert_in_range(count(moderate, 0.5, confidence, 0.03, VERDICT_FASTER),
			TRIALS, TRIALS);
	assert_in_range(count(outliers, 0.5, confidence, 0.03, VERDICT_FASTER),
			TRIALS * 8 / 10, TRIALS);
	assert_in_range(count(little, 1.06, confidence, 0.03, VERDICT_SLOWER),
			TRIALS * 99 / 100, TRIALS);
}

/* The interval holds the truth as often as it says, wherever that is. */
static void coverage(void **state)
{
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	double native[ROUNDS], mode[ROUNDS];
	unsigned i, missed = 0;
	struct ratio r;

	(void)state;
	gsl_rng_set(rng, SEED);
	for (i = 0; i < TRIALS; i++) {
		simulate(rng, moderate, 0.7, native, mode);
		assert_int_equal(ratio_of(native, mode, ROUNDS, 0.95, &r), 0);
		missed += r.low > 0.7 || r.high < 0.7;
		assert_true(r.low <= r.estimate && r.estimate <= r.high);
	}
	gsl_rng_free(rng);
	assert_in_range(missed, TRIALS / 100, TRIALS / 20);
}

/* Against the published tables of the signed-rank test, two-sided 5 % and 1 %. */
static void tables(void **state)
{
	static const struct {
		size_t n;
		long five, one;
	} table[] = {
		{ 5, -1, -1 }, { 6, 0, -1 }, { 7, 2, -1 }, { 8, 3, 0 },
		{ 9, 5, 1 }, { 10, 8, 3 }, { 12, 13, 7 }, { 15, 25, 15 },
		{ 20, 52, 37 }, { 25, 89, 68 }, { 30, 137, 109 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(signed_rank_tail(table[i].n, 0.025),
				 table[i].five);
		assert_int_equal(signed_rank_tail(table[i].n, 0.005),
				 table[i].one);
		assert_int_equal(rounds_needed(0.95) <= table[i].n,
				 table[i].five >= 0);
		assert_int_equal(rounds_needed(0.99) <= table[i].n,
				 table[i].one >= 0);
	}
	assert_in_range(signed_rank_tail(STATS_MOST, 0.025), 1,
			STATS_MOST * (STATS_MOST + 1) / 4);
}

static void too_few_rounds(void **state)
{
	double native[] = { 10, 10, 10, 10, 10, 10 };
	double mode[] = { 1, 1.1, 1.2, 1, 1.1, 1.2 };
	struct ratio r;
	size_t n;

	(void)state;
	for (n = 1; n <= 6; n++) {
		assert_int_equal(ratio_of(native, mode, n, 0.95, &r), 0);
		assert_int_equal(r.known, n == 6);
		assert_int_equal(verdict_of(&r, 0.03), n == 6 ?
				 VERDICT_FASTER : VERDICT_INCONCLUSIVE);
	}
}

static void verdicts(void **state)
{
	static const struct {
		double low, high;
		enum verdict verdict;
	} of[] = {
		{ 0.2, 0.3, VERDICT_FASTER },
		{ 0.9, 0.96, VERDICT_FASTER },
		{ 0.9, 0.97, VERDICT_INCONCLUSIVE },
		{ 0.97, 1.03, VERDICT_SAME },
		{ 0.96, 1.0, VERDICT_INCONCLUSIVE },
		{ 0.5, 2, VERDICT_INCONCLUSIVE },
		{ 1.0, 1.04, VERDICT_INCONCLUSIVE },
		{ 1.04, 1.05, VERDICT_SLOWER },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct ratio r = { 1, of[i].low, of[i].high, true };

		assert_int_equal(verdict_of(&r, 0.03), of[i].verdict);
		r.known = false;
		assert_int_equal(verdict_of(&r, 0.03), VERDICT_INCONCLUSIVE);
	}
}

static void computing_cannot_be_saved(void **state)
{
	struct ratio r = { 0.9, 0.85, 0.95, true };

	(void)state;
	assert_false(faster_is_possible(&r, 1, 0.99));
	assert_true(faster_is_possible(&r, 1, 0.9));
	assert_true(faster_is_possible(&r, 1, 0));
	/* Two processors at work: who knows. */
	assert_true(faster_is_possible(&r, 1, 1.9));
}

static void spreads(void **state)
{
	const double odd[] = { 5, 1, 4, 2, 3 }, one[] = { 7 };
	struct spread s;

	(void)state;
	assert_int_equal(spread_of(odd, 5, &s), 0);
	assert_true(s.median == 3 && s.low == 2 && s.high == 4);
	assert_int_equal(spread_of(one, 1, &s), 0);
	assert_true(s.median == 7 && s.low == 7 && s.high == 7);
	/* The caller's samples stay in their order. */
	assert_true(odd[0] == 5 && odd[1] == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(spreads),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(too_few_rounds),
		cmocka_unit_test(computing_cannot_be_saved),
		cmocka_unit_test(coverage),
		cmocka_unit_test(same_without_margin),
		cmocka_unit_test(same_with_margin),
		cmocka_unit_test(same_is_found),
		cmocka_unit_test(differences_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
