// SPDX-License-Identifier: MIT
/*
 * What the task does that runs ahead of the program.
 *
 * For each entry that comes next a STATX on the ring, many at a time: it brings in
 * the inode, which is what most of the waiting is for, and it can do no harm
 * to anything.  These wait in workers of the ring, so many at most as hints are in
 * flight.  When it has been seen to be a regular file, and data are wanted, the
 * task opens it without waiting (what that needs is cached now), in its own table
 * of descriptors, and asks for the data with POSIX_FADV_WILLNEED, which starts
 * reading, and leaves the access time alone.
 *
 * Files change between a look and an open.  So the open is of an O_PATH descriptor
 * that was looked at, which is the same file for sure: a FIFO's writer must not see
 * a reader come and go.
 */
#include "prefetch_task.h"

#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/time_types.h>
#include <string.h>

#include "counters.h"
#include "prefetch_list.h"
#include "prefetch_memory.h"
#include "prefetch_operands.h"
#include "ring.h"
#include "sys.h"

#define MOST 256U             /* hints in flight; SHIM_PREFETCH_DEPTH_MAX */
#define FILE_BYTES (1UL << 20) /* of one file; then the kernel's own read-ahead */
#define OVER_MS 500           /* nothing heard for so long: the walk is over */
#define LOST 64U              /* so many strangers in a row: it is elsewhere */
#define ASK 3U                /* so many: ask where it is */
#define LOOK_EVERY 64U        /* hints, at how much memory there is */

#ifndef IORING_ENTER_EXT_ARG
#define IORING_ENTER_EXT_ARG (1U << 3) /* 5.11 */
#endif

struct hint {
	struct shim_walk_entry *entry; /* NULL: free */
	unsigned generation;
	struct statx found;
};

/* On the stack of the task. */
struct run {
	struct shim_ahead *ahead;
	struct shim_walk *walk;
	struct shim_ring ring;
	unsigned flying;
	uint64_t hints, used;      /* of this run */
	uint64_t look_at;          /* hints; see memory_is_short() */
	uint32_t bytes[MOST];      /* asked for, by sequence number */
	unsigned quiet_ms;
	struct hint hint[MOST];
};

_Static_assert(sizeof(struct run) + 24576 < SHIM_TASK_STACK, "fits the stack");

/* Bytes that were asked for and that the program has not come to. */
static uint64_t bytes_ahead(const struct run *r)
{
	uint64_t sum = 0;
	uint32_t seq;

	for (seq = r->walk->reached + 1; (int32_t)(r->walk->seq - seq) >= 0;
	     seq++)
		sum += r->bytes[seq % MOST];
	return sum;
}

static bool room(const struct run *r)
{
	return r->flying < r->ahead->depth &&
	       shim_walk_ahead(r->walk) < r->ahead->depth &&
	       bytes_ahead(r) < r->ahead->bytes;
}

static struct hint *free_hint(struct run *r)
{
	unsigned i;

	for (i = 0; r->hint[i].entry; i++)
		;
	return &r->hint[i];
}

/* Ask for the next one.  False: there is none, or no room. */
static bool ask(struct run *r)
{
	struct io_uring_sqe *sqe;
	struct shim_walk_entry *e;
	struct hint *h;

	if (!room(r))
		return false;
	sqe = shim_ring_sqe(&r->ring);
	e = sqe ? shim_walk_next(r->walk) : NULL;
	if (!e)
		return false;
	h = free_hint(r);
	h->entry = e;
	h->generation = r->walk->generation;
	r->bytes[e->seq % MOST] = 0;
	io_uring_prep_statx(sqe, r->walk->dirs[e->dir].fd,
			    shim_walk_name(r->walk, e),
			    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
			    STATX_BASIC_STATS, &h->found);
	sqe->user_data = (uint64_t)(h - r->hint);
	shim_ring_push(&r->ring);
	r->flying++;
	r->hints++;
	shim_count_hint(SHIM_HINT_HINTS, 1);
	return true;
}

static uint64_t dev_of(const struct statx *st)
{
	unsigned long major = st->stx_dev_major, minor = st->stx_dev_minor;

	return (minor & 0xff) | (major & 0xfff) << 8 |
	       (minor & ~0xffUL) << 12 | (major & ~0xfffUL) << 32;
}

