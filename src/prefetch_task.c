// SPDX-License-Identifier: MIT
/*
 * What the task does that runs ahead of the program.
 *
 * An inode that comes next is brought in by a STATX on the ring, many at a time,
 * which can do no harm to anything.  These wait in workers of the ring, of which there
 * are not many.  A worker costs more than the look itself, so only one inode
 * of each block of them is asked for in this way (prefetch_near.h).  Who only looks
 * is served by that.  Where data are wanted, the task opens the files as soon as their
 * inodes are there, in its own table of descriptors, and asks for what is in them
 * (prefetch_load.h).
 */
#include "prefetch_task.h"

#include <dirent.h>
#include <linux/time_types.h>
#include <string.h>
#include <x86intrin.h>

#include "counters.h"
#include "prefetch_list.h"
#include "prefetch_load.h"
#include "prefetch_memory.h"
#include "prefetch_near.h"
#include "prefetch_operands.h"
#include "prefetch_stream.h"
#include "ring.h"
#include "sys.h"

#define MOST 256U             /* hints in flight; SHIM_PREFETCH_DEPTH_MAX */
#define WORKERS 32U           /* of the ring: inodes that are waited for at once */
#define AT_A_TIME 8U          /* files opened before the news is heard */
#define LOOKS 16U             /* so many cost no more than a file that is read */
#define SLOW_LOOK 150000U     /* ticks, some 50 us: it has waited for a disk */
#define OVER_MS 500           /* nothing heard for so long: the walk is over */
#define LOST 64U              /* so many strangers in a row: it is elsewhere */
#define ASK 3U                /* so many: ask where it is */
#define JUDGED 128UL          /* guesses, before anything is made of them */
#define LOOK_EVERY 2UL        /* windows, at how much memory there is */

#ifndef IORING_ENTER_EXT_ARG
#define IORING_ENTER_EXT_ARG (1U << 3) /* 5.11 */
#endif

enum hint_state {
	FREE,
	ASKED, /* its STATX is in flight */
	NEXT,  /* to one that has been asked for */
	CAME,
};

struct hint {
	enum hint_state state;
	struct shim_walk_entry *entry;
	unsigned generation; /* of the walk: to another the entry means nothing */
	uint64_t ino;
};

/* What is too large for the stack of the task. */
struct memory {
	struct shim_walk walk;
	struct shim_near near;
};

/* On the stack of the task. */
struct run {
	struct shim_ahead *ahead;
	struct shim_walk *walk;
	struct shim_ring ring;
	int own;                   /* see shim_load_own() */
	unsigned flying;
	unsigned first, next;      /* of hint[]: in the order of the walk */
	uint64_t given;            /* entries of this run */
	uint64_t judged, used;     /* given before these are judged by how many are used */
	uint64_t look_at;          /* entries; see memory_is_short() */
	uint64_t bytes_ahead;      /* asked for, and not come to */
	uint32_t counted;          /* sequence number up to which they are not */
	uint32_t bytes[MOST];      /* by sequence number */
	unsigned quiet_ms;
	struct shim_near *near;
	uint64_t near_dev;         /* what it is about; 0: nothing */
	struct shim_stream stream;
	struct statx unread;       /* of all STATX: only the inodes are wanted */
	struct hint hint[MOST];
};

_Static_assert(sizeof(struct run) + 24576 < SHIM_TASK_STACK, "fits the stack");

static void forget_bytes(struct run *r, uint32_t seq)
{
	r->bytes_ahead -= r->bytes[seq % MOST];
	r->bytes[seq % MOST] = 0;
}

/* Bytes that were asked for and that the program has not come to. */
static uint64_t bytes_ahead(struct run *r)
{
	while ((int32_t)(r->walk->reached - r->counted) > 0)
		forget_bytes(r, ++r->counted);
	return r->bytes_ahead;
}

/* Looks alone cost little, because not each is asked for. */
static unsigned window(const struct run *r)
{
	return r->walk->data || shim_near_each(r->near) ?
	       r->ahead->depth : r->ahead->depth * LOOKS;
}

