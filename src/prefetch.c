// SPDX-License-Identifier: MIT
/*
 * The side of the program's threads: telling, starting, stopping; see prefetch.h.
 *
 * One thread at a time tells; another that comes meanwhile, or a handler, does not,
 * and nothing is lost but a hint.
 */
#include "prefetch.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "counters.h"
#include "prefetch_memory.h"
#include "prefetch_task.h"
#include "sys.h"

/*
 * Threads count towards RLIMIT_NPROC, the task's time towards RLIMIT_CPU, its
 * memory towards RLIMIT_AS and RLIMIT_DATA: with narrow ones it is not started.
 */
#define FEW_PROCESSES 1024U
#define FEW_FILES 64U

volatile int shim_prefetch_running;

static struct shim_ahead *ahead;
static unsigned long depth, bytes;
static atomic_int forbidden; /* 2: not one system call more */
static atomic_flag telling = ATOMIC_FLAG_INIT;

void shim_prefetch_init(unsigned long d, unsigned long b)
{
	depth = d;
	bytes = b;
}

static bool limit_is_below(int resource, rlim_t enough)
{
	struct rlimit limit = { 0 };

	return shim_sys4(SYS_prlimit64, 0, resource, NULL, &limit) ||
	       limit.rlim_cur < enough;
}

static bool limits_are_narrow(void)
{
	return limit_is_below(RLIMIT_AS, RLIM_INFINITY) ||
	       limit_is_below(RLIMIT_DATA, RLIM_INFINITY) ||
	       limit_is_below(RLIMIT_CPU, RLIM_INFINITY) ||
	       limit_is_below(RLIMIT_NPROC, FEW_PROCESSES) ||
	       limit_is_below(RLIMIT_NOFILE, FEW_FILES);
}

/* Kept for the next walk: the program's threads read it at any time. */
static int map_ahead(void)
{
	if (!ahead)
		ahead = shim_memory_map(sizeof(*ahead));
	return ahead ? 0 : -ENOMEM;
}

static int start(void)
{
	int ret;

	if (limits_are_narrow())
		return -EPERM;
	ahead->pid = shim_sys_getpid();
	ahead->depth = (unsigned)depth;
	ahead->bytes = bytes;
	atomic_store(&ahead->stop, 0);
	atomic_store(&ahead->head, atomic_load(&ahead->tail));
	ret = shim_task_start(&ahead->task, shim_ahead_run, ahead);
	shim_prefetch_running = !ret;
	return ret;
}

static void wake(void)
{
	shim_sys(SYS_futex, &ahead->stop, FUTEX_WAKE_PRIVATE, 1);
}

void shim_ahead_sleep(struct shim_ahead *a, int ms)
{
	struct timespec t = { 0, ms * 1000000L };

	atomic_store(&a->sleeps, true);
	if (atomic_load(&a->head) == atomic_load(&a->tail) &&
	    !atomic_load(&a->seed.full))
		shim_sys4(SYS_futex, &a->stop, FUTEX_WAIT_PRIVATE, 0, &t);
	atomic_store(&a->sleeps, false);
}

static const char *path_of(const struct shim_prefetch_seed *seed)
{
	return seed->file ? seed->file : seed->directory;
}

static void fill_seed(const struct shim_prefetch_seed *seed)
{
	struct shim_ahead_seed *to = &ahead->seed;

	to->operands = seed->operands;
	to->data = seed->data;
	to->dev = seed->dev;
	to->ino = seed->ino;
	to->at = seed->at;
	to->stream = seed->file;
	to->path[0] = '\0';
	if (path_of(seed))
		strcpy(to->path, path_of(seed));
	atomic_store(&ahead->dev, seed->dev);
	atomic_store(&ahead->wants_seed, false);
	atomic_store(&to->full, true);
}

