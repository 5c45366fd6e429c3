// SPDX-License-Identifier: MIT
/*
 * Blocks of threads: claim, sweep, fork; see thread.h.
 *
 * Lock-free because a signal handler may be the first to need a block while
 * another thread is in the middle of the same; with signals blocked because a
 * half-claimed block is of no use to a handler either.
 */
#include "thread.h"

#include <signal.h>
#include <sys/mman.h>

#include "fdtable.h"
#include "sys.h"
#include "trace.h"

#define CHUNK_BLOCKS 16U
#define MAX_CHUNKS 2048U
#define NEVER_AGAIN (-1)

/* The form of ring to try first; another one to see how older kernels do. */
#ifndef SHIM_FIRST_FORM
#define SHIM_FIRST_FORM SHIM_RING_NONE
#endif

struct block {
	union {
		struct shim_thread thread;
		char pages[3 * SHIM_PAGE];
	};
	char ring[SHIM_RING_MEMORY];
};

_Static_assert(sizeof(struct shim_thread) <= 3 * SHIM_PAGE, "three pages");

/* What most threads ever count; a page that nobody writes takes no memory. */
_Static_assert(offsetof(struct shim_thread, counts) +
	       (SHIM_CALL_CLOSE + 1) * sizeof(((struct shim_thread *)0)->counts[0])
	       <= SHIM_PAGE, "the first page");

__thread struct shim_thread *shim_self;
__thread bool shim_hidden_stack;
volatile int shim_native = SHIM_EARLY;

/* The thread that this process was started with: its descriptor, its stack's end. */
static struct {
	uintptr_t self, top;
} first;

static const struct shim_host *host;
static _Atomic(struct block *) chunks[MAX_CHUNKS];
static atomic_uint used;        /* blocks ever claimed, from the first on */
static atomic_int free_blocks;
static atomic_uint alive_then;  /* blocks that the last sweep left alone */
static atomic_int ring_denied;  /* for ever: EPERM, ENOSYS, EINVAL */

atomic_int *shim_alive;

static void *map_pages(size_t len)
{
	long ret = shim_sys6(SYS_mmap, 0, (long)len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);

	return ret < 0 && ret > -4096 ? NULL : (void *)ret;
}

void shim_threads_first_stack(uintptr_t top)
{
	__asm__("movq %%fs:0, %0" : "=r"(first.self));
	first.top = top;
}

void shim_threads_init(const struct shim_host *h)
{
	host = h;
	shim_alive = map_pages(SHIM_PAGE);
	if (!shim_alive || shim_sys(SYS_madvise, shim_alive, SHIM_PAGE,
			       MADV_WIPEONFORK)) {
		/* Before 4.14, or no memory: forks could not be told. */
		atomic_store(&ring_denied, 1);
		return;
	}
	atomic_store(shim_alive, shim_sys_getpid());
}

static struct block *block_at(unsigned i)
{
	struct block *chunk = atomic_load(&chunks[i / CHUNK_BLOCKS]);

	return chunk ? &chunk[i % CHUNK_BLOCKS] : NULL;
}

static struct block *make_chunk(unsigned n)
{
	struct block *fresh = map_pages(CHUNK_BLOCKS * sizeof(*fresh));
	struct block *none = NULL;

	if (fresh && !atomic_compare_exchange_strong(&chunks[n], &none, fresh)) {
		shim_sys(SYS_munmap, fresh, CHUNK_BLOCKS * sizeof(*fresh), 0);
		fresh = none;
	}
	return fresh;
}

static bool dead(int owner, int pid)
{
	return shim_sys(SYS_tgkill, pid, owner, 0) == -ESRCH;
}

/* Free the blocks whose owners have gone, or whose owner's id is now ours. */
static void sweep(int tid)
{
	unsigned i, n = atomic_load(&used), alive_blocks = 0;
	int pid = shim_sys_getpid(), owner;
	struct block *b;

	for (i = 0; i < n; i++) {
		b = block_at(i);
		owner = b ? atomic_load(&b->thread.owner) : 0;
		if (owner <= 0)
			continue;
		if (owner != tid && !dead(owner, pid))
			alive_blocks++;
		else if (atomic_compare_exchange_strong(&b->thread.owner,
							&owner, 0))
			atomic_fetch_add(&free_blocks, 1);
	}
	atomic_store(&alive_then, alive_blocks);
}

static struct block *free_block(int tid)
{
	unsigned i, n = atomic_load(&used);
	struct block *b;
	int none;

	if (atomic_load(&free_blocks) <= 0)
		return NULL;
	for (i = 0; i < n; i++) {
		b = block_at(i);
		none = 0;
		if (b && !atomic_load(&b->thread.owner) &&
		    atomic_compare_exchange_strong(&b->thread.owner, &none,
						   tid)) {
			atomic_fetch_sub(&free_blocks, 1);
			return b;
		}
	}
	return NULL;
}

static struct block *fresh_block(int tid)
{
	struct block *b;
	unsigned i;
	int none;

