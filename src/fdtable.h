/* SPDX-License-Identifier: MIT */
/*
 * What is known of each descriptor: a cache, by number, of the kind of file.
 *
 * An entry is made by one fstat when a descriptor is first used, and forgotten
 * whenever something that we see could put another file behind the number
 * (close, dup2, fclose, ...).  It is a hint: before a call waits, what matters
 * for the wait is asked of the kernel again, so that a stale entry can cost a
 * system call but not a wrong answer.
 *
 * All functions are async-signal-safe.
 */
#ifndef SHIM_FDTABLE_H
#define SHIM_FDTABLE_H

#include <stdbool.h>
#include <stdint.h>

enum shim_kind {
	SHIM_FD_UNKNOWN,
	SHIM_FD_PIPE,
	SHIM_FD_STREAM,   /* connected or not: unix, TCP over IPv4 or IPv6 */
	SHIM_FD_DATAGRAM, /* any other type of socket of these families */
	SHIM_FD_EVENTFD,
	SHIM_FD_REGULAR,
	SHIM_FD_OTHER,
};

enum {
	SHIM_FD_OURS = 1,        /* opened by this process's own open call */
	SHIM_FD_LOWAT = 2,       /* SO_RCVLOWAT is not 1 */
	SHIM_FD_NO_NOWAIT = 4,   /* answered EOPNOTSUPP to RWF_NOWAIT */
	SHIM_FD_INLINE_CLOSE = 8,/* close does no work of its own */
	SHIM_FD_UNIX = 16,
	SHIM_FD_NONBLOCK = 32,   /* had O_NONBLOCK when it was last asked */
	SHIM_FD_BUFFERED = 64,   /* had no O_DIRECT when it was last asked */
};

struct shim_fd {
	uint8_t kind;
	uint8_t flags;
};

/* What is known of @fd, after an fstat if nothing is.  -errno: no such fd. */
int shim_fd_look(int fd, struct shim_fd *info);

/* What is known without asking. */
struct shim_fd shim_fd_known(int fd);

/* Another file may be behind @fd from now on. */
void shim_fd_forget(int fd);

/* The same for all; also after anything that may share a file position. */
void shim_fds_forget_all(void);

/* @fd was just opened here by open(2) or by eventfd(2). */
void shim_fd_opened(int fd, enum shim_kind kind);

/*
 * The same, when @file is what a look (fs.h) said of it a moment before.  @ours:
 * reads may be asked of the ring.
 */
struct shim_file;
void shim_fd_opened_as(int fd, const struct shim_file *file, bool ours);

/* Add @flag to what is known of @fd. */
void shim_fd_learn(int fd, uint8_t flag);

#endif
