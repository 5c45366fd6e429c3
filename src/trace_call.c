// SPDX-License-Identifier: MIT
/*
 * What of a call is recorded: its arguments, and what they point at.
 *
 * A pointer of the program may point anywhere, and a copy of ours would crash
 * where the kernel says EFAULT.  What the kernel has just read or written can be
 * read; anything else is asked for first, which takes a system call, and in a
 * sandbox is not.  What the program writes is asked for beforehand only if
 * another thread's line could come between the two halves of this one.
 */
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>

#include "call.h"
#include "counters.h"
#include "submission.h"
#include "sys.h"
#include "thread.h"

enum what {
	VALUE,
	FD,
	PATH,
	IN,      /* the kernel reads, as many bytes as the next argument says */
	OUT,     /* the kernel writes, as many as the result says */
	IN_IOV,  /* segments, as many as the next argument says */
	OUT_IOV,
	IN_MSG,
	OUT_MSG,
	IN_ADDR, /* a socket address, of the length in the next argument */
	OUT_ADDR,/* the same, of the length behind the next argument */
	LENGTH,
	OFFSET,
	PAIR,
	LOCK,    /* of fcntl(2), if the command has one */
};

static const struct shape {
	uint8_t args[6];
	bool makes_fd;
	uint8_t call; /* as it is counted */
} shapes[SHIM_TRACE_NUMBERS] = {
	[SYS_open] = { { PATH }, true, SHIM_CALL_OPEN },
	[SYS_openat] = { { FD, PATH }, true, SHIM_CALL_OPENAT },
	[SYS_creat] = { { PATH }, true, SHIM_CALL_CREAT },
	[SYS_close] = { { FD }, false, SHIM_CALL_CLOSE },
	[SYS_read] = { { FD, OUT }, false, SHIM_CALL_READ },
	[SYS_write] = { { FD, IN }, false, SHIM_CALL_WRITE },
	[SYS_pread64] = { { FD, OUT }, false, SHIM_CALL_PREAD64 },
	[SYS_pwrite64] = { { FD, IN }, false, SHIM_CALL_PWRITE64 },
	[SYS_readv] = { { FD, OUT_IOV }, false, SHIM_CALL_READV },
	[SYS_writev] = { { FD, IN_IOV }, false, SHIM_CALL_WRITEV },
	[SYS_preadv] = { { FD, OUT_IOV }, false, SHIM_CALL_PREADV },
	[SYS_pwritev] = { { FD, IN_IOV }, false, SHIM_CALL_PWRITEV },
	[SYS_preadv2] = { { FD, OUT_IOV }, false, SHIM_CALL_PREADV2 },
	[SYS_pwritev2] = { { FD, IN_IOV }, false, SHIM_CALL_PWRITEV2 },
	[SYS_connect] = { { FD, IN_ADDR }, false, SHIM_CALL_CONNECT },
	[SYS_accept] = { { FD, OUT_ADDR, LENGTH }, true, SHIM_CALL_ACCEPT },
	[SYS_accept4] = { { FD, OUT_ADDR, LENGTH }, true, SHIM_CALL_ACCEPT4 },
	[SYS_recvfrom] = { { FD, OUT, VALUE, VALUE, OUT_ADDR, LENGTH }, false,
			   SHIM_CALL_RECVFROM },
	[SYS_sendto] = { { FD, IN, VALUE, VALUE, IN_ADDR }, false,
			 SHIM_CALL_SENDTO },
	[SYS_recvmsg] = { { FD, OUT_MSG }, false, SHIM_CALL_RECVMSG },
	[SYS_sendmsg] = { { FD, IN_MSG }, false, SHIM_CALL_SENDMSG },
	[SYS_recvmmsg] = { { FD }, false, SHIM_CALL_RECVMMSG },
	[SYS_sendmmsg] = { { FD }, false, SHIM_CALL_SENDMMSG },
	[SYS_dup] = { { FD }, true, SHIM_CALL_DUP },
	[SYS_dup2] = { { FD, FD }, true, SHIM_CALL_DUP2 },
	[SYS_dup3] = { { FD, FD }, true, SHIM_CALL_DUP3 },
	[SYS_fcntl] = { { FD, VALUE, LOCK }, false, SHIM_CALL_FCNTL },
	[SYS_pipe] = { { PAIR }, false, SHIM_CALL_PIPE },
	[SYS_pipe2] = { { PAIR }, false, SHIM_CALL_PIPE2 },
	[SYS_socket] = { { VALUE }, true, SHIM_CALL_SOCKET },
	[SYS_close_range] = { { VALUE }, false, SHIM_CALL_CLOSE_RANGE },
	[SYS_sendfile] = { { FD, FD, OFFSET }, false, SHIM_CALL_SENDFILE },
	[SYS_copy_file_range] = { { FD, OFFSET, FD, OFFSET }, false,
				  SHIM_CALL_COPY_FILE_RANGE },
	[SYS_splice] = { { FD, OFFSET, FD, OFFSET }, false, SHIM_CALL_SPLICE },
};

