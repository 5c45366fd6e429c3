// SPDX-License-Identifier: MIT
/* Parts of records, numbers, strings; how a call is printed.  See decode.h. */
#include "decode.h"

#include <errno.h>
#include <string.h>

#include "trace_calls.h"

/* Parts. */

bool part_next(struct parts *parts, struct part *part)
{
	size_t left = (size_t)(parts->end - parts->at), size;

	if (left < sizeof(part->head))
		return false;
	memcpy(&part->head, parts->at, sizeof(part->head));
	part->bytes = parts->at + sizeof(part->head);
	left -= sizeof(part->head);
	size = ((size_t)part->head.size + 7) & ~(size_t)7;
	if (size > left)
		return false;
	parts->at = part->bytes + size;
	return true;
}

/* Numbers are bytes as well. */
static bool is_kind(int is, int wanted)
{
	return is == wanted ||
		(wanted == SHIM_TRACE_NUMBER && is == SHIM_TRACE_BYTES);
}

bool part_walk(struct parts *parts, int kind, unsigned arg, struct part *part)
{
	while (part_next(parts, part)) {
		if (part->head.arg == arg && is_kind(part->head.kind, kind))
			return true;
	}
	return false;
}

bool part_find(struct parts parts, int kind, unsigned arg, int index,
	       struct part *part)
{
	while (part_walk(&parts, kind, arg, part)) {
		if (index == ANY_INDEX || part->head.index == index)
			return true;
	}
	return false;
}

bool part_number(struct parts parts, unsigned arg, uint64_t *number)
{
	struct part part;

	if (!part_find(parts, SHIM_TRACE_NUMBER, arg, ANY_INDEX, &part) ||
	    !part.head.size || part.head.size > sizeof(*number))
		return false;
	*number = 0;
	memcpy(number, part.bytes, part.head.size);
	return true;
}

/* Numbers. */

void put_char(struct text *out, char c)
{
	if (out->n + 1 < out->room) {
		out->s[out->n++] = c;
		out->s[out->n] = '\0';
		return;
	}
	text_put(out, &c, 1);
}

void put_unsigned(struct text *out, uint64_t value)
{
	char digits[24], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	text_put(out, at, (size_t)(digits + sizeof(digits) - at));
}

void put_decimal(struct text *out, int64_t value)
{
	if (value < 0)
		put_char(out, '-');
	put_unsigned(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void put_hex(struct text *out, uint64_t value)
{
	char digits[20], *at = digits + sizeof(digits);
	bool zero = !value;

	do {
		*--at = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	if (!zero)
		text_put(out, "0x", 2);
	text_put(out, at, (size_t)(digits + sizeof(digits) - at));
}

void put_pointer(struct text *out, uint64_t value)
{
	if (value)
		put_hex(out, value);
	else
		text_put(out, "NULL", 4);
}

/* Strings. */

/* As few digits as the byte behind it allows. */
static size_t put_octal(char *to, unsigned char c, bool digit_follows)
{
	size_t n = 0;

	to[n++] = '\\';
	if (digit_follows || c >= 0100)
		to[n++] = (char)('0' + (c >> 6));
	if (digit_follows || c >= 010)
		to[n++] = (char)('0' + (c >> 3 & 7));
	to[n++] = (char)('0' + (c & 7));
	return n;
}

static size_t put_byte(char *to, unsigned char c, bool digit_follows)
{
	static const char from[] = "\t\n\v\f\r\"\\", letters[] = "tnvfr\"\\";
	const char *special;

	if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
		*to = (char)c;
		return 1;
	}
	special = c ? strchr(from, c) : NULL;
	if (!special)
		return put_octal(to, c, digit_follows);
	to[0] = '\\';
	to[1] = letters[special - from];
	return 2;
}

static void put_bytes(struct text *out, const char *bytes, size_t n)
{
	char chunk[512];
	size_t i, used = 0;
	bool digit;

	for (i = 0; i < n; i++) {
		digit = i + 1 < n && bytes[i + 1] >= '0' && bytes[i + 1] <= '7';
		used += put_byte(chunk + used, (unsigned char)bytes[i], digit);
		if (used > sizeof(chunk) - 8) {
			text_put(out, chunk, used);
			used = 0;
		}
	}
	text_put(out, chunk, used);
}

void put_quoted(struct text *out, const char *bytes, size_t n, bool more)
{
	put_char(out, '"');
	put_bytes(out, bytes, n);
	put_char(out, '"');
	if (more)
		text_put(out, "...", 3);
}

void put_string(struct decoder *d, const char *bytes, size_t n, uint64_t total)
{
	if (n > d->string_max)
		n = d->string_max;
	put_quoted(d->out, bytes, n, total > n);
}

/* Between "<" and ">", as strace -y does: without quotes, but escaped. */
static void put_path_note(struct text *out, const struct part *part)
{
	static const char deleted[] = " (deleted)";
	size_t n = part->head.size, end = sizeof(deleted) - 1, i;
	bool gone = n > end && !memcmp(part->bytes + n - end, deleted, end);

	n -= gone ? end : 0;
	put_char(out, '<');
	for (i = 0; i < n; i++) {
		if (part->bytes[i] == '<')
			text_puts(out, "\\74");
		else if (part->bytes[i] == '>')
			text_puts(out, "\\76");
		else
			put_bytes(out, part->bytes + i, 1);
	}
	text_puts(out, gone ? ">(deleted)" : ">");
}

void put_fd_note(struct decoder *d, unsigned arg, int index)
{
	struct part part;

	if (!d->paths)
		return;
	if (part_find(d->enter, SHIM_TRACE_FDPATH, arg, index, &part) ||
	    (d->leaving &&
	     part_find(d->leave, SHIM_TRACE_FDPATH, arg, index, &part)))
		put_path_note(d->out, &part);
}

void put_fd(struct decoder *d, int64_t fd, unsigned arg, int index)
{
	put_decimal(d->out, fd);
	put_fd_note(d, arg, index);
}

/* Calls. */

bool decode_args(struct decoder *d, struct progress *p)
{
	const decode_arg *all = d->call->args;
	enum decoded ret;
	size_t mark;

	for (; p->next < TRACE_ARGS && all[p->next]; p->next++) {
		mark = d->out->n;
		if (p->next && !p->comma)
			text_put(d->out, ", ", 2);
		p->comma = false;
		ret = all[p->next](d, p->next);
		if (ret == DECODED)
			continue;
		if (ret == DECODE_LATER && !d->leaving) {
			p->comma = p->next > 0;
			return false;
		}
		if (d->out->s)
			d->out->s[d->out->n = mark] = '\0';
		break;
	}
	p->next = TRACE_ARGS;
	return true;
}

static void put_error(struct text *out, int error)
{
	const char *name = strerrorname_np(error);

	text_put(out, "-1 ", 3);
	if (!name) {
		text_puts(out, "ERRNO_");
		put_decimal(out, error);
	} else {
		text_puts(out, error == EOPNOTSUPP ? "EOPNOTSUPP" : name);
	}
	text_puts(out, " (");
	text_puts(out, strerrordesc_np(error) ? strerrordesc_np(error) :
		  "Unknown error");
	put_char(out, ')');
}

void decode_result(struct decoder *d)
{
	if (d->result < 0 && d->result > -4096)
		put_error(d->out, (int)-d->result);
	else if (d->call->result == TRACE_RESULT_FD)
		put_fd(d, d->result, SHIM_TRACE_RESULT, ANY_INDEX);
	else if (d->call->result != TRACE_RESULT_COMMAND ||
		 !result_of_command(d))
		put_decimal(d->out, d->result);
}
