/* SPDX-License-Identifier: MIT */
/* Clones and vforks, also those made by number; see process.c. */
#ifndef SHIM_PROCESS_H
#define SHIM_PROCESS_H

void shim_before_clone(unsigned long flags);
void *shim_before_vfork(void);
void *shim_before_syscall(long nr, unsigned long a, unsigned long b);

#endif
