// SPDX-License-Identifier: MIT
/*
 * Sandboxes.  A seccomp filter sees no operation of a ring, which would be a
 * hole in it, and does not expect io_uring_enter, which would be a death.  So
 * from the moment before a filter is installed every call is native and not one
 * system call is made that the program has not made.
 */
#include "init.h"

#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "hints.h"
#include "number.h"

/* A call that is pending below us must not be left in a ring. */
static int enter_sandbox(void)
{
	struct shim_thread *t = shim_self;
	int was = shim_native;

	if (t && t->driver.phase == SHIM_PHASE_PARKED)
		shim_driver_retire(&t->driver);
	shim_hints_on = false;
	shim_prefetch_forbid(true);
	shim_rings_freeze(true);
	shim_native = SHIM_SANDBOX;
	return was;
}

/* From now on rdtsc, which is how the time is told, ends the thread. */
static void before_no_time(bool none)
{
	if (none)
		shim_trace_use_clock(false);
}

static void after_no_time(bool none, long ret)
{
	if (none && ret)
		shim_trace_use_clock(true);
}

/* Strict mode forbids rdtsc as well (seccomp_set_mode_strict). */
static bool forbids_time(long option, unsigned long arg)
{
	return (option == PR_SET_SECCOMP && arg == SECCOMP_MODE_STRICT) ||
	       (option == PR_SET_TSC && arg == PR_TSC_SIGSEGV);
}

/* The filter was refused: many programs ask only whether there could be one. */
static void leave_sandbox(int was)
{
	if (was == SHIM_SANDBOX)
		return;
	shim_native = was;
	shim_rings_freeze(false);
	shim_prefetch_forbid(false);
	shim_hints_on = was == SHIM_AUTO;
}

SHIM_EXPORT int prctl(int option, ...)
{
	unsigned long a, b, c, d;
	int ret, was = 0;
	va_list ap;

	va_start(ap, option);
	a = va_arg(ap, unsigned long);
	b = va_arg(ap, unsigned long);
	c = va_arg(ap, unsigned long);
	d = va_arg(ap, unsigned long);
	va_end(ap);
	shim_enter();
	if (option == PR_SET_SECCOMP)
		was = enter_sandbox();
	before_no_time(forbids_time(option, a));
	ret = shim_real.prctl(option, a, b, c, d);
	after_no_time(forbids_time(option, a), ret);
	if (option == PR_SET_SECCOMP && ret)
		leave_sandbox(was);
	return ret;
}

/* syscall(SYS_seccomp, ...) and syscall(SYS_prctl, PR_SET_SECCOMP, ...) */
long shim_set_filter(long nr, long a, long b, long c, long d, long e)
{
	int was = enter_sandbox();
	bool no_time = nr == SYS_prctl ? forbids_time(a, (unsigned long)b) :
		a == SECCOMP_SET_MODE_STRICT;
	long ret;

	before_no_time(no_time);
	ret = shim_real.syscall(nr, a, b, c, d, e);
	after_no_time(no_time, ret);
	if (ret)
		leave_sandbox(was);
	return ret;
}
