/* SPDX-License-Identifier: MIT */
/* What the benchmark programs share: a clock, a median, a way to give up. */
#ifndef SHIM_BENCH_H
#define SHIM_BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

__attribute__((noreturn))
static inline void die(const char *what, long err)
{
	fprintf(stderr, "%s: %s\n", what, strerror((int)(err < 0 ? -err : err)));
	exit(1);
}

/* A system call that no library sees: for what is not to be measured. */
static inline long raw(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static inline long number(const char *s, long least)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*end || n < least) {
		fprintf(stderr, "%s: not a number of at least %ld\n", s, least);
		exit(2);
	}
	return n;
}

#endif
