/* SPDX-License-Identifier: MIT */
/* The tables of a report, and what is in their cells. */
#ifndef SHIM_CLI_REPORT_TABLES_H
#define SHIM_CLI_REPORT_TABLES_H

#include "report.h"

/* What has a key above 0, the largest first; @all is to be freed. */
struct ranking {
	uint32_t *all;
	size_t number;
};

/* 0 or -ENOMEM. */
int rank(struct ranking *ranking, const struct sums *sums, size_t number,
	 int64_t (*key)(const struct sums *sums, size_t i));

/* Cells; a time below 0 and no thing are left empty. */
void cell_count(FILE *to, uint64_t n);
void cell_time(FILE *to, int64_t ns);
void cell_bytes(FILE *to, uint64_t n);
void cell_thing(FILE *to, const struct sums *sums, uint32_t thing);
void put_rest(FILE *to, size_t shown, size_t all);

void put_command_line(FILE *to, const struct sums *sums, uint32_t process);

/* Behind pictures. */
void table_threads(FILE *to, const struct sums *sums, const uint32_t *threads,
		   size_t number);
void table_latencies(FILE *to, const struct sums *sums,
		     const struct ranking *calls);
void table_buckets(FILE *to, const struct sums *sums, const uint32_t *calls,
		   size_t number, unsigned first, unsigned last);

/* With their headings; 0 or -ENOMEM. */
int tables_waits(FILE *to, const struct sums *sums);
int tables_calls(FILE *to, const struct sums *sums);
int tables_things(FILE *to, const struct sums *sums);
int tables_errors(FILE *to, const struct sums *sums);
int tables_programs(FILE *to, const struct sums *sums);

#endif
