/* SPDX-License-Identifier: MIT */
/* What the core needs from libc; see struct shim_host in submission.h. */
#ifndef SHIM_HOST_H
#define SHIM_HOST_H

#include "submission.h"

extern const struct shim_host shim_libc_host;

void shim_host_init(void);

/* This process is about to end: a call that is pending lets go of its file. */
void shim_leave(void);

#endif
