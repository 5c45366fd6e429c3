// SPDX-License-Identifier: MIT
/*
 * The mapped file of counters; see counters_file.h.  A full disk cannot hurt
 * later: the blocks are written, not left as holes, before they are mapped.
 */
#include "counters_file.h"

#include <stdatomic.h>
#include <string.h>

#include "counters.h"
#include "shared_file.h"
#include "sys.h"

#define LINE 80UL   /* a multiple of 16, for the digits */
#define NAME 16U    /* the call, padded; claimed by its first word */
#define DIGITS 48U  /* two words of eight digits, aligned to 16 */
#define LINES 1024UL
#define SIZE (LINE * LINES)
#define PATIENCE 100000
#define EIGHT_DIGITS 100000000UL

static const char header[] =
	"# libshim counters: call, route, count (summed over processes)";
static const char blank[] = "        ";
static const char taken[] = "........"; /* while it is being filled */

/* Calls that are only counted have one route, and errors. */
_Static_assert(SHIM_FIRST_COUNTED * SHIM_COLUMNS +
	       (SHIM_CALLS - SHIM_FIRST_COUNTED) * 2 < LINES,
	       "a line for every counter");

volatile bool shim_counters_file;
static char *map;
static char pattern[4096];
static _Atomic(char *) lines[SHIM_CALLS][SHIM_COLUMNS];
static _Atomic(char *) hint_lines[SHIM_HINT_COLUMNS];

static uint64_t word_of(const char *s)
{
	uint64_t w;

	memcpy(&w, s, sizeof(w));
	return w;
}

static uint64_t value_of(uint64_t word)
{
	uint64_t sum = 0;
	char digits[8];
	int i;

	memcpy(digits, &word, 8);
	for (i = 0; i < 8; i++)
		sum = sum * 10 + (uint64_t)(digits[i] - '0');
	return sum;
}

/* The last eight digits of @n. */
static uint64_t digits_of(uint64_t n)
{
	char digits[8];
	int i;

	for (i = 7; i >= 0; i--, n /= 10)
		digits[i] = (char)('0' + n % 10);
	return word_of(digits);
}

/* Add to the last eight digits; false, and nothing done, if they overflow. */
static bool add_low(char *p, uint64_t n)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)(void *)(p + 8);
	uint64_t old = atomic_load(word), sum;

	do {
		sum = value_of(old) + n;
		if (n >= EIGHT_DIGITS || sum >= EIGHT_DIGITS)
			return false;
	} while (!atomic_compare_exchange_weak(word, &old, digits_of(sum)));
	return true;
}

/*
 * Both words at once: a carry that came second could be read too low meanwhile,
 * and for ever after a SIGKILL.
 */
static bool swap_pair(uint64_t pair[2], uint64_t old[2],
		      const uint64_t fresh[2])
{
	bool done;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(done), "+m"(*(uint64_t (*)[2])pair),
			   "+a"(old[0]), "+d"(old[1])
			 : "b"(fresh[0]), "c"(fresh[1])
			 : "memory");
	return done;
}

static void add_digits(char *p, uint64_t n)
{
	uint64_t *pair = (uint64_t *)(void *)p, old[2], fresh[2], low;

	if (add_low(p, n))
		return;
	/* If they do not belong together the swap says so. */
	old[0] = __atomic_load_n(&pair[0], __ATOMIC_RELAXED);
	old[1] = __atomic_load_n(&pair[1], __ATOMIC_RELAXED);
	do {
		low = value_of(old[1]) + n % EIGHT_DIGITS;
		fresh[0] = digits_of(value_of(old[0]) + n / EIGHT_DIGITS +
				     low / EIGHT_DIGITS);
		fresh[1] = digits_of(low);
	} while (!swap_pair(pair, old, fresh));
}

/*
 * The first word of a line, once its owner has filled it.  Whoever interrupted
 * the owner, or outlived it, does not wait for ever.
 */
static uint64_t first_word(char *line)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)(void *)line;
	int i;

	for (i = 0; i < PATIENCE; i++) {
		if (atomic_load(word) != word_of(taken))
			break;
	}
	return atomic_load(word);
}

