/* SPDX-License-Identifier: MIT */
/* System calls made by number, with syscall(2); see number.c. */
#ifndef SHIM_NUMBER_H
#define SHIM_NUMBER_H

/* From entry.S: what to jump to for this system call. */
void *shim_before_syscall(long nr, unsigned long a, unsigned long b);

/* Count a call that is counted but not handled; others are not. */
void shim_count_number(long nr);

/* In sandbox.c: a call that may install a seccomp filter. */
long shim_set_filter(long nr, long a, long b, long c, long d, long e);

#endif
