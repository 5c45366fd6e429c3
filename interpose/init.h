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

/* A byte that nothing can be written to; NULL if there was no memory for it. */
extern char *shim_unwritable;

/*
 * Set up: find libc's functions, read the environment, decide.  Called by the
 * constructor, and by the first call if that comes earlier.  Safe at any time
 * from any thread or handler; a call that comes during it goes native.
 */
void shim_init(void);

/* Print the report, if one was asked for.  Once. */
void shim_report(void);

/* The program closes its stderr stream. */
void shim_stderr_closing(void);

static inline void shim_enter(void)
{
	if (__builtin_expect(!shim_ready, 0))
		shim_init();
}

/*
 * The same for a call that libc makes a cancellation point: a cancellation that
 * was pending is acted upon before anything is done, data or not.
 */
static inline void shim_enter_cancellation_point(void)
{
	shim_enter();
	if (!__libc_single_threaded)
		pthread_testcancel();
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
