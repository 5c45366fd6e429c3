// SPDX-License-Identifier: MIT
/* Arguments: numbers, flags, paths, buffers and vectors; see decode.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "decode.h"
#include "decode_names.h"
#include "trace_calls.h"

#define TMPFILE 020000000U /* O_TMPFILE without O_DIRECTORY */

enum decoded arg_fd(struct decoder *d, unsigned arg)
{
	put_fd(d, (int)d->args[arg], arg, ANY_INDEX);
	return DECODED;
}

enum decoded arg_dirfd(struct decoder *d, unsigned arg)
{
	if ((int)d->args[arg] != AT_FDCWD)
		return arg_fd(d, arg);
	text_puts(d->out, "AT_FDCWD");
	put_fd_note(d, arg, ANY_INDEX);
	return DECODED;
}

/* A part that the kernel reads: known when the call begins, or afterwards. */
static bool find_in(struct decoder *d, int kind, unsigned arg,
		    struct part *part)
{
	return part_find(d->enter, kind, arg, ANY_INDEX, part) ||
		(d->leaving && part_find(d->leave, kind, arg, ANY_INDEX, part));
}

static enum decoded put_address_of(struct decoder *d, unsigned arg)
{
	if (!d->leaving && d->args[arg])
		return DECODE_LATER;
	put_pointer(d->out, d->args[arg]);
	return DECODED;
}

enum decoded arg_path(struct decoder *d, unsigned arg)
{
	struct part part;

	if (!find_in(d, SHIM_TRACE_STRING, arg, &part))
		return put_address_of(d, arg);
	put_quoted(d->out, part.bytes, part.head.size,
		   part.head.total > part.head.size);
	return DECODED;
}

enum decoded arg_open_flags(struct decoder *d, unsigned arg)
{
	put_open_flags(d->out, (uint32_t)d->args[arg]);
	return DECODED;
}

enum decoded arg_mode(struct decoder *d, unsigned arg)
{
	char text[16];
	unsigned mode = d->args[arg] & 0xffff;

	snprintf(text, sizeof(text), "%#03o", mode);
	text_puts(d->out, text);
	return DECODED;
}

enum decoded arg_open_mode(struct decoder *d, unsigned arg)
{
	if (!(d->args[arg - 1] & (O_CREAT | TMPFILE)))
		return DECODE_ABSENT;
	return arg_mode(d, arg);
}

enum decoded arg_buffer_in(struct decoder *d, unsigned arg)
{
	struct part part;

	if (d->args[arg] && !d->args[arg + 1]) {
		text_put(d->out, "\"\"", 2);
		return DECODED;
	}
	if (!d->args[arg] || !find_in(d, SHIM_TRACE_BYTES, arg, &part))
		return put_address_of(d, arg);
	put_string(d, part.bytes, part.head.size, part.head.total);
	return DECODED;
}

enum decoded arg_buffer_out(struct decoder *d, unsigned arg)
{
	uint64_t room = d->args[arg + 1];
	struct part part;

	if (!d->leaving)
		return DECODE_LATER;
	if (d->result >= 0 &&
	    part_find(d->leave, SHIM_TRACE_BYTES, arg, ANY_INDEX, &part))
		put_string(d, part.bytes, part.head.size < room ?
			   part.head.size : room, part.head.total < room ?
			   part.head.total : room);
	else if (!d->result && d->args[arg])
		text_put(d->out, "\"\"", 2);
	else
		put_pointer(d->out, d->args[arg]);
	return DECODED;
}

enum decoded arg_size(struct decoder *d, unsigned arg)
{
	put_unsigned(d->out, d->args[arg]);
	return DECODED;
}

enum decoded arg_unsigned(struct decoder *d, unsigned arg)
{
	put_unsigned(d->out, (uint32_t)d->args[arg]);
	return DECODED;
}

enum decoded arg_position(struct decoder *d, unsigned arg)
{
	put_decimal(d->out, (int64_t)d->args[arg]);
	return DECODED;
}

static void put_bracketed(struct text *out, uint64_t number)
{
	put_char(out, '[');
	put_decimal(out, (int64_t)number);
	put_char(out, ']');
}

/* An offset that is read from memory. */
enum decoded arg_offset(struct decoder *d, unsigned arg)
{
	uint64_t at;

	if (!part_number(d->enter, arg, &at) &&
	    !(d->leaving && part_number(d->leave, arg, &at)))
		return put_address_of(d, arg);
	put_bracketed(d->out, at);
	return DECODED;
}

/* The same, and what has become of it. */
enum decoded arg_offset_moved(struct decoder *d, unsigned arg)
{
	uint64_t before, after;

	if (!d->leaving || !part_number(d->enter, arg, &before))
		return put_address_of(d, arg);
	put_bracketed(d->out, before);
	if (d->result > 0 && part_number(d->leave, arg, &after)) {
		text_puts(d->out, " => ");
		put_bracketed(d->out, after);
	}
	return DECODED;
}

enum decoded arg_timespec(struct decoder *d, unsigned arg)
{
	struct timespec ts;
	struct part part;

	if (!find_in(d, SHIM_TRACE_TIMESPEC, arg, &part) ||
	    part.head.size < sizeof(ts))
		return put_address_of(d, arg);
	memcpy(&ts, part.bytes, sizeof(ts));
	text_puts(d->out, "{tv_sec=");
	put_decimal(d->out, ts.tv_sec);
	text_puts(d->out, ", tv_nsec=");
	put_decimal(d->out, ts.tv_nsec);
	put_char(d->out, '}');
	return DECODED;
}

