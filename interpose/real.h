/* SPDX-License-Identifier: MIT */
/*
 * The functions that stand behind ours: what the program would have called.
 *
 * That is the next definition of the symbol, usually libc's, but another
 * preloaded library's if there is one below us; then the call is always made
 * through it, because what it does is part of what the program sees.
 */
#ifndef SHIM_REAL_H
#define SHIM_REAL_H

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utmp.h>

#include "route.h"

#define SHIM_EXPORT __attribute__((visibility("default")))

/* Exported by glibc, declared nowhere or only for fortified programs. */
int __open(const char *path, int flags, ...);
int __open64(const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);
ssize_t __read(int fd, void *buf, size_t n);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __write(int fd, const void *buf, size_t n);
int __connect(int fd, const struct sockaddr *addr, socklen_t len);
int __close(int fd);
int __dup2(int from, int to);
int __fcntl(int fd, int cmd, ...);
pid_t __vfork(void);
void __longjmp_chk(struct __jmp_buf_tag env[1], int val)
	__attribute__((noreturn));

struct shim_real {
#define SHIM_CALL_SYMBOL(symbol, call, raw) __typeof__(&symbol) symbol;
#define SHIM_OTHER_SYMBOL(symbol) __typeof__(&symbol) symbol;
#include "calls.def"
#undef SHIM_CALL_SYMBOL
#undef SHIM_OTHER_SYMBOL
};

extern struct shim_real shim_real;

/* Another preloaded library serves this call below us. */
extern bool shim_stacked[SHIM_CALLS];

/* Find them all.  Once, from shim_init(). */
void shim_real_resolve(void);

#endif
