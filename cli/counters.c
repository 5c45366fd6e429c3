// SPDX-License-Identifier: MIT
/*
 * Reading counters; see counters.h.  The text may come from anywhere, so that
 * its size, its lines and its names are limited.
 */
#include "counters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGEST (1UL << 20) /* bytes; the library's file has 80 KiB */
#define MOST 4096           /* counters; the library's file has 1024 lines */
#define PAGE 4096

static const char header[] = "# libshim ";
/* Of the file, which is mapped: its size is a whole number of pages. */
static const char file_header[] = "# libshim counters:";
static const char unfinished = '.'; /* begins a line that is being made */
static const char native[] = "native:";

uint64_t add_counts(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static int refuse(struct counters *c, unsigned long line, const char *why)
{
	snprintf(c->why, sizeof(c->why), "line %lu: %s", line, why);
	return -EBADMSG;
}

static struct counter *find(const struct counters *c, const char *call,
			    const char *column)
{
	size_t i;

	for (i = 0; i < c->number; i++) {
		if (!strcmp(c->all[i].call, call) &&
		    !strcmp(c->all[i].column, column))
			return &c->all[i];
	}
	return NULL;
}

/* Room for one more, behind the last of its call. */
static struct counter *insert(struct counters *c, const char *call)
{
	struct counter *all;
	size_t at;

	if (c->number == MOST)
		return NULL;
	if (c->number == c->room) {
		all = realloc(c->all, (c->room * 2 + 64) * sizeof(*all));
		if (!all)
			return NULL;
		c->all = all;
		c->room = c->room * 2 + 64;
	}
	for (at = c->number; at; at--) {
		if (!strcmp(c->all[at - 1].call, call))
			break;
	}
	if (!at)
		at = c->number;
	memmove(&c->all[at + 1], &c->all[at],
		(c->number++ - at) * sizeof(*all));
	return &c->all[at];
}

static int add(struct counters *c, const char *call, const char *column,
	       uint64_t count)
{
	struct counter *counter = find(c, call, column);

	if (!counter) {
		counter = insert(c, call);
		if (!counter)
			return -ENOMEM;
		*counter = (struct counter){ .count = 0 };
		strcpy(counter->call, call);
		strcpy(counter->column, column);
	}
	counter->count = add_counts(counter->count, count);
	return 0;
}

/* Calls and reasons are made of these. */
static bool is_name(const char *s)
{
	if (!strncmp(s, native, sizeof(native) - 1))
		s += sizeof(native) - 1;
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")];
}

static int parse_count(const char *s, uint64_t *count)
{
	*count = 0;
	if (!*s)
		return -EBADMSG;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EBADMSG;
		if (*count > (UINT64_MAX - 9) / 10)
			return -ERANGE;
		*count = *count * 10 + (uint64_t)(*s - '0');
	}
	return 0;
}

/* The next word of @s, ended by a zero; "" if there is none. */
static char *word(char **s)
{
	char *begin = *s + strspn(*s, " ");

	*s = begin + strcspn(begin, " ");
	if (**s)
		*(*s)++ = '\0';
	return begin;
}

static int parse_line(struct counters *c, char *s, unsigned long line)
{
	char *call, *column, *count;
	uint64_t n;
	int ret;

	if (*s == '#')
		return strncmp(s, header, sizeof(header) - 1) ?
			refuse(c, line, "not a line of libshim's counters") : 0;
	if (*s == unfinished)
		return 0;
	call = word(&s);
	column = word(&s);
	count = word(&s);
	if (!*call)
		return 0;
	if (strlen(call) >= NAME_SIZE || strlen(column) >= NAME_SIZE ||
	    !is_name(call) || !is_name(column) || *word(&s))
		return refuse(c, line, "not a line of libshim's counters");
	ret = parse_count(count, &n);
	if (ret == -ERANGE)
		return refuse(c, line, "the count is too large");
	if (ret)
		return refuse(c, line, "not a count");
	ret = add(c, call, column, n);
	return ret == -ENOMEM && c->number == MOST ?
		refuse(c, line, "too many different counters") : ret;
}

static bool begins(const char *text, size_t size, const char *with)
{
	return size >= strlen(with) && !memcmp(text, with, strlen(with));
}

int counters_parse(struct counters *c, const char *text, size_t size)
{
	const char *end = text + size, *next;
	unsigned long line = 1;
	char copy[256];
	int ret;

	if (!size)
		return refuse(c, line, "empty");
	if (!begins(text, size, header))
		return refuse(c, line, "no header of libshim's counters");
	if (begins(text, size, file_header) && size % PAGE)
		return refuse(c, line, "this file was cut off or changed");
	for (; text < end; text = next, line++) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next)
			return refuse(c, line, "cut off");
		size = (size_t)(next - text);
		if (size >= sizeof(copy))
			return refuse(c, line, "too long");
		if (memchr(text, '\0', size))
			return refuse(c, line, "binary");
		memcpy(copy, text, size);
		copy[size] = '\0';
		ret = parse_line(c, copy, line);
		if (ret)
			return ret;
		next++;
	}
	return 0;
}

int counters_read(struct counters *c, int fd)
{
	char *text = malloc(LARGEST + 1);
	size_t size = 0;
	ssize_t n = 1;
	int ret = -ENOMEM;

	while (text && n > 0 && size <= LARGEST) {
		n = pread(fd, text + size, LARGEST + 1 - size, (off_t)size);
		if (n > 0)
			size += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (text && n < 0)
		ret = -errno;
	else if (text)
		ret = size > LARGEST ? -EFBIG : counters_parse(c, text, size);
	free(text);
	return ret;
}

void counters_free(struct counters *c)
{
	free(c->all);
	*c = (struct counters){ .all = NULL };
}

const char *counter_reason(const struct counter *counter)
{
	return strncmp(counter->column, native, sizeof(native) - 1) ? NULL :
		counter->column + sizeof(native) - 1;
}

bool counter_is_call(const struct counter *counter)
{
	return strcmp(counter->call, "process") != 0 &&
	       strcmp(counter->call, "prefetch") != 0;
}

bool counter_is_of(const struct counter *counter, const char *call)
{
	return !strcmp(counter->call, call);
}

bool counter_begins(const struct counters *c, size_t i)
{
	return !i || strcmp(c->all[i].call, c->all[i - 1].call) != 0;
}

uint64_t counters_sum(const struct counters *c, const char *call,
		      const char *column)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < c->number; i++) {
		if (counter_is_call(&c->all[i]) &&
		    (!call || !strcmp(c->all[i].call, call)) &&
		    !strcmp(c->all[i].column, column))
			sum = add_counts(sum, c->all[i].count);
	}
	return sum;
}

uint64_t counters_native(const struct counters *c, const char *call)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < c->number; i++) {
		if (counter_reason(&c->all[i]) &&
		    (!call || !strcmp(c->all[i].call, call)))
			sum = add_counts(sum, c->all[i].count);
	}
	return sum;
}

uint64_t counters_programs(const struct counters *c, const char *how)
{
	const struct counter *counter = find(c, "process", how);

	return counter ? counter->count : 0;
}

uint64_t counters_prefetch(const struct counters *c, const char *what)
{
	const struct counter *counter = find(c, "prefetch", what);

	return counter ? counter->count : 0;
}

const char *counters_error(const struct counters *c, int ret)
{
	if (ret == -EBADMSG)
		return c->why;
	if (ret == -EFBIG)
		return "too large for libshim's counters";
	return strerror(-ret);
}
