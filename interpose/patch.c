// SPDX-License-Identifier: MIT
/* Writing the jumps; see patch.h. */
#include "patch.h"

#include <string.h>
#include <sys/mman.h>

#include "libc.h"
#include "sys.h"

#define PAGE 4096UL
#define JUMP 5 /* jmp rel32 */
#define INT3 0xcc

/* A function this long has no other in its first bytes. */
#define MIN_SIZE 16

static const unsigned char endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

/*
 * How functions begin: the first bytes of what compilers make of a wrapper of a
 * system call, or of any other function's prologue.
 */
static bool begins_a_function(const unsigned char *p)
{
	static const unsigned char heads[][3] = {
		{ 2, 0x80, 0x3d },  /* cmpb $0, x(%rip) */
		{ 2, 0x83, 0x3d },  /* cmpl $0, x(%rip) */
		{ 1, 0xb8 },        /* mov $nr, %eax */
		{ 2, 0x31, 0xc0 },  /* xor %eax, %eax */
		{ 2, 0x64, 0x8b },  /* mov %fs:x, %eax */
		{ 1, 0x50 }, { 1, 0x51 }, { 1, 0x52 }, { 1, 0x53 }, /* push */
		{ 1, 0x55 }, { 1, 0x56 }, { 1, 0x57 },
		{ 2, 0x41, 0x54 }, { 2, 0x41, 0x55 }, { 2, 0x41, 0x56 },
		{ 2, 0x41, 0x57 },
		{ 2, 0x48, 0x83 },  /* sub $n, %rsp */
		{ 2, 0x48, 0x81 },
		{ 1, 0x89 },        /* mov %reg, %reg */
		{ 2, 0x41, 0x89 }, { 2, 0x44, 0x89 }, { 2, 0x45, 0x89 },
		{ 2, 0x48, 0x89 }, { 2, 0x49, 0x89 }, { 2, 0x4c, 0x89 },
		{ 2, 0x4d, 0x89 }, { 2, 0x48, 0x63 }, { 2, 0x4c, 0x63 },
		{ 2, 0x4c, 0x8b }, { 2, 0x48, 0x8b }, { 2, 0x49, 0xc7 },
	};
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (!memcmp(p, &heads[i][1], heads[i][0]))
			return true;
	}
	return false;
}

bool shim_patch_prepare(struct shim_patch *p, void *function, size_t size,
			void *target, bool *done, bool traced)
{
	unsigned char *at = function;
	int64_t far;

	/* Where indirect branches are tracked, this has to stay. */
	if (!memcmp(at, endbr64, sizeof(endbr64)))
		at += sizeof(endbr64);
	far = (int64_t)((uintptr_t)target - ((uintptr_t)at + JUMP));
	if (size < MIN_SIZE || !begins_a_function(at) ||
	    far != (int64_t)(int32_t)far)
		return false;
	/* What a debugger puts back one day would end up in our jump. */
	if (traced && memchr(at, INT3, JUMP))
		return false;
	*p = (struct shim_patch){ at, target, done };
	return true;
}

static void write_jump(const struct shim_patch *p)
{
	int32_t far = (int32_t)((uintptr_t)p->target -
				((uintptr_t)p->function + JUMP));
	unsigned char *at = p->function;

	at[0] = 0xe9;
	memcpy(at + 1, &far, sizeof(far));
	*p->done = true;
}

/* All of libc's text: in part, it would stay split into several mappings. */
static struct shim_libc_text text_pages(void)
{
	struct shim_libc_text t = shim_libc_text();

	t.begin &= ~(PAGE - 1);
	t.end = (t.end + PAGE - 1) & ~(PAGE - 1);
	return t;
}

static bool all_within(const struct shim_libc_text *t,
		       const struct shim_patch *patches, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((uintptr_t)patches[i].function < t->begin ||
		    (uintptr_t)patches[i].function + JUMP > t->end)
			return false;
	}
	return n != 0;
}

/*
 * With all three rights at once: where that is refused nothing has happened yet,
 * and taking the right to write away again is refused nowhere.
 */
int shim_patch_write(const struct shim_patch *patches, size_t n)
{
	struct shim_libc_text t = text_pages();
	size_t i;
	long ret;

	if (!all_within(&t, patches, n))
		return -ENOEXEC;
	ret = shim_sys(SYS_mprotect, t.begin, t.end - t.begin,
		       PROT_READ | PROT_WRITE | PROT_EXEC);
	if (ret)
		return (int)ret;
	for (i = 0; i < n; i++)
		write_jump(&patches[i]);
	shim_sys(SYS_mprotect, t.begin, t.end - t.begin, PROT_READ | PROT_EXEC);
	return 0;
}
