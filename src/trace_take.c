// SPDX-License-Identifier: MIT
/*
 * What the arguments of a call point at.
 *
 * A pointer of the program may point anywhere, and a copy of ours would crash
 * where the kernel says EFAULT.  What the kernel has just read or written can be
 * read; anything else is asked for first, which takes a system call, and in a
 * sandbox is not.  What the program writes is asked for beforehand only if
 * another thread's line could come between the two halves of this one.
 */
#include "trace_take.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "call.h"
#include "fdtable.h"
#include "ring.h"
#include "sys.h"

static size_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Does a write that has succeeded tell that its buffer can be read?  /dev/null
 * and some files of /proc do not even look.
 */
static bool kernel_reads(const struct shim_taking *t)
{
	struct shim_fd info = shim_fd_known((int)t->args[0]);

	switch (info.kind) {
	case SHIM_FD_PIPE:
	case SHIM_FD_STREAM:
	case SHIM_FD_DATAGRAM:
	case SHIM_FD_REGULAR:
		return info.flags & SHIM_FD_INLINE_CLOSE;
	default:
		return false;
	}
}

/*
 * Does a read that has succeeded tell that its buffer has been written to?  With
 * MSG_TRUNC the result counts bytes that were thrown away.
 */
static bool kernel_writes(const struct shim_traced *call)
{
	switch (call->enter.record.nr) {
	case SYS_recvfrom:
	case SYS_recvmmsg:
		return !(call->enter.args[3] & MSG_TRUNC);
	case SYS_recvmsg:
		return !(call->enter.args[2] & MSG_TRUNC);
	default:
		return true;
	}
}

static bool word_readable(uint64_t p)
{
	return shim_readable((const void *)(p & ~7UL), 8);
}

static bool readable(const struct shim_taking *t, uint64_t p, uint64_t size)
{
	uint64_t at = p;

	if (!t->ask || !p || p + size < p)
		return false;
	for (; at < p + size; at = (at | (SHIM_PAGE - 1)) + 1) {
		if (!word_readable(at))
			return false;
	}
	return true;
}

static void add_part(const struct shim_taking *t,
		     enum shim_trace_part_kind kind, uint64_t from,
		     uint64_t size, uint64_t total)
{
	shim_trace_add(t->parts, kind, t->arg, (const void *)from,
		       size)->total = total;
}

/* @total bytes at @p, of which the beginning is recorded. */
static void add_buffer(const struct shim_taking *t, uint64_t p, uint64_t total)
{
	size_t size = least(total, shim_trace_string_max());

	if (size <= t->safe || readable(t, p, size))
		add_part(t, SHIM_TRACE_BYTES, p, size, total);
}

static void add_string(const struct shim_taking *t, uint64_t p)
{
	size_t len = 0, room, n;

	do {
		if (!t->safe && !readable(t, p + len, 1))
			return;
		room = SHIM_PAGE - (p + len) % SHIM_PAGE;
		n = strnlen((const char *)p + len, room);
		len += n;
	} while (n == room && len < PATH_MAX);
	add_part(t, SHIM_TRACE_STRING, p, least(len, PATH_MAX), len);
}

static void add_plain(const struct shim_taking *t,
		      enum shim_trace_part_kind kind, uint64_t p, uint64_t size)
{
	if (p && size && (t->safe || readable(t, p, size)))
		add_part(t, kind, p, size, size);
}

/* The segments have @bytes bytes in them that count. */
static void add_segments(const struct shim_taking *t, const struct iovec *iov,
			 size_t n, uint64_t bytes)
{
	struct shim_trace_data *data;
	uint64_t done = 0, total, size;
	size_t i;

	for (i = 0; i < n && done < bytes; i++, done += total) {
		total = least(iov[i].iov_len, bytes - done);
		size = least(total, shim_trace_string_max());
		if (done + size > t->safe &&
		    !readable(t, (uint64_t)iov[i].iov_base, size))
			continue;
		data = shim_trace_add(t->parts, SHIM_TRACE_SEGMENT, t->arg,
				      iov[i].iov_base, size);
		data->index = (uint16_t)i;
		data->total = total;
	}
}

