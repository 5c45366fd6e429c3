// SPDX-License-Identifier: MIT
/* A task beside the program's threads; see task.h. */
#include "task.h"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include "sys.h"

/*
 * CLONE_FILES at first: the table is then left without being copied, so that no
 * file of the program is held for even an instant, which would delay what the last
 * close of it does.  No CLONE_FS: a shared one would be in the way of setns(2).
 */
#define FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FILES | \
	       CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | \
	       CLONE_CHILD_CLEARTID)

static void leave(int status)
{
	for (;;)
		shim_sys(SYS_exit, status, 0, 0);
}

/* Not to return: there is no frame above it. */
static void begin(struct shim_task *task)
{
	int ret = 0;

	/* Linux 5.9, and 5.11 for a table that others use; without: no task. */
	if (!task->beside)
		ret = (int)shim_sys(SYS_close_range, 0, ~0U,
				    CLOSE_RANGE_UNSHARE);
	if (!ret) {
		shim_sys(SYS_prctl, PR_SET_NAME, "shim-prefetch", 0);
		ret = task->run(task->arg);
	}
	leave(ret);
}

/*
 * clone(2) as a system call.  The child has nothing on its stack: it takes what it
 * needs from registers, which it gets as they were.
 */
static long clone_task(struct shim_task *task, void *stack, void *tls)
{
	/* cppcheck-suppress constStatement ; it takes a name for a product */
	register atomic_int *tid __asm__("r10") = &task->tid;
	register void *area __asm__("r8") = tls;
	register struct shim_task *self __asm__("r12") = task;
	register void (*first)(struct shim_task *) __asm__("r13") = begin;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 ".cfi_remember_state\n\t"
			 ".cfi_undefined rip\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "movq %%r12, %%rdi\n\t"
			 "callq *%%r13\n\t"
			 "hlt\n\t"
			 ".cfi_restore_state\n"
			 "1:"
			 : "=a"(ret)
			 : "a"((long)SYS_clone), "D"((long)FLAGS), "S"(stack),
			   "d"(&task->tid), "r"(tid), "r"(area), "r"(self),
			   "r"(first)
			 : "rcx", "r11", "memory");
	return ret;
}

static int start(struct shim_task *task, int (*run)(void *arg), void *arg,
		 bool beside)
{
	static const uint64_t all_signals = ~0ULL;
	uintptr_t top = (uintptr_t)task->stack + sizeof(task->stack);
	/* What is found at %fs: its own address, and a canary of the compiler. */
	uintptr_t *tls = (uintptr_t *)(void *)(task->tls + SHIM_TASK_TLS / 2);
	uint64_t mask;
	long ret;

	if (atomic_load(&task->tid))
		return -EBUSY;
	tls[0] = tls[2] = (uintptr_t)tls;
	task->run = run;
	task->arg = arg;
	task->beside = beside;
	shim_sys_sigmask(&all_signals, &mask);
	ret = clone_task(task, (void *)(top & ~15UL), tls);
	shim_sys_sigmask(&mask, NULL);
	return ret < 0 ? (int)ret : 0;
}

int shim_task_start(struct shim_task *task, int (*run)(void *arg), void *arg)
{
	return start(task, run, arg, false);
}

int shim_task_start_beside(struct shim_task *task, int (*run)(void *arg),
			   void *arg)
{
	return start(task, run, arg, true);
}

static void sleep_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	shim_sys(SYS_nanosleep, &t, NULL, 0);
}

/* The kernel clears the id a moment before the task leaves its process. */
int shim_task_join(struct shim_task *task, unsigned ms)
{
	struct timespec step = { 0, 1000000 };
	int tid = atomic_load(&task->tid), pid = shim_sys_getpid();
	unsigned waited = 0;

	while (atomic_load(&task->tid)) {
		if (waited++ > ms)
			return -ETIMEDOUT;
		shim_sys4(SYS_futex, &task->tid, FUTEX_WAIT, tid, &step);
	}
	while (tid && shim_sys(SYS_tgkill, pid, tid, 0) != -ESRCH) {
		if (waited++ > ms)
			return -ETIMEDOUT;
		sleep_ms(1);
	}
	return 0;
}