/* What an argument is and where its parts go. */
struct taking {
	struct shim_trace_parts *parts;
	const uint64_t *args;
	uint8_t arg;
	uint64_t safe; /* bytes that the kernel has read or written */
	bool ask;      /* otherwise */
};

static size_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool word_readable(uint64_t p)
{
	return shim_readable((const void *)(p & ~7UL), 8);
}

static bool readable(const struct taking *t, uint64_t p, uint64_t size)
{
	uint64_t at = p;

	if (!t->ask || !p)
		return false;
	for (; at < p + size; at = (at | (SHIM_PAGE - 1)) + 1) {
		if (!word_readable(at))
			return false;
	}
	return true;
}

static void add_part(const struct taking *t, enum shim_trace_part_kind kind,
		     uint64_t from, uint64_t size, uint64_t total)
{
	struct shim_trace_data data = {
		.kind = (uint8_t)kind, .arg = t->arg, .size = (uint32_t)size,
		.total = total, .from = (const void *)from,
	};

	shim_trace_add(t->parts, &data);
}

/* @total bytes at @p, of which the beginning is recorded. */
static void add_buffer(const struct taking *t, uint64_t p, uint64_t total)
{
	size_t size = least(total, shim_trace_string_max());

	if (size <= t->safe || readable(t, p, size))
		add_part(t, SHIM_TRACE_BYTES, p, size, total);
}

static void add_string(const struct taking *t, uint64_t p)
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

static void add_plain(const struct taking *t, enum shim_trace_part_kind kind,
		      uint64_t p, uint64_t size)
{
	if (p && size && (t->safe || readable(t, p, size)))
		add_part(t, kind, p, size, size);
}

/* The segments have @bytes bytes in them that count. */
static void add_segments(const struct taking *t, const struct iovec *iov,
			 size_t n, uint64_t bytes)
{
	struct shim_trace_data data = {
		.kind = SHIM_TRACE_SEGMENT, .arg = t->arg,
	};
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < n && done < bytes; i++, done += data.total) {
		data.index = (uint16_t)i;
		data.total = least(iov[i].iov_len, bytes - done);
		data.size = (uint32_t)least(data.total,
					    shim_trace_string_max());
		data.from = iov[i].iov_base;
		if (done + data.size <= t->safe ||
		    readable(t, (uint64_t)data.from, data.size))
			shim_trace_add(t->parts, &data);
	}
}

static void add_iovec(const struct taking *t, uint64_t p, uint64_t count,
		      uint64_t bytes)
{
	size_t n = least(count, SHIM_TRACE_SEGMENTS);

	if (!n || !(t->safe || readable(t, p, n * sizeof(struct iovec))))
		return;
	add_part(t, SHIM_TRACE_IOVEC, p, n * sizeof(struct iovec), count);
	add_segments(t, (const struct iovec *)p, n, bytes);
}

#define CONTROL_MAX 512

static void add_msg(const struct taking *t, uint64_t p, uint64_t bytes)
{
	const struct msghdr *m = (const struct msghdr *)p;

	if (!(t->safe || readable(t, p, sizeof(*m))))
		return;
	add_part(t, SHIM_TRACE_MSGHDR, p, sizeof(*m), sizeof(*m));
	if (m->msg_name)
		add_plain(t, SHIM_TRACE_ADDRESS, (uint64_t)m->msg_name,
			  least(m->msg_namelen, sizeof(struct sockaddr_storage)));
	if (m->msg_control)
		add_plain(t, SHIM_TRACE_CONTROL, (uint64_t)m->msg_control,
			  least(m->msg_controllen, CONTROL_MAX));
	add_iovec(t, (uint64_t)m->msg_iov, m->msg_iovlen, bytes);
}

