// SPDX-License-Identifier: MIT
/* connect(2), under both its names. */
#include "init.h"

/* By reference: the first call of all finds what is behind it. */
typedef int connect_fn(int fd, const struct sockaddr *addr, socklen_t len);

static int do_connect(connect_fn *const *real, int fd, const struct sockaddr *addr,
		      socklen_t len)
{
	struct shim_outcome o;
	int ret;

	if (shim_enter_outcome(&o, SHIM_CALL_CONNECT))
		shim_call_connect(&o, fd, addr, len);
	if (o.rest == SHIM_DONE)
		return (int)shim_return(&o, SHIM_CALL_CONNECT, o.res);
	shim_native_begin(&o, SHIM_CALL_CONNECT);
	ret = (*real)(fd, addr, len);
	shim_native_end(SHIM_CALL_CONNECT, ret);
	return ret;
}

SHIM_EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return do_connect(&shim_real.connect, fd, addr, len);
}

SHIM_EXPORT int __connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return do_connect(&shim_real.__connect, fd, addr, len);
}
