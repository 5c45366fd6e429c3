// SPDX-License-Identifier: MIT
/*
 * Counting, summing and the report; see counters.h.  The mapping of a file is
 * in counters_file.c.
 */
#include "counters.h"

#include "counters_file.h"
#include "sys.h"
#include "thread.h"

/* Counts of calls made without a block, and of threads that have gone. */
static _Atomic uint64_t others[SHIM_CALLS][SHIM_COLUMNS];

void shim_count_anywhere(struct shim_thread *t, enum shim_call call,
			 unsigned column, uint64_t n)
{
	if (t)
		t->counts[call][column] += n;
	else
		atomic_fetch_add(&others[call][column], n);
	if (__builtin_expect(shim_counters_file, 0))
		shim_counters_file_add(call, column, n);
}

void shim_counters_fold(shim_counts counts)
{
	unsigned i, j;

	for (i = 0; i < SHIM_CALLS; i++) {
		for (j = 0; j < SHIM_COLUMNS; j++) {
			if (counts[i][j])
				atomic_fetch_add(&others[i][j], counts[i][j]);
		}
	}
	shim_counters_clear(counts);
}

void shim_counters_clear(shim_counts counts)
{
	unsigned i, j;

	for (i = 0; i < SHIM_CALLS; i++) {
		for (j = 0; j < SHIM_COLUMNS; j++) {
			if (counts[i][j])
				counts[i][j] = 0;
		}
	}
}

static void add_block(struct shim_thread *t, void *arg)
{
	uint64_t *sum = arg, *counts = &t->counts[0][0];
	unsigned i;

	for (i = 0; i < SHIM_CALLS * SHIM_COLUMNS; i++)
		sum[i] += counts[i];
}

void shim_counters_sum(shim_counts sum)
{
	unsigned i, j;

	for (i = 0; i < SHIM_CALLS; i++) {
		for (j = 0; j < SHIM_COLUMNS; j++)
			sum[i][j] = atomic_load(&others[i][j]);
	}
	shim_threads_each(add_block, sum);
}

void shim_counters_reset(void)
{
	unsigned i, j;

	for (i = 0; i < SHIM_CALLS; i++) {
		for (j = 0; j < SHIM_COLUMNS; j++)
			atomic_store(&others[i][j], 0);
	}
	shim_counters_file_fork_child();
}

/* A line being put together: no stdio here. */
struct line {
	char text[128];
	size_t len;
};

static void put_text(struct line *l, const char *s)
{
	while (*s && l->len < sizeof(l->text))
		l->text[l->len++] = *s++;
}

static void put_number(struct line *l, uint64_t n)
{
	char digits[21];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put_text(l, &digits[i]);
}

static void flush_line(struct line *l, int fd)
{
	put_text(l, "\n");
	shim_sys(SYS_write, fd, l->text, l->len);
	l->len = 0;
}

static bool any(const uint64_t *counts)
{
	unsigned i;

	for (i = 0; i < SHIM_CALLS * SHIM_COLUMNS; i++) {
		if (counts[i])
			return true;
	}
	return false;
}

void shim_counters_print(int fd, bool patched)
{
	struct line l = { .len = 0 };
	unsigned i, j;
	shim_counts sum;

	shim_counters_sum(sum);
	if (!any(&sum[0][0]))
		return;
	put_text(&l, "# libshim " SHIM_VERSION " pid ");
	put_number(&l, (uint64_t)shim_sys_getpid());
	put_text(&l, patched ? ", patch on" : ", patch off");
	put_text(&l, ": call, route, count");
	flush_line(&l, fd);
	for (i = 0; i < SHIM_CALLS; i++) {
		for (j = 0; j < SHIM_COLUMNS; j++) {
			if (!sum[i][j])
				continue;
			put_text(&l, shim_call_name((enum shim_call)i));
			put_text(&l, " ");
			put_text(&l, j > SHIM_RING && j < SHIM_ROUTES ?
				 "native:" : "");
			put_text(&l, shim_column_name(j));
			put_text(&l, " ");
			put_number(&l, sum[i][j]);
			flush_line(&l, fd);
		}
	}
}

const char *shim_column_name(unsigned column)
{
	static const char *const names[] = {
		[SHIM_COL_ERRORS - SHIM_ROUTES] = "errors",
		[SHIM_COL_BYTES - SHIM_ROUTES] = "bytes",
		[SHIM_COL_WAITS - SHIM_ROUTES] = "waits",
		[SHIM_COL_CANCELS - SHIM_ROUTES] = "cancels",
		[SHIM_COL_ABANDONED - SHIM_ROUTES] = "abandoned",
	};

	if (column < SHIM_ROUTES)
		return shim_route_name((enum shim_route)column);
	return names[column - SHIM_ROUTES];
}