/* Where a descriptor of this task is found by name. */
static void own_path(char *path, int fd)
{
	static const char dir[] = "/proc/thread-self/fd/";
	char digits[12];
	int n = 0;

	memcpy(path, dir, sizeof(dir));
	path += sizeof(dir) - 1;
	do {
		digits[n++] = (char)('0' + fd % 10);
		fd /= 10;
	} while (fd);
	while (n)
		*path++ = digits[--n];
	*path = '\0';
}

/* Open the regular file @name, and nothing else, without waiting.  Or -errno. */
static int open_regular(int dirfd, const char *name, const struct statx *found)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_CACHED | RESOLVE_NO_XDEV |
			   RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	int path = (int)shim_sys4(SYS_openat2, dirfd, name, &how, sizeof(how));
	struct stat st = { 0 };
	char own[40];
	int fd;

	if (path < 0)
		return path;
	fd = shim_sys_fstat(path, &st);
	if (!fd && (!S_ISREG(st.st_mode) || st.st_ino != found->stx_ino))
		fd = -ESTALE;
	if (!fd) {
		own_path(own, path);
		fd = (int)shim_sys4(SYS_openat, AT_FDCWD, own, O_RDONLY |
				    O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	}
	shim_sys_close(path);
	return fd;
}

static void load(struct run *r, const struct shim_walk_entry *e,
		 const struct statx *found)
{
	uint64_t have = bytes_ahead(r), len = found->stx_size;
	int fd;

	if (len > FILE_BYTES)
		len = FILE_BYTES;
	if (have >= r->ahead->bytes)
		return;
	if (len > r->ahead->bytes - have)
		len = r->ahead->bytes - have;
	if (!len)
		return;
	fd = open_regular(r->walk->dirs[e->dir].fd,
			  shim_walk_name(r->walk, e), found);
	if (fd < 0)
		return;
	if (!shim_sys4(SYS_fadvise64, fd, 0, len, POSIX_FADV_WILLNEED)) {
		r->bytes[e->seq % MOST] = (uint32_t)len;
		shim_count_hint(SHIM_HINT_BYTES, len);
	}
	shim_sys_close(fd);
}

static void answer(struct run *r, struct hint *h, int res)
{
	struct shim_walk_entry *e = h->entry;

	h->entry = NULL;
	r->flying--;
	if (h->generation != r->walk->generation)
		return;
	if (!res && dev_of(&h->found) == r->walk->dev && r->walk->data &&
	    S_ISREG(h->found.stx_mode) && !(e->state & SHIM_ENTRY_TOUCHED))
		load(r, e, &h->found);
	shim_walk_done(r->walk, e);
}

static void answers(struct run *r)
{
	struct io_uring_cqe cqe;

	while (shim_ring_reap(&r->ring, &cqe))
		answer(r, &r->hint[cqe.user_data % MOST], cqe.res);
}

static void touched(struct run *r, const struct shim_ahead_message *m)
{
	bool used;

	if (m->how == SHIM_TOUCH_DIR)
		shim_walk_opened_dir(r->walk, m->ino);
	if (m->how == SHIM_TOUCH_READ)
		shim_walk_want_data(r->walk);
	if (m->how == SHIM_TOUCH_OPERAND)
		shim_walk_touch_operand(r->walk, (char **)m->ino, &used);
	else
		shim_walk_touch(r->walk, m->ino, m->how != SHIM_TOUCH_LOOKED,
				&used);
	if (used) {
		r->used++;
		shim_count_hint(SHIM_HINT_USED, 1);
	}
	if (r->walk->misses % LOST == ASK)
		atomic_store(&r->ahead->wants_seed, true);
}

/* Begin where the program says it is. */
static void begin(struct run *r)
{
	struct shim_ahead_seed *s = &r->ahead->seed;

	if (s->data)
		shim_walk_want_data(r->walk);
	else
		r->walk->data = false;
	if (s->operands)
		shim_walk_operands(r->walk, s->operands, s->dev);
	else
		shim_walk_begin(r->walk, s->directory, s->dev, s->ino);
	r->walk->misses = 0;
	atomic_store(&s->full, false);
}

