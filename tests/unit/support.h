/* SPDX-License-Identifier: MIT */
/*
 * What the unit tests of the core share.
 *
 * Every test runs in a forked child: a ring belongs to the thread that made it
 * and is never torn down while that thread lives, tests change limits, signal
 * handlers and process-wide state of the core, and a test that hangs or crashes
 * must not take the others along.  The child reports by its exit status, so its
 * checks are CHECK() and CHECK_EQ() below; cmocka's own would jump.
 *
 * Nothing is interposed: the program is linked with the objects of src/ alone,
 * and the host of the core is made of plain system calls.
 */
#ifndef UNIT_SUPPORT_H
#define UNIT_SUPPORT_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "submission.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Seconds for one test, and for a whole program. */
#define TEST_SECONDS 8
#define PROGRAM_SECONDS 30

/* Report and leave the child; allowed in handlers and in any thread. */
_Noreturn void fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			fail_at(__FILE__, __LINE__, "%s (errno %d)", #cond, \
				errno); \
	} while (0)

#define CHECK_EQ(a, b) \
	do { \
		long long check_a = (long long)(a), check_b = (long long)(b); \
		if (check_a != check_b) \
			fail_at(__FILE__, __LINE__, \
				"%s is %lld, not %lld (%s)", \
				#a, check_a, check_b, #b); \
	} while (0)

/* A test: its body runs in a child, with the form of ring that it is to use. */
struct unit {
	void (*body)(enum shim_ring_form form);
	enum shim_ring_form form;
};

void run_unit(void **state);

#define UNIT_AS(fn, label, ring_form) \
	{ \
		#fn label, run_unit, NULL, NULL, \
		&(struct unit){ .body = (fn), .form = (ring_form) } \
	}
/* A test of something that does not depend on the form of the ring. */
#define ONCE(fn) UNIT_AS(fn, "", SHIM_RING_NONE)
/* A test that is run with both forms of ring. */
#define BOTH(fn) \
	UNIT_AS(fn, ", registered only", SHIM_RING_REGISTERED_ONLY), \
	UNIT_AS(fn, ", registered and closed", SHIM_RING_REGISTERED)

#define RUN_ALL(tests) \
	(alarm(PROGRAM_SECONDS), cmocka_run_group_tests((tests), NULL, NULL))

/* A driver with what belongs to it, for the calling thread. */
struct rig {
	struct shim_driver d;       /* first: note() is given only this */
	void *memory;
	int tid;
	_Atomic unsigned sleeps;    /* so many times the driver went to sleep */
	unsigned notes[3];          /* by enum shim_note */
	/* @efd is -1 when the sleep is in the ring itself. */
	void (*before_sleep)(struct rig *r, int efd);
};

extern const struct shim_host test_host;

void rig_open(struct rig *r, enum shim_ring_form form);

/*
 * Submit what newer kernels complete inline; those before 6.4 look at a pipe only
 * after a round of poll, which is run here.
 */
int submit_inline(struct shim_driver *d, struct shim_slot *slot);

/* Linux before 6.3 cannot do what the test is about; a newer one fails it. */
void __attribute__((noreturn)) skip_unit(void);

/* Those of the driver and the ring; before 6.3 the test is skipped there. */
int wait_or_skip(struct shim_driver *d, struct shim_slot *slot, bool pending);
int eventfd_or_skip(struct shim_ring *ring, int fd);

void *map_memory(size_t len);

/* A slot with an event in it. */
struct shim_slot *take(struct rig *r);
struct shim_slot *take_read(struct rig *r, int fd, void *buf, size_t len);
struct shim_slot *take_owned_read(struct rig *r, int fd, void *buf, size_t len,
				  void (*release)(void *buf));
/* Put the event of @slot in the queue, as the driver does. */
void queue_by_hand(struct rig *r, struct shim_slot *slot);
/* The driver is IDLE, owns nothing, and can still do its work. */
void check_works(struct rig *r);
void check_at_rest(struct rig *r);

/*
 * Another thread that waits until the owner of a rig has gone to sleep in the
 * kernel for the @nth time, and then acts.
 */
struct later {
	struct rig *r;
	unsigned nth;
	void (*act)(struct later *l);
	int fd, sig;
	const char *text;
	pthread_t thread;
};

void wait_asleep(struct rig *r, unsigned nth);
void act_later(struct later *l);
void act_done(struct later *l);
void act_write(struct later *l); /* @text to @fd */
void act_kill(struct later *l);  /* @sig to the owner */
/* A first, B after that. */
void act_kill_then_write(struct later *l);

/*
 * Install a handler without going through libc, because ThreadSanitizer's own
 * one would put a handler off until after the system call that it interrupts.
 */
void catch_signal(int sig, void (*handler)(int), int flags);
void kill_thread(int tid, int sig);

/* The open descriptors of this process. */
struct fds {
	uint64_t bits[512];
};

void list_fds(struct fds *f);
int count_fds(const struct fds *f);
bool same_fds(const struct fds *a, const struct fds *b);

void make_pipe(int p[2]);
int readable(int fd);
void check_pipe_holds(int fd, const char *text);
void sleep_ms(unsigned ms);
/* Lower RLIMIT_NOFILE (soft) to @n. */
void limit_fds(unsigned n);

/* Run @fn in a child that shares our memory, as after vfork; its exit code. */
int run_sharing(int (*fn)(void *arg), void *arg);
/* Run @fn(@arg) in another thread, to its end. */
void run_thread(void *(*fn)(void *arg), void *arg);
/* Run @fn in a plain forked child; its exit code. */
int run_forked(int (*fn)(void *arg), void *arg);

#endif
