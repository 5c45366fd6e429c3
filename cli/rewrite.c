// SPDX-License-Identifier: MIT
/*
 * The text of one call, rewritten; see normalise.h.  One pass from left to right:
 * lines can be of any length.  Names of descriptors are longer than their
 * numbers, so there is a limit to how much longer a line may become.
 */
#include "normalise.h"

#include <ctype.h>
#include <string.h>

#define LONGEST_TIME 32

static char at(const struct rewriter *r, size_t i)
{
	if (i < r->in.n)
		return r->in.s[i];
	return '\0';
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool room(const struct rewriter *r)
{
	return r->out->n < 2 * r->in.n + 4096;
}

struct slice argument(struct slice args, unsigned wanted)
{
	size_t i, begin = 0, depth = 0;
	unsigned number = 0;

	for (i = 0; i <= args.n; i++) {
		char c = ',';

		if (i < args.n)
			c = args.s[i];
		if (c == '"') {
			i = skip_string(args, i) - 1;
		} else if (c && strchr("([{", c)) {
			depth++;
		} else if (c && strchr(")]}", c) && depth) {
			depth--;
		} else if (c == ',' && (!depth || i >= args.n)) {
			if (number++ == wanted)
				return slice_trim((struct slice){
					args.s + begin, i - begin });
			begin = i + 1;
		}
	}
	return (struct slice){ args.s + args.n, 0 };
}

/* "<...>" behind a number or AT_FDCWD: without its brackets, and skipped. */
static struct slice take_note(struct rewriter *r)
{
	struct slice note = { r->in.s + r->i, 0 };
	size_t end;

	if (!r->notes || at(r, r->i) != '<' || at(r, r->i + 1) == '<' || !r->i)
		return note;
	end = skip_note(r->in, r->i);
	r->notes = r->in.s[end - 1] == '>';
	if (!r->notes)
		return note;
	note = (struct slice){ r->in.s + r->i + 1, end - r->i - 2 };
	r->i = end;
	return note;
}

/* Inodes and ports are other ones each time: "pipe:[123]" is a pipe. */
static void put_note(struct text *out, struct slice note)
{
	const char *colon = memchr(note.s, ':', note.n);

	if (note.n && note.s[0] != '/' && colon)
		note.n = (size_t)(colon - note.s);
	if (note.n > 200)
		note.n = 200;
	text_put(out, note.s, note.n);
}

void put_descriptor(struct rewriter *r, long fd, long what, struct slice note)
{
	if (r->n->strict || (what < 0 && !note.n))
		text_printf(r->out, "%ld", fd);
	if (!room(r) || (what < 0 && !note.n))
		return;
	text_puts(r->out, r->n->strict ? "<" : "fd<");
	if (what >= 0)
		text_put(r->out, r->n->shown.all[what].s.s,
			 r->n->shown.all[what].s.n);
	else
		put_note(r->out, note);
	text_puts(r->out, ">");
}

static bool is_descriptor(const struct rewriter *r, size_t begin)
{
	char before = ',';

	if (begin)
		before = r->in.s[begin - 1];
	if (r->next == 'f')
		return true;
	return !r->depth && r->argument < 32 && r->kind->fds >> r->argument & 1 &&
		(before == ',' || before == ' ' || before == '(');
}

/* /proc/PID/maps and smaps: the kernel chooses at random. */
static bool has_addresses(const struct rewriter *r, long what)
{
	struct slice name = SLICE("");

	if (what >= 0)
		name = r->n->shown.all[what].s;
	return slice_begins(name, "/proc/") && slice_has(name, "maps");
}

static void put_decimal(struct rewriter *r, struct slice digits)
{
	size_t begin = r->i - digits.n, n;
	long value = slice_number(digits, &n), what;
	bool descriptor = value >= 0 && is_descriptor(r, begin);
	bool pid = r->next == 'p' || (r->kind->flags & CALL_PIDS && !r->depth);
	struct slice note = take_note(r);

	if (descriptor) {
		what = !begin && r->first != FD_UNKNOWN ? r->first :
			fdtable_get(r->n->tables[r->thread], value);
		r->addresses |= has_addresses(r, what);
		put_descriptor(r, value, what, value > 2 ? note : SLICE(""));
	} else if (pid && trace_find(&r->n->trace, value) != NO_THREAD) {
		text_puts(r->out, "PID");
	} else if (r->kind->effect == EFFECT_PAIR && r->depth == 1 &&
		   !r->n->strict) {
		text_puts(r->out, "fd");
	} else {
		text_put(r->out, digits.s, digits.n);
	}
	r->next = 0;
}

static void put_number(struct rewriter *r)
{
	bool hex = at(r, r->i) == '0' && at(r, r->i + 1) == 'x';
	size_t begin = r->i;
	struct slice token;

	r->i += hex ? 2 : 0;
	while (hex ? isxdigit((unsigned char)at(r, r->i)) :
		     isdigit((unsigned char)at(r, r->i)))
		r->i++;
	token = (struct slice){ r->in.s + begin, r->i - begin };
	if (token.n < 2 || token.s[1] != 'x')
		put_decimal(r, token);
	else if (token.n < 8)
		text_put(r->out, token.s, token.n);
	else
		text_puts(r->out, "ADDR");
}

static bool is_time(struct slice key)
{
	static const char *const keys[] = {
		"tv_sec", "tv_nsec", "tv_usec", "si_utime", "si_stime",
		"st_ino", "stx_ino", "st_atime", "st_mtime", "st_ctime",
		"st_atime_nsec", "st_mtime_nsec", "st_ctime_nsec", "uptime",
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (slice_is(key, keys[i]))
			return true;
	}
	return false;
}

/* A constant, or the key of what follows. */
static void put_word(struct rewriter *r)
{
	struct slice word = { r->in.s + r->i, 0 };
	size_t i;

	while (is_word(at(r, r->i)))
		r->i++;
	word.n = (size_t)(r->in.s + r->i - word.s);
	text_put(r->out, word.s, word.n);
	r->next = 0;
	if (slice_is(word, "AT_FDCWD"))
		take_note(r);
	if (at(r, r->i) != '=')
		return;
	if (slice_is(word, "fd"))
		r->next = 'f';
	if (slice_is(word, "si_pid") || slice_is(word, "pid") ||
	    slice_is(word, "l_pid"))
		r->next = 'p';
	if (!is_time(word))
		return;
	text_puts(r->out, "=_");
	for (i = 0; i < LONGEST_TIME && r->i < r->in.n &&
	     !strchr(",})", at(r, r->i)); i++)
		r->i++;
}

static void put_string(struct rewriter *r)
{
	size_t begin = r->i + 1, end = skip_string(r->in, r->i);
	bool closed = end > begin && r->in.s[end - 1] == '"';
	struct slice inside = { r->in.s + begin, end - begin - closed };

	if (begin > end)
		inside.n = 0;
	text_puts(r->out, "\"");
	if (r->addresses && r->kind->flags & CALL_DATA && inside.n)
		text_puts(r->out, "ADDR");
	else if (r->kind->flags & CALL_DATA)
		rewrite_data(r, inside);
	else
		rewrite_path(r, inside);
	text_puts(r->out, "\"");
	r->i = end;
}

static void put_other(struct rewriter *r)
{
	char c = r->in.s[r->i++];

	if (c && strchr("([{", c))
		r->depth++;
	else if (c && strchr(")]}", c) && r->depth)
		r->depth--;
	else if (c == ',' && !r->depth)
		r->argument++;
	text_put(r->out, &c, 1);
}

void rewrite(struct rewriter *r)
{
	char c;

	r->i = 0;
	r->argument = 0;
	r->depth = 0;
	r->notes = true;
	r->next = 0;
	while (r->i < r->in.n) {
		c = r->in.s[r->i];
		if (c == '"')
			put_string(r);
		else if (isdigit((unsigned char)c))
			put_number(r);
		else if (is_word(c))
			put_word(r);
		else
			put_other(r);
	}
}
