// SPDX-License-Identifier: MIT
/* close(2), under both its names. */
#include "fdtable.h"
#include "init.h"

/* By reference: the first call of all finds what is behind it. */
typedef int close_fn(int fd);

static int do_close(close_fn *const *real, int fd)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, SHIM_CALL_CLOSE)) {
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
	ret = (*real)(fd);
	shim_native_end(SHIM_CALL_CLOSE, ret);
	return ret;
}

SHIM_EXPORT int close(int fd)
{
	return do_close(&shim_real.close, fd);
}

SHIM_EXPORT int __close(int fd)
{
	return do_close(&shim_real.__close, fd);
}
