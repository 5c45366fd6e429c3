// SPDX-License-Identifier: MIT
/*
 * See parked.h.  The number is high because the lowest free one belongs to the
 * program: a signal handler that opens a file while its thread is parked must
 * get the number that it would have got natively.  Few threads at a time may be
 * parked (a sixteenth of RLIMIT_NOFILE), the others wait natively, so that the
 * program's own limit is not ours to use up.
 */
#include "parked.h"

#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "submission.h"
#include "sys.h"

#define MAX_FD 65536
#define HIGH_ENOUGH 1024UL

static _Atomic uint64_t marks[MAX_FD / 64];
static atomic_int parked;
static atomic_int base, limit;

static void set_base(void)
{
	struct rlimit rl = { 0 };
	unsigned long cur;

	shim_sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &rl);
	cur = rl.rlim_cur < HIGH_ENOUGH ? rl.rlim_cur : HIGH_ENOUGH;
	atomic_store(&base, (int)(cur - cur / 8));
	cur = rl.rlim_cur < MAX_FD ? rl.rlim_cur : MAX_FD;
	atomic_store(&limit, (int)(cur / 16));
}

static int move_up(int fd)
{
	int high;

	high = shim_sys_fcntl(fd, F_DUPFD_CLOEXEC, atomic_load(&base));
	if (high == -EINVAL) {
		/* The limit was lowered since. */
		set_base();
		high = shim_sys_fcntl(fd, F_DUPFD_CLOEXEC, atomic_load(&base));
	}
	shim_sys_close(fd);
	if (high >= MAX_FD) {
		shim_sys_close(high);
		high = -EMFILE;
	}
	return high;
}

int shim_parked_open(void)
{
	int fd;

	if (!atomic_load(&limit))
		set_base();
	if (atomic_fetch_add(&parked, 1) >= atomic_load(&limit)) {
		fd = -EMFILE;
		goto out;
	}
	fd = (int)shim_sys(SYS_eventfd2, 0, EFD_CLOEXEC, 0);
	if (fd >= 0)
		fd = move_up(fd);
	if (fd >= 0)
		atomic_fetch_or(&marks[fd / 64], 1ULL << (fd % 64));
out:
	if (fd < 0)
		atomic_fetch_sub(&parked, 1);
	return fd;
}

void shim_parked_forget(int fd)
{
	uint64_t bit = 1ULL << (fd % 64);

	if (atomic_fetch_and(&marks[fd / 64], ~bit) & bit)
		atomic_fetch_sub(&parked, 1);
}

bool shim_parked_fd(int fd)
{
	if (!atomic_load_explicit(&parked, memory_order_relaxed) || fd < 0 ||
	    fd >= MAX_FD)
		return false;
	return atomic_load(&marks[fd / 64]) >> (fd % 64) & 1;
}

void shim_parked_fork_child(void)
{
	uint64_t word;
	int i;

	if (!atomic_load(&parked))
		return;
	for (i = 0; i < MAX_FD / 64; i++) {
		word = atomic_exchange(&marks[i], 0);
		for (; word; word &= word - 1)
			shim_sys_close(i * 64 + __builtin_ctzll(word));
	}
	atomic_store(&parked, 0);
}
