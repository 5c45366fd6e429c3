// SPDX-License-Identifier: MIT
/* connect(2), under both its names. */
#include "init.h"

typedef int connect_fn(int fd, const struct sockaddr *addr, socklen_t len);

static int do_connect(connect_fn *real, int fd, const struct sockaddr *addr,
		      socklen_t len)
{
	struct shim_outcome o;
	int ret;

	if (shim_stacked[SHIM_CALL_CONNECT]) {
		shim_count(shim_self, SHIM_CALL_CONNECT, SHIM_STACKED, 1);
		return real(fd, addr, len);
	}
	shim_call_connect(&o, fd, addr, len);
	if (o.rest == SHIM_DONE)
		return (int)shim_return(&o, SHIM_CALL_CONNECT, o.res);
	shim_native_begin(&o, SHIM_CALL_CONNECT);
	ret = real(fd, addr, len);
	shim_native_end(SHIM_CALL_CONNECT, ret);
	return ret;
}

SHIM_EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	shim_enter_cancellation_point();
	return do_connect(shim_real.connect, fd, addr, len);
}

SHIM_EXPORT int __connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	shim_enter_cancellation_point();
	return do_connect(shim_real.__connect, fd, addr, len);
}
