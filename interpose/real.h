/* SPDX-License-Identifier: MIT */
/*
 * The functions that stand behind ours: what the program would have called.
 *
 * A call that libc makes itself, or that the program makes by one of the
 * exported names, comes to an entry (entry.h).  The native call is then made by
 * libc's own function, or, where that one is patched to lead here, by the system
 * call itself (native.c).
 *
 * When another preloaded library below us has the name too, the program's call
 * goes to that library first, because what it does is part of what the program
 * sees; what it then calls of libc comes to the entry by the patch.
 */
#ifndef SHIM_REAL_H
#define SHIM_REAL_H

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utmp.h>
#include <wordexp.h>

#include "entry.h"
#include "route.h"

#define SHIM_EXPORT __attribute__((visibility("default")))

/* Exported by glibc, declared nowhere or only for fortified programs. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t n, off_t off, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags,
		       struct sockaddr *addr, socklen_t *addrlen);
int __dup2(int from, int to);
int __fcntl(int fd, int cmd, ...);
int __pipe(int fds[2]);
pid_t __vfork(void);
int capset(void *header, const void *data);
int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat(int version, const char *path, struct stat *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstatat(int version, int dirfd, const char *path, struct stat *st,
	       int flags);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st,
		 int flags);
void __longjmp_chk(struct __jmp_buf_tag env[1], int val)
	__attribute__((noreturn));

struct shim_real {
#define SHIM_ENTRY(function) __typeof__(&function) function;
#define SHIM_OTHER_SYMBOL(symbol) __typeof__(&symbol) symbol;
#include "each.def"
};

extern struct shim_real shim_real;

/* What another preloaded library has for one of our names. */
struct shim_stack {
	void *next;
	enum shim_call call;
	bool counted; /* by the entry, when it gets to libc: not here */
};

/* Is libc's _exit patched: will the end of the process be seen? */
extern bool shim_sees_exit;

/* Find them all.  Once, from shim_init(). */
void shim_real_resolve(void);

/* Lead calls by name to where they are recorded.  Before anything is patched. */
void shim_real_trace(void);

/*
 * Patch libc's functions.  0, or -errno: refused, all is as before.  @traced: the
 * process has a debugger.
 */
int shim_real_patch(bool traced);

#endif
