// SPDX-License-Identifier: MIT
/* close(2), under all its names. */
#include "plain.h"

#include <sys/syscall.h>

#include "fdtable.h"

static __attribute__((noinline)) int do_close(int fd, bool point)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, point)) {
		/* The program has no such descriptor; we do. */
		if (shim_parked_fd(fd))
			return (int)shim_return(&o, SHIM_CALL_CLOSE, -EBADF);
		shim_call_close(&o, fd);
	} else {
		shim_fd_forget(fd);
	}
	if (o.rest == SHIM_DONE)
		return (int)shim_return(&o, SHIM_CALL_CLOSE, o.res);
	shim_native_begin(&o, SHIM_CALL_CLOSE);
	ret = point ? shim_real.close(fd) : shim_raw_close_nocancel(fd);
	shim_native_end(SHIM_CALL_CLOSE, ret);
	return ret;
}

/* shim_real.close, inline; see plain.h. */
static inline int native(int fd)
{
	return shim_real.close == shim_raw_close ?
		(int)shim_point3(SYS_close, fd, 0, 0) : shim_real.close(fd);
}

int shim_entry_close(int fd)
{
	struct shim_thread *t = shim_plain_begin(SHIM_CALL_CLOSE);

	if (!t)
		return do_close(fd, true);
	shim_fd_forget(fd);
	return (int)shim_plain_end(t, SHIM_CALL_CLOSE, native(fd));
}

int shim_entry_close_nocancel(int fd)
{
	return do_close(fd, false);
}