enum decoded arg_pair(struct decoder *d, unsigned arg)
{
	struct part part;
	int fds[2];

	if (!d->leaving)
		return DECODE_LATER;
	if (d->result < 0 ||
	    !part_find(d->leave, SHIM_TRACE_NUMBER, arg, ANY_INDEX, &part) ||
	    part.head.size < sizeof(fds)) {
		put_pointer(d->out, d->args[arg]);
		return DECODED;
	}
	memcpy(fds, part.bytes, sizeof(fds));
	put_char(d->out, '[');
	put_fd(d, fds[0], arg, 0);
	text_puts(d->out, ", ");
	put_fd(d, fds[1], arg, 1);
	put_char(d->out, ']');
	return DECODED;
}

enum decoded arg_fd_flags(struct decoder *d, unsigned arg)
{
	put_flags(d->out, &names_open, (uint32_t)d->args[arg]);
	return DECODED;
}

enum decoded arg_range_flags(struct decoder *d, unsigned arg)
{
	put_flags(d->out, &names_range, (uint32_t)d->args[arg]);
	return DECODED;
}

enum decoded arg_splice_flags(struct decoder *d, unsigned arg)
{
	put_flags(d->out, &names_splice, (uint32_t)d->args[arg]);
	return DECODED;
}

/* Behind both halves of the position. */
enum decoded arg_rwf(struct decoder *d, unsigned arg)
{
	put_flags(d->out, &names_rwf, (uint32_t)d->args[arg + 1]);
	return DECODED;
}

/* Vectors. */

/* What is in one segment, of which @there bytes count. */
static void put_segment(struct decoder *d, struct parts parts, unsigned arg,
			const struct iovec *iov, int index, uint64_t there)
{
	struct part part;

	if (!iov->iov_base)
		put_pointer(d->out, 0);
	else if (!there)
		text_put(d->out, "\"\"", 2);
	else if (part_find(parts, SHIM_TRACE_SEGMENT, arg, index, &part))
		put_string(d, part.bytes, part.head.size < there ?
			   part.head.size : there, there);
	else
		put_pointer(d->out, (uintptr_t)iov->iov_base);
}

static void put_one(struct decoder *d, struct parts parts, unsigned arg,
		    const struct iovec *iov, int index, uint64_t *moved)
{
	uint64_t there = iov->iov_len;

	text_puts(d->out, index ? ", {iov_base=" : "{iov_base=");
	if (moved && there > *moved)
		there = *moved;
	put_segment(d, parts, arg, iov, index, there);
	if (moved)
		*moved -= there;
	text_puts(d->out, ", iov_len=");
	put_unsigned(d->out, iov->iov_len);
	put_char(d->out, '}');
}

void put_iovec(struct decoder *d, struct parts parts, unsigned arg,
	       uint64_t base, uint64_t count, uint64_t moved)
{
	bool reads = moved != UINT64_MAX;
	struct iovec iov;
	struct part part;
	uint64_t known, i;

	if (!count && base) {
		text_puts(d->out, "[]");
		return;
	}
	if (!part_find(parts, SHIM_TRACE_IOVEC, arg, ANY_INDEX, &part)) {
		put_pointer(d->out, base);
		return;
	}
	known = part.head.size / sizeof(iov);
	known = known < count ? known : count;
	put_char(d->out, '[');
	for (i = 0; i < known && i < d->string_max; i++) {
		memcpy(&iov, part.bytes + i * sizeof(iov), sizeof(iov));
		put_one(d, parts, arg, &iov, (int)i, reads ? &moved : NULL);
	}
	if (i < count)
		text_puts(d->out, i ? ", ..." : "...");
	put_char(d->out, ']');
}

/* The vector may be in one record, and what was moved in the other. */
static struct parts both(struct decoder *d, struct text *joined)
{
	text_put(joined, d->enter.at, (size_t)(d->enter.end - d->enter.at));
	if (d->leaving)
		text_put(joined, d->leave.at,
			 (size_t)(d->leave.end - d->leave.at));
	return joined->failed ? d->enter :
		(struct parts){ joined->s, joined->s + joined->n };
}

enum decoded arg_iovec_in(struct decoder *d, unsigned arg)
{
	struct text joined = { .n = 0 };
	struct part part;

	if (!find_in(d, SHIM_TRACE_IOVEC, arg, &part) && d->args[arg] &&
	    d->args[arg + 1])
		return put_address_of(d, arg);
	put_iovec(d, both(d, &joined), arg, d->args[arg], d->args[arg + 1],
		  UINT64_MAX);
	free(joined.s);
	return DECODED;
}

/* Of a failed call the segments are addresses. */
static void put_bases(struct decoder *d, unsigned arg)
{
	struct parts none = d->enter;
	struct text only = { .n = 0 };
	struct part part;

	if (find_in(d, SHIM_TRACE_IOVEC, arg, &part)) {
		text_put(&only, part.bytes - sizeof(part.head),
			 sizeof(part.head) + part.head.size);
		none = (struct parts){ only.s, only.s + only.n };
	}
	put_iovec(d, none, arg, d->args[arg], d->args[arg + 1], UINT64_MAX);
	free(only.s);
}

enum decoded arg_iovec_out(struct decoder *d, unsigned arg)
{
	struct text joined = { .n = 0 };

	if (!d->leaving)
		return DECODE_LATER;
	if (d->result < 0)
		put_bases(d, arg);
	else
		put_iovec(d, both(d, &joined), arg, d->args[arg],
			  d->args[arg + 1], (uint64_t)d->result);
	free(joined.s);
	return DECODED;
}
