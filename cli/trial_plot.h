/* SPDX-License-Identifier: MIT */
/* The pictures of a trial's page: SVG, in the colours of the page. */
#ifndef SHIM_CLI_TRIAL_PLOT_H
#define SHIM_CLI_TRIAL_PLOT_H

#include "trial_result.h"

/* A dot for each run, a line at the median, a bar for the middle half. */
void plot_runs(FILE *to, const struct results *results);

/* The ratios with their intervals, and the margin around 1. */
void plot_ratios(FILE *to, const struct trial *trial,
		 const struct results *results);

#endif