	do {
		i = atomic_fetch_add(&used, 1);
		if (i >= MAX_CHUNKS * CHUNK_BLOCKS) {
			atomic_fetch_sub(&used, 1);
			return NULL;
		}
		b = block_at(i);
		if (!b && make_chunk(i / CHUNK_BLOCKS))
			b = block_at(i);
		none = 0;
		/* A sweep may have been faster. */
	} while (b && !atomic_compare_exchange_strong(&b->thread.owner, &none,
						      tid));
	return b;
}

/* A block of our own, zero but for the owner. */
static struct block *claim(int tid)
{
	struct block *b = free_block(tid);
	struct shim_thread *t;

	/* Twice as many as there were alive: time to look again. */
	if (!b && atomic_load(&used) >= 2 * atomic_load(&alive_then)) {
		sweep(tid);
		b = free_block(tid);
	}
	if (!b)
		b = fresh_block(tid);
	if (!b)
		return NULL;
	t = &b->thread;
	shim_counters_fold(t->counts);
	shim_ring_retire(&t->driver.ring);
	t->driver = (struct shim_driver){ 0 };
	t->vforks = 0;
	t->waited_fd = -1;
	/* The kernel may still hold the old pages for the old ring. */
	t->no_ring = shim_sys_drop(b->ring, SHIM_RING_MEMORY) != 0;
	return b;
}

static bool denied_for_ever(int err)
{
	return err == -EPERM || err == -ENOSYS || err == -EINVAL ||
	       err == -EACCES;
}

static void make_ring(struct block *b)
{
	struct shim_thread *t = &b->thread;
	int ret;

	if (t->no_ring)
		return;
	t->no_ring = 1;
	if (atomic_load(&ring_denied))
		return;
	ret = shim_driver_init(&t->driver, b->ring, SHIM_FIRST_FORM, host);
	if (ret && denied_for_ever(ret))
		atomic_store(&ring_denied, 1);
	t->no_ring = ret != 0;
}

/*
 * A child that shares our memory (the one that libc makes for posix_spawn) must
 * not take a block: its parent would find it its own.
 */
static bool child_sharing_memory(void)
{
	int pid;

	if (!shim_alive)
		return false;
	pid = atomic_load(shim_alive);
	if (pid)
		return pid != shim_sys_getpid();
	shim_threads_fork_child();
	return false;
}

static struct shim_thread *get_block(bool with_ring)
{
	static const uint64_t all_signals = ~0ULL;
	struct block *b;
	uint64_t mask;

	if (child_sharing_memory())
		return NULL;
	shim_sys_sigmask(&all_signals, &mask);
	b = claim(shim_sys_gettid());
	if (b) {
		if (with_ring)
			make_ring(b);
		shim_self = &b->thread;
		host->claimed(b);
	}
	shim_sys_sigmask(&mask, NULL);
	return b ? &b->thread : NULL;
}

bool shim_on_alternate_stack(void)
{
	stack_t ss = { 0 };

	if (shim_hidden_stack)
		return true;
	shim_sys(SYS_sigaltstack, 0, &ss, 0);
	return ss.ss_flags & SS_ONSTACK;
}

/*
 * glibc has a thread's descriptor at the top of its stack, but for the first one's.
 * What has been mapped below a stack that is shorter than this counts as part of it.
 */
static bool on_first_stack(uintptr_t p)
{
	uintptr_t self, top;

	__asm__("movq %%fs:0, %0" : "=r"(self));
	top = self == first.self ? first.top : self;
	return top - p < (self == first.self ? 128UL << 20 : 8UL << 20);
}

static bool in_alternate_stack(uintptr_t p)
{
	stack_t ss = { 0 };

	shim_sys(SYS_sigaltstack, 0, &ss, 0);
	return p - (uintptr_t)ss.ss_sp < ss.ss_size;
}

bool shim_thread_has_left(uintptr_t below, uintptr_t above)
{
	if (shim_hidden_stack || above < below)
		return false;
	if (on_first_stack(above) &&
	    (on_first_stack(below) || in_alternate_stack(below)))
		return true;
	shim_hidden_stack = true;
	return false;
}

/*
 * Another call of this thread is in progress.  If its frame is deeper than
 * ours, on the same stack, it was left without our being told (setcontext,
 * assembly).  Otherwise we are in a handler that interrupted it, or in another
 * user thread.  In doubt one of these: native is always right.
 */
static enum shim_route begin_inside(struct shim_thread *t, uintptr_t frame)
{
	if (frame >= t->driver.frame && !shim_on_alternate_stack() &&
	    shim_thread_has_left(t->driver.frame, frame)) {
		shim_driver_recover(&t->driver);
		return SHIM_RING;
	}
	/* A connect that is taken back would be found under way by its retry. */
	if (t->driver.phase == SHIM_PHASE_PARKED &&
	    t->call != SHIM_CALL_CONNECT)
		shim_driver_retire(&t->driver);
	return SHIM_NESTED;
}

static bool usable(const struct shim_thread *t)
{
	return t && atomic_load(&t->owner) > 0 &&
	       (t->no_ring || t->driver.phase != SHIM_PHASE_NONE);
}