static void add_iovec(const struct shim_taking *t, uint64_t p, uint64_t count,
		      uint64_t bytes)
{
	size_t n = least(count, SHIM_TRACE_SEGMENTS);

	if (!n || !(t->safe || readable(t, p, n * sizeof(struct iovec))))
		return;
	add_part(t, SHIM_TRACE_IOVEC, p, n * sizeof(struct iovec), count);
	add_segments(t, (const struct iovec *)p, n, bytes);
}

#define CONTROL_MAX 512

/* Of @t only what is asked for. */
static struct shim_taking unsafe(const struct shim_taking *t)
{
	struct shim_taking asking = *t;

	asking.safe = 0;
	return asking;
}

static void add_msg_parts(const struct shim_taking *t, const struct msghdr *m,
			  uint64_t bytes)
{
	struct shim_taking asking = unsafe(t);

	/* The length that came back may be more than there was room for. */
	if (m->msg_name)
		add_plain(&asking, SHIM_TRACE_ADDRESS, (uint64_t)m->msg_name,
			  least(m->msg_namelen, sizeof(struct sockaddr_storage)));
	if (m->msg_control)
		add_plain(t, SHIM_TRACE_CONTROL, (uint64_t)m->msg_control,
			  least(m->msg_controllen, CONTROL_MAX));
	add_iovec(t, (uint64_t)m->msg_iov, m->msg_iovlen, bytes);
}

static void add_msg(const struct shim_taking *t, uint64_t p, uint64_t bytes)
{
	const struct msghdr *m = (const struct msghdr *)p;

	if (!(t->safe || readable(t, p, sizeof(*m))))
		return;
	add_part(t, SHIM_TRACE_MSGHDR, p, sizeof(*m), sizeof(*m));
	add_msg_parts(t, m, bytes);
}

/* The messages, each with its parts behind its header. */
static void add_mmsg(const struct shim_taking *t, uint64_t p, uint64_t count)
{
	const struct mmsghdr *m = (const struct mmsghdr *)p;
	uint16_t i;

	for (i = 0; i < count && t->parts->n < SHIM_TRACE_PARTS; i++, m++) {
		if (!readable(t, (uint64_t)m, sizeof(*m)))
			break;
		shim_trace_add(t->parts, SHIM_TRACE_MSGHDR, t->arg, m,
			       sizeof(*m))->index = i;
		add_msg_parts(t, &m->msg_hdr, UINT64_MAX);
	}
}

/* Bytes behind the third argument of fcntl(2). */
static size_t fcntl_size(uint64_t cmd)
{
	switch (cmd) {
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return sizeof(struct flock);
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return sizeof(struct f_owner_ex);
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
	case F_GET_FILE_RW_HINT:
	case F_SET_FILE_RW_HINT:
		return sizeof(uint64_t);
	default:
		return 0;
	}
}

/* What the kernel is going to read. */
void shim_trace_take_before(const struct shim_taking *t,
			    enum shim_what what, bool early)
{
	uint64_t p = t->args[t->arg], next = t->args[(t->arg + 1) % 6];

	switch (what) {
	case PATH:
		add_string(t, p);
		break;
	case IN:
		if (early)
			add_buffer(t, p, next);
		break;
	case IN_IOV:
		if (early)
			add_iovec(t, p, next, UINT64_MAX);
		break;
	case IN_MSG:
		if (early)
			add_msg(t, p, UINT64_MAX);
		break;
	case OUT_MSG:
		add_plain(t, SHIM_TRACE_MSGHDR, p, sizeof(struct msghdr));
		break;
	case IN_MMSG:
		if (early)
			add_mmsg(t, p, next);
		break;
	case TIMEOUT:
		add_plain(t, SHIM_TRACE_TIMESPEC, p, sizeof(struct timespec));
		break;
	case IN_ADDR:
		add_plain(t, SHIM_TRACE_ADDRESS, p,
			  least(next, sizeof(struct sockaddr_storage)));
		break;
	case LENGTH:
		add_plain(t, SHIM_TRACE_NUMBER, p, sizeof(socklen_t));
		break;
	case OFFSET:
		add_plain(t, SHIM_TRACE_NUMBER, p, sizeof(off_t));
		break;
	case FCNTL:
		add_plain(t, SHIM_TRACE_NUMBER, p, fcntl_size(t->args[1]));
		break;
	default:
		break;
	}
}

