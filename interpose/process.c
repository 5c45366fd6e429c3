// SPDX-License-Identifier: MIT
/*
 * Processes: what forks behind the back of pthread_atfork(3), what shares our
 * memory, and what ends without running destructors.
 */
#include "init.h"

#include <stdarg.h>

#include "fdtable.h"
#include "host.h"
#include "process.h"

/* Calls no handlers; see _Fork(3). */
SHIM_EXPORT pid_t _Fork(void)
{
	pid_t pid;

	shim_enter();
	shim_fds_forget_all();
	pid = shim_real._Fork();
	if (!pid)
		shim_fork_child();
	return pid;
}

/*
 * Before a clone.  With a table of descriptors in common no file position is
 * private, not of what is opened later either, and libc does not know.  A child
 * that shares memory but has no thread-local storage of its own shares our block:
 * either its parent sleeps meanwhile, as after vfork, or this thread does without
 * a ring from now on.
 */
void shim_before_clone(unsigned long flags)
{
	if (flags & (CLONE_FILES | CLONE_VM) && !(flags & CLONE_VFORK))
		shim_single_threaded = NULL;
	shim_fds_forget_all();
	if (!(flags & CLONE_VM) || flags & CLONE_SETTLS)
		return;
	if (flags & CLONE_VFORK)
		shim_thread_vfork();
	else
		shim_thread_share();
}

SHIM_EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	void *ptid, *tls, *ctid;
	va_list ap;

	va_start(ap, arg);
	ptid = va_arg(ap, void *);
	tls = va_arg(ap, void *);
	ctid = va_arg(ap, void *);
	va_end(ap);
	shim_enter();
	shim_before_clone((unsigned long)(unsigned)flags);
	return shim_real.clone(fn, stack, flags, arg, ptid, tls, ctid);
}

/* From entry.S: what to jump to. */
void *shim_before_vfork(void)
{
	shim_enter();
	shim_thread_vfork();
	return (void *)shim_real.vfork;
}

/*
 * These share descriptors, and so file positions, with another program; libc
 * makes its process from a child that shares our memory.
 */
static void before_spawn(void)
{
	shim_enter();
	shim_fds_forget_all();
	shim_trace_sharing(false);
}

SHIM_EXPORT int posix_spawn(pid_t *pid, const char *path,
			    const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attr, char *const argv[],
			    char *const env[])
{
	before_spawn();
	return shim_real.posix_spawn(pid, path, actions, attr, argv, env);
}

SHIM_EXPORT int posix_spawnp(pid_t *pid, const char *file,
			     const posix_spawn_file_actions_t *actions,
			     const posix_spawnattr_t *attr, char *const argv[],
			     char *const env[])
{
	before_spawn();
	return shim_real.posix_spawnp(pid, file, actions, attr, argv, env);
}

SHIM_EXPORT int system(const char *command)
{
	before_spawn();
	return shim_real.system(command);
}

SHIM_EXPORT FILE *popen(const char *command, const char *mode)
{
	before_spawn();
	return shim_real.popen(command, mode);
}

SHIM_EXPORT int wordexp(const char *words, wordexp_t *result, int flags)
{
	before_spawn();
	return shim_real.wordexp(words, result, flags);
}

/*
 * Another libc may make threads and processes of its own, which ours does not
 * know of: file positions are private no more.  The call is the last thing here,
 * a jump: the loader searches as the object says to which it would return.
 */
SHIM_EXPORT void *dlmopen(Lmid_t space, const char *file, int mode)
{
	shim_enter();
	if (space != LM_ID_BASE)
		shim_single_threaded = NULL;
	return shim_real.dlmopen(space, file, mode);
}

/* The report of a process that leaves without destructors. */

static bool shares_memory(void)
{
	struct shim_thread *t = shim_self;

	return t && t->vforks;
}

/* The process is about to end without running anything else. */
void shim_before_exit(int status)
{
	shim_enter();
	shim_trace_note(SHIM_TRACE_EXIT, (uint64_t)(status & 0xff), NULL);
	if (!shares_memory()) {
		shim_leave();
		shim_end_hints();
		shim_report();
	}
}

void shim_entry__exit(int status)
{
	shim_before_exit(status);
	shim_real._exit(status);
	__builtin_unreachable();
}
