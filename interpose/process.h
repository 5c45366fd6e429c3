/* SPDX-License-Identifier: MIT */
/* Clones, vforks and exits, also those made by number; see process.c. */
#ifndef SHIM_PROCESS_H
#define SHIM_PROCESS_H

void shim_before_clone(unsigned long flags);
void *shim_before_vfork(void);
void shim_before_exit(int status);

/* Who the process is, or its namespaces, are about to change; see identity.c. */
void shim_before_identity(void);
void shim_before_namespace(void);

#endif
