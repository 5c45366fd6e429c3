/* SPDX-License-Identifier: MIT */
/* Setting the library up, and what every wrapper does first and last. */
#ifndef SHIM_INIT_H
#define SHIM_INIT_H

#include <errno.h>
#include <pthread.h>
#include <sys/single_threaded.h>

#include "call.h"
#include "counters.h"
#include "real.h"
#include "thread.h"

extern volatile int shim_ready;

/*
 * Set up: find libc's functions, read the environment, decide.  Called by the
 * constructor, and by the first call if that comes earlier.  Safe at any time
 * from any thread or handler; a call that comes during it goes native.
 */
void shim_init(void);

/* Print the report, if one was asked for.  Once. */
void shim_report(void);

/* This is a forked child. */
void shim_fork_child(void);

/* The program closes its stderr stream. */
void shim_stderr_closing(void);

static inline void shim_enter(void)
{
	if (__builtin_expect(!shim_ready, 0))
		shim_init();
}

/* Why a call is native though the process is not; or SHIM_RING. */
static inline enum shim_route shim_stacked_route(enum shim_call call)
{
	return shim_stacked[call] ? SHIM_STACKED : SHIM_RING;
}

/* Not ready yet, or native for the whole process: which? */
enum shim_route shim_enter_native(void);

/*
 * Before one of the handled calls: SHIM_RING, or why it is native.  All of them
 * are cancellation points: a cancellation that was pending is acted upon before
 * anything is done, data or not.  A native call sees to that itself.
 */
static inline enum shim_route shim_enter_call(enum shim_call call)
{
	enum shim_route route;

	if (__builtin_expect(shim_native != SHIM_RING, 0)) {
		route = shim_enter_native();
		if (route != SHIM_RING)
			return route;
	}
	if (!__libc_single_threaded)
		pthread_testcancel();
	return shim_stacked_route(call);
}

/*
 * May what is learned of a new descriptor be remembered?  Not in a handler that
 * interrupted a call, nor in a vfork child, whose descriptors are not those of
 * the process that it shares memory with.
 */
static inline bool shim_may_remember(void)
{
	return shim_self && shim_self->driver.phase == SHIM_PHASE_IDLE;
}

/* The block in which a native call is counted, or NULL. */
static inline struct shim_thread *shim_counting_thread(void)
{
	return shim_self ? shim_self : shim_thread_for_counting();
}

/* The same as an outcome: false if the call is native without being looked at. */
static inline bool shim_enter_outcome(struct shim_outcome *o,
				      enum shim_call call)
{
	o->route = shim_enter_call(call);
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
}

static inline void shim_native_end(enum shim_call call, long ret)
{
	if (ret < 0)
		shim_count(shim_self, call, SHIM_COL_ERRORS, 1);
}

#endif
