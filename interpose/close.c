// SPDX-License-Identifier: MIT
/* close(2), under both its names. */
#include "fdtable.h"
#include "init.h"

typedef int close_fn(int fd);

static int do_close(close_fn *real, int fd)
{
	struct shim_outcome o;
	int ret;

	if (shim_stacked[SHIM_CALL_CLOSE]) {
		shim_fd_forget(fd);
		shim_count(shim_self, SHIM_CALL_CLOSE, SHIM_STACKED, 1);
		return real(fd);
	}
	shim_call_close(&o, fd);
	if (shim_parked_fd(fd)) {
		/* The program has no such descriptor; we do. */
		return (int)shim_return(&o, SHIM_CALL_CLOSE, -EBADF);
	}
	if (o.rest == SHIM_DONE)
		return (int)shim_return(&o, SHIM_CALL_CLOSE, o.res);
	shim_native_begin(&o, SHIM_CALL_CLOSE);
	ret = real(fd);
	shim_native_end(SHIM_CALL_CLOSE, ret);
	return ret;
}

SHIM_EXPORT int close(int fd)
{
	shim_enter_cancellation_point();
	return do_close(shim_real.close, fd);
}

SHIM_EXPORT int __close(int fd)
{
	shim_enter_cancellation_point();
	return do_close(shim_real.__close, fd);
}
