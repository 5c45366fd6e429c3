// SPDX-License-Identifier: MIT
/*
 * One line of strace; see strace.h.  Any bytes may come: whatever is searched in
 * a line is searched once, for lines can be long.
 */
#include "strace.h"

#include <ctype.h>
#include <string.h>

#define LONGEST_NAME 40

static const char unfinished[] = "<unfinished ...>";
static const char detached[] = "<detached ...>";

size_t skip_string(struct slice s, size_t i)
{
	for (i++; i < s.n; i++) {
		if (s.s[i] == '\\')
			i++;
		else if (s.s[i] == '"')
			return i + 1;
	}
	return s.n;
}

size_t skip_note(struct slice s, size_t i)
{
	size_t depth = 0;

	for (; i < s.n; i++) {
		if (s.s[i] == '<')
			depth++;
		else if (s.s[i] == '>' && s.s[i - 1] != '-' && !--depth)
			return i + 1;
	}
	return s.n;
}

/* Not a shift, not "<unfinished". */
static bool is_note(struct slice s, size_t i)
{
	return s.s[i] == '<' && i && isalnum((unsigned char)s.s[i - 1]) &&
		i + 1 < s.n && s.s[i + 1] != '<';
}

static bool is_end(struct slice s, size_t i, struct slice *args,
		   struct slice *result)
{
	size_t at = i + 1;

	while (at < s.n && s.s[at] == ' ')
		at++;
	if (at + 1 >= s.n || s.s[at] != '=' || s.s[at + 1] != ' ')
		return false;
	*args = slice_trim((struct slice){ s.s, i });
	*result = slice_trim(slice_from(s, at + 2));
	return true;
}

/* If brackets do not match, the last thing that looks like an end. */
static bool split_anyhow(struct slice s, struct slice *args, struct slice *result)
{
	size_t i;

	for (i = s.n; i-- > 0;) {
		if (s.s[i] == ')' && i + 1 < s.n &&
		    (s.s[i + 1] == ' ' || s.s[i + 1] == '=') &&
		    is_end(s, i, args, result))
			return true;
		/* Spaces are looked at once for each bracket before them. */
		while (i && s.s[i] == ' ' && s.s[i - 1] == ' ')
			i--;
	}
	return false;
}

bool strace_split(struct slice s, struct slice *args, struct slice *result)
{
	bool notes = true;
	size_t i, depth = 0, end;

	for (i = 0; i < s.n; i++) {
		if (s.s[i] == '"') {
			i = skip_string(s, i) - 1;
		} else if (notes && is_note(s, i)) {
			end = skip_note(s, i);
			notes = end < s.n;
			i = notes ? end - 1 : i;
		} else if (strchr("([{", s.s[i]) && s.s[i]) {
			depth++;
		} else if (s.s[i] == ')' && !depth) {
			if (is_end(s, i, args, result))
				return true;
		} else if (strchr(")]}", s.s[i]) && s.s[i] && depth) {
			depth--;
		}
	}
	return split_anyhow(s, args, result);
}

bool strace_creates(struct slice name)
{
	return slice_is(name, "clone") || slice_is(name, "clone3") ||
		slice_is(name, "fork") || slice_is(name, "vfork");
}

struct slice strace_duration(struct slice *result)
{
	struct slice s = *result, duration = { s.s, 0 };
	size_t i = s.n;

	if (!i || s.s[i - 1] != '>')
		return duration;
	for (i--; i && ((s.s[i - 1] >= '0' && s.s[i - 1] <= '9') ||
			s.s[i - 1] == '.'); i--)
		;
	if (!i || s.s[i - 1] != '<' || (i > 1 && s.s[i - 2] != ' '))
		return duration;
	duration = (struct slice){ s.s + i, s.n - 1 - i };
	result->n = i - 1;
	*result = slice_trim(*result);
	return duration;
}

static struct slice skip_spaces(struct slice s)
{
	while (s.n && s.s[0] == ' ')
		s = slice_from(s, 1);
	return s;
}

/* "[pid 12] ", "12 ", "12<sh> " */
static struct slice take_pid(struct slice s, long *pid)
{
	bool brackets = slice_begins(s, "[pid ");
	struct slice rest = brackets ? skip_spaces(slice_from(s, 5)) : s;
	size_t digits;
	long value = slice_number(rest, &digits);

	if (value < 0 || digits == rest.n)
		return s;
	rest = slice_from(rest, digits);
	if (rest.s[0] == '<')
		rest = slice_from(rest, skip_note(
			(struct slice){ rest.s - 1, rest.n + 1 }, 1) - 1);
	if (!rest.n || rest.s[0] != (brackets ? ']' : ' '))
		return s;
	*pid = value;
	return skip_spaces(slice_from(rest, 1));
}

