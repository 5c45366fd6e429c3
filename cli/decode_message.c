// SPDX-License-Identifier: MIT
/* struct msghdr, alone and in arrays, and control data; see decode.h. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "decode.h"
#include "decode_names.h"
#include "trace_calls.h"

static void put_key(struct text *out, const char *key, uint64_t value)
{
	text_puts(out, key);
	put_unsigned(out, value);
}

/* Control data. */

static void put_rights(struct text *out, const char *data, size_t size)
{
	size_t i;
	int fd;

	text_puts(out, ", cmsg_data=[");
	for (i = 0; i + sizeof(fd) <= size; i += sizeof(fd)) {
		memcpy(&fd, data + i, sizeof(fd));
		if (i)
			text_puts(out, ", ");
		put_decimal(out, fd);
	}
	put_char(out, ']');
}

static void put_credentials(struct text *out, const char *data)
{
	struct ucred cred;

	memcpy(&cred, data, sizeof(cred));
	text_puts(out, ", cmsg_data={pid=");
	put_decimal(out, cred.pid);
	text_puts(out, ", uid=");
	put_decimal(out, (int)cred.uid);
	text_puts(out, ", gid=");
	put_decimal(out, (int)cred.gid);
	put_char(out, '}');
}

static void put_time(struct text *out, const char *data, const char *unit)
{
	struct timespec ts; /* or struct timeval: two numbers as well */

	memcpy(&ts, data, sizeof(ts));
	text_puts(out, ", cmsg_data={tv_sec=");
	put_decimal(out, ts.tv_sec);
	text_puts(out, unit);
	put_decimal(out, ts.tv_nsec);
	put_char(out, '}');
}

static void put_socket_data(struct text *out, int type, const char *data,
			    size_t size)
{
	switch (type) {
	case SCM_RIGHTS:
		put_rights(out, data, size);
		break;
	case SCM_CREDENTIALS:
		if (size >= sizeof(struct ucred))
			put_credentials(out, data);
		break;
	case 3: /* SCM_SECURITY */
		text_puts(out, ", cmsg_data=");
		put_quoted(out, data, size, false);
		break;
	case 29: /* SO_TIMESTAMP_OLD */
	case 35: /* SO_TIMESTAMPNS_OLD */
		if (size >= sizeof(struct timespec))
			put_time(out, data, type == 29 ? ", tv_usec=" :
				 ", tv_nsec=");
		break;
	default:
		break;
	}
}

static void put_header(struct text *out, const struct cmsghdr *h,
		       const char *data, size_t size)
{
	static const struct names none = { NULL, 0, "???" };
	const struct names *types = &none;

	if (h->cmsg_level == SOL_SOCKET)
		types = &names_control;
	else if (h->cmsg_level == SOL_IP)
		types = &names_ip_control;
	put_key(out, "{cmsg_len=", h->cmsg_len);
	text_puts(out, ", cmsg_level=");
	put_name(out, &names_level, (uint32_t)h->cmsg_level);
	text_puts(out, ", cmsg_type=");
	if (types == &none)
		put_hex(out, (uint32_t)h->cmsg_type);
	else
		put_name(out, types, (uint32_t)h->cmsg_type);
	if (h->cmsg_level == SOL_SOCKET && size)
		put_socket_data(out, h->cmsg_type, data, size);
	put_char(out, '}');
}

/* @size bytes of it are known. */
void put_control(struct decoder *d, const char *bytes, size_t size,
		 uint64_t address, uint64_t length)
{
	size_t at = 0, len, end = size < length ? size : length;
	struct cmsghdr h;

	if (end < sizeof(h)) {
		put_pointer(d->out, address);
		return;
	}
	put_char(d->out, '[');
	while (end - at >= sizeof(h)) {
		memcpy(&h, bytes + at, sizeof(h));
		len = h.cmsg_len < end - at ? h.cmsg_len : end - at;
		if (at)
			text_puts(d->out, ", ");
		put_header(d->out, &h, bytes + at + sizeof(h),
			   len > sizeof(h) ? len - sizeof(h) : 0);
		at += h.cmsg_len < sizeof(h) ? sizeof(h) : CMSG_ALIGN(len);
		if (at >= end)
			break;
		if (h.cmsg_len < sizeof(h) || end - at < sizeof(h)) {
			text_puts(d->out, ", ... /* ");
			put_hex(d->out, address + at);
			text_puts(d->out, " */");
			break;
		}
	}
	put_char(d->out, ']');
}

