/* SPDX-License-Identifier: MIT */
/*
 * The arguments and the result of a recorded call as text, in strace's way.
 *
 * The functions append to a text; what they read is a copy of a record that may
 * have been written by anybody, so each part is looked for within its limits.
 */
#ifndef SHIM_CLI_DECODE_H
#define SHIM_CLI_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "../format/trace.h"
#include "text.h"

/* Parts of a record: all there are, or those of one message. */
struct parts {
	const char *at, *end;
};

struct part {
	struct shim_trace_part head;
	const char *bytes;
};

#define ANY_INDEX (-1)

/* The first part of argument @arg that fits; false: there is none. */
bool part_find(struct parts parts, int kind, unsigned arg, int index,
	       struct part *part);
/* The next one, or false at the end. */
bool part_next(struct parts *parts, struct part *part);
/* The next one of argument @arg of @kind: a way to walk over messages. */
bool part_walk(struct parts *parts, int kind, unsigned arg, struct part *part);

/* A number of up to 8 bytes. */
bool part_number(struct parts parts, unsigned arg, uint64_t *number);

struct decoder {
	struct text *out;
	const struct trace_call *call;
	const uint64_t *args;
	struct parts enter, leave;
	bool leaving;    /* it has returned, or never will */
	int64_t result;  /* then */
	size_t string_max;
	bool paths;      /* -y */
};

enum decoded {
	DECODED,
	DECODE_LATER,  /* cannot be known before the call has returned */
	DECODE_ABSENT, /* the call has no such argument here, and none behind */
};

typedef enum decoded (*decode_arg)(struct decoder *d, unsigned arg);

/* How far the arguments of a call have been printed. */
struct progress {
	unsigned char next;
	bool comma; /* in front of the next one it is there already */
};

/* Print on; is everything printed? */
bool decode_args(struct decoder *d, struct progress *progress);

/* "3", "-1 ENOENT (No such file or directory)" */
void decode_result(struct decoder *d);

/* Arguments, by what they are. */

enum decoded arg_fd(struct decoder *d, unsigned arg);
enum decoded arg_dirfd(struct decoder *d, unsigned arg);
enum decoded arg_path(struct decoder *d, unsigned arg);
enum decoded arg_open_flags(struct decoder *d, unsigned arg);
enum decoded arg_open_mode(struct decoder *d, unsigned arg);
enum decoded arg_mode(struct decoder *d, unsigned arg);
enum decoded arg_buffer_in(struct decoder *d, unsigned arg);
enum decoded arg_buffer_out(struct decoder *d, unsigned arg);
enum decoded arg_size(struct decoder *d, unsigned arg);
enum decoded arg_unsigned(struct decoder *d, unsigned arg);
enum decoded arg_position(struct decoder *d, unsigned arg);
enum decoded arg_offset(struct decoder *d, unsigned arg);
enum decoded arg_offset_moved(struct decoder *d, unsigned arg);
enum decoded arg_timespec(struct decoder *d, unsigned arg);
enum decoded arg_pair(struct decoder *d, unsigned arg);
enum decoded arg_fd_flags(struct decoder *d, unsigned arg);
enum decoded arg_range_flags(struct decoder *d, unsigned arg);
enum decoded arg_splice_flags(struct decoder *d, unsigned arg);
enum decoded arg_iovec_in(struct decoder *d, unsigned arg);
enum decoded arg_iovec_out(struct decoder *d, unsigned arg);
enum decoded arg_rwf(struct decoder *d, unsigned arg);
enum decoded arg_command(struct decoder *d, unsigned arg);
enum decoded arg_of_command(struct decoder *d, unsigned arg);
enum decoded arg_domain(struct decoder *d, unsigned arg);
enum decoded arg_socket_type(struct decoder *d, unsigned arg);
enum decoded arg_protocol(struct decoder *d, unsigned arg);
enum decoded arg_accept_flags(struct decoder *d, unsigned arg);
enum decoded arg_message_flags(struct decoder *d, unsigned arg);
enum decoded arg_address_in(struct decoder *d, unsigned arg);
enum decoded arg_address_out(struct decoder *d, unsigned arg);
enum decoded arg_address_size(struct decoder *d, unsigned arg);
enum decoded arg_message_in(struct decoder *d, unsigned arg);
enum decoded arg_message_out(struct decoder *d, unsigned arg);
enum decoded arg_messages_in(struct decoder *d, unsigned arg);
enum decoded arg_messages_out(struct decoder *d, unsigned arg);

/* The result of fcntl(2), where it is more than a number. */
bool result_of_command(struct decoder *d);

/* For the decoders of structures. */

void put_char(struct text *out, char c);
void put_decimal(struct text *out, int64_t value);
void put_unsigned(struct text *out, uint64_t value);
void put_hex(struct text *out, uint64_t value);
/* "NULL" or 0x... */
void put_pointer(struct text *out, uint64_t value);
/* In quotes; @total bytes are there, of which @n are known. */
void put_quoted(struct text *out, const char *bytes, size_t n, bool more);
void put_string(struct decoder *d, const char *bytes, size_t n, uint64_t total);
/* A descriptor, with its path if that was asked for. */
void put_fd(struct decoder *d, int64_t fd, unsigned arg, int index);
void put_fd_note(struct decoder *d, unsigned arg, int index);

/*
 * struct iovec at @base, @count of them; of @parts, argument @arg.  @moved bytes
 * were read into them; UINT64_MAX: they are what is written.
 */
void put_iovec(struct decoder *d, struct parts parts, unsigned arg,
	       uint64_t base, uint64_t count, uint64_t moved);

void put_address(struct decoder *d, const char *bytes, size_t size);

/* Control data of a message. */
void put_control(struct decoder *d, const char *bytes, size_t size,
		 uint64_t address, uint64_t length);

#endif
