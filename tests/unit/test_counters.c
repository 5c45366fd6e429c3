// SPDX-License-Identifier: MIT
/*
 * Counters: sums over blocks, living and dead, the report, and the file that
 * several processes count into at once.
 */
#include "support.h"

#include <emmintrin.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "counters.h"
#include "counters_file.h"
#include "thread.h"

#define LINE 80
#define DIGITS 48 /* where the count is in its line */
#define MAX_SIZE (1024 * LINE)

static char dir[] = "/tmp/shim-unit-XXXXXX", path[64];
static char text[MAX_SIZE + 1];
static size_t size; /* of what is in text */

static void make_dir(void)
{
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/counters", dir);
}

static void remove_dir(void)
{
	unlink(path);
	CHECK_EQ(rmdir(dir), 0);
}

/* Read the file; returns its size. */
static ssize_t load(const char *name)
{
	int fd = open(name, O_RDONLY);
	ssize_t n;

	CHECK(fd >= 0);
	n = read(fd, text, MAX_SIZE);
	close(fd);
	size = n > 0 ? (size_t)n : 0;
	text[size] = '\0';
	return n;
}

/* Every line is as documented: 80 bytes, blank or "CALL ROUTE COUNT". */
static unsigned check_lines(void)
{
	char call[64], route[64], more[2], line[LINE + 1];
	unsigned long long n;
	unsigned i, used = 0;

	for (i = 1; i < size / LINE; i++) {
		memcpy(line, text + i * LINE, LINE);
		line[LINE] = '\0';
		CHECK_EQ(line[LINE - 1], '\n');
		CHECK(!memchr(line, '\n', LINE - 1));
		CHECK(!memchr(line, '\0', LINE));
		if (strspn(line, " ") == LINE - 1)
			continue;
		if (sscanf(line, "%63s %63s %llu %1s", call, route, &n, more)
		    != 3)
			fail_at(__FILE__, __LINE__, "line %u: %s", i, line);
		used++;
	}
	return used;
}

static unsigned same_lines;

/* The sum of the lines of one counter; same_lines says how many there are. */
static unsigned long long counted(const char *call, const char *route)
{
	char a[64], b[64], line[LINE + 1] = "";
	unsigned long long n, sum = 0;
	unsigned i;

	same_lines = 0;
	for (i = 1; i < size / LINE; i++) {
		memcpy(line, text + i * LINE, LINE);
		if (sscanf(line, "%63s %63s %llu", a, b, &n) != 3 ||
		    strcmp(a, call) || strcmp(b, route))
			continue;
		sum += n;
		same_lines++;
	}
	return sum;
}

/* in memory */

static void sums(enum shim_ring_form form)
{
	static struct shim_thread t;
	shim_counts sum;

	(void)form;
	memset(sum, 0xa5, sizeof(sum));
	shim_counters_sum(sum);
	CHECK_EQ(sum[SHIM_CALL_READ][SHIM_RING], 0);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 1);
	shim_count(NULL, SHIM_CALL_READ, SHIM_COL_BYTES, 1ULL << 40);
	shim_count(NULL, SHIM_CALL_CLOSE, SHIM_COL_ABANDONED, 7);
	shim_count(&t, SHIM_CALL_READ, SHIM_RING, 41);
	CHECK_EQ(t.counts[SHIM_CALL_READ][SHIM_RING], 41);
	shim_counters_sum(sum);
	/* This block is not in the list of blocks. */
	CHECK_EQ(sum[SHIM_CALL_READ][SHIM_RING], 1);
	shim_counters_fold(t.counts);
	CHECK_EQ(t.counts[SHIM_CALL_READ][SHIM_RING], 0);
	shim_counters_fold(t.counts);
	shim_counters_sum(sum);
	CHECK_EQ(sum[SHIM_CALL_READ][SHIM_RING], 42);
	CHECK_EQ(sum[SHIM_CALL_READ][SHIM_COL_BYTES], 1ULL << 40);
	CHECK_EQ(sum[SHIM_CALL_CLOSE][SHIM_COL_ABANDONED], 7);
	CHECK_EQ(sum[SHIM_CALL_WRITE][SHIM_RING], 0);
	shim_counters_reset();
	shim_counters_sum(sum);
	CHECK_EQ(sum[SHIM_CALL_READ][SHIM_RING], 0);
	CHECK_EQ(sum[SHIM_CALL_READ][SHIM_COL_BYTES], 0);
}