/* Messages. */

struct message {
	struct msghdr h;
	struct parts parts;   /* of it alone */
	unsigned arg;
	uint64_t moved;       /* UINT64_MAX: sent */
	int64_t name_room;    /* of a received one, as it was given; -1: sent */
};

static void put_name_of(struct decoder *d, const struct message *m)
{
	struct part part;

	text_puts(d->out, "{msg_name=");
	if (m->h.msg_name && m->h.msg_namelen >= 2 &&
	    part_find(m->parts, SHIM_TRACE_ADDRESS, m->arg, ANY_INDEX, &part) &&
	    part.head.size >= 2)
		put_address(d, part.bytes, part.head.size);
	else
		put_pointer(d->out, (uintptr_t)m->h.msg_name);
	text_puts(d->out, ", msg_namelen=");
	if (m->name_room >= 0 && m->name_room != (int64_t)m->h.msg_namelen) {
		put_decimal(d->out, m->name_room);
		text_puts(d->out, " => ");
	}
	put_decimal(d->out, (int)m->h.msg_namelen);
}

static void put_message(struct decoder *d, const struct message *m)
{
	struct part part = { .head = { .size = 0 } };

	put_name_of(d, m);
	text_puts(d->out, ", msg_iov=");
	put_iovec(d, m->parts, m->arg, (uintptr_t)m->h.msg_iov,
		  m->h.msg_iovlen, m->moved);
	put_key(d->out, ", msg_iovlen=", m->h.msg_iovlen);
	if (m->h.msg_controllen) {
		text_puts(d->out, ", msg_control=");
		if (!part_find(m->parts, SHIM_TRACE_CONTROL, m->arg, ANY_INDEX,
			       &part))
			part.head.size = 0;
		put_control(d, part.bytes, part.head.size,
			    (uintptr_t)m->h.msg_control, m->h.msg_controllen);
	}
	put_key(d->out, ", msg_controllen=", m->h.msg_controllen);
	text_puts(d->out, ", msg_flags=");
	put_flags(d->out, &names_message, (uint32_t)m->h.msg_flags);
	put_char(d->out, '}');
}

static bool find_header(struct parts parts, unsigned arg, int index,
			struct msghdr *h)
{
	struct part part;

	if (!part_find(parts, SHIM_TRACE_MSGHDR, arg, index, &part) ||
	    part.head.size < sizeof(*h))
		return false;
	memcpy(h, part.bytes, sizeof(*h));
	return true;
}

enum decoded arg_message_in(struct decoder *d, unsigned arg)
{
	struct message m = { .parts = d->enter, .arg = arg,
			     .moved = UINT64_MAX, .name_room = -1 };

	if (!find_header(m.parts, arg, ANY_INDEX, &m.h)) {
		if (!d->leaving && d->args[arg])
			return DECODE_LATER;
		m.parts = d->leave;
		if (!d->leaving ||
		    !find_header(m.parts, arg, ANY_INDEX, &m.h)) {
			put_pointer(d->out, d->args[arg]);
			return DECODED;
		}
	}
	put_message(d, &m);
	return DECODED;
}

/* Of one that has failed, only how much room there was for a name. */
static void put_failed(struct decoder *d, unsigned arg)
{
	struct msghdr h;

	if (!find_header(d->enter, arg, ANY_INDEX, &h) &&
	    !find_header(d->leave, arg, ANY_INDEX, &h)) {
		put_pointer(d->out, d->args[arg]);
		return;
	}
	text_puts(d->out, "{msg_namelen=");
	put_decimal(d->out, (int)h.msg_namelen);
	put_char(d->out, '}');
}