/* F_GETLK to F_SETLKW and those of open file descriptions. */
static bool has_lock(uint64_t cmd)
{
	return (cmd >= F_GETLK && cmd <= F_SETLKW) ||
	       (cmd >= F_OFD_GETLK && cmd <= F_OFD_SETLKW);
}

/* What the kernel is going to read. */
static void take_before(const struct taking *t, enum what what, bool early)
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
		if (readable(t, p, sizeof(struct msghdr)))
			add_part(t, SHIM_TRACE_NUMBER,
				 p + offsetof(struct msghdr, msg_namelen), 4,
				 4);
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
	case LOCK:
		if (has_lock(t->args[1]))
			add_plain(t, SHIM_TRACE_BYTES, p,
				  sizeof(struct flock));
		break;
	default:
		break;
	}
}

static void take_address(const struct taking *t, uint64_t p, uint64_t lenp)
{
	socklen_t len = p && lenp ? *(const socklen_t *)lenp : 0;
	size_t most = least(len, sizeof(struct sockaddr_storage));

	/* The program's room may have been smaller than the address. */
	if (most && readable(t, p, most))
		add_part(t, SHIM_TRACE_ADDRESS, p, most, len);
}

/* What could not be asked for before, and the kernel has read meanwhile. */
static void take_read(const struct taking *t, enum what what, uint64_t p,
		      uint64_t next)
{
	struct taking safe = *t;

	safe.safe = 1;
	if (what == PATH)
		add_string(&safe, p);
	else if (what == IN_ADDR)
		add_plain(&safe, SHIM_TRACE_ADDRESS, p,
			  least(next, sizeof(struct sockaddr_storage)));
}

/* What the kernel has read meanwhile, or written. */
static void take_after(const struct taking *t, const struct shim_traced *call,
		       enum what what, int64_t result)
{
	uint64_t p = t->args[t->arg], next = t->args[(t->arg + 1) % 6];
	uint64_t bytes = result > 0 ? (uint64_t)result : 0;
	bool early = call->early;

	switch (what) {
	case PATH:
	case IN_ADDR:
		if (!call->asked && result >= 0)
			take_read(t, what, p, next);
		break;
	case IN:
		if (!early)
			add_buffer(t, p, next);
		break;
	case IN_IOV:
		if (!early)
			add_iovec(t, p, next, UINT64_MAX);
		break;
	case IN_MSG:
		if (!early)
			add_msg(t, p, UINT64_MAX);
		break;
	case OUT:
		if (result >= 0)
			add_buffer(t, p, bytes);
		break;
	case OUT_IOV:
		add_iovec(t, p, next, bytes);
		break;
	case OUT_MSG:
		add_msg(t, p, bytes);
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
			add_plain(t, SHIM_TRACE_BYTES, p, 2 * sizeof(int));
		break;
	case LOCK:
		if (!result && has_lock(t->args[1]))
			add_plain(t, SHIM_TRACE_BYTES, p,
				  sizeof(struct flock));
		break;
	default:
		break;
	}
}

/* Where descriptors lead, if that is wanted. */

#define FD_PATH 512
#define FD_PATHS 2

struct fd_paths {
	unsigned n;
	char text[FD_PATHS][FD_PATH];
};

static void add_fd(struct shim_trace_parts *parts, struct fd_paths *paths,
		   uint8_t arg, uint16_t index, int fd)
{
	struct shim_trace_data data = {
		.kind = SHIM_TRACE_FDPATH, .arg = arg, .index = index,
	};
	char name[32] = "/proc/self/fd/", digits[12];
	size_t n = strlen(name), d = sizeof(digits);
	long len;

	if (fd < 0 || paths->n == FD_PATHS)
		return;
	do {
		digits[--d] = (char)('0' + fd % 10);
	} while (fd /= 10);
	memcpy(name + n, digits + d, sizeof(digits) - d);
	name[n + sizeof(digits) - d] = '\0';
	len = shim_sys(SYS_readlink, name, paths->text[paths->n], FD_PATH);
	if (len <= 0)
		return;
	data.size = (uint32_t)len;
	data.total = (uint64_t)len;
	data.from = paths->text[paths->n++];
	shim_trace_add(parts, &data);
}

static bool wants_fds(void)
{
	return shim_trace_flag(SHIM_TRACE_FDS) && !shim_rings_frozen();
}

