// SPDX-License-Identifier: MIT
/*
 * The lanes of a recording and how a record gets into one; see format/trace.h.
 *
 * A handler may interrupt a thread anywhere in here and write records of its own,
 * and may never come back.  So the space of a record is taken with one atomic
 * operation, and a small stack tells which records of this thread are being
 * written: those that were left for good are found by the next one that begins
 * no deeper on the same stack.
 */
#include "trace.h"

#include <stdatomic.h>
#include <string.h>

#include "submission.h"
#include "sys.h"
#include "thread.h"
#include "trace_file.h"
#include "trace_lane.h"

/*
 * A record that is being written.  A jump may come between any two steps, so
 * each step is named before the next one is taken.
 */
enum step {
	NOWHERE,  /* has no space */
	TRYING,   /* has it if @head is beyond @at now */
	RESERVED, /* has it; the mark is still 0, or HELD */
	HELD,     /* the mark is HELD, then DONE or SKIP: the reader's */
};

struct writing {
	volatile enum step step;
	volatile uint64_t at;
	volatile uint32_t size;
	volatile uintptr_t frame;
};

#define DEEPEST 4 /* handlers that interrupt handlers, all of them here */

enum state { UNKNOWN, ON, OFF, NO_LANE };
enum sharing { ALONE, UNTIL_BACK, AT_ONCE };

static __thread struct {
	struct shim_trace_lane *lane;
	enum state state;
	enum sharing sharing;
	volatile int depth;
	struct writing stack[DEEPEST];
	uint64_t stuck; /* a tail that did not move for very long */
} self;

__thread struct shim_trace_last shim_trace_last;
bool shim_tracing;
uint64_t (*shim_trace_clock)(void);

static struct shim_trace_header *header;
static uint64_t (*the_clock)(void);
static uint64_t capacity; /* bytes of records in a lane */

#define load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define add(p, n) __atomic_fetch_add((p), (n), __ATOMIC_ACQ_REL)

int shim_trace_open(const char *path, uint64_t (*clock)(void))
{
	struct shim_trace_header *h;
	int ret = shim_trace_map(path, clock(), &h);

	if (ret)
		return ret;
	if (h->flags & SHIM_TRACE_GONE ||
	    (!(h->flags & SHIM_TRACE_FOLLOW) &&
	     h->root != (uint32_t)shim_sys_getpid())) {
		shim_trace_unmap(h);
		return -ESRCH;
	}
	header = h;
	capacity = h->lane_size - SHIM_TRACE_PAGE;
	if (h->flags & SHIM_TRACE_TIMES)
		the_clock = clock;
	shim_trace_use_clock(true);
	shim_tracing = true;
	return 0;
}

void shim_trace_use_clock(bool use)
{
	shim_trace_clock = use ? the_clock : NULL;
}

bool shim_trace_flag(uint32_t flag)
{
	return load(&header->flags) & flag;
}

size_t shim_trace_string_max(void)
{
	return header->string_max;
}

bool shim_trace_has_company(void)
{
	return load(&header->used) > 1;
}

/* Lanes */

/*
 * With signals blocked: a handler that came in between would claim another.  In
 * a sandbox not at all, because that takes system calls.
 */
static void claim(void)
{
	static const uint64_t all_signals = ~0ULL;
	uint32_t pid, tid;
	uint64_t mask;

	if (shim_rings_frozen())
		return;
	shim_sys_sigmask(&all_signals, &mask);
	pid = (uint32_t)shim_sys_getpid();
	tid = (uint32_t)shim_sys_gettid();
	if (!(header->flags & SHIM_TRACE_FOLLOW) && tid != header->root) {
		self.state = OFF;
		goto out;
	}
	self.lane = shim_trace_lane_claim(header, pid, tid);
	self.state = self.lane ? ON : NO_LANE;
	self.stuck = UINT64_MAX;
out:
	shim_sys_sigmask(&mask, NULL);
}

static void lost(void)
{
	if (self.state == ON)
		add(&self.lane->lost, 1);
	else if (self.state != OFF)
		add(&header->lost, 1);
}

/* The lane of this thread, or NULL. */
static struct shim_trace_lane *own_lane(void)
{
	if (shim_process_forked())
		shim_threads_fork_child();
	if (self.state == UNKNOWN) {
		claim();
		if (self.state == ON && self.lane->tid != self.lane->pid)
			shim_trace_note(SHIM_TRACE_THREAD, 0, NULL);
	}
	if (self.state != ON || self.sharing == AT_ONCE)
		return NULL;
	return self.lane;
}

bool shim_trace_wants(unsigned nr)
{
	if (!(header->numbers[nr / 64] >> nr % 64 & 1))
		return false;
	if (self.state == UNKNOWN)
		own_lane();
	return self.state != OFF;
}

/* Space */

static struct shim_trace_record *record_at(struct shim_trace_lane *lane,
					   uint64_t at)
{
	return shim_trace_record_at(header, lane, at);
}

