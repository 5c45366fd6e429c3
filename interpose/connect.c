// SPDX-License-Identifier: MIT
/* connect(2), under both its names. */
#include "init.h"

int shim_entry_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, true))
		shim_call_connect(&o, fd, addr, len);
	if (o.rest == SHIM_DONE)
		return (int)shim_return(&o, SHIM_CALL_CONNECT, o.res);
	shim_native_begin(&o, SHIM_CALL_CONNECT);
	ret = shim_real.connect(fd, addr, len);
	shim_native_end(SHIM_CALL_CONNECT, ret);
	return ret;
}
