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
#define NAME 16U    /* the call, padded */
#define DIGITS 48U  /* two words of eight digits, aligned to 16 */
#define LINES 1024UL
#define SIZE (LINE * LINES)
#define EIGHT_DIGITS 100000000UL

static const char header[] =
	"# libshim counters: call, route, count (summed over processes)";
static const char blank[] = "        ";
static const char zeros[] = "00000000";

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
 * What the first word of a line is until the rest of it is there: a full stop, and
 * what all who look for this counter make of its name, in whatever process.
 */
static uint64_t mark_of(const char name[DIGITS])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
	char mark[8] = ".";
	unsigned i;

	for (i = 0; i < DIGITS; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
	for (i = 1; i < sizeof(mark); i++, hash >>= 5)
		mark[i] = digits[hash & 31];
	return word_of(mark);
}

/*
 * Several may do this at once, each whole: nobody waits for another, who may have
 * been interrupted, or killed.  They all write the same, and zeros but once.
 */
static void fill_line(char *line, const char name[DIGITS], uint64_t mark)
{
	_Atomic uint64_t *words = (_Atomic uint64_t *)(void *)line;
	uint64_t none[2] = { word_of(blank), word_of(blank) };
	const uint64_t zero[2] = { word_of(zeros), word_of(zeros) };
	unsigned i;

	for (i = 1; i < DIGITS / 8; i++)
		atomic_store(&words[i], word_of(name + 8UL * i));
	swap_pair((uint64_t *)(void *)(line + DIGITS), none, zero);
	atomic_compare_exchange_strong(&words[0], &mark, word_of(name));
}

/* Take a line that is free, or help whoever has taken it for the same counter. */
static bool make_line(char *line, const char name[DIGITS], uint64_t mark)
{
	uint64_t first = word_of(blank);

	if (!atomic_compare_exchange_strong((_Atomic uint64_t *)(void *)line,
					    &first, mark) && first != mark)
		return false;
	fill_line(line, name, mark);
	return true;
}

static bool is_line(char *line, const char name[DIGITS])
{
	_Atomic uint64_t *words = (_Atomic uint64_t *)(void *)line;
	unsigned i;

	for (i = 0; i < DIGITS / 8; i++) {
		if (atomic_load(&words[i]) != word_of(name + 8UL * i))
			return false;
	}
	return true;
}

/* Find the line of a counter, or make it. */
static char *find_line(const char *call, const char *prefix, const char *column)
{
	char name[DIGITS], *line;
	unsigned long i;
	uint64_t mark;

	memset(name, ' ', sizeof(name));
	memcpy(name, call, strlen(call));
	memcpy(name + NAME, prefix, strlen(prefix));
	memcpy(name + NAME + strlen(prefix), column, strlen(column));
	mark = mark_of(name);
	for (i = 1; i < LINES; i++) {
		line = map + i * LINE;
		if (make_line(line, name, mark) || is_line(line, name))
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