static bool claim_line(char *line)
{
	uint64_t free = word_of(blank);

	return atomic_compare_exchange_strong((_Atomic uint64_t *)(void *)line,
					      &free, word_of(taken));
}

/* Find the line of a counter, or make it. */
static char *find_line(const char *call, const char *prefix, const char *column)
{
	char name[DIGITS], *line;
	unsigned long i;

	memset(name, ' ', sizeof(name));
	memcpy(name, call, strlen(call));
	memcpy(name + NAME, prefix, strlen(prefix));
	memcpy(name + NAME + strlen(prefix), column, strlen(column));
	for (i = 1; i < LINES; i++) {
		line = map + i * LINE;
		if (claim_line(line)) {
			memset(line + DIGITS, '0', 16);
			memcpy(line + 8, name + 8, sizeof(name) - 8);
			atomic_store((_Atomic uint64_t *)(void *)line,
				     word_of(name));
			return line;
		}
		if (first_word(line) == word_of(name) &&
		    !memcmp(line + 8, name + 8, sizeof(name) - 8))
			return line;
	}
	return NULL;
}

void shim_counters_file_hint(enum shim_hint_column column, uint64_t n)
{
	char *line = atomic_load(&hint_lines[column]);

	if (!line) {
		line = find_line("prefetch", "", shim_hint_column_name(column));
		if (!line)
			return;
		atomic_store(&hint_lines[column], line);
	}
	add_digits(line + DIGITS, n);
}

void shim_counters_file_add(enum shim_call call, unsigned column, uint64_t n)
{
	char *line = atomic_load(&lines[call][column]);

	if (!line) {
		line = find_line(shim_call_name(call),
				 column > SHIM_RING && column < SHIM_ROUTES ?
				 "native:" : "", shim_column_name(column));
		if (!line)
			return;
		atomic_store(&lines[call][column], line);
	}
	add_digits(line + DIGITS, n);
}

static bool image_patched;

void shim_counters_file_image(bool patched)
{
	char *line;

	image_patched = patched;
	if (!shim_counters_file)
		return;
	line = find_line("process", "", patched ? "patched" : "unpatched");
	if (line)
		add_digits(line + DIGITS, 1);
}

static int write_blank(int fd)
{
	char text[64 * LINE];
	unsigned long i;
	long ret;

	memset(text, ' ', sizeof(text));
	for (i = LINE - 1; i < sizeof(text); i += LINE)
		text[i] = '\n';
	memcpy(text, header, sizeof(header) - 1);
	for (i = 0; i < SIZE; i += sizeof(text)) {
		ret = shim_sys4(SYS_pwrite64, fd, text, sizeof(text), i);
		if (ret != sizeof(text))
			return ret < 0 ? (int)ret : -ENOSPC;
		memset(text, ' ', sizeof(header) - 1);
	}
	return 0;
}

/* Write the empty table, unless somebody has. */
static int prepare(int fd, void *arg, uint64_t *size)
{
	char line[LINE];
	struct stat st = { 0 };
	long ret;

	(void)arg;
	*size = SIZE;
	ret = shim_sys_fstat(fd, &st);
	if (ret)
		return (int)ret;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size) {
		ret = shim_sys4(SYS_pread64, fd, line, LINE, 0);
		return st.st_size == SIZE && ret == LINE &&
		       !memcmp(line, header, sizeof(header) - 1) ? 0 : -EEXIST;
	}
	return write_blank(fd);
}

static int map_file(void)
{
	void *file;
	int ret = shim_map_file(pattern, 0666, prepare, NULL, &file);

	if (!ret)
		map = file;
	return ret;
}

int shim_counters_open(const char *path)
{
	int ret;

	if (strlen(path) >= sizeof(pattern))
		return -ENAMETOOLONG;
	strcpy(pattern, path);
	ret = map_file();
	shim_counters_file = ret == 0;
	return ret;
}

void shim_counters_file_fork_child(void)
{
	char *old = map;

	if (!shim_counters_file || !strstr(pattern, "%p"))
		return;
	shim_counters_file = false;
	memset(lines, 0, sizeof(lines));
	memset(hint_lines, 0, sizeof(hint_lines));
	if (!map_file())
		shim_counters_file = true;
	shim_counters_file_image(image_patched);
	shim_sys(SYS_munmap, old, SIZE, 0);
}
