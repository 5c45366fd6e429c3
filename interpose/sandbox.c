// SPDX-License-Identifier: MIT
/*
 * Sandboxes.  A seccomp filter sees no operation of a ring, which would be a
 * hole in it, and does not expect io_uring_enter, which would be a death.  So
 * from the moment before a filter is installed every call is native and not one
 * system call is made that the program has not made.
 */
#include "init.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>

#include "fdtable.h"
#include "process.h"
#include "sys.h"

/* A call that is pending below us must not be left in a ring. */
static int enter_sandbox(void)
{
	struct shim_thread *t = shim_self;
	int was = shim_native;

	if (t && t->driver.phase == SHIM_PHASE_PARKED)
		shim_driver_retire(&t->driver);
	shim_rings_freeze(true);
	shim_native = SHIM_SANDBOX;
	return was;
}

/* The filter was refused: many programs ask only whether there could be one. */
static void leave_sandbox(int was)
{
	if (was == SHIM_SANDBOX)
		return;
	shim_native = was;
	shim_rings_freeze(false);
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
	ret = shim_real.prctl(option, a, b, c, d);
	if (option == PR_SET_SECCOMP && ret)
		leave_sandbox(was);
	return ret;
}

/* syscall(SYS_seccomp, ...) and syscall(SYS_prctl, PR_SET_SECCOMP, ...) */
static long set_filter(long nr, long a, long b, long c, long d, long e)
{
	int was = enter_sandbox();
	long ret = shim_real.syscall(nr, a, b, c, d, e);

	if (ret)
		leave_sandbox(was);
	return ret;
}

/*
 * From vfork.S: what to jump to for this system call.  Those made by number are
 * native for now, but what they do to descriptors and processes counts.
 */
void *shim_before_syscall(long nr, unsigned long a, unsigned long b)
{
	shim_enter();
	switch (nr) {
	case SYS_seccomp:
		if (a == SECCOMP_SET_MODE_FILTER || a == SECCOMP_SET_MODE_STRICT)
			return (void *)set_filter;
		break;
	case SYS_prctl:
		if (a == PR_SET_SECCOMP)
			return (void *)set_filter;
		break;
	case SYS_close:
	case SYS_dup:
		shim_fd_forget((int)a);
		break;
	case SYS_dup2:
	case SYS_dup3:
		shim_fd_forget((int)a);
		shim_fd_forget((int)b);
		break;
	case SYS_close_range:
	case SYS_fork:
	case SYS_sendmsg:
	case SYS_sendmmsg:
		shim_fds_forget_all();
		break;
	case SYS_vfork:
		shim_thread_vfork();
		break;
	case SYS_clone:
		shim_before_clone(a);
		break;
	case SYS_clone3:
		shim_before_clone(*(uint64_t *)a);
		break;
	}
	return (void *)shim_real.syscall;
}