#define REST_NS 500000
#define NO_BEAT 4000 /* rests without a beat: there is no reader */
#define NO_ROOM 20000 /* the same without any progress in this lane */

/* In a sandbox not even a sleep is a system call that may be made. */
static void rest(void)
{
	struct { long sec, nsec; } t = { 0, REST_NS };
	int i;

	if (!shim_rings_frozen()) {
		shim_sys(SYS_nanosleep, &t, 0, 0);
		return;
	}
	for (i = 0; i < 10000; i++)
		__builtin_ia32_pause();
}

/* The reader is slow, or dead. */
static bool wait_for_reader(struct shim_trace_lane *lane, uint64_t tail)
{
	uint64_t beat = load(&header->beat);
	int i, still = 0;

	for (i = 0; i < NO_ROOM && self.stuck != tail; i++) {
		if (shim_trace_flag(SHIM_TRACE_GONE))
			return false;
		if (load(&lane->tail) != tail)
			return true;
		rest();
		if (load(&header->beat) != beat)
			still = 0;
		else if (++still > NO_BEAT)
			__atomic_fetch_or(&header->flags, SHIM_TRACE_GONE,
					  __ATOMIC_ACQ_REL);
		beat = load(&header->beat);
	}
	self.stuck = tail;
	return false;
}

/*
 * For what ends at @end.  Not by waiting if a record has been interrupted, which
 * the reader cannot pass.
 */
static bool make_room(struct shim_trace_lane *lane, uint64_t end)
{
	uint64_t tail;

	for (;;) {
		tail = load(&lane->tail);
		if (end - tail <= capacity)
			return true;
		if (shim_trace_flag(SHIM_TRACE_WAIT) ?
		    self.depth > 1 || !wait_for_reader(lane, tail) :
		    !shim_trace_lane_drop(header, lane))
			return false;
	}
}

/* Records that were left for good */

/*
 * A record that this one interrupts, or follows, may just have taken its space,
 * or not: before @head moves again it has to be said which.
 */
static void resolve(void)
{
	struct writing *w = &self.stack[self.depth - 1];

	if (w->step == TRYING)
		w->step = load(&self.lane->head) > w->at ? RESERVED : NOWHERE;
}

static void skip(const struct writing *w)
{
	struct shim_trace_record *r = record_at(self.lane, w->at);

	if (w->step == RESERVED ||
	    (w->step == HELD && load(&r->mark) == (SHIM_TRACE_HELD | w->size)))
		store(&r->mark, SHIM_TRACE_SKIP | w->size);
}

static void settle(uintptr_t frame)
{
	while (__builtin_expect(self.depth > 0, 0)) {
		resolve();
		if (frame < self.stack[self.depth - 1].frame ||
		    shim_rings_frozen() || shim_on_alternate_stack())
			break;
		skip(&self.stack[self.depth - 1]);
		self.depth--;
	}
}

/*
 * Only handlers of this very thread compete for @head, and one instruction they
 * cannot divide: no lock, which would wait for all that was written before.
 */
static bool move_head(uint64_t *head, uint64_t from, uint64_t to)
{
	bool done;

	__asm__ volatile("cmpxchg %3, %1"
			 : "=@ccz"(done), "+m"(*head), "+a"(from)
			 : "r"(to)
			 : "memory");
	return done;
}

/* Take the next @w->size bytes. */
static bool take_space(struct writing *w)
{
	if (!move_head(&self.lane->head, w->at, w->at + w->size))
		return false;
	w->step = RESERVED;
	store(&record_at(self.lane, w->at)->mark, SHIM_TRACE_HELD | w->size);
	w->step = HELD;
	return true;
}

/*
 * Take @size bytes; what is left before the end of the ring is passed over, as a
 * record with nothing in it.
 */
static struct shim_trace_record *reserve(struct writing *w, uint32_t size)
{
	struct shim_trace_lane *lane = self.lane;
	struct shim_trace_record *r;
	uint64_t left;

	for (;;) {
		/* In this order: before @at is known no @head is beyond it. */
		w->at = UINT64_MAX;
		w->step = TRYING;
		w->at = load(&lane->head);
		left = capacity - (w->at & (capacity - 1));
		w->size = size <= left ? size : (uint32_t)left;
		if (!make_room(lane, w->at + w->size))
			return NULL;
		if (!take_space(w))
			continue;
		r = record_at(lane, w->at);
		if (w->size == size)
			return r;
		store(&r->mark, SHIM_TRACE_SKIP | w->size);
	}
}

/* Parts */

static uint32_t padded(uint32_t size)
{
	return (size + 7) & ~7U;
}

struct shim_trace_data *shim_trace_add(struct shim_trace_parts *parts,
				       enum shim_trace_part_kind kind,
				       uint8_t arg, const void *from,
				       uint64_t size)
{
	struct shim_trace_data *d = &parts->all[parts->n];
	uint64_t most = capacity / 64;

	if (parts->n < SHIM_TRACE_PARTS)
		parts->n++;
	d->kind = (uint8_t)kind;
	d->arg = arg;
	d->index = 0;
	d->size = (uint32_t)(size < most ? size : most);
	d->total = size;
	d->from = from;
	return d;
}

