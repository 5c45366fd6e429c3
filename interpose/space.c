// SPDX-License-Identifier: MIT
/*
 * The rest of a call of which the ring has moved a part; see space.h.  A write
 * waits for space in poll(2), because that ends with every handler, whatever its
 * flags, as the native wait does.
 */
#include "space.h"

#include <poll.h>

#include "init.h"
#include "sys.h"

/* Until more can be written.  False: a handler ran. */
static bool await_space(int fd, bool point)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (point)
		return poll(&p, 1, -1) >= 0;
	return shim_sys(SYS_poll, &p, 1, -1) >= 0;
}

int shim_rest_of(struct iovec *rest, const struct iovec *iov, size_t count,
		 size_t done)
{
	size_t i, n = 0;

	for (i = 0; i < count; i++) {
		if (done >= iov[i].iov_len) {
			done -= iov[i].iov_len;
			continue;
		}
		rest[n].iov_base = (char *)iov[i].iov_base + done;
		rest[n++].iov_len = iov[i].iov_len - done;
		done = 0;
	}
	return (int)n;
}

ssize_t shim_write_on(struct shim_outcome *o, enum shim_call call, int fd,
		      const struct iovec *iov, size_t count, bool point,
		      int saved)
{
	struct iovec rest[SHIM_SEGMENTS];
	size_t done = o->done;

	/* Before the wait, which may be left. */
	shim_count(o->thread, call, SHIM_RING, 1);
	while (shim_rest_of(rest, iov, count, done)) {
		shim_call_write_rest(o, call, fd, rest[0].iov_base,
				     rest[0].iov_len);
		if (o->rest == SHIM_AWAIT_SPACE) {
			done += o->done;
		} else if (o->rest == SHIM_DONE && o->res > 0) {
			done += (size_t)o->res;
			continue;
		} else if (o->rest == SHIM_DONE || o->route != SHIM_SPACE) {
			break;
		}
		shim_count(o->thread, call, SHIM_COL_WAITS, 1);
		if (!await_space(fd, point))
			break;
	}
	errno = saved;
	return shim_moved(call, (ssize_t)done);
}

/*
 * Of a call that the ring has moved a part the native rest may fail or be
 * empty; what was moved is the result then, as it is natively.
 */
ssize_t shim_together(size_t done, enum shim_call call, ssize_t ret, int saved)
{
	if (!done) {
		shim_native_end(call, ret);
		return shim_moved(call, ret);
	}
	if (ret < 0) {
		errno = saved;
		ret = 0;
	}
	return shim_moved(call, (ssize_t)done + ret);
}
