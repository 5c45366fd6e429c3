/* SPDX-License-Identifier: MIT */
/*
 * Entry patching: the first bytes of libc's own functions become a jump to our
 * entries, so that the calls that libc makes itself (stdio, locales, the
 * resolver) arrive there too.
 *
 * What was there is never run again, so nothing is moved and nothing has to be
 * disassembled.  A function whose first bytes are not such as compilers begin a
 * function with (a debugger's breakpoint, another tool's jump) is left alone.
 */
#ifndef SHIM_PATCH_H
#define SHIM_PATCH_H

#include <stdbool.h>
#include <stddef.h>

struct shim_patch {
	void *function;
	void *target;
	bool *done;      /* set when the function has been patched */
};

/*
 * Make libc's function of @size bytes at @function jump to @target.  False: it
 * is left alone, for good.  Nothing is written yet: *@p is filled.  @traced: a
 * debugger may have put breakpoints anywhere.
 */
bool shim_patch_prepare(struct shim_patch *p, void *function, size_t size,
			void *target, bool *done, bool traced);

/*
 * Write @n patches.  The process must have one thread.  0, or -errno when the
 * system refuses (PR_SET_MDWE, SELinux): then nothing has changed.
 */
int shim_patch_write(const struct shim_patch *patches, size_t n);

#endif
