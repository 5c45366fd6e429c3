// SPDX-License-Identifier: MIT
/*
 * The core's view of libc: sleeping as a cancellation point.  libc's own read is
 * used for the sleep because only libc knows how it makes a system call one.
 */
#include "host.h"

#include <unwind.h>

#include "init.h"

#define DWARF_RBP 6 /* the frame pointer; System V ABI for x86-64, 3.6.2 */

/*
 * Not pthread_cleanup_push(3): that leaves a pointer to its frame with libc, which
 * a jump out of a handler does not take away, and a later cancellation follows.
 * This is only looked at when the frame of a sleep is unwound.  A thread has one,
 * because what is nested in a sleep does not sleep here.
 */
static __thread struct {
	void (*gone)(void *arg);
	void *arg;
} asleep;

static __attribute__((used)) _Unwind_Reason_Code
sleep_unwound(int version, _Unwind_Action actions,
	      _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
	      struct _Unwind_Context *context)
{
	(void)version;
	(void)class;
	(void)exception;
	(void)context;
	if (actions & _UA_CLEANUP_PHASE)
		asleep.gone(asleep.arg);
	return _URC_CONTINUE_UNWIND;
}

/* In the frame that is not to be left unnoticed; see shim_outcome_begin(). */
static inline __attribute__((always_inline)) void
fall_asleep(void (*gone)(void *), void *arg)
{
	__asm__ volatile(".cfi_personality 0x1b, sleep_unwound");
	asleep.gone = gone;
	asleep.arg = arg;
}

static int host_sleep(int efd, void (*gone)(void *), void *arg)
{
	int saved = errno, ret;
	uint64_t count;

	fall_asleep(gone, arg);
	ret = shim_real.read(efd, &count, sizeof(count)) < 0 ? -errno : 0;
	errno = saved;
	return ret;
}

static int host_cancellable(int (*enter)(void *), void (*gone)(void *),
			    void *arg)
{
	int ret, was;

	fall_asleep(gone, arg);
	if (__libc_single_threaded)
		return enter(arg);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	ret = enter(arg);
	pthread_setcanceltype(was, &was);
	return ret;
}

/*
 * The destructor of a thread-specific value is the only hook on the end of a
 * thread that needs no memory: the values of the first 32 keys are in the thread's
 * own descriptor.  There all copies of libc look for theirs (dlmopen(3) loads one
 * more), and take for theirs what has the number of their key, and has been made
 * as often.  So ours is the last of the 32, made many times over.
 */
#define NEAR_KEYS 32
#define TIMES_OVER 100

static pthread_key_t key;
static bool have_key;

static void thread_end(void *block)
{
	(void)block;
	shim_thread_end();
}

static bool make_key(void)
{
	return !pthread_key_create(&key, thread_end) && key < NEAR_KEYS;
}

/* Made in the constructor, before all others are. */
void shim_host_init(void)
{
	pthread_key_t before[NEAR_KEYS];
	unsigned n = 0, i;

	while ((have_key = make_key()) && key != NEAR_KEYS - 1)
		before[n++] = key;
	for (i = 0; have_key && i < TIMES_OVER; i++)
		have_key = !pthread_key_delete(key) && make_key();
	while (n)
		pthread_key_delete(before[--n]);
}

static void host_claimed(void *block)
{
	if (have_key)
		pthread_setspecific(key, block);
}

/* There if the program can throw: with a libgcc of its own, or none, NULL. */
__typeof__(_Unwind_GetGR) _Unwind_GetGR __attribute__((weak));

static uintptr_t host_frame_of(void *context)
{
	return _Unwind_GetGR ? _Unwind_GetGR(context, DWARF_RBP) : 0;
}

static void host_note(struct shim_driver *d, enum shim_note what)
{
	static const unsigned columns[] = {
		[SHIM_NOTE_WAIT] = SHIM_COL_WAITS,
		[SHIM_NOTE_CANCEL] = SHIM_COL_CANCELS,
		[SHIM_NOTE_ABANDON] = SHIM_COL_ABANDONED,
	};
	struct shim_thread *t = (struct shim_thread *)(void *)
		((char *)d - offsetof(struct shim_thread, driver));

	shim_count(t, t->call, columns[what], 1);
}

const struct shim_host shim_libc_host = {
	.sleep = host_sleep,
	.cancellable = host_cancellable,
	.frame_of = host_frame_of,
	.claimed = host_claimed,
	.note = host_note,
};
