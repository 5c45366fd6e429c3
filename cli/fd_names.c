// SPDX-License-Identifier: MIT
/*
 * Descriptors by what they are: the n-th that a thread has opened with this name.
 * The number n is the thread's own, since the order of threads is chance.
 */
#include "normalise.h"

#include <errno.h>
#include <stdlib.h>

#define LONGEST_LABEL 200

long fd_of(const struct normaliser *n, uint32_t thread, struct slice argument)
{
	size_t digits;
	long fd = slice_number(argument, &digits);

	return fd < 0 ? FD_UNKNOWN : fdtable_get(n->tables[thread], fd);
}

/* How often @thread has had this name, with this time. */
static long count(struct normaliser *n, uint32_t thread, struct slice name)
{
	struct text key = { .n = 0 };
	long at = -ENOMEM;

	text_printf(&key, "%u ", thread);
	text_put(&key, name.s, name.n);
	if (!key.failed)
		at = strings_add(&n->counts, (struct slice){ key.s, key.n });
	free(key.s);
	return at < 0 ? at : ++n->counts.all[at].value;
}

/* What is shown for a new descriptor: its number, or -ENOMEM. */
static long name_of(struct normaliser *n, uint32_t thread, struct slice name)
{
	struct text text = { .n = 0 };
	long number, at = -ENOMEM;

	number = count(n, thread, name);
	if (name.n > LONGEST_LABEL)
		name.n = LONGEST_LABEL;
	text_put(&text, name.s, name.n);
	if (number > 1)
		text_printf(&text, "#%ld", number);
	if (number > 0 && !text.failed)
		at = strings_add(&n->shown, (struct slice){ text.s, text.n });
	free(text.s);
	return at;
}

static int set_new(struct normaliser *n, const struct event *event, long fd,
		   struct slice name)
{
	long what = name_of(n, event->thread, name);

	return what < 0 ? -ENOMEM :
		fdtable_set(n->tables[event->thread], fd, what);
}

static int set_pair(struct normaliser *n, const struct event *event)
{
	static const struct slice ends[2][2] = {
		{ { "socketpair:1", 12 }, { "socketpair:2", 12 } },
		{ { "pipe:r", 6 }, { "pipe:w", 6 } },
	};
	bool pipe = slice_begins(event->name, "pipe");
	struct slice array = argument(event->args, pipe ? 0 : 3), fd;
	size_t digits;
	int i, ret = 0;

	if (array.n < 2 || array.s[0] != '[')
		return 0;
	array = (struct slice){ array.s + 1, array.n - 2 };
	for (i = 0; i < 2 && !ret; i++) {
		fd = argument(array, (unsigned)i);
		ret = set_new(n, event, slice_number(fd, &digits),
			      ends[pipe][i]);
	}
	return ret;
}

static int close_range(struct normaliser *n, const struct event *event)
{
	struct slice last = argument(event->args, 1);
	size_t digits;
	long from = slice_number(argument(event->args, 0), &digits);
	long to = slice_number(last, &digits);

	if (from < 0 || !slice_is(event->result, "0"))
		return 0;
	return fdtable_close(n->tables[event->thread], from,
			     to < 0 ? FD_MOST - 1 : to);
}

static int duplicate(struct normaliser *n, const struct event *event, long fd)
{
	return fdtable_set(n->tables[event->thread], fd,
			   fd_of(n, event->thread, argument(event->args, 0)));
}

int fd_effect(struct normaliser *n, const struct event *event,
	      const struct call_kind *kind, struct slice path)
{
	struct fdtable *table = n->tables[event->thread];
	size_t digits;
	long fd = slice_number(event->result, &digits);

	if (kind->effect == EFFECT_CLOSE)
		return fdtable_set(table, slice_number(
			argument(event->args, 0), &digits), FD_UNKNOWN);
	if (fd < 0)
		return 0;
	switch (kind->effect) {
	case EFFECT_OPEN:
		return set_new(n, event, fd, path);
	case EFFECT_NEW:
		return set_new(n, event, fd, event->name);
	case EFFECT_PAIR:
		return set_pair(n, event);
	case EFFECT_FCNTL:
		if (!slice_begins(argument(event->args, 1), "F_DUPFD"))
			return 0;
		return duplicate(n, event, fd);
	case EFFECT_DUP:
	case EFFECT_DUP2:
		return duplicate(n, event, fd);
	case EFFECT_RANGE:
		return close_range(n, event);
	default:
		return 0;
	}
}