static __attribute__((noinline)) uint64_t
write_with_fds(struct shim_trace_record *r, size_t size,
	       struct shim_trace_parts *parts, const struct shape *shape,
	       const uint64_t *args)
{
	struct fd_paths paths = { .n = 0 };
	uint8_t i;

	for (i = 0; i < 6; i++) {
		if (shape->args[i] == FD)
			add_fd(parts, &paths, i, 0, (int)args[i]);
	}
	return shim_trace_write(r, size, parts);
}

static bool result_is_fd(const struct shape *shape, const uint64_t *args)
{
	return shape->makes_fd ||
	       (shape->call == SHIM_CALL_FCNTL &&
		(args[1] == F_DUPFD || args[1] == F_DUPFD_CLOEXEC));
}

static __attribute__((noinline)) void
write_with_new_fds(struct shim_trace_leave *l, struct shim_trace_parts *parts,
		   const struct shape *shape, const uint64_t *args)
{
	struct fd_paths paths = { .n = 0 };
	const int *pair = (const int *)args[0];

	if (l->result >= 0 && shape->args[0] == PAIR) {
		add_fd(parts, &paths, 0, 0, pair[0]);
		add_fd(parts, &paths, 0, 1, pair[1]);
	} else if (l->result >= 0 && result_is_fd(shape, args)) {
		add_fd(parts, &paths, SHIM_TRACE_RESULT, 0, (int)l->result);
	}
	shim_trace_write(&l->record, sizeof(*l), parts);
}

/* The calls */

static const uint64_t no_counts[SHIM_COLUMNS];

static const uint64_t *counts_of(const struct shape *shape)
{
	return shim_self ? shim_self->counts[shape->call] : no_counts;
}

void shim_trace_begin(struct shim_traced *t, unsigned nr,
		      const uint64_t args[6])
{
	const struct shape *shape = &shapes[nr];
	struct shim_trace_enter e = { .record.kind = SHIM_TRACE_ENTER };
	struct shim_trace_parts parts;
	struct taking taking = {
		.parts = &parts, .args = args, .ask = !shim_rings_frozen(),
	};

	t->seq = 0;
	t->outer = shim_trace_last;
	shim_trace_last = (struct shim_trace_last){ 0 };
	if (!shim_trace_wants(nr))
		return;
	t->nr = nr;
	t->asked = taking.ask;
	t->early = taking.ask && shim_trace_has_company();
	memcpy(t->args, args, sizeof(t->args));
	memcpy(t->counts, counts_of(shape) + SHIM_COL_WAITS, sizeof(t->counts));
	e.record.nr = (uint16_t)nr;
	memcpy(e.args, args, sizeof(e.args));
	parts.n = 0;
	for (; taking.arg < 6; taking.arg++)
		take_before(&taking, shape->args[taking.arg], t->early);
	if (wants_fds())
		t->seq = write_with_fds(&e.record, sizeof(e), &parts, shape,
					args);
	else
		t->seq = shim_trace_write(&e.record, sizeof(e), &parts);
}

static void fill_leave(struct shim_trace_leave *l, const struct shim_traced *t,
		       const struct shape *shape, int64_t result)
{
	const uint64_t *now = counts_of(shape) + SHIM_COL_WAITS;

	*l = (struct shim_trace_leave){
		.record.kind = SHIM_TRACE_LEAVE,
		.record.nr = (uint16_t)t->nr,
		.record.data = t->seq,
		.result = result,
		.native = shim_trace_last.native,
		.route = shim_trace_last.route,
		.waits = (uint16_t)(now[0] - t->counts[0]),
		.cancels = (uint16_t)(now[1] - t->counts[1]),
		.abandoned = (uint16_t)(now[2] - t->counts[2]),
	};
}

void shim_trace_end(struct shim_traced *t, int64_t result)
{
	const struct shape *shape = &shapes[t->nr % SHIM_TRACE_NUMBERS];
	struct shim_trace_parts parts;
	struct shim_trace_leave l;
	struct taking taking = {
		.parts = &parts, .args = t->args,
		.safe = result > 0 ? (uint64_t)result : 0,
		.ask = !shim_rings_frozen() && result != -EFAULT,
	};

	if (t->seq) {
		fill_leave(&l, t, shape, result);
		parts.n = 0;
		for (; taking.arg < 6; taking.arg++)
			take_after(&taking, t, shape->args[taking.arg],
				   result);
		if (wants_fds())
			write_with_new_fds(&l, &parts, shape, t->args);
		else
			shim_trace_write(&l.record, sizeof(l), &parts);
	}
	shim_trace_last = t->outer;
}
