// SPDX-License-Identifier: MIT
/*
 * The core's view of libc: sleeping as a cancellation point.  libc's own read is
 * used for the sleep because only libc knows how it makes a system call one.
 */
#include "host.h"

#include "init.h"

static int host_sleep(int efd, void (*gone)(void *), void *arg)
{
	int saved = errno, ret;
	uint64_t count;

	pthread_cleanup_push(gone, arg);
	ret = shim_real.read(efd, &count, sizeof(count)) < 0 ? -errno : 0;
	pthread_cleanup_pop(0);
	errno = saved;
	return ret;
}

static int host_cancellable(int (*enter)(void *), void (*gone)(void *),
			    void *arg)
{
	int ret, was;

	if (__libc_single_threaded)
		return enter(arg);
	pthread_cleanup_push(gone, arg);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	ret = enter(arg);
	pthread_setcanceltype(was, &was);
	pthread_cleanup_pop(0);
	return ret;
}

/*
 * The destructor of a thread-specific value is the only hook on the end of a
 * thread that needs no memory.  Made in the constructor, the key is one of the
 * first 32, whose values are in the thread's own descriptor.
 */
static pthread_key_t key;
static bool have_key;

static void thread_end(void *block)
{
	(void)block;
	shim_thread_end();
}

void shim_host_init(void)
{
	have_key = !pthread_key_create(&key, thread_end);
}

static void host_claimed(void *block)
{
	if (have_key)
		pthread_setspecific(key, block);
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
	.claimed = host_claimed,
	.note = host_note,
};