static bool room(struct run *r)
{
	return r->next - r->first < r->ahead->depth &&
	       shim_walk_ahead(r->walk) < window(r) &&
	       bytes_ahead(r) < r->ahead->bytes;
}

static void ask_ring(struct run *r, struct io_uring_sqe *sqe, struct hint *h)
{
	struct shim_walk_entry *e = h->entry;

	io_uring_prep_statx(sqe, r->walk->dirs[e->dir].fd,
			    shim_walk_name(r->walk, e),
			    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
			    STATX_BASIC_STATS, &r->unread);
	sqe->user_data = (uint64_t)(h - r->hint);
	shim_ring_push(&r->ring);
	shim_near_asked(r->near, e->ino);
	h->state = ASKED;
	r->flying++;
}

/* Ask for the next one.  False: there is none, or no room. */
static bool ask(struct run *r)
{
	enum shim_near_state near;
	struct io_uring_sqe *sqe;
	struct shim_walk_entry *e;
	struct hint *h;

	if (!room(r))
		return false;
	sqe = shim_ring_sqe(&r->ring);
	e = sqe ? shim_walk_next(r->walk) : NULL;
	if (!e)
		return false;
	r->given++;
	near = e->type == DT_DIR && r->near->dirs_apart ? SHIM_NEAR_NEW :
		shim_near_state(r->near, e->ino);
	if (near != SHIM_NEAR_NEW && !r->walk->data) {
		shim_walk_skip(r->walk, e);
		return true;
	}
	h = &r->hint[r->next++ % MOST];
	h->state = NEXT;
	h->entry = e;
	h->generation = r->walk->generation;
	h->ino = e->ino;
	if (near == SHIM_NEAR_NEW)
		ask_ring(r, sqe, h);
	shim_count_hint(SHIM_HINT_HINTS, 1);
	return true;
}

/* Its inode should be there; or it is found out here that it is not. */
static int find(struct run *r, const struct shim_walk_entry *e)
{
	bool guessed = shim_near_state(r->near, e->ino) == SHIM_NEAR_HERE;
	uint64_t began = __rdtsc();
	int path = shim_load_find(r->walk->dirs[e->dir].fd,
				  shim_walk_name(r->walk, e));

	if (guessed)
		shim_near_looked(r->near, __rdtsc() - began > SLOW_LOOK);
	return path;
}

static void load(struct run *r, const struct shim_walk_entry *e)
{
	uint64_t have = bytes_ahead(r), most = r->ahead->bytes - have;
	struct shim_wanted w = { .fd = -1 };
	long len;
	int path;

	if (have >= r->ahead->bytes)
		return;
	if (most > SHIM_LOAD_FILE)
		most = SHIM_LOAD_FILE;
	if (r->own < 0)
		r->own = shim_load_own();
	path = find(r, e);
	if (path < 0)
		return;
	len = shim_load_open(r->own, path, r->walk->dev, e->ino, 0, most, &w);
	if (len > 0 && !shim_queue_give(&r->ahead->queue, &w))
		len = shim_load_ask(&w);
	if (len <= 0)
		return;
	if ((int32_t)(e->seq - r->counted) > 0) {
		forget_bytes(r, e->seq);
		r->bytes[e->seq % MOST] = (uint32_t)len;
		r->bytes_ahead += (uint64_t)len;
	}
	shim_count_hint(SHIM_HINT_BYTES, (uint64_t)len);
}

static void finish(struct run *r, struct hint *h)
{
	struct shim_walk_entry *e = h->entry;

	h->state = FREE;
	if (h->generation != r->walk->generation)
		return;
	if (r->walk->data && e->type != DT_DIR &&
	    !(e->state & SHIM_ENTRY_TOUCHED))
		load(r, e);
	shim_walk_done(r->walk, e);
}

static bool is_ready(const struct run *r, const struct hint *h)
{
	return h->state == CAME ||
	       (h->state == NEXT &&
		(h->generation != r->walk->generation ||
		 shim_near_state(r->near, h->ino) != SHIM_NEAR_ASKED));
}