static int begin(const struct shim_prefetch_seed *seed)
{
	bool runs;
	int ret = map_ahead();

	if (ret)
		return ret;
	if (path_of(seed) && strlen(path_of(seed)) >= sizeof(ahead->seed.path))
		return -ENAMETOOLONG;
	runs = shim_prefetch_running && atomic_load(&ahead->task.tid);
	if (runs && atomic_load(&ahead->seed.full))
		return -EBUSY;
	fill_seed(seed);
	if (runs)
		wake();
	else
		ret = start();
	/* Somebody may have forbidden it meanwhile, and seen no task yet. */
	if (atomic_load(&forbidden))
		shim_prefetch_stop(false);
	return ret;
}

int shim_prefetch_begin(const struct shim_prefetch_seed *seed)
{
	static const uint64_t all_signals = ~0ULL;
	uint64_t mask;
	int ret;

	if (atomic_load(&forbidden) || atomic_flag_test_and_set(&telling))
		return -EBUSY;
	shim_sys_sigmask(&all_signals, &mask);
	ret = begin(seed);
	atomic_flag_clear(&telling);
	shim_sys_sigmask(&mask, NULL);
	return ret;
}

bool shim_prefetch_wants_seed(void)
{
	return ahead && atomic_load(&ahead->wants_seed) &&
	       !atomic_load(&ahead->seed.full);
}

/* The task has gone, or never was of this process: a fork that we missed. */
static void look_after(void)
{
	if (!atomic_load(&ahead->task.tid) ||
	    ahead->pid != shim_sys_getpid())
		shim_prefetch_running = 0;
}

static void tell(enum shim_touch how, uint64_t ino)
{
	unsigned tail = atomic_load_explicit(&ahead->tail,
					     memory_order_relaxed);
	unsigned waiting = tail - atomic_load(&ahead->head);
	struct shim_ahead_message *m;

	if (waiting == SHIM_AHEAD_MESSAGES) {
		look_after();
		return;
	}
	m = &ahead->messages[tail % SHIM_AHEAD_MESSAGES];
	m->ino = ino;
	m->how = how;
	atomic_store(&ahead->tail, tail + 1);
	/* Not for each file: there is a window to work on. */
	if (atomic_load(&ahead->sleeps) &&
	    (how == SHIM_TOUCH_STREAM || waiting >= ahead->depth / 4))
		wake();
}

void shim_prefetch_touch(enum shim_touch how, uint64_t dev, uint64_t ino)
{
	if (dev != atomic_load(&ahead->dev) ||
	    atomic_flag_test_and_set(&telling))
		return;
	tell(how, ino);
	if (!atomic_load(&ahead->task.tid))
		shim_prefetch_running = 0;
	atomic_flag_clear(&telling);
}

void shim_prefetch_stop(bool wait)
{
	if (!ahead || !atomic_load(&ahead->task.tid) ||
	    atomic_load(&forbidden) == 2 || ahead->pid != shim_sys_getpid())
		return;
	atomic_store(&ahead->stop, 1);
	wake();
	shim_prefetch_running = 0;
	if (wait)
		shim_task_join(&ahead->task, SHIM_AHEAD_JOIN_MS);
}

void shim_prefetch_alone(void)
{
	struct timespec ms = { 0, 1000000 };
	struct stat st = { 0 };
	int i;

	/* One directory, "." and ".." are not counted as threads. */
	for (i = 0; ahead && !atomic_load(&forbidden) && i < 50; i++) {
		if (shim_sys4(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st,
			      0) || st.st_nlink <= 3)
			break;
		shim_sys(SYS_nanosleep, &ms, NULL, 0);
	}
}

void shim_prefetch_forbid(bool forbid)
{
	/* In this order: what another thread begins meanwhile it ends itself. */
	atomic_store(&forbidden, forbid);
	if (!forbid)
		return;
	shim_prefetch_stop(true);
	atomic_store(&forbidden, 2);
}

unsigned shim_prefetch_failures(void)
{
	return ahead ? atomic_load(&ahead->failures) : 0;
}

void shim_prefetch_fork_child(void)
{
	shim_prefetch_running = 0;
	atomic_flag_clear(&telling);
	if (ahead) {
		atomic_store(&ahead->task.tid, 0);
		atomic_store(&ahead->queue.task.tid, 0);
		atomic_store(&ahead->seed.full, false);
	}
}
