// SPDX-License-Identifier: MIT
/* close(2), under all its names. */
#include "fdtable.h"
#include "init.h"
#include "native.h"

static int do_close(int fd, bool point)
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

int shim_entry_close(int fd)
{
	return do_close(fd, true);
}

int shim_entry_close_nocancel(int fd)
{
	return do_close(fd, false);
}