static uint32_t size_of_parts(const struct shim_trace_parts *parts)
{
	uint32_t size = 0;
	unsigned i;

	for (i = 0; parts && i < parts->n; i++)
		size += (uint32_t)sizeof(struct shim_trace_part) +
			padded(parts->all[i].size);
	return size;
}

static void copy_parts(char *to, const struct shim_trace_parts *parts)
{
	const struct shim_trace_data *d;
	struct shim_trace_part *p;
	unsigned i;

	for (i = 0; parts && i < parts->n; i++) {
		d = &parts->all[i];
		p = (struct shim_trace_part *)(void *)to;
		p->kind = d->kind;
		p->arg = d->arg;
		p->index = d->index;
		p->size = d->size;
		p->total = d->total;
		if (d->size)
			memcpy(p + 1, d->from, d->size);
		to += sizeof(*p) + padded(d->size);
	}
}

/* Records */

/* 0: the thread that the lane belongs to, as nearly always. */
static uint32_t who(void)
{
	uint32_t tid;

	if (__builtin_expect(self.sharing == ALONE, 1) || shim_rings_frozen())
		return 0;
	tid = (uint32_t)shim_sys_gettid();
	if (tid != self.lane->tid)
		return tid;
	self.sharing = ALONE;
	return 0;
}

/*
 * All but the mark, which says that it is all there.  By words, because a call of
 * memcpy(3) would cost more than it copies.
 */
static void fill(struct shim_trace_record *to,
		 const struct shim_trace_record *from, size_t size,
		 const struct shim_trace_parts *parts)
{
	const uint64_t *word = (const uint64_t *)(const void *)from;
	uint64_t *into = (uint64_t *)(void *)to;
	size_t i;

	to->kind = from->kind;
	to->nr = from->nr;
	for (i = 1; i < size / sizeof(*word); i++)
		into[i] = word[i];
	copy_parts((char *)to + size, parts);
}

/*
 * The next place on the stack.  A handler may use it before it counts as taken,
 * so what it has written there is written over.
 */
static struct writing *push(int depth, uintptr_t frame)
{
	struct writing *w = &self.stack[depth];

	w->step = NOWHERE;
	w->frame = frame;
	self.depth = depth + 1;
	w->frame = frame;
	return w;
}

static uint64_t write_at(int depth, uintptr_t frame,
			 struct shim_trace_record *record, size_t size,
			 const struct shim_trace_parts *parts)
{
	uint32_t whole = (uint32_t)size + size_of_parts(parts);
	struct writing *w = push(depth, frame);
	struct shim_trace_record *to;

	record->tid = who();
	record->parts = parts ? parts->n : 0;
	record->seq = add(&header->seq, 1);
	record->time = shim_trace_now();
	to = reserve(w, whole);
	if (to) {
		fill(to, record, size, parts);
		store(&to->mark, SHIM_TRACE_DONE | whole);
	}
	self.depth = depth;
	return to ? record->seq : 0;
}

uint64_t shim_trace_write(struct shim_trace_record *record, size_t size,
			  const struct shim_trace_parts *parts)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	uint64_t seq = 0;

	if (own_lane()) {
		settle(frame);
		if (self.depth < DEEPEST)
			seq = write_at(self.depth, frame, record, size, parts);
	}
	if (!seq)
		lost();
	return seq;
}

void shim_trace_note(enum shim_trace_kind kind, uint64_t data,
		     const struct shim_trace_parts *parts)
{
	struct shim_trace_record r = {
		.kind = (uint16_t)kind, .data = data,
	};

	if (shim_tracing)
		shim_trace_write(&r, sizeof(r), parts);
}

/* Processes and threads */

void shim_trace_sharing(bool at_once)
{
	if (shim_tracing && self.sharing != AT_ONCE)
		self.sharing = at_once ? AT_ONCE : UNTIL_BACK;
}

void shim_trace_fork_child(void)
{
	if (!shim_tracing)
		return;
	memset(&self, 0, sizeof(self));
	if (!(header->flags & SHIM_TRACE_FOLLOW)) {
		self.state = OFF;
		return;
	}
	claim();
	if (self.state == ON)
		shim_trace_note(SHIM_TRACE_FORKED,
				(uint64_t)shim_sys(SYS_getppid, 0, 0, 0),
				NULL);
}

void shim_trace_thread_end(void)
{
	if (!shim_tracing || self.state != ON || self.sharing == AT_ONCE ||
	    who())
		return;
	shim_trace_note(SHIM_TRACE_END, 0, NULL);
	store(&self.lane->state, SHIM_TRACE_ENDED);
	/* Another destructor may make calls yet: in another lane. */
	self.state = UNKNOWN;
}