static void take_address(const struct shim_taking *t, uint64_t p, uint64_t lenp)
{
	socklen_t len = p && lenp ? *(const socklen_t *)lenp : 0;
	size_t most = least(len, sizeof(struct sockaddr_storage));

	if (most && readable(t, p, most))
		add_part(t, SHIM_TRACE_ADDRESS, p, most, len);
}

/* What could not be asked for before, and the kernel has read meanwhile. */
static void take_read(const struct shim_taking *t, enum shim_what what,
		      uint64_t p, uint64_t next)
{
	struct shim_taking safe = *t;

	safe.safe = 1;
	if (what == PATH)
		add_string(&safe, p);
	else if (what == IN_ADDR)
		add_plain(&safe, SHIM_TRACE_ADDRESS, p,
			  least(next, sizeof(struct sockaddr_storage)));
}

static void take_in(const struct shim_taking *t, enum shim_what what)
{
	uint64_t p = t->args[t->arg], next = t->args[(t->arg + 1) % 6];

	switch (what) {
	case IN:
		add_buffer(t, p, next);
		break;
	case IN_IOV:
		add_iovec(t, p, next, UINT64_MAX);
		break;
	case IN_MSG:
		add_msg(t, p, UINT64_MAX);
		break;
	default:
		add_mmsg(t, p, next);
		break;
	}
}

/* Of what was there before, only as much as there is room for. */
static void take_out(const struct shim_taking *t, enum shim_what what,
		     int64_t result)
{
	uint64_t p = t->args[t->arg], next = t->args[(t->arg + 1) % 6];
	uint64_t bytes = result > 0 ? (uint64_t)result : 0;

	switch (what) {
	case OUT:
		if (result >= 0)
			add_buffer(t, p, least(bytes, next));
		break;
	case OUT_IOV:
		add_iovec(t, p, next, bytes);
		break;
	case OUT_MSG:
		add_msg(t, p, bytes);
		break;
	default:
		if (result > 0)
			add_mmsg(t, p, bytes);
		break;
	}
}

/* What the kernel has read meanwhile, or written. */
void shim_trace_take_after(const struct shim_taking *t,
			   const struct shim_traced *call,
			   enum shim_what what, int64_t result)
{
	uint64_t p = t->args[t->arg], next = t->args[(t->arg + 1) % 6];
	struct shim_taking asking = unsafe(t);

	switch (what) {
	case PATH:
	case IN_ADDR:
		if (!call->asked && result >= 0)
			take_read(t, what, p, next);
		break;
	case IN:
	case IN_IOV:
	case IN_MSG:
	case IN_MMSG:
		if (!call->early)
			take_in(kernel_reads(t) ? t : &asking, what);
		break;
	case OUT:
	case OUT_IOV:
	case OUT_MSG:
	case OUT_MMSG:
		take_out(kernel_writes(call) ? t : &asking, what, result);
		break;
	case OUT_ADDR:
		if (result >= 0)
			take_address(t, p, next);
		break;
	case LENGTH:
	case OFFSET:
		if (result >= 0)
			add_plain(t, SHIM_TRACE_NUMBER, p, what == LENGTH ?
				  sizeof(socklen_t) : sizeof(off_t));
		break;
	case PAIR:
		if (!result)
			add_plain(t, SHIM_TRACE_NUMBER, p, 2 * sizeof(int));
		break;
	case FCNTL:
		if (!result)
			add_plain(t, SHIM_TRACE_NUMBER, p,
				  fcntl_size(t->args[1]));
		break;
	default:
		break;
	}
}