static void *count_much(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 100000; i++)
		shim_count(NULL, SHIM_CALL_WRITE, SHIM_RING, 1);
	return NULL;
}

static void count_in_threads(unsigned n)
{
	pthread_t t[8];
	unsigned i;

	for (i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, count_much, NULL), 0);
	for (i = 0; i < n; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void threads(enum shim_ring_form form)
{
	shim_counts sum;

	(void)form;
	count_in_threads(4);
	shim_counters_sum(sum);
	CHECK_EQ(sum[SHIM_CALL_WRITE][SHIM_RING], 400000);
}

/* the report */

static ssize_t report(void)
{
	ssize_t n, len = 0;
	int p[2];

	make_pipe(p);
	shim_counters_print(p[1], true);
	close(p[1]);
	while ((n = read(p[0], text + len, (size_t)(MAX_SIZE - len))) > 0)
		len += n;
	text[len] = '\0';
	close(p[0]);
	return len;
}

static void prints(enum shim_ring_form form)
{
	char want[512];

	(void)form;
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 12);
	shim_count(NULL, SHIM_CALL_READ, SHIM_COL_BYTES, UINT64_MAX);
	shim_count(NULL, SHIM_CALL_OPENAT, SHIM_SPECIAL_PATH, 3);
	report();
	snprintf(want, sizeof(want), "# libshim " SHIM_VERSION
		 " pid %d, patch on: call, route, count\n"
		 "openat native:special-path 3\n"
		 "read ring 12\n"
		 "read bytes 18446744073709551615\n", (int)getpid());
	if (strcmp(want, text))
		fail_at(__FILE__, __LINE__, "report is\n%s", text);
}

/* Nothing was counted: nothing is said (counters.h). */
static void prints_nothing(enum shim_ring_form form)
{
	(void)form;
	CHECK_EQ(report(), 0);
}

/* the file */

static void new_file(enum shim_ring_form form)
{
	struct fds before, now;
	struct stat st;

	(void)form;
	make_dir();
	list_fds(&before);
	CHECK_EQ(shim_counters_open(path), 0);
	list_fds(&now);
	CHECK(same_fds(&before, &now));
	CHECK(shim_counters_file);
	CHECK_EQ(stat(path, &st), 0);
	CHECK(st.st_size > 0 && st.st_size % LINE == 0);
	/* No holes: a full disk must not hurt later. */
	CHECK(st.st_blocks * 512 >= st.st_size);
	CHECK_EQ(load(path), st.st_size);
	CHECK_EQ(text[0], '#');
	CHECK_EQ(text[LINE - 1], '\n');
	CHECK_EQ(check_lines(), 0);
	remove_dir();
}

static void lines(enum shim_ring_form form)
{
	(void)form;
	make_dir();
	CHECK_EQ(shim_counters_open(path), 0);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 1);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 2);
	shim_count(NULL, SHIM_CALL_CONNECT, SHIM_SHARED_POSITION, 4);
	shim_count(NULL, SHIM_CALL_WRITE, SHIM_COL_BYTES, 5);
	load(path);
	CHECK_EQ(check_lines(), 3);
	CHECK_EQ(counted("read", "ring"), 3);
	CHECK_EQ(counted("connect", "native:shared-position"), 4);
	CHECK_EQ(counted("write", "bytes"), 5);
	remove_dir();
}

