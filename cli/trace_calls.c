// SPDX-License-Identifier: MIT
/*
 * The table of trace_calls.h: numbers of x86-64, names, and what the arguments
 * are.  Arguments that are not shown (the high half of a position) are known to
 * those that follow.
 */
#include "trace_calls.h"

#include <string.h>
#include <sys/syscall.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define F TRACE_FILE
#define D TRACE_DESC
#define N TRACE_NETWORK

#define CALL(name, classes, result, effect, ...) \
	{ SYS_##name, (classes), TRACE_RESULT_##result, \
	  TRACE_EFFECT_##effect, #name, { __VA_ARGS__ } }

static const struct trace_call calls[] = {
	CALL(read, D, NUMBER, NONE, arg_fd, arg_buffer_out, arg_size),
	CALL(write, D, NUMBER, NONE, arg_fd, arg_buffer_in, arg_size),
	CALL(open, D | F, FD, OPEN, arg_path, arg_open_flags, arg_open_mode),
	CALL(close, D, NUMBER, CLOSE, arg_fd),
	CALL(pread64, D, NUMBER, NONE, arg_fd, arg_buffer_out, arg_size,
	     arg_position),
	CALL(pwrite64, D, NUMBER, NONE, arg_fd, arg_buffer_in, arg_size,
	     arg_position),
	CALL(readv, D, NUMBER, NONE, arg_fd, arg_iovec_out, arg_size),
	CALL(writev, D, NUMBER, NONE, arg_fd, arg_iovec_in, arg_size),
	CALL(pipe, D, NUMBER, PAIR, arg_pair),
	CALL(dup, D, FD, DUP, arg_fd),
	CALL(dup2, D, FD, DUP2, arg_fd, arg_fd),
	CALL(sendfile, D | N, NUMBER, NONE, arg_fd, arg_fd, arg_offset_moved,
	     arg_size),
	CALL(socket, N, FD, NEW, arg_domain, arg_socket_type, arg_protocol),
	CALL(connect, N, NUMBER, NONE, arg_fd, arg_address_in, arg_unsigned),
	CALL(accept, N, FD, NEW, arg_fd, arg_address_out, arg_address_size),
	CALL(sendto, N, NUMBER, NONE, arg_fd, arg_buffer_in, arg_size,
	     arg_message_flags, arg_address_in, arg_unsigned),
	CALL(recvfrom, N, NUMBER, NONE, arg_fd, arg_buffer_out, arg_size,
	     arg_message_flags, arg_address_out, arg_address_size),
	CALL(sendmsg, N, NUMBER, NONE, arg_fd, arg_message_in,
	     arg_message_flags),
	CALL(recvmsg, N, NUMBER, NONE, arg_fd, arg_message_out,
	     arg_message_flags),
	CALL(fcntl, D, COMMAND, FCNTL, arg_fd, arg_command, arg_of_command),
	CALL(creat, D | F, FD, OPEN, arg_path, arg_mode),
	CALL(openat, D | F, FD, OPENAT, arg_dirfd, arg_path, arg_open_flags,
	     arg_open_mode),
	CALL(splice, D, NUMBER, NONE, arg_fd, arg_offset, arg_fd, arg_offset,
	     arg_size, arg_splice_flags),
	CALL(accept4, N, FD, NEW, arg_fd, arg_address_out, arg_address_size,
	     arg_accept_flags),
	CALL(dup3, D, FD, DUP2, arg_fd, arg_fd, arg_fd_flags),
	CALL(pipe2, D, NUMBER, PAIR, arg_pair, arg_fd_flags),
	CALL(preadv, D, NUMBER, NONE, arg_fd, arg_iovec_out, arg_size,
	     arg_position),
	CALL(pwritev, D, NUMBER, NONE, arg_fd, arg_iovec_in, arg_size,
	     arg_position),
	CALL(recvmmsg, N, NUMBER, NONE, arg_fd, arg_messages_out, arg_unsigned,
	     arg_message_flags, arg_timespec),
	CALL(sendmmsg, N, NUMBER, NONE, arg_fd, arg_messages_in, arg_unsigned,
	     arg_message_flags),
	CALL(copy_file_range, D, NUMBER, NONE, arg_fd, arg_offset, arg_fd,
	     arg_offset, arg_size, arg_unsigned),
	CALL(preadv2, D, NUMBER, NONE, arg_fd, arg_iovec_out, arg_size,
	     arg_position, arg_rwf),
	CALL(pwritev2, D, NUMBER, NONE, arg_fd, arg_iovec_in, arg_size,
	     arg_position, arg_rwf),
	CALL(close_range, 0, NUMBER, RANGE, arg_unsigned, arg_unsigned,
	     arg_range_flags),
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

const struct trace_call *trace_call_at(unsigned i)
{
	return i < CALLS ? &calls[i] : NULL;
}

/* One look for most: the place of each number, plus one. */
const struct trace_call *trace_call(unsigned nr)
{
	static unsigned char places[SHIM_TRACE_NUMBERS];
	unsigned i;

	if (nr >= SHIM_TRACE_NUMBERS)
		return NULL;
	if (!places[SYS_close_range]) {
		for (i = 0; i < CALLS; i++)
			places[calls[i].nr] = (unsigned char)(i + 1);
	}
	return places[nr] ? &calls[places[nr] - 1] : NULL;
}

const struct trace_call *trace_call_named(const char *name, size_t n)
{
	unsigned i;

	for (i = 0; i < CALLS; i++) {
		if (strlen(calls[i].name) == n && !memcmp(calls[i].name, name, n))
			return &calls[i];
	}
	return NULL;
}
