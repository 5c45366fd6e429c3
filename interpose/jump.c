// SPDX-License-Identifier: MIT
/*
 * The longjmp family.  A jump out of a signal handler leaves the call that the
 * handler interrupted for good: what the kernel holds for it is taken back
 * first.  A jump that stays inside the handler leaves it alone.
 */
#include "init.h"

#include <setjmp.h>
#include <signal.h>

#include "jump.h"
#include "sys.h"

/* Where glibc keeps the stack pointer in a jmp_buf, mangled; x86-64. */
#define JB_RSP 6

/* Of <linux/signal.h>, which does not go together with libc's. */
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static bool format_known;

static uintptr_t stack_pointer(const struct __jmp_buf_tag *env)
{
	uintptr_t v = (uintptr_t)env->__jmpbuf[JB_RSP];

	/* PTR_DEMANGLE of glibc's sysdeps: rotate, xor with the guard. */
	__asm__("rorq $17, %0\n\txorq %%fs:0x30, %0" : "+r"(v) : : "cc");
	return v;
}

/* Does this libc do what we think?  Look at a jmp_buf of our own frame. */
__attribute__((noinline)) void shim_jump_init(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), sp;
	jmp_buf env;

	if (_setjmp(env))
		return;
	sp = stack_pointer(env);
	format_known = sp <= here && sp > here - 4096;
}

static bool within(const stack_t *ss, uintptr_t p)
{
	return p - (uintptr_t)ss->ss_sp < ss->ss_size;
}

/* Does a jump to @sp leave the frame of the call in progress? */
static bool leaves(const struct shim_thread *t, uintptr_t sp)
{
	stack_t ss = { 0 };

	if (!format_known)
		return true;
	if (sp <= t->driver.frame || shim_hidden_stack)
		return false;
	shim_sys(SYS_sigaltstack, 0, &ss, 0);
	if (ss.ss_flags & SS_ONSTACK && within(&ss, sp))
		return false;
	return shim_thread_has_left(t->driver.frame, sp);
}

static void before_jump(const struct __jmp_buf_tag *env)
{
	struct shim_thread *t = shim_self;
	int saved = errno;

	shim_enter();
	if (!t || t->vforks || t->driver.phase <= SHIM_PHASE_IDLE)
		return;
	if (leaves(t, stack_pointer(env)))
		shim_driver_recover(&t->driver);
	errno = saved;
}

SHIM_EXPORT void longjmp(jmp_buf env, int val)
{
	before_jump(env);
	shim_real.longjmp(env, val);
	__builtin_unreachable();
}

SHIM_EXPORT void _longjmp(jmp_buf env, int val)
{
	before_jump(env);
	shim_real._longjmp(env, val);
	__builtin_unreachable();
}

SHIM_EXPORT void siglongjmp(sigjmp_buf env, int val)
{
	before_jump(env);
	shim_real.siglongjmp(env, val);
	__builtin_unreachable();
}

SHIM_EXPORT void __longjmp_chk(jmp_buf env, int val)
{
	before_jump(env);
	shim_real.__longjmp_chk(env, val);
	__builtin_unreachable();
}

/* With this flag the kernel does not tell in a handler what stack it runs on. */
SHIM_EXPORT int sigaltstack(const stack_t *ss, stack_t *old)
{
	int ret;

	shim_enter();
	ret = shim_real.sigaltstack(ss, old);
	if (!ret && ss && ss->ss_flags & (int)SS_AUTODISARM)
		shim_hidden_stack = true;
	return ret;
}
