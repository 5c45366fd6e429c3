// SPDX-License-Identifier: MIT
/* fcntl(2): what its third argument and its result are, the command tells. */
#include <fcntl.h>
#include <string.h>

#include "decode.h"
#include "decode_names.h"
#include "trace_calls.h"

#define CANCELLK 1029

enum kind {
	KIND_NONE,
	KIND_NUMBER,
	KIND_INT,
	KIND_FD_FLAGS,
	KIND_OPEN_FLAGS,
	KIND_LOCK,
	KIND_LOCK_ASKED, /* and told about */
	KIND_OWNER,
	KIND_OWNER_ASKED,
	KIND_SIGNAL,
	KIND_LEASE,
	KIND_NOTIFY,
	KIND_SEALS,
	KIND_UNKNOWN,
};

static enum kind kind_of(unsigned command)
{
	switch (command) {
	case F_GETFD: case F_GETFL: case F_GETOWN: case F_GETSIG:
	case F_GETLEASE: case F_GETPIPE_SZ: case F_GET_SEALS:
		return KIND_NONE;
	case F_DUPFD: case F_DUPFD_CLOEXEC: case F_SETPIPE_SZ:
		return KIND_NUMBER;
	case F_SETOWN:
		return KIND_INT;
	case F_SETFD:
		return KIND_FD_FLAGS;
	case F_SETFL:
		return KIND_OPEN_FLAGS;
	case F_SETLK: case F_SETLKW: case F_OFD_SETLK: case F_OFD_SETLKW:
	case CANCELLK:
		return KIND_LOCK;
	case F_GETLK: case F_OFD_GETLK:
		return KIND_LOCK_ASKED;
	case F_SETOWN_EX:
		return KIND_OWNER;
	case F_GETOWN_EX:
		return KIND_OWNER_ASKED;
	case F_SETSIG:
		return KIND_SIGNAL;
	case F_SETLEASE:
		return KIND_LEASE;
	case F_NOTIFY:
		return KIND_NOTIFY;
	case F_ADD_SEALS:
		return KIND_SEALS;
	default:
		return KIND_UNKNOWN;
	}
}

enum decoded arg_command(struct decoder *d, unsigned arg)
{
	put_name(d->out, &names_command, (uint32_t)d->args[arg]);
	return DECODED;
}

static void put_field(struct text *out, const char *name, int64_t value)
{
	text_puts(out, name);
	put_decimal(out, value);
}

static void put_lock(struct decoder *d, const char *bytes, bool told)
{
	struct flock lock;

	memcpy(&lock, bytes, sizeof(lock));
	text_puts(d->out, "{l_type=");
	put_name(d->out, &names_lock, (uint16_t)lock.l_type);
	text_puts(d->out, ", l_whence=");
	put_name(d->out, &names_whence, (uint16_t)lock.l_whence);
	put_field(d->out, ", l_start=", lock.l_start);
	put_field(d->out, ", l_len=", lock.l_len);
	if (told)
		put_field(d->out, ", l_pid=", lock.l_pid);
	put_char(d->out, '}');
}

static void put_owner(struct decoder *d, const char *bytes)
{
	struct f_owner_ex owner;

	memcpy(&owner, bytes, sizeof(owner));
	text_puts(d->out, "{type=");
	put_name(d->out, &names_owner, (uint32_t)owner.type);
	put_field(d->out, ", pid=", owner.pid);
	put_char(d->out, '}');
}

/* What the third argument points at, before the call or after it. */
static enum decoded put_structure(struct decoder *d, unsigned arg, bool asked,
				  size_t size, bool lock)
{
	struct part part;
	bool found;

	if (asked && !d->leaving)
		return DECODE_LATER;
	found = part_find(asked ? d->leave : d->enter, SHIM_TRACE_NUMBER, arg,
			  ANY_INDEX, &part);
	if (!found && !asked && d->leaving)
		found = part_find(d->leave, SHIM_TRACE_NUMBER, arg, ANY_INDEX,
				  &part);
	if (!found && !d->leaving && d->args[arg])
		return DECODE_LATER;
	if (!found || part.head.size < size || (asked && d->result < 0))
		put_pointer(d->out, d->args[arg]);
	else if (lock)
		put_lock(d, part.bytes, asked);
	else
		put_owner(d, part.bytes);
	return DECODED;
}

static enum decoded put_number(struct decoder *d, enum kind kind, uint64_t value)
{
	switch (kind) {
	case KIND_NUMBER:
		put_unsigned(d->out, (uint32_t)value);
		break;
	case KIND_INT:
		put_decimal(d->out, (int)value);
		break;
	case KIND_FD_FLAGS:
		put_flags(d->out, &names_fd, (uint32_t)value);
		break;
	case KIND_OPEN_FLAGS:
		put_open_flags(d->out, (uint32_t)value);
		break;
	case KIND_SIGNAL:
		put_signal(d->out, (int)value);
		break;
	case KIND_LEASE:
		put_name(d->out, &names_lock, (uint32_t)value);
		break;
	case KIND_NOTIFY:
		put_flags(d->out, &names_notify, (uint32_t)value);
		break;
	case KIND_SEALS:
		put_flags(d->out, &names_seals, (uint32_t)value);
		break;
	default:
		put_hex(d->out, value);
	}
	return DECODED;
}

enum decoded arg_of_command(struct decoder *d, unsigned arg)
{
	enum kind kind = kind_of((unsigned)d->args[arg - 1]);

	switch (kind) {
	case KIND_NONE:
		return DECODE_ABSENT;
	case KIND_LOCK:
	case KIND_LOCK_ASKED:
		return put_structure(d, arg, kind == KIND_LOCK_ASKED,
				     sizeof(struct flock), true);
	case KIND_OWNER:
	case KIND_OWNER_ASKED:
		return put_structure(d, arg, kind == KIND_OWNER_ASKED,
				     sizeof(struct f_owner_ex), false);
	default:
		return put_number(d, kind, d->args[arg]);
	}
}

static void put_words(struct decoder *d, const char *words,
		      void (*put)(struct text *, uint64_t))
{
	text_puts(d->out, words);
	put(d->out, (uint64_t)d->result);
	put_char(d->out, ')');
}

static void put_fd_flags(struct text *out, uint64_t flags)
{
	put_flags(out, &names_fd, flags);
}

static void put_seals(struct text *out, uint64_t seals)
{
	put_flags(out, &names_seals, seals);
}

static void put_lease(struct text *out, uint64_t lease)
{
	put_name(out, &names_lock, lease);
}

static void put_sig(struct text *out, uint64_t sig)
{
	put_signal(out, (int64_t)sig);
}

bool result_of_command(struct decoder *d)
{
	switch ((unsigned)d->args[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		put_fd(d, d->result, SHIM_TRACE_RESULT, ANY_INDEX);
		return true;
	case F_GETFL:
		put_hex(d->out, (uint64_t)d->result);
		put_words(d, " (flags ", put_open_flags);
		return true;
	case F_GETLEASE:
		put_hex(d->out, (uint64_t)d->result);
		put_words(d, " (", put_lease);
		return true;
	case F_GETFD:
	case F_GET_SEALS:
		if (!d->result)
			return false;
		put_hex(d->out, (uint64_t)d->result);
		if (d->args[1] == F_GETFD)
			put_words(d, " (flags ", put_fd_flags);
		else
			put_words(d, " (seals ", put_seals);
		return true;
	case F_GETSIG:
		if (!d->result)
			return false;
		put_decimal(d->out, d->result);
		put_words(d, " (", put_sig);
		return true;
	default:
		return false;
	}
}