/* Go on with those whose inode is there, some at a time.  False: none is left. */
static bool go_on(struct run *r)
{
	unsigned i, n = 0;

	for (i = r->first; i != r->next && n < AT_A_TIME; i++) {
		if (is_ready(r, &r->hint[i % MOST])) {
			finish(r, &r->hint[i % MOST]);
			n++;
		}
	}
	shim_queue_kick(&r->ahead->queue);
	while (r->first != r->next && r->hint[r->first % MOST].state == FREE)
		r->first++;
	return n == AT_A_TIME;
}

static void answers(struct run *r)
{
	struct io_uring_cqe cqe;
	struct hint *h;

	while (shim_ring_reap(&r->ring, &cqe)) {
		h = &r->hint[cqe.user_data % MOST];
		h->state = CAME;
		r->flying--;
		shim_near_came(r->near, h->ino, atomic_load(&r->ahead->tail));
	}
}

static void streamed(struct run *r, uint64_t at)
{
	bool was = r->stream.used;

	if (!r->stream.on)
		return;
	if (!shim_stream_reach(&r->stream, at))
		atomic_fetch_add(&r->ahead->failures, 1);
	if (r->stream.used && !was)
		shim_count_hint(SHIM_HINT_USED, 1);
}

/* More of the one large file.  False: there is nothing to do about it now. */
static bool stream(struct run *r)
{
	long len;

	if (!r->stream.on)
		return false;
	if (r->own < 0)
		r->own = shim_load_own();
	if (r->own < 0)
		return false;
	len = shim_stream_more(&r->stream, r->own, r->ahead->bytes);
	if (len <= 0)
		return false;
	shim_count_hint(SHIM_HINT_BYTES, (uint64_t)len);
	r->look_at = r->given;
	return true;
}

/*
 * It reads, where it was taken to look only, which the walk has gone far ahead for: it
 * begins anew, and no guess was wrong.
 */
static void want_data(struct run *r)
{
	if (r->walk->data)
		return;
	if (r->given > r->judged)
		shim_walk_reset(r->walk);
	shim_walk_want_data(r->walk);
	r->judged = r->given;
	r->used = 0;
}

static void touched(struct run *r, unsigned at)
{
	const struct shim_ahead_message *m =
		&r->ahead->messages[at % SHIM_AHEAD_MESSAGES];
	bool opened = m->how != SHIM_TOUCH_LOOKED &&
		      m->how != SHIM_TOUCH_WAITED;
	enum shim_walk_touched was;

	if (m->how == SHIM_TOUCH_STREAM) {
		streamed(r, m->ino);
		return;
	}
	if (m->how == SHIM_TOUCH_DIR)
		shim_walk_opened_dir(r->walk, m->ino);
	if (m->how == SHIM_TOUCH_READ && !r->walk->data) {
		want_data(r);
		atomic_store(&r->ahead->wants_seed, !r->walk->ndirs);
	}
	if (m->how == SHIM_TOUCH_OPERAND)
		was = shim_walk_touch_operand(r->walk, (char **)m->ino);
	else
		was = shim_walk_touch(r->walk, m->ino, opened);
	if (was == SHIM_WALK_USED)
		shim_count_hint(SHIM_HINT_USED, 1);
	if (was == SHIM_WALK_SKIPPED &&
	    shim_near_was_here(r->near, m->ino, at))
		shim_near_looked(r->near, m->how == SHIM_TOUCH_WAITED);
	r->used += was == SHIM_WALK_USED || was == SHIM_WALK_SKIPPED;
	if (r->walk->misses % LOST == ASK)
		atomic_store(&r->ahead->wants_seed, true);
}

/* Which inodes come together is a matter of the file system. */
static void know_fs(struct run *r)
{
	struct shim_walk *walk = r->walk;

	if (r->near_dev == walk->dev)
		return;
	shim_near_begin_at(r->near, walk->ndirs ?
			   walk->dirs[walk->ndirs - 1].fd : -1);
	r->near_dev = walk->ndirs ? walk->dev : 0;
}