/* A call that is only counted has one route, and errors. */
static bool occurs(unsigned call, unsigned column)
{
	return call < SHIM_FIRST_COUNTED || column == SHIM_BOOKKEEPING ||
	       column == SHIM_COL_ERRORS;
}

/* The beginnings of programs are counted too, patched ones and others. */
static void images(enum shim_ring_form form)
{
	(void)form;
	make_dir();
	CHECK_EQ(shim_counters_open(path), 0);
	shim_counters_file_image(true);
	shim_counters_file_image(false);
	shim_counters_file_image(true);
	load(path);
	CHECK_EQ(check_lines(), 2);
	CHECK_EQ(counted("process", "patched"), 2);
	CHECK_EQ(counted("process", "unpatched"), 1);
	remove_dir();
}

/* Every call with every column: nothing is lost, nothing is overwritten. */
static void every_counter(enum shim_ring_form form)
{
	unsigned i, j, n = 0;
	char name[64];

	(void)form;
	make_dir();
	CHECK_EQ(shim_counters_open(path), 0);
	for (i = 0; i < SHIM_CALLS; i++) {
		for (j = 0; j < SHIM_COLUMNS; j++) {
			if (!occurs(i, j))
				continue;
			shim_count(NULL, i, j, 1 + i * SHIM_COLUMNS + j);
			n++;
		}
	}
	load(path);
	unlink(path);
	rmdir(dir);
	CHECK_EQ(check_lines(), n);
	for (i = 0; i < SHIM_CALLS; i++) {
		for (j = 0; j < SHIM_COLUMNS; j++) {
			if (!occurs(i, j))
				continue;
			snprintf(name, sizeof(name), "%s%s",
				 j > SHIM_RING && j < SHIM_ROUTES ?
				 "native:" : "", shim_column_name(j));
			if (counted(shim_call_name(i), name) !=
			    1 + i * SHIM_COLUMNS + j)
				fail_at(__FILE__, __LINE__, "%s %s is lost",
					shim_call_name(i), name);
		}
	}
}

static void carry(enum shim_ring_form form)
{
	static const uint64_t steps[] = {
		99999999, 1, 99999999, 100000000, 123456789012345ULL, 0, 1,
	};
	uint64_t sum = 0;
	unsigned i;

	(void)form;
	make_dir();
	CHECK_EQ(shim_counters_open(path), 0);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		shim_count(NULL, SHIM_CALL_READ, SHIM_COL_BYTES, steps[i]);
		sum += steps[i];
		load(path);
		CHECK_EQ(check_lines(), 1);
		CHECK_EQ(counted("read", "bytes"), sum);
	}
	remove_dir();
}

static atomic_bool counted_all;

static void *carry_again_and_again(void *arg)
{
	unsigned i;

	(void)arg;
	for (i = 0; i < 200000; i++)
		shim_count(NULL, SHIM_CALL_READ, SHIM_COL_BYTES, 77777777);
	atomic_store(&counted_all, true);
	return NULL;
}

/* All sixteen digits, as they are at one moment: one aligned load. */
static unsigned long long at_this_moment(const char *digits)
{
	char copy[17] = "";
	__m128i now;

	now = _mm_load_si128((const __m128i *)(const void *)digits);
	__asm__ volatile("" : "+x"(now));
	_mm_storeu_si128((__m128i *)(void *)copy, now);
	return strtoull(copy, NULL, 10);
}

