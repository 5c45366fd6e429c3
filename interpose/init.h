/* SPDX-License-Identifier: MIT */
/* Setting the library up, and what every wrapper does first and last. */
#ifndef SHIM_INIT_H
#define SHIM_INIT_H

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "call.h"
#include "counters.h"
#include "real.h"
#include "thread.h"
#include "trace.h"

extern volatile int shim_ready;

/*
 * Set up: find libc's functions, read the environment, decide, patch.  Called by
 * the constructor, which runs before all others and before libc itself has been
 * initialised, and by the first call if that comes earlier all the same.  A call
 * that comes during it goes native.
 */
void shim_init(char *const *env);

/* Print the report, if one was asked for.  Once. */
void shim_report(void);

/* No more hints: the process is about to end. */
void shim_end_hints(void);

/* This is a forked child. */
void shim_fork_child(void);

/* The program closes its stderr stream. */
void shim_stderr_closing(void);

static inline void shim_enter(void)
{
	if (__builtin_expect(!shim_ready, 0))
		shim_init(environ);
}

/* Not ready yet, or native for the whole process: which? */
enum shim_route shim_enter_native(void);

/*
 * Before one of the handled calls: SHIM_RING, or why it is native.  Where it is
 * a cancellation point, a cancellation that was pending is acted upon before
 * anything is done, data or not.  A native call sees to that itself.
 */
static inline enum shim_route shim_enter_call(bool point)
{
	enum shim_route route = (enum shim_route)shim_native;

	if (__builtin_expect(route == SHIM_EARLY, 0))
		route = shim_enter_native();
	if (route != SHIM_RING)
		return route;
	if (point && !__libc_single_threaded)
		pthread_testcancel();
	return SHIM_RING;
}

/*
 * May what is learned of a new descriptor be remembered?  Not in a handler that
 * interrupted a call, nor in a child of vfork(2) or posix_spawn(3), whose
 * descriptors are not those of the process that it shares memory with.
 */
static inline bool shim_may_remember(void)
{
	return shim_native == SHIM_RING && shim_self &&
	       shim_self->driver.phase == SHIM_PHASE_IDLE &&
	       shim_thread_is_own();
}

/* The block in which a native call is counted, or NULL. */
static inline struct shim_thread *shim_counting_thread(void)
{
	return shim_self ? shim_self : shim_thread_for_counting();
}

/* The same as an outcome: false if the call is native without being looked at. */
static inline bool shim_enter_outcome(struct shim_outcome *o, bool point)
{
	o->route = shim_enter_call(point);
	if (o->route == SHIM_RING) {
		o->thread = shim_self;
		return true;
	}
	o->thread = shim_counting_thread();
	o->rest = SHIM_NATIVE;
	o->done = 0;
	return false;
}

/* Count a finished call and turn its result into libc's. */
static inline long shim_return(const struct shim_outcome *o,
			       enum shim_call call, long res)
{
	shim_count(o->thread, call, o->route, 1);
	if (__builtin_expect(res < 0, 0)) {
		shim_count(o->thread, call, SHIM_COL_ERRORS, 1);
		errno = (int)-res;
		return -1;
	}
	return res;
}

/*
 * Count a native call: the route before it is made, because it may not return,
 * the rest after it.
 */
static inline void shim_native_begin(const struct shim_outcome *o,
				     enum shim_call call)
{
	shim_count(o->thread, call, o->route, 1);
	shim_trace_native();
}

static inline void shim_native_end(enum shim_call call, long ret)
{
	if (ret < 0)
		shim_count(shim_self, call, SHIM_COL_ERRORS, 1);
}

/* A call that is only counted, and recorded if there is a recording. */
struct shim_booking {
	enum shim_call call;
	struct shim_traced traced;
};

#define SHIM_ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })

/*
 * Before the call, with the number and arguments of the system call that libc
 * makes; and after it.
 */
static inline void shim_book_as(struct shim_booking *b, enum shim_call call,
				unsigned nr, const uint64_t args[6])
{
	b->call = call;
	if (__builtin_expect(shim_tracing, 0)) {
		memcpy(b->traced.enter.args, args,
		       sizeof(b->traced.enter.args));
		shim_trace_begin(&b->traced, nr);
	}
	shim_count(shim_counting_thread(), call, SHIM_BOOKKEEPING, 1);
}

static inline void shim_book(struct shim_booking *b, enum shim_call call,
			     const uint64_t args[6])
{
	shim_book_as(b, call, shim_call_number(call), args);
}

static inline long shim_booked(struct shim_booking *b, long ret)
{
	shim_native_end(b->call, ret);
	if (__builtin_expect(shim_tracing, 0))
		shim_trace_end(&b->traced, ret < 0 ? -errno : ret);
	return ret;
}

#endif
