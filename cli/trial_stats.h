/* SPDX-License-Identifier: MIT */
/*
 * What the samples of a trial say, and with how much confidence.
 *
 * The runs of one round are made one right after the other, so what disturbs a
 * round disturbs all of it, and what is looked at is the ratio of a mode to
 * native within each round.  The ratio of all of them is the Hodges-Lehmann
 * estimate over the logarithms: the median of the means of all pairs of rounds.
 * Its interval is the one that belongs to Wilcoxon's signed-rank test, from the
 * exact distribution of that statistic and not from an approximation.  Nothing
 * is assumed about the shape of the noise but that it is as likely to hit the one
 * as the other; if the mode makes no difference, that is so by construction,
 * because the order within rounds changes.
 *
 * Pure functions: no state, no output.
 */
#ifndef SHIM_CLI_TRIAL_STATS_H
#define SHIM_CLI_TRIAL_STATS_H

#include <stdbool.h>
#include <stddef.h>

#define STATS_MOST 500 /* samples: what follows takes their square of memory */

/* A median, and between which values the middle half of the samples is. */
struct spread {
	double median, low, high;
};

/* @n > 0 samples, in any order.  0 or -ENOMEM. */
int spread_of(const double *samples, size_t n, struct spread *spread);

struct ratio {
	double estimate; /* below 1: less than native */
	double low, high;
	bool known;      /* are low and high?  Not with too few rounds. */
};

/*
 * @mode to @native: pairs of positive samples, one of each per round, 0 < @n <=
 * STATS_MOST.  The interval holds what is true with a probability of at least
 * @confidence, and each end of it errs at most half as often as both.
 * 0 or -ENOMEM.
 */
int ratio_of(const double *native, const double *mode, size_t n,
	     double confidence, struct ratio *ratio);

/* How many rounds an interval needs at least. */
size_t rounds_needed(double confidence);

/*
 * Each of @comparisons verdicts gets so much confidence that all of them
 * together are right with @together (Bonferroni).
 */
double confidence_of_each(double together, size_t comparisons);

/*
 * The largest value that the signed-rank statistic of @n differences takes with
 * a probability of at most @tail altogether; -1: not even 0.  -ENOMEM.
 */
long signed_rank_tail(size_t n, double tail);

enum verdict {
	VERDICT_FASTER,       /* the whole interval is below 1 - margin */
	VERDICT_SLOWER,       /* above 1 + margin */
	VERDICT_SAME,         /* within */
	VERDICT_INCONCLUSIVE, /* none of these */
	VERDICT_UNEXPLAINED,  /* FASTER, but see faster_is_possible() */
};

enum verdict verdict_of(const struct ratio *ratio, double margin);

/*
 * No library can save the time that a program spends computing.  @user is that
 * part of its time @wall.  Is a saving of which @ratio is sure possible?  Where
 * several processors were at work that cannot be told, and is not denied.
 */
bool faster_is_possible(const struct ratio *ratio, double wall, double user);

#endif
