// SPDX-License-Identifier: MIT
/*
 * What calls tell about what the program will want next; see hints.h.
 *
 * The evidence that something is to be gained is a call that was slow and that has
 * made its thread read from a disk, which the kernel counts.  A few of these, and
 * the place is found out where they were: by the name that /proc has for the
 * descriptor, or among the operands of the program.
 */
#include "hints.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "init.h"
#include "sys.h"

/* Slow calls that it takes; twice as many after each failure. */
#define ENOUGH 3U
/* In ticks: a second or so. */
#define LONG_AGO 3000000000ULL
#define RECENT 8U
/* Calls of a thread: how many are timed, and how many are not. */
#define WATCH 64U
#define REST_LEAST 8U
#define REST_MOST 128U
/* One large file: what is left of it, at least, and how often it is told of. */
#define STREAM_LEAST (16L << 20)
#define STREAM_TELL (1U << 20)

bool shim_hints_on;
uint64_t shim_hints_slow = SHIM_SLOW;
volatile int shim_hints_stream = -1;

static char *const *args;
static char *const *_Atomic at_operand; /* the operand that the program is at; or NULL */
static bool eager;
static atomic_uint score;
static _Atomic uint64_t last;
static long *_Atomic last_thread; /* where its blocks_read is */
/* Directories that were opened before there was somebody to tell. */
static _Atomic uint64_t recent[RECENT];
static atomic_uint recents;
static __thread long blocks_read;
static __thread unsigned watched; /* calls that are timed yet */
static __thread unsigned rested;  /* the last rest */
__thread unsigned shim_hint_rest;
static _Atomic uint64_t stream_ino;
static _Atomic uint64_t streamed; /* bytes since it was last told */
/* Not on the stack, which may be a small one of a handler: one at a time. */
static char name[4096];
static atomic_flag naming = ATOMIC_FLAG_INIT;

void shim_hints_init(const struct shim_config *config, char *const *argv)
{
	if (config->mode != SHIM_MODE_AUTO)
		return;
	shim_prefetch_init(config->prefetch_depth, config->prefetch_bytes);
	args = argv;
	eager = config->prefetch == SHIM_PREFETCH_EAGER;
	if (eager)
		shim_hints_slow = 0;
	shim_hints_on = true;
}

/* Has this thread made a disk read since it was last asked? */
static bool has_read(void)
{
	struct rusage u = { 0 };
	long was = blocks_read;

	shim_sys(SYS_getrusage, RUSAGE_THREAD, &u, 0);
	blocks_read = u.ru_inblock;
	return u.ru_inblock != was;
}

/*
 * To read the clock twice takes 20 ns, and a stat(2) 1200.  So a thread that has not
 * read from a disk rests, longer each time; one question to the kernel takes 300 ns.
 */
uint64_t shim_hint_watch(void)
{
	if (eager || shim_prefetch_running)
		return __rdtsc();
	if (!watched && has_read()) {
		watched = WATCH;
		rested = 0;
	}
	if (watched) {
		watched--;
		return __rdtsc();
	}
	rested = !rested ? REST_LEAST :
		rested < REST_MOST ? 2 * rested : REST_MOST;
	shim_hint_rest = rested - 1;
	return 0;
}

/* One more slow call: enough of them? */
static bool evidence(void)
{
	unsigned failures = shim_prefetch_failures();
	uint64_t now = __rdtsc();

	if (eager)
		return failures < 1000;
	if (failures > 10 || !has_read())
		return false;
	watched = WATCH;
	/* Threads that share a walk do not wait for each other, nor take turns. */
	if (atomic_exchange(&last_thread, &blocks_read) != &blocks_read ||
	    now - atomic_exchange(&last, now) > LONG_AGO)
		atomic_store(&score, 0);
	if (atomic_fetch_add(&score, 1) + 1 < ENOUGH << failures)
		return false;
	atomic_store(&score, 0);
	return true;
}

/* The name that /proc has for something of this process, ended by a zero. */
static int name_of(const char *link, char *to, size_t size)
{
	long n = shim_sys(SYS_readlink, link, to, size - 1);

	if (n < 0 || n == (long)size - 1)
		return n < 0 ? (int)n : -ENAMETOOLONG;
	to[n] = '\0';
	return to[0] == '/' ? (int)n : -ENOENT;
}