enum decoded arg_message_out(struct decoder *d, unsigned arg)
{
	struct message m = { .parts = d->leave, .arg = arg, .name_room = -1 };
	struct msghdr before;

	if (!d->leaving)
		return DECODE_LATER;
	if (d->result < 0 || !find_header(m.parts, arg, ANY_INDEX, &m.h)) {
		put_failed(d, arg);
		return DECODED;
	}
	m.moved = (uint64_t)d->result;
	if (find_header(d->enter, arg, ANY_INDEX, &before))
		m.name_room = (int)before.msg_namelen;
	put_message(d, &m);
	return DECODED;
}

/* Arrays: the parts of each message follow its header. */

struct messages {
	struct parts rest;
	unsigned arg;
	bool received;
	uint64_t number;  /* as the program says */
	int64_t done;     /* that have a length now; -1: none is known */
};

static bool next_message(struct messages *all, struct message *m,
			 struct mmsghdr *one, struct part *part)
{
	struct parts ahead;
	struct part next;

	if (!part_walk(&all->rest, SHIM_TRACE_MSGHDR, all->arg, part) ||
	    part->head.size < sizeof(*one))
		return false;
	memcpy(one, part->bytes, sizeof(*one));
	*m = (struct message){ .h = one->msg_hdr, .arg = all->arg,
			       .moved = UINT64_MAX, .name_room = -1 };
	m->parts = ahead = all->rest;
	m->parts.end = all->rest.end;
	while (part_next(&ahead, &next)) {
		if (next.head.kind == SHIM_TRACE_MSGHDR) {
			m->parts.end = next.bytes - sizeof(next.head);
			break;
		}
	}
	return true;
}

static void put_messages(struct decoder *d, struct messages all)
{
	struct mmsghdr one;
	struct message m;
	struct part part;
	uint64_t i;

	put_char(d->out, '[');
	for (i = 0; i < all.number && i < d->string_max; i++) {
		if (!next_message(&all, &m, &one, &part))
			break;
		text_puts(d->out, i ? ", {msg_hdr=" : "{msg_hdr=");
		if (all.received)
			m.moved = one.msg_len;
		put_message(d, &m);
		if ((int64_t)i < all.done)
			put_key(d->out, ", msg_len=", one.msg_len);
		put_char(d->out, '}');
	}
	if (i < all.number)
		text_puts(d->out, i ? ", ..." : "...");
	put_char(d->out, ']');
}

static bool has_messages(struct parts parts, unsigned arg)
{
	struct part part;

	return part_find(parts, SHIM_TRACE_MSGHDR, arg, ANY_INDEX, &part) &&
		part.head.size >= sizeof(struct mmsghdr);
}

/*
 * The lengths come with the return of the call, so that all is printed then, the
 * data from where they were read.
 */
enum decoded arg_messages_in(struct decoder *d, unsigned arg)
{
	struct messages all = { .arg = arg, .number = (uint32_t)d->args[arg + 1],
				.done = d->result };

	if (!d->leaving)
		return d->args[arg] ? DECODE_LATER :
			(put_pointer(d->out, 0), DECODED);
	all.rest = has_messages(d->leave, arg) ? d->leave : d->enter;
	if (has_messages(all.rest, arg))
		put_messages(d, all);
	else
		put_pointer(d->out, d->args[arg]);
	return DECODED;
}

enum decoded arg_messages_out(struct decoder *d, unsigned arg)
{
	struct messages all = { .rest = d->leave, .arg = arg, .received = true,
				.number = (uint64_t)d->result,
				.done = d->result };

	if (!d->leaving)
		return DECODE_LATER;
	if (d->result < 0 || !has_messages(d->leave, arg))
		put_pointer(d->out, d->args[arg]);
	else
		put_messages(d, all);
	return DECODED;
}