/* A kill between two words would make for ever what is read in between. */
static void carry_is_one_step(enum shim_ring_form form)
{
	unsigned long long before = 0, now;
	pthread_t t;
	char *map;
	int fd;

	(void)form;
	make_dir();
	CHECK_EQ(shim_counters_open(path), 0);
	shim_count(NULL, SHIM_CALL_READ, SHIM_COL_BYTES, 1);
	fd = open(path, O_RDONLY);
	map = mmap(NULL, MAX_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK_EQ(pthread_create(&t, NULL, carry_again_and_again, NULL), 0);
	while (!atomic_load(&counted_all)) {
		now = at_this_moment(map + LINE + DIGITS);
		CHECK(now >= before);
		CHECK_EQ(now % 77777777, 1);
		before = now;
	}
	CHECK_EQ(pthread_join(t, NULL), 0);
	close(fd);
	remove_dir();
}

static void threads_in_file(enum shim_ring_form form)
{
	(void)form;
	make_dir();
	CHECK_EQ(shim_counters_open(path), 0);
	shim_count(NULL, SHIM_CALL_WRITE, SHIM_RING, 99800000);
	count_in_threads(4);
	load(path);
	CHECK_EQ(check_lines(), 1);
	CHECK_EQ(counted("write", "ring"), 100200000);
	remove_dir();
}

/* Processes that start at the same moment. */
struct start {
	_Atomic unsigned ready;
	_Atomic unsigned go;
};

static struct start *start;

static void meet(unsigned round)
{
	atomic_fetch_add(&start->ready, 1);
	while (atomic_load(&start->go) < round)
		;
}

static int count_together(void *arg)
{
	unsigned i;

	(void)arg;
	meet(1);
	CHECK_EQ(shim_counters_open(path), 0);
	for (i = 0; i < 20000; i++) {
		shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 1);
		shim_count(NULL, SHIM_CALL_READ, SHIM_COL_BYTES, 54321);
		shim_count(NULL, SHIM_CALL_READ + i % 4, SHIM_SPACE, 3);
	}
	return 0;
}

static void run_processes(unsigned n, int (*fn)(void *))
{
	int status;
	unsigned i;

	start = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(start != MAP_FAILED);
	for (i = 0; i < n; i++) {
		if (!fork()) {
			/* Not to wait for ever for one that was killed. */
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(fn(NULL));
		}
	}
	while (atomic_load(&start->ready) < n)
		sched_yield();
	atomic_store(&start->go, 1);
	for (i = 0; i < n; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
	munmap(start, 4096);
}

static void processes(enum shim_ring_form form)
{
	(void)form;
	make_dir();
	run_processes(3, count_together);
	load(path);
	check_lines();
	CHECK_EQ(counted("read", "ring"), 60000);
	CHECK_EQ(counted("read", "bytes"), 60000ULL * 54321);
	CHECK_EQ(counted("close", "native:space"), 3 * 5000 * 3);
	remove_dir();
}

static int first_counts(void *arg)
{
	unsigned i;

	(void)arg;
	CHECK_EQ(shim_counters_open(path), 0);
	meet(1);
	for (i = 0; i < SHIM_COLUMNS; i++)
		shim_count(NULL, SHIM_CALL_READ, i, 1);
	return 0;
}

/* One line per counter, also when two processes make it at the same moment. */
static void no_line_twice(enum shim_ring_form form)
{
	unsigned round, used, twice = 0;

	(void)form;
	make_dir();
	for (round = 0; round < 150; round++) {
		unlink(path);
		run_processes(2, first_counts);
		load(path);
		used = check_lines();
		twice += used != SHIM_COLUMNS;
		CHECK_EQ(counted("read", "ring"), 2);
		CHECK_EQ(counted("read", "native:kind"), 2);
	}
	remove_dir();
	if (twice)
		fail_at(__FILE__, __LINE__, "lines twice in %u of %u files",
			twice, round);
}

static int killed(void *arg)
{
	(void)arg;
	CHECK_EQ(shim_counters_open(path), 0);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 7);
	raise(SIGKILL);
	return 0;
}

static void survives_a_kill(enum shim_ring_form form)
{
	(void)form;
	make_dir();
	CHECK_EQ(run_forked(killed, NULL), -SIGKILL);
	CHECK_EQ(run_forked(killed, NULL), -SIGKILL);
	load(path);
	CHECK_EQ(check_lines(), 1);
	CHECK_EQ(counted("read", "ring"), 14);
	remove_dir();
}

/* what is not ours */

