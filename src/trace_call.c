// SPDX-License-Identifier: MIT
/*
 * The record before a call and the one after it: which arguments each call has,
 * and where its descriptors lead.
 */
#include "trace.h"

#include <string.h>

#include "counters.h"
#include "submission.h"
#include "sys.h"
#include "thread.h"
#include "trace_take.h"

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
	[SYS_recvmmsg] = { { FD, OUT_MMSG, VALUE, VALUE, TIMEOUT }, false,
			   SHIM_CALL_RECVMMSG },
	[SYS_sendmmsg] = { { FD, IN_MMSG }, false, SHIM_CALL_SENDMMSG },
	[SYS_dup] = { { FD }, true, SHIM_CALL_DUP },
	[SYS_dup2] = { { FD, FD }, true, SHIM_CALL_DUP2 },
	[SYS_dup3] = { { FD, FD }, true, SHIM_CALL_DUP3 },
	[SYS_fcntl] = { { FD, VALUE, FCNTL }, false, SHIM_CALL_FCNTL },
	[SYS_pipe] = { { PAIR }, false, SHIM_CALL_PIPE },
	[SYS_pipe2] = { { PAIR }, false, SHIM_CALL_PIPE2 },
	[SYS_socket] = { { VALUE }, true, SHIM_CALL_SOCKET },
	[SYS_close_range] = { { VALUE }, false, SHIM_CALL_CLOSE_RANGE },
	[SYS_sendfile] = { { FD, FD, OFFSET }, false, SHIM_CALL_SENDFILE },
	[SYS_copy_file_range] = { { FD, OFFSET, FD, OFFSET }, false,
				  SHIM_CALL_COPY_FILE_RANGE },
	[SYS_splice] = { { FD, OFFSET, FD, OFFSET }, false, SHIM_CALL_SPLICE },
};

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
	shim_trace_add(parts, SHIM_TRACE_FDPATH, arg, paths->text[paths->n++],
		       (uint64_t)len)->index = index;
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

static void take_before(struct shim_taking *taking, const struct shape *shape,
			bool early)
{
	unsigned of = SHIM_TAKE_BEFORE | (early ? SHIM_TAKE_BUFFERS : 0);
	uint8_t i;

	for (i = 0; i < 6; i++) {
		if (!(SHIM_TAKE(shape->args[i]) & of))
			continue;
		taking->arg = i;
		shim_trace_take_before(taking, shape->args[i], early);
	}
}

static void take_after(struct shim_taking *taking,
		       const struct shim_traced *t, const struct shape *shape,
		       int64_t result)
{
	uint8_t i;

	for (i = 0; i < 6; i++) {
		if (SHIM_TAKE(shape->args[i]) & SHIM_TAKE_NEVER)
			continue;
		taking->arg = i;
		shim_trace_take_after(taking, t, shape->args[i], result);
	}
}

void shim_trace_begin(struct shim_traced *t, unsigned nr)
{
	const struct shape *shape = &shapes[nr];
	struct shim_trace_record *record = &t->enter.record;
	struct shim_trace_parts parts;
	struct shim_taking taking = {
		.parts = &parts, .args = t->enter.args,
		.ask = !shim_rings_frozen(),
	};

	t->seq = 0;
	t->outer = shim_trace_last;
	/* What the shortest way to a native call does not say again. */
	shim_trace_last = (struct shim_trace_last){
		.route = (uint16_t)shim_native,
	};
	if (!shim_trace_wants(nr))
		return;
	t->asked = taking.ask;
	t->early = taking.ask && shim_trace_has_company();
	memcpy(t->counts, counts_of(shape) + SHIM_COL_WAITS, sizeof(t->counts));
	*record = (struct shim_trace_record){
		.kind = SHIM_TRACE_ENTER, .nr = (uint16_t)nr,
	};
	parts.n = 0;
	take_before(&taking, shape, t->early);
	if (wants_fds())
		t->seq = write_with_fds(record, sizeof(t->enter), &parts,
					shape, t->enter.args);
	else
		t->seq = shim_trace_write(record, sizeof(t->enter), &parts);
}

static void fill_leave(struct shim_trace_leave *l, const struct shim_traced *t,
		       const struct shape *shape, int64_t result)
{
	const uint64_t *now = counts_of(shape) + SHIM_COL_WAITS;

	*l = (struct shim_trace_leave){
		.record.kind = SHIM_TRACE_LEAVE,
		.record.nr = t->enter.record.nr,
		.record.data = t->seq,
		.result = result,
		.native = shim_trace_last.native,
		.route = shim_trace_last.route,
		.waits = (uint16_t)(now[0] - t->counts[0]),
		.cancels = (uint16_t)(now[1] - t->counts[1]),
		.abandoned = (uint16_t)(now[2] - t->counts[2]),
	};
}

static void leave(struct shim_traced *t, int64_t result)
{
	const struct shape *shape = &shapes[t->enter.record.nr];
	struct shim_trace_parts parts;
	struct shim_trace_leave l;
	struct shim_taking taking = {
		.parts = &parts, .args = t->enter.args,
		.safe = result > 0 ? (uint64_t)result : 0,
		.ask = !shim_rings_frozen() && result != -EFAULT,
	};

	fill_leave(&l, t, shape, result);
	parts.n = 0;
	take_after(&taking, t, shape, result);
	if (wants_fds())
		write_with_new_fds(&l, &parts, shape, t->enter.args);
	else
		shim_trace_write(&l.record, sizeof(l), &parts);
}

void shim_trace_end(struct shim_traced *t, int64_t result)
{
	if (t->seq)
		leave(t, result);
	shim_trace_last = t->outer;
}