static int name_of_fd(int fd, char *to, size_t size)
{
	char link[32] = "/proc/self/fd/", digits[12];
	char *p = link + strlen(link);
	int n = 0;

	if (fd == AT_FDCWD)
		return name_of("/proc/self/cwd", to, size);
	if (fd < 0)
		return -EBADF;
	do {
		digits[n++] = (char)('0' + fd % 10);
		fd /= 10;
	} while (fd);
	while (n)
		*p++ = digits[--n];
	*p = '\0';
	return name_of(link, to, size);
}

/* Cut the last part off an absolute path.  False: there is none. */
static bool parent_of(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !slash[1])
		return false;
	slash[slash == path] = '\0';
	return true;
}

/* What was opened before the task was there: it wants to know. */
static void tell_recent(uint64_t dev)
{
	unsigned i;

	for (i = 0; i < RECENT; i++) {
		if (atomic_load(&recent[i]))
			shim_prefetch_touch(SHIM_TOUCH_DIR, dev,
					    atomic_exchange(&recent[i], 0));
	}
}

static uint64_t hash_of(const char *s, size_t len)
{
	uint64_t h = 14695981039346656037ULL;

	while (len--)
		h = (h ^ (unsigned char)*s++) * 1099511628211ULL;
	return h;
}

/*
 * Does the program go through this directory?  It has been at another entry of it,
 * or of one beside it, the last time: one file alone says nothing about the others.
 */
static bool goes_through(const char *directory, uint64_t ino)
{
	static _Atomic uint64_t dir, above, entry;
	const char *slash = strrchr(directory, '/');
	uint64_t d = hash_of(directory, strlen(directory));
	uint64_t a = hash_of(directory, (size_t)(slash - directory));
	bool same = atomic_exchange(&dir, d) == d;
	bool beside = atomic_exchange(&above, a) == a && slash != directory;
	bool other = atomic_exchange(&entry, ino) != ino;

	return other && (same || beside);
}

static void begin(const struct shim_prefetch_seed *seed)
{
	if (seed->directory && !goes_through(seed->directory, seed->ino))
		return;
	if (!shim_prefetch_begin(seed) && shim_prefetch_running)
		tell_recent(seed->dev);
}

/* Is @path, absolute or as it was given, what the operand @arg says? */
static bool is_operand(const char *arg, const char *path)
{
	size_t n, len = strlen(path);

	if (arg[0] == '.' && arg[1] == '/')
		arg += 2;
	if (path[0] == '.' && path[1] == '/')
		return is_operand(arg, path + 2);
	n = strlen(arg);
	return n && n <= len && !strcmp(path + len - n, arg) &&
	       (n == len || path[len - n - 1] == '/');
}

/* The operand that @path is, if others follow it, or NULL. */
static char *const *find_operand(const char *path)
{
	char *const *a;

	if (!args || !args[0])
		return NULL;
	for (a = args + 1; *a; a++) {
		if (is_operand(*a, path))
			return a[1] ? a : NULL;
	}
	return NULL;
}

static void begin_named(int fd, const struct stat *st, bool data)
{
	struct shim_prefetch_seed seed = {
		.dev = st->st_dev, .ino = st->st_ino, .data = data,
	};

	if (name_of_fd(fd, name, sizeof(name)) < 0)
		return;
	seed.operands = find_operand(name);
	atomic_store(&at_operand, seed.operands);
	if (!seed.operands) {
		if (!parent_of(name))
			return;
		seed.directory = name;
	}
	begin(&seed);
}

static void begin_at(int fd, const struct stat *st, bool data)
{
	if (atomic_flag_test_and_set(&naming))
		return;
	begin_named(fd, st, data);
	atomic_flag_clear(&naming);
}

/*
 * Most programs open their operands by the very pointers of argv, and not many
 * pass over more than a few.
 */
static bool opened_operand(const char *path, const struct stat *st)
{
	char *const *a = atomic_load(&at_operand);
	unsigned i;

	for (i = 0; a && *a && i < 32; i++, a++) {
		if (*a != path && (i > 4 || strcmp(*a, path) != 0))
			continue;
		atomic_store(&at_operand, a);
		shim_prefetch_touch(SHIM_TOUCH_OPERAND, st->st_dev,
				    (uintptr_t)a);
		return true;
	}
	return false;
}

static void opened_dir(const struct stat *st)
{
	if (shim_prefetch_running)
		shim_prefetch_touch(SHIM_TOUCH_DIR, st->st_dev, st->st_ino);
	else
		atomic_store(&recent[atomic_fetch_add(&recents, 1) % RECENT],
			     st->st_ino);
}

