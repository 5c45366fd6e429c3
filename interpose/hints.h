/* SPDX-License-Identifier: MIT */
/*
 * SHIM_MODE=auto: what the program's calls tell about what it will want next.
 *
 * A call is timed, with the processor's clock, when its thread has read from a disk
 * of late; nothing is done about one that was fast.  All functions are
 * async-signal-safe, and keep errno.
 */
#ifndef SHIM_HINTS_H
#define SHIM_HINTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <x86intrin.h>

#include "config.h"
#include "prefetch.h"

/* In ticks: some ten microseconds.  No call that waits for a disk is faster. */
#define SHIM_SLOW 60000U

/* Is there a prefetcher?  And how slow is slow: 0 with SHIM_PREFETCH=eager. */
extern bool shim_hints_on;
extern uint64_t shim_hints_slow;

/* @argv: that of the program. */
void shim_hints_init(const struct shim_config *config, char *const *argv);

/* Calls that this thread will make before it is looked at again. */
extern __thread unsigned shim_hint_rest;

/* The rest is over: the clock, or 0 and another rest begins. */
uint64_t shim_hint_watch(void);

/* Before a call of the program: when it begins, or 0 if it is not timed. */
static inline uint64_t shim_hint_clock(void)
{
	if (__builtin_expect(!shim_hints_on, 1))
		return 0;
	if (shim_hint_rest) {
		shim_hint_rest--;
		return 0;
	}
	return shim_hint_watch();
}

/* After it: was it slow? */
static inline bool shim_hint_slow(uint64_t begin)
{
	return begin && __rdtsc() - begin > shim_hints_slow;
}

/* The same, or is all that is touched told? */
static inline bool shim_hint_due(uint64_t begin)
{
	return begin && (shim_prefetch_running || shim_hint_slow(begin));
}

/* The descriptor of a file that is read from start to end; -1: none. */
extern volatile int shim_hints_stream;

/* @path was opened with @flags, and became @fd, which may be an error. */
void shim_hint_opened(int fd, const char *path, int flags, bool slow);

/* A read of @fd was slow. */
void shim_hint_read(int fd);

/* @n bytes, or an error, have come from the descriptor of shim_hints_stream. */
void shim_hint_streamed(int fd, ssize_t n);

/* After a read that began at @begin: of @fd, with the result @n. */
static inline void shim_hint_after_read(uint64_t begin, int fd, ssize_t n)
{
	if (!begin)
		return;
	if (__builtin_expect(shim_hints_stream == fd && fd >= 0, 0))
		shim_hint_streamed(fd, n);
	else if (shim_hint_slow(begin))
		shim_hint_read(fd);
}

/* @path has been looked at; it is @ino on @dev. */
void shim_hint_looked(int dirfd, const char *path, uint64_t dev, uint64_t ino,
		      bool slow);

#endif