static void put_file(const char *contents, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, contents, len), len);
	close(fd);
}

static void check_refuses(const char *contents, size_t len)
{
	put_file(contents, len);
	CHECK_EQ(shim_counters_open(path), -EEXIST);
	CHECK(!shim_counters_file);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 7);
	CHECK_EQ(load(path), len);
	CHECK(!memcmp(text, contents, len));
}

static void foreign_files(enum shim_ring_form form)
{
	static char other[MAX_SIZE];
	char header[LINE];
	size_t whole;

	(void)form;
	make_dir();
	CHECK_EQ(run_forked(killed, NULL), -SIGKILL);
	whole = (size_t)load(path);
	memcpy(header, text, LINE);
	check_refuses("x", 1);
	check_refuses("precious data\n", 14);
	memset(other, 'x', sizeof(other));
	check_refuses(other, whole);
	/* Ours, but cut off, or with a header that is not quite right. */
	check_refuses(header, LINE);
	memcpy(other, header, 40);
	check_refuses(other, whole);
	remove_dir();
}

static void check_error(const char *name, int error)
{
	struct fds before, now;

	list_fds(&before);
	CHECK_EQ(shim_counters_open(name), error);
	CHECK(!shim_counters_file);
	list_fds(&now);
	CHECK(same_fds(&before, &now));
}

static void unusable_names(enum shim_ring_form form)
{
	static char longer[5000];

	(void)form;
	make_dir();
	memset(longer, 'x', sizeof(longer) - 1);
	check_error("/no/such/directory/x", -ENOENT);
	check_error(dir, -EISDIR);
	check_error("/dev/null", -EINVAL);
	check_error(longer, -ENAMETOOLONG);
	longer[4095] = '\0';
	check_error(longer, -ENAMETOOLONG);
	/* A FIFO has no reader to be waited for. */
	CHECK_EQ(mkfifo(path, 0600), 0);
	check_error(path, -EINVAL);
	remove_dir();
}

/* %p */

static int count_in_child(void *arg)
{
	shim_counters_reset();
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 5);
	*(int *)arg = (int)getpid();
	return 0;
}

static void load_of(int pid)
{
	char name[96];

	snprintf(name, sizeof(name), "%s/%d.%d%%q%%", dir, pid, pid);
	CHECK(load(name) > 0);
	unlink(name);
}

static void name_with_pid(enum shim_ring_form form)
{
	int *child = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)form;
	make_dir();
	snprintf(path, sizeof(path), "%s/%%p.%%p%%q%%", dir);
	CHECK_EQ(shim_counters_open(path), 0);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 3);
	CHECK_EQ(run_forked(count_in_child, child), 0);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 1);
	load_of((int)getpid());
	CHECK_EQ(counted("read", "ring"), 4);
	load_of(*child);
	CHECK_EQ(counted("read", "ring"), 5);
	remove_dir();
}

static void name_without_pid(enum shim_ring_form form)
{
	int *child = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)form;
	make_dir();
	CHECK_EQ(shim_counters_open(path), 0);
	shim_count(NULL, SHIM_CALL_READ, SHIM_RING, 3);
	CHECK_EQ(run_forked(count_in_child, child), 0);
	load(path);
	CHECK_EQ(check_lines(), 1);
	CHECK_EQ(counted("read", "ring"), 8);
	remove_dir();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(sums),
		ONCE(threads),
		ONCE(prints),
		ONCE(prints_nothing),
		ONCE(new_file),
		ONCE(lines),
		ONCE(images),
		ONCE(every_counter),
		ONCE(carry),
		ONCE(carry_is_one_step),
		ONCE(threads_in_file),
		ONCE(processes),
		ONCE(no_line_twice),
		ONCE(survives_a_kill),
		ONCE(foreign_files),
		ONCE(unusable_names),
		ONCE(name_with_pid),
		ONCE(name_without_pid),
	};

	return RUN_ALL(tests);
}