static void opened_file(int fd, const char *path, const struct stat *st,
			bool slow)
{
	if (!shim_prefetch_running) {
		if (slow && evidence())
			begin_at(fd, st, true);
		return;
	}
	if (opened_operand(path, st))
		return;
	shim_prefetch_touch(slow ? SHIM_TOUCH_READ : SHIM_TOUCH_OPENED,
			    st->st_dev, st->st_ino);
	if (shim_prefetch_wants_seed())
		begin_at(fd, st, true);
}

void shim_hint_opened(int fd, const char *path, int flags, bool slow)
{
	struct stat st = { 0 };

	if (fd < 0 || flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY ||
	    shim_sys_fstat(fd, &st))
		return;
	if (S_ISDIR(st.st_mode))
		opened_dir(&st);
	else if (S_ISREG(st.st_mode))
		opened_file(fd, path, &st, slow);
}

/*
 * Is a large file read from start to end?  It was a bit before here when there was
 * evidence the last time.
 */
static bool reads_on(const struct stat *st, long at)
{
	static _Atomic uint64_t ino;
	static _Atomic long was;
	bool same = atomic_exchange(&ino, st->st_ino) == st->st_ino;
	long before = atomic_exchange(&was, at);

	return same && at > before && at - before < 4 * STREAM_LEAST &&
	       st->st_size - at >= STREAM_LEAST;
}

static void begin_stream(int fd, const struct stat *st, long at)
{
	struct shim_prefetch_seed seed = {
		.dev = st->st_dev, .ino = st->st_ino, .data = true,
		.file = name, .at = (uint64_t)at,
	};

	if (atomic_flag_test_and_set(&naming))
		return;
	if (name_of_fd(fd, name, sizeof(name)) > 0 &&
	    !shim_prefetch_begin(&seed)) {
		atomic_store(&stream_ino, st->st_ino);
		atomic_store(&streamed, 0);
		shim_hints_stream = fd;
	}
	atomic_flag_clear(&naming);
}

void shim_hint_streamed(int fd, ssize_t n)
{
	struct stat st = { 0 };
	long at;

	if (!shim_hints_on)
		return;
	if (n > 0 && atomic_fetch_add(&streamed, (uint64_t)n) + (uint64_t)n <
	    STREAM_TELL)
		return;
	atomic_store(&streamed, 0);
	at = shim_sys(SYS_lseek, fd, 0, SEEK_CUR);
	if (n <= 0 || !shim_prefetch_running || at < 0 ||
	    shim_sys_fstat(fd, &st) || st.st_ino != atomic_load(&stream_ino))
		shim_hints_stream = -1;
	else
		shim_prefetch_touch(SHIM_TOUCH_STREAM, st.st_dev, (uint64_t)at);
}

void shim_hint_read(int fd)
{
	struct stat st = { 0 };
	long at;

	if (shim_sys_fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	/* Operands are always read; where they are is told when they are opened. */
	if (shim_prefetch_running && !atomic_load(&at_operand))
		shim_prefetch_touch(SHIM_TOUCH_READ, st.st_dev, st.st_ino);
	if (shim_prefetch_running || !evidence())
		return;
	at = st.st_size < STREAM_LEAST ? -1 : shim_sys(SYS_lseek, fd, 0,
						       SEEK_CUR);
	if (at > 0 && reads_on(&st, at))
		begin_stream(fd, &st, at);
	else
		begin_at(fd, &st, true);
}

/* The directory, absolute, that @path relative to @dirfd is in. */
static int directory_of(int dirfd, const char *path, char *to, size_t size)
{
	size_t len = strlen(path);
	int n = 0;

	if (path[0] != '/')
		n = name_of_fd(dirfd, to, size);
	if (n < 0 || (size_t)n + len + 2 > size)
		return n < 0 ? n : -ENAMETOOLONG;
	to[n] = '/';
	memcpy(to + n + (path[0] != '/'), path, len + 1);
	return parent_of(to) ? 0 : -ENOENT;
}

void shim_hint_looked(int dirfd, const char *path, uint64_t dev, uint64_t ino,
		      bool slow)
{
	struct shim_prefetch_seed seed = { .dev = dev, .ino = ino };
	bool running = shim_prefetch_running;

	if (running)
		shim_prefetch_touch(slow && (eager || has_read()) ?
				    SHIM_TOUCH_WAITED : SHIM_TOUCH_LOOKED,
				    dev, ino);
	if (!(running ? shim_prefetch_wants_seed() : slow && evidence()) ||
	    atomic_flag_test_and_set(&naming))
		return;
	if (!directory_of(dirfd, path, name, sizeof(name))) {
		atomic_store(&at_operand, NULL);
		seed.directory = name;
		begin(&seed);
	}
	atomic_flag_clear(&naming);
}
