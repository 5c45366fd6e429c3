/* SPDX-License-Identifier: MIT */
/*
 * The eventfds of parked threads: made with a high number, remembered so that
 * a forked child can close its copies and a program cannot close ours.
 * All functions are async-signal-safe and return -errno.
 */
#ifndef SHIM_PARKED_H
#define SHIM_PARKED_H

/* A new close-on-exec eventfd with a high number.  Call with signals blocked. */
int shim_parked_open(void);

/* It is about to be closed, or was by somebody else.  Twice is once. */
void shim_parked_forget(int fd);

#endif
