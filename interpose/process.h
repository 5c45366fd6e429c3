/* SPDX-License-Identifier: MIT */
/* Clones, vforks and exits, also those made by number; see process.c. */
#ifndef SHIM_PROCESS_H
#define SHIM_PROCESS_H

void shim_before_clone(unsigned long flags);
void *shim_before_vfork(void);
void shim_before_exit(int status);

#endif
