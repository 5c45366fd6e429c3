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

static _Atomic uint64_t hints[SHIM_HINT_COLUMNS];

void shim_count_hint(enum shim_hint_column column, uint64_t n)
{
	if (!n)
		return;
	atomic_fetch_add(&hints[column], n);
	if (shim_counters_file)
		shim_counters_file_hint(column, n);
}

void shim_hints_settle(void)
{
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	uint64_t asked, settled;

	if (atomic_flag_test_and_set(&busy))
		return;
	settled = atomic_load(&hints[SHIM_HINT_USED]) +
		  atomic_load(&hints[SHIM_HINT_WASTED]);
	asked = atomic_load(&hints[SHIM_HINT_HINTS]);
	if (asked > settled)
		shim_count_hint(SHIM_HINT_WASTED, asked - settled);
	atomic_flag_clear(&busy);
}

const char *shim_hint_column_name(enum shim_hint_column column)
{
	static const char *const names[] = {
		[SHIM_HINT_HINTS] = "hints",
		[SHIM_HINT_USED] = "used",
		[SHIM_HINT_WASTED] = "wasted",
		[SHIM_HINT_BYTES] = "bytes",
	};

	return names[column];
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
	for (i = 0; i < SHIM_HINT_COLUMNS; i++)
		atomic_store(&hints[i], 0);
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

static void print_line(struct line *l, int fd, const char *call,
		       const char *prefix, const char *column, uint64_t n)
{
	if (!n)
		return;
	put_text(l, call);
	put_text(l, " ");
	put_text(l, prefix);
	put_text(l, column);
	put_text(l, " ");
	put_number(l, n);
	flush_line(l, fd);
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
			print_line(&l, fd, shim_call_name((enum shim_call)i),
				   j > SHIM_RING && j < SHIM_ROUTES ?
				   "native:" : "", shim_column_name(j),
				   sum[i][j]);
		}
	}
	for (i = 0; i < SHIM_HINT_COLUMNS; i++)
		print_line(&l, fd, "prefetch", "", shim_hint_column_name(i),
			   atomic_load(&hints[i]));
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