/* What the program's threads have said.  False: nothing. */
static bool hear(struct run *r)
{
	struct shim_ahead *a = r->ahead;
	unsigned head = atomic_load(&a->head), tail = atomic_load(&a->tail);
	bool any = head != tail;

	if (atomic_load(&a->seed.full)) {
		begin(r);
		any = true;
	}
	for (; head != tail; head++) {
		touched(r, &a->messages[head % SHIM_AHEAD_MESSAGES]);
		atomic_store(&a->head, head + 1);
	}
	return any;
}

/* Are most guesses wrong? */
static bool in_vain(const struct run *r)
{
	uint64_t settled = r->hints - shim_walk_ahead(r->walk);

	return r->walk->misses >= LOST ||
	       (settled > 4UL * r->ahead->depth && r->used < settled / 4);
}

/* Is there no more memory to be had than twice what may be read ahead? */
static bool memory_is_short(struct run *r)
{
	if (r->hints < r->look_at)
		return false;
	r->look_at = r->hints + LOOK_EVERY;
	return shim_memory_available() < 2 * r->ahead->bytes;
}

/* Submit, and wait for an answer, but not for long: there may be news. */
static int enter(struct run *r)
{
	struct __kernel_timespec t = { 0, 2000000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&t };
	int ret;

	ret = io_uring_enter2((unsigned)r->ring.index,
			      shim_ring_queued(&r->ring), (r->flying + 3) / 4,
			      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG |
			      IORING_ENTER_REGISTERED_RING |
			      r->ring.wait_flags, (void *)&arg, sizeof(arg));
	return ret == -ETIME || ret == -EINTR || ret == -EBUSY ? 0 : ret;
}

/* Until there are messages, or @ms have passed. */
static void sleep_on(struct shim_ahead *a, int ms)
{
	struct timespec t = { 0, ms * 1000000L };

	atomic_store(&a->sleeps, true);
	if (atomic_load(&a->head) == atomic_load(&a->tail) &&
	    !atomic_load(&a->seed.full))
		shim_sys4(SYS_futex, &a->stop, FUTEX_WAIT_PRIVATE, 0, &t);
	atomic_store(&a->sleeps, false);
}

static int step(struct run *r)
{
	bool any = hear(r);

	while (ask(r))
		;
	r->quiet_ms = any ? 0 : r->quiet_ms;
	if (r->flying) {
		any = enter(r) >= 0;
		answers(r);
		return any ? 0 : -EIO;
	}
	sleep_on(r->ahead, 10);
	r->quiet_ms += 10;
	return 0;
}

static int make_ring(struct run *r)
{
	unsigned most[2] = { r->ahead->depth, r->ahead->depth };
	int ret = shim_ring_setup_registered(&r->ring, r->ahead->depth);

	if (ret)
		return ret;
	/* 5.15; more than one for each hint in flight would be of no use. */
	return io_uring_register((unsigned)r->ring.index,
				 IORING_REGISTER_IOWQ_MAX_WORKERS |
				 IORING_REGISTER_USE_REGISTERED_RING, most, 2);
}

/* Give the memory back, but for the page that the stack may share. */
static void give_back(struct shim_walk *walk)
{
	uintptr_t from = ((uintptr_t)walk + 4095) & ~4095UL;

	shim_sys_drop((void *)from, (uintptr_t)(walk + 1) - from);
}

int shim_ahead_run(void *arg)
{
	struct run r = { .ahead = arg };
	int ret;

	r.walk = &r.ahead->walk;
	/* A walk before it, or that of the process that forked this one. */
	memset(r.walk, 0, offsetof(struct shim_walk, dirs));
	shim_walk_reset(r.walk);
	ret = make_ring(&r);
	if (ret)
		atomic_store(&r.ahead->failures, SHIM_AHEAD_NEVER);
	while (!ret && !atomic_load(&r.ahead->stop) && r.quiet_ms < OVER_MS &&
	       !memory_is_short(&r)) {
		ret = step(&r);
		if (in_vain(&r)) {
			atomic_fetch_add(&r.ahead->failures, 1);
			break;
		}
	}
	atomic_store(&r.ahead->seed.full, false);
	shim_hints_settle();
	shim_ring_close(&r.ring);
	give_back(r.walk);
	return ret;
}