/* "12:34:56.789 ", "0.000012 ", "(+ 0.000012) ", "[00007f...] " */
static struct slice take_time(struct slice s)
{
	size_t i = 0;
	char first;

	if (!s.n)
		return s;
	first = s.s[0];
	if (slice_begins(s, "(+") || first == '[') {
		while (i < s.n && i < 32 && s.s[i] != ')' && s.s[i] != ']')
			i++;
		i++;
	} else if (isdigit((unsigned char)first)) {
		while (i < s.n && (isdigit((unsigned char)s.s[i]) ||
				   s.s[i] == ':' || s.s[i] == '.'))
			i++;
	}
	return i && i < s.n && s.s[i] == ' ' ? skip_spaces(slice_from(s, i)) : s;
}

static size_t name_length(struct slice s)
{
	size_t i = 0;

	while (i < s.n && i <= LONGEST_NAME &&
	       (islower((unsigned char)s.s[i]) || isdigit((unsigned char)s.s[i]) ||
		s.s[i] == '_'))
		i++;
	return i <= LONGEST_NAME ? i : 0;
}

static bool take_end(struct slice *s, const char *end)
{
	size_t n = strlen(end);

	if (s->n < n || memcmp(s->s + s->n - n, end, n) != 0)
		return false;
	s->n -= n;
	*s = slice_trim(*s);
	return true;
}

static enum strace_kind call_line(struct slice s, struct strace_line *line)
{
	size_t n = name_length(s);

	if (!n || n == s.n || s.s[n] != '(')
		return STRACE_BAD;
	line->name = (struct slice){ s.s, n };
	line->args = slice_from(s, n + 1);
	if (take_end(&line->args, unfinished) || take_end(&line->args, detached))
		return STRACE_ENTER;
	if (!strace_split(line->args, &line->args, &line->result))
		return STRACE_BAD;
	take_end(&line->args, unfinished);
	return STRACE_CALL;
}

static enum strace_kind resumed_line(struct slice s, struct strace_line *line)
{
	struct slice rest = slice_from(s, 5);
	size_t n = name_length(rest);

	line->name = (struct slice){ rest.s, n };
	rest = slice_from(rest, n);
	if (!n || !slice_begins(rest, " resumed>"))
		return STRACE_BAD;
	line->args = slice_from(rest, 9);
	return STRACE_LEAVE;
}

static enum strace_kind marked_line(struct slice s, struct strace_line *line)
{
	bool signal = s.s[0] == '-';

	line->name = signal ? SLICE("signal") : SLICE("end");
	line->args = slice_from(s, 3);
	if (!take_end(&line->args, signal ? "---" : "+++"))
		return STRACE_BAD;
	line->args = slice_trim(line->args);
	return signal ? STRACE_SIGNAL : STRACE_EXIT;
}

static enum strace_kind message_line(struct slice s, struct strace_line *line)
{
	size_t digits;

	if (slice_begins(s, "strace: "))
		s = slice_from(s, 8);
	if (!slice_begins(s, "Process "))
		return STRACE_NOTHING;
	s = slice_from(s, 8);
	line->pid = slice_number(s, &digits);
	return line->pid >= 0 && slice_is(slice_from(s, digits), " attached") ?
		STRACE_ATTACH : STRACE_NOTHING;
}

bool strace_attached(struct slice *s, long *pid)
{
	static const char begin[] = "strace: Process ", end[] = " attached";
	struct slice line = slice_trim(*s);
	size_t i, digits;

	if (!take_end(&line, end))
		return false;
	for (i = line.n; i && isdigit((unsigned char)line.s[i - 1]); i--)
		;
	*pid = slice_number(slice_from(line, i), &digits);
	line.n = i;
	if (*pid < 0 || i < strlen(begin) ||
	    memcmp(line.s + i - strlen(begin), begin, strlen(begin)) != 0)
		return false;
	*s = (struct slice){ line.s, i - strlen(begin) };
	return true;
}

void strace_line(struct slice s, struct strace_line *line)
{
	*line = (struct strace_line){ .pid = -1 };
	s = take_pid(slice_trim(s), &line->pid);
	line->times.s = s.s;
	s = take_time(take_time(take_time(s)));
	line->times.n = (size_t)(s.s - line->times.s);
	if (!s.n)
		line->kind = STRACE_NOTHING;
	else if (slice_begins(s, "---") || slice_begins(s, "+++"))
		line->kind = marked_line(s, line);
	else if (slice_begins(s, "<... "))
		line->kind = resumed_line(s, line);
	else if (slice_begins(s, "strace: ") || slice_begins(s, "Process "))
		line->kind = message_line(s, line);
	else
		line->kind = call_line(s, line);
}
