/* SPDX-License-Identifier: MIT */
/*
 * What libc's functions do, where they cannot be called: before they have been
 * found, and when they have been patched to lead to us.
 *
 * Results and errno are libc's.  shim_raw_FUNCTION is a cancellation point as
 * FUNCTION is; the *_nocancel ones are not.  All are async-signal-safe but for
 * the cancellation itself.  shim_raw_syscall is in entry.S.
 */
#ifndef SHIM_NATIVE_H
#define SHIM_NATIVE_H

#include "entry.h"

#define SHIM_ENTRY(function) \
	__typeof__(shim_entry_##function) shim_raw_##function;
#include "each.def"
void shim_raw__exit(int status) __attribute__((noreturn));

/* libc's answer to a system call that has failed: -1, and errno. */
long shim_failed(int err);

int shim_raw_openat_nocancel(int dirfd, const char *path, int flags,
			     mode_t mode);
ssize_t shim_raw_read_nocancel(int fd, void *buf, size_t n);
ssize_t shim_raw_write_nocancel(int fd, const void *buf, size_t n);
ssize_t shim_raw_pread64_nocancel(int fd, void *buf, size_t n, off_t off);
int shim_raw_close_nocancel(int fd);

#endif