/* Begin where the program says it is. */
static void begin(struct run *r)
{
	struct shim_ahead_seed *s = &r->ahead->seed;

	if (s->stream) {
		shim_stream_begin(&r->stream, s->path, s->dev, s->ino, s->at);
		shim_count_hint(SHIM_HINT_HINTS, 1);
		atomic_store(&s->full, false);
		return;
	}
	/* Who reads looks as well; the walk finds out who does not read any more. */
	if (s->data)
		want_data(r);
	if (s->operands)
		shim_walk_operands(r->walk, s->operands, s->dev);
	else
		shim_walk_begin(r->walk, s->path, s->dev, s->ino);
	know_fs(r);
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
		touched(r, head);
		atomic_store(&a->head, head + 1);
	}
	return any;
}

/* Are most guesses wrong?  Of looks most have cost nothing. */
static bool in_vain(const struct run *r)
{
	uint64_t settled = r->given - r->judged, ahead = shim_walk_ahead(r->walk);
	uint64_t enough = JUDGED * (r->walk->data ? 1 : 4 * LOOKS);

	settled = settled > ahead ? settled - ahead : 0;
	return r->walk->misses >= LOST ||
	       (settled > enough && r->used < settled / 4);
}

/* Is there no more memory to be had than twice what may be read ahead? */
static bool memory_is_short(struct run *r)
{
	if (r->given < r->look_at)
		return false;
	r->look_at = r->given + LOOK_EVERY * window(r);
	return shim_memory_available() < 2 * r->ahead->bytes;
}

/* Submit, and wait for some answers, but not for long: there may be news. */
static int enter(struct run *r, unsigned some)
{
	struct __kernel_timespec t = { 0, 2000000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&t };
	int ret;

	ret = io_uring_enter2((unsigned)r->ring.index,
			      shim_ring_queued(&r->ring), some,
			      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG |
			      IORING_ENTER_REGISTERED_RING |
			      r->ring.wait_flags, (void *)&arg, sizeof(arg));
	return ret == -ETIME || ret == -EINTR || ret == -EBUSY ? 0 : ret;
}

static int step(struct run *r)
{
	bool any = hear(r), more;
	int ret = 0;

	while (ask(r))
		;
	r->quiet_ms = any ? 0 : r->quiet_ms;
	more = go_on(r);
	more |= stream(r);
	if (r->flying && (!more || shim_ring_queued(&r->ring))) {
		ret = enter(r, more ? 0 : (r->flying + 3) / 4);
		answers(r);
	} else if (r->first == r->next && !any && !more) {
		shim_ahead_sleep(r->ahead, 10);
		r->quiet_ms += 10;
	}
	return ret < 0 ? -EIO : 0;
}

static int make_ring(struct run *r)
{
	unsigned workers = r->ahead->depth < WORKERS ? r->ahead->depth : WORKERS;

	return shim_ring_setup_registered(&r->ring, r->ahead->depth, workers);
}

static void run_ahead(struct run *r)
{
	int ret;

	shim_queue_begin(&r->ahead->queue);
	shim_near_begin(r->near, 0, 0);
	shim_walk_reset(r->walk);
	r->counted = r->walk->reached;
	ret = make_ring(r);
	if (ret)
		atomic_store(&r->ahead->failures, SHIM_AHEAD_NEVER);
	while (!ret && !atomic_load(&r->ahead->stop) && r->quiet_ms < OVER_MS &&
	       !memory_is_short(r)) {
		ret = step(r);
		if (in_vain(r)) {
			atomic_fetch_add(&r->ahead->failures, 1);
			break;
		}
	}
	atomic_store(&r->ahead->seed.full, false);
	shim_hints_settle();
	shim_queue_end(&r->ahead->queue, SHIM_AHEAD_JOIN_MS);
	shim_ring_close(&r->ring);
}

int shim_ahead_run(void *arg)
{
	struct memory *own = shim_memory_map(sizeof(*own));
	struct run r = { .ahead = arg, .own = -1 };

	if (!own) {
		atomic_store(&r.ahead->failures, SHIM_AHEAD_NEVER);
		atomic_store(&r.ahead->seed.full, false);
		return -ENOMEM;
	}
	shim_memory_keep(own, sizeof(*own));
	r.walk = &own->walk;
	r.near = &own->near;
	run_ahead(&r);
	shim_memory_unmap(own, sizeof(*own));
	return 0;
}
