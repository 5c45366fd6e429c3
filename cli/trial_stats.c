// SPDX-License-Identifier: MIT
/* Medians, ratios and verdicts; see trial_stats.h. */
#include "trial_stats.h"

#include <errno.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int spread_of(const double *samples, size_t n, struct spread *spread)
{
	double *sorted = malloc(n * sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, samples, n * sizeof(*sorted));
	gsl_sort(sorted, 1, n);
	spread->median = gsl_stats_median_from_sorted_data(sorted, 1, n);
	spread->low = gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.25);
	spread->high = gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.75);
	free(sorted);
	return 0;
}

/*
 * The statistic is the sum of those of the ranks 1..n whose difference is
 * positive, each with a probability of one half.
 */
static void add_rank(double *p, size_t rank, size_t last)
{
	size_t t;

	for (t = last; t >= rank; t--)
		p[t] = (p[t] + p[t - rank]) / 2;
	while (t > 0)
		p[t--] /= 2;
	p[0] /= 2;
}

long signed_rank_tail(size_t n, double tail)
{
	size_t last = n * (n + 1) / 2, rank;
	double *p = calloc(last + 1, sizeof(*p)), sum;
	long k = 0;

	if (!p)
		return -ENOMEM;
	p[0] = 1;
	for (rank = 1; rank <= n; rank++)
		add_rank(p, rank, rank * (rank + 1) / 2);
	for (sum = p[0]; sum <= tail && (size_t)k < last; sum += p[k])
		k++;
	free(p);
	return k - 1;
}

/* The means of all pairs, each with itself as well, sorted. */
static double *pair_means(const double *d, size_t n)
{
	double *means = malloc(n * (n + 1) / 2 * sizeof(*means));
	size_t i, j, at = 0;

	if (!means)
		return NULL;
	for (i = 0; i < n; i++) {
		for (j = i; j < n; j++)
			means[at++] = (d[i] + d[j]) / 2;
	}
	gsl_sort(means, 1, at);
	return means;
}

static void take_interval(const double *means, size_t pairs, long tail,
			  struct ratio *ratio)
{
	ratio->estimate = exp(gsl_stats_median_from_sorted_data(means, 1,
								pairs));
	ratio->known = tail >= 0;
	if (!ratio->known)
		tail = 0;
	ratio->low = exp(means[tail]);
	ratio->high = exp(means[pairs - 1 - (size_t)tail]);
}

int ratio_of(const double *native, const double *mode, size_t n,
	     double confidence, struct ratio *ratio)
{
	long tail = signed_rank_tail(n, (1 - confidence) / 2);
	double *d = malloc(n * sizeof(*d)), *means = NULL;
	int ret = -ENOMEM;
	size_t i;

	if (!d || tail == -ENOMEM)
		goto out;
	for (i = 0; i < n; i++)
		d[i] = log(mode[i] / native[i]);
	means = pair_means(d, n);
	if (!means)
		goto out;
	take_interval(means, n * (n + 1) / 2, tail, ratio);
	ret = 0;
out:
	free(means);
	free(d);
	return ret;
}

/* All differences on one side has a probability of 2^-n. */
size_t rounds_needed(double confidence)
{
	return (size_t)ceil(log2(2 / (1 - confidence)));
}

double confidence_of_each(double together, size_t comparisons)
{
	return 1 - (1 - together) / (double)(comparisons ? comparisons : 1);
}

enum verdict verdict_of(const struct ratio *r, double margin)
{
	if (!r->known)
		return VERDICT_INCONCLUSIVE;
	if (r->high < 1 - margin)
		return VERDICT_FASTER;
	if (r->low > 1 + margin)
		return VERDICT_SLOWER;
	return r->low >= 1 - margin && r->high <= 1 + margin ?
		VERDICT_SAME : VERDICT_INCONCLUSIVE;
}

bool faster_is_possible(const struct ratio *r, double wall, double user)
{
	return user > wall || r->high >= user / wall;
}
