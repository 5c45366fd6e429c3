/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the calls share: the core set up for the calling thread as
 * the interposed functions find it, outcomes that say what they are, and places
 * in memory that cannot be read.
 */
#ifndef UNIT_CALLS_H
#define UNIT_CALLS_H

#include "support.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include "call.h"
#include "fdtable.h"
#include "thread.h"

/*
 * Set the core up, with a ring of this @form in the block of the calling thread.
 * What has to wait on the ring (SHIM_WAIT=ring) does so in a plain read.
 */
void calls_open(enum shim_ring_form form);

/* An outcome in which nothing has been filled. */
struct shim_outcome no_outcome(void);

/*
 * What the outcome must be: the ring's result; native for @route, with nothing
 * moved, or with @done bytes; a wait for space after @done bytes.  In each case
 * the thread is out of the ring and has nothing there.
 */
void check_ring(const char *file, int line, struct shim_outcome o, long res);
void check_native(const char *file, int line, struct shim_outcome o,
		  enum shim_route route, size_t done);
void check_await(const char *file, int line, struct shim_outcome o,
		 size_t done);

#define RING(o, res) check_ring(__FILE__, __LINE__, (o), (long)(res))
#define NATIVE(o, route) check_native(__FILE__, __LINE__, (o), (route), 0)
#define NATIVE_REST(o, route, done) \
	check_native(__FILE__, __LINE__, (o), (route), (done))
#define AWAIT(o, done) check_await(__FILE__, __LINE__, (o), (done))

/*
 * What a system call returns, as the core would say it.  Not through libc: the
 * sanitizers look at what its functions are given, and it may point anywhere.
 */
#define native(...) native_result(syscall(__VA_ARGS__))
long native_result(long ret);

/* The end of a page, with one behind it that cannot be touched. */
char *edge(void);
/* @len bytes at @data, so that they end @past bytes behind the edge. */
void *across(const void *data, size_t len, size_t past);

/* Catch SIGPIPE; how often it has come. */
void count_sigpipe(void);
unsigned sigpipes(void);

void make_pair(int type, int s[2]); /* of unix sockets */
void set_nonblock(int fd, bool on);
void set_time(int fd, int name, unsigned ms);
/* Write until there is no space; returns how much. */
size_t fill_pipe(int fd);
size_t fill_socket(int fd, size_t piece);
/* A stream socket that takes a part of what is sent, but not all. */
void narrow_pair(int s[2]);
/* All that is there; returns how much. */
size_t drain(int fd);

#endif
