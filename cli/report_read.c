// SPDX-License-Identifier: MIT
/*
 * A trace, read line by line; see report.h.  What kind it is, its first bytes
 * tell.  Lines of JSON have to be understood, all but one that was cut off at the
 * end; among lines of text there may be what a program has printed.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

#define STEP (256UL * 1024)
#define LONGEST_LINE (16UL * 1024 * 1024)

struct source {
	int fd;
	char *bytes;
	size_t from, to, room; /* what has been read and not yet used */
	bool end;
	uint64_t line;
	/* The line is the last one, and has no end. */
	bool cut;
};

/* More bytes; 0 or -errno. */
static int fill(struct source *s)
{
	ssize_t n;
	char *bytes;

	if (s->from) {
		memmove(s->bytes, s->bytes + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
	}
	if (s->room - s->to < STEP) {
		bytes = realloc(s->bytes, s->room * 2 + STEP);
		if (!bytes)
			return -ENOMEM;
		s->bytes = bytes;
		s->room = s->room * 2 + STEP;
	}
	do
		n = read(s->fd, s->bytes + s->to, STEP);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno > 0 ? -errno : -EIO;
	s->to += (size_t)n;
	s->end = !n;
	return 0;
}

/* 1: @line, 0: there is none left, or -errno; -E2BIG: it is too long. */
static int next_line(struct source *s, struct slice *line)
{
	size_t looked = 0;
	char *end = NULL;
	int ret;

	*line = SLICE("");
	for (;;) {
		if (s->to - s->from > looked)
			end = memchr(s->bytes + s->from + looked, '\n',
				     s->to - s->from - looked);
		looked = s->to - s->from;
		if (end || s->end)
			break;
		if (looked > LONGEST_LINE) {
			s->line++;
			return -E2BIG;
		}
		ret = fill(s);
		if (ret)
			return ret;
	}
	if (!looked)
		return 0;
	s->cut = !end;
	*line = (struct slice){ s->bytes + s->from, end ?
		(size_t)(end - s->bytes) - s->from : looked };
	s->from += line->n + !!end;
	s->line++;
	return 1;
}

static int complain(const char *file, uint64_t line, const char *what)
{
	struct text name = { .n = 0 };

	text_escaped(&name, (struct slice){ file, strlen(file) });
	if (line)
		say("%s: line %llu: %s", name.s ? name.s : "",
		    (unsigned long long)line, what);
	else
		say("%s: %s", name.s ? name.s : "", what);
	free(name.s);
	return -1;
}

static bool is_blank(struct slice line)
{
	return !slice_trim(line).n;
}

/* What is wrong with a line, whatever is in it; NULL: nothing. */
static const char *refused(struct slice line)
{
	if (slice_begins(line, "shimtrc"))
		return "a recording: shim trace --read makes a trace of it";
	return line.n && memchr(line.s, '\0', line.n) ? "binary" : NULL;
}

static int read_json(struct sums *sums, struct source *s, struct slice line,
		     const char *file)
{
	char why[256] = "";
	int ret;

	do {
		if (is_blank(line))
			continue;
		ret = json_line(sums, line, why, sizeof(why));
		if (ret == -EBADMSG && s->cut && s->line > 1) {
			sums->cut = s->line;
			return 0;
		}
		if (ret)
			return complain(file, ret == -EBADMSG ? s->line : 0,
					ret == -EBADMSG ? why : strerror(-ret));
	} while ((ret = next_line(s, &line)) > 0);
	return ret;
}

static void not_understood(struct sums *sums, const struct source *s)
{
	if (s->cut && s->line > 1)
		sums->cut = s->line;
	else if (!sums->bad++)
		sums->first_bad = s->line;
}

static int read_text(struct sums *sums, struct source *s, struct slice line,
		     const char *file)
{
	struct text_state state = { .last = 0 };
	const char *why;
	int ret;

	sums->ordered = true;
	do {
		why = refused(line);
		ret = why ? complain(file, s->line, why) :
			text_line(sums, &state, line);
		if (ret == -EBADMSG)
			not_understood(sums, s);
		else if (ret)
			break;
	} while ((ret = next_line(s, &line)) > 0);
	text_free(&state);
	return ret;
}

static int read_all(struct sums *sums, struct source *s, const char *file)
{
	struct slice line = SLICE("");
	int ret;

	do
		ret = next_line(s, &line);
	while (ret > 0 && is_blank(line));
	if (!ret)
		return complain(file, 0, "empty");
	if (ret < 0)
		return ret;
	ret = slice_trim(line).s[0] == '{' ? read_json(sums, s, line, file) :
		read_text(sums, s, line, file);
	if (!ret && !sums->number)
		return complain(file, sums->bad ? sums->first_bad : s->line,
				"no trace: there is no system call in it");
	return ret;
}

int report_read(struct sums *sums, int fd, const char *file)
{
	struct source s = { .fd = fd };
	int ret;

	sums->begin = sums->end = -1;
	sums->shift = 10;
	ret = read_all(sums, &s, file);
	sums->lines = s.line;
	if (ret == -E2BIG)
		ret = complain(file, s.line, "too long");
	else if (ret < -1)
		ret = complain(file, 0, strerror(-ret));
	free(s.bytes);
	return ret;
}