/* After a vfork both parent and child come here with the same block. */
static enum shim_route after_vfork(struct shim_thread *t)
{
	if (shim_sys_gettid() != atomic_load(&t->owner))
		return SHIM_VFORK;
	t->vforks = 0;
	shim_driver_release(&t->driver);
	shim_fds_forget_all();
	return SHIM_RING;
}

enum shim_route shim_begin_slow(struct shim_thread **tp, enum shim_call call,
				uintptr_t frame)
{
	struct shim_thread *t = shim_self;
	enum shim_route route = SHIM_RING;
	int native = shim_native;

	/* Of this form the mappings are not there in a forked child. */
	if (t && t->driver.ring.form == SHIM_RING_REGISTERED &&
	    shim_process_forked()) {
		shim_threads_fork_child();
		t = NULL;
	}
	*tp = t;
	if (native != SHIM_RING)
		return (enum shim_route)native;
	if (!usable(t)) {
		*tp = t = get_block(true);
		if (!t)
			return child_sharing_memory() ? SHIM_VFORK :
				SHIM_NO_RING;
	}
	if (t->no_ring)
		return SHIM_NO_RING;
	if (t->vforks)
		route = after_vfork(t);
	else if (t->driver.phase != SHIM_PHASE_IDLE)
		route = begin_inside(t, frame);
	if (route != SHIM_RING)
		return route;
	if (!shim_driver_claim(&t->driver, frame))
		return SHIM_NESTED;
	t->call = call;
	return SHIM_RING;
}

struct shim_thread *shim_thread_for_counting(void)
{
	/* In a sandbox, or before all is set up, not one system call. */
	return shim_native == SHIM_OFF || shim_native == SHIM_AUTO ?
		get_block(false) : NULL;
}

enum shim_route shim_thread_refused(struct shim_thread *t)
{
	if (shim_sys_gettid() == atomic_load(&t->owner)) {
		/* The program unregistered our ring: this thread goes on
		 * without one. */
		t->no_ring = 1;
		t->driver.phase = SHIM_PHASE_NONE;
		return SHIM_RETRY;
	}
	if (atomic_load(shim_alive)) {
		/* What it has looked at is not what its parent has there. */
		shim_fds_forget_all();
		return SHIM_VFORK;
	}
	shim_threads_fork_child();
	return SHIM_RETRY;
}

bool shim_thread_is_own(void)
{
	struct shim_thread *t = shim_self;

	return t && atomic_load(&t->owner) == shim_sys_gettid();
}

void shim_thread_end(void)
{
	struct shim_thread *t = shim_self;

	shim_trace_thread_end();
	if (!t || atomic_load(&t->owner) != shim_sys_gettid())
		return;
	if (t->driver.phase > SHIM_PHASE_IDLE)
		shim_driver_recover(&t->driver);
	shim_self = NULL;
	if (t->driver.phase == SHIM_PHASE_IDLE && !shim_rings_frozen())
		shim_ring_close(&t->driver.ring);
	t->driver.phase = SHIM_PHASE_NONE;
	atomic_store(&t->owner, 0);
	atomic_fetch_add(&free_blocks, 1);
}

void shim_threads_fork_child(void)
{
	unsigned i, n = atomic_load(&used);
	struct shim_thread *t;
	struct block *b;

	for (i = 0; i < n; i++) {
		b = block_at(i);
		if (!b)
			continue;
		t = &b->thread;
		/* A call of ours is on the stack: its block stays as it is. */
		if (t == shim_self && t->driver.phase > SHIM_PHASE_IDLE)
			atomic_store(&t->owner, NEVER_AGAIN);
		else
			atomic_store(&t->owner, 0);
		t->driver.phase = SHIM_PHASE_NONE;
		/* Of the second form the mappings have stayed behind. */
		t->driver.ring.map[0] = t->driver.ring.map[1] = NULL;
		shim_counters_clear(t->counts);
	}
	shim_self = NULL;
	atomic_store(&free_blocks, (int)n);
	atomic_store(&alive_then, 0);
	if (shim_alive)
		atomic_store(shim_alive, shim_sys_getpid());
	shim_parked_fork_child();
	shim_fds_forget_all();
	shim_counters_reset();
	shim_trace_fork_child();
}

void shim_thread_vfork(void)
{
	struct shim_thread *t = shim_self;

	shim_fds_forget_all();
	shim_trace_sharing(false);
	if (!t || t->driver.phase != SHIM_PHASE_IDLE)
		return;
	t->vforks = 1;
	t->driver.phase = SHIM_PHASE_BUSY;
}

void shim_thread_share(void)
{
	struct shim_thread *t = shim_self;

	shim_trace_sharing(true);
	if (!t)
		t = get_block(false);
	if (t && t->driver.phase <= SHIM_PHASE_IDLE) {
		t->driver.phase = SHIM_PHASE_NONE;
		t->no_ring = 1;
	}
}

void shim_threads_each(void (*visit)(struct shim_thread *t, void *arg),
		       void *arg)
{
	unsigned i, n = atomic_load(&used);
	struct block *b;

	for (i = 0; i < n; i++) {
		b = block_at(i);
		if (b)
			visit(&b->thread, arg);
	}
}
