// SPDX-License-Identifier: MIT
/* See fd_paths.h. */
#include "fd_paths.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "trace_calls.h"

#define MOST 65536 /* descriptors that are followed */

struct name {
	unsigned users;
	size_t n;
	char s[];
};

struct entry {
	struct name *name;
	bool cloexec;
};

struct fd_paths {
	struct entry *all;
	size_t number;
};

static void put(struct name *name)
{
	if (name && !--name->users)
		free(name);
}

struct fd_paths *fd_paths_new(void)
{
	return calloc(1, sizeof(struct fd_paths));
}

struct fd_paths *fd_paths_copy(const struct fd_paths *paths)
{
	struct fd_paths *copy = paths ? fd_paths_new() : NULL;
	size_t i;

	if (!copy || !paths->number)
		return copy;
	copy->all = malloc(paths->number * sizeof(*copy->all));
	if (!copy->all)
		return copy;
	memcpy(copy->all, paths->all, paths->number * sizeof(*copy->all));
	copy->number = paths->number;
	for (i = 0; i < copy->number; i++) {
		if (copy->all[i].name)
			copy->all[i].name->users++;
	}
	return copy;
}

void fd_paths_free(struct fd_paths *paths)
{
	size_t i;

	if (!paths)
		return;
	for (i = 0; i < paths->number; i++)
		put(paths->all[i].name);
	free(paths->all);
	free(paths);
}

static struct entry *entry_of(const struct fd_paths *paths, int64_t fd)
{
	return fd >= 0 && (uint64_t)fd < paths->number ? &paths->all[fd] : NULL;
}

static void forget(struct fd_paths *paths, int64_t fd)
{
	struct entry *entry = entry_of(paths, fd);

	if (!entry)
		return;
	put(entry->name);
	*entry = (struct entry){ NULL, false };
}

void fd_paths_exec(struct fd_paths *paths)
{
	size_t i;

	for (i = 0; paths && i < paths->number; i++) {
		if (paths->all[i].cloexec)
			forget(paths, (int64_t)i);
	}
}

struct slice fd_path(const struct fd_paths *paths, int64_t fd)
{
	const struct entry *entry = paths ? entry_of(paths, fd) : NULL;

	if (!entry || !entry->name)
		return SLICE("");
	return (struct slice){ entry->name->s, entry->name->n };
}

/* Takes over one use of @name. */
static void set(struct fd_paths *paths, int64_t fd, struct name *name,
		bool cloexec)
{
	size_t number = paths->number;
	struct entry *more;

	forget(paths, fd);
	if (!name || fd < 0 || fd >= MOST) {
		put(name);
		return;
	}
	if ((uint64_t)fd >= number) {
		number = ((size_t)fd + 1) * 2;
		more = realloc(paths->all, number * sizeof(*more));
		if (!more) {
			put(name);
			return;
		}
		memset(more + paths->number, 0,
		       (number - paths->number) * sizeof(*more));
		paths->all = more;
		paths->number = number;
	}
	paths->all[fd] = (struct entry){ name, cloexec };
}

static void set_path(struct fd_paths *paths, const struct decoder *d,
		     unsigned arg, bool cloexec)
{
	struct name *name = NULL;
	struct part part;

	if (part_find(d->enter, SHIM_TRACE_STRING, arg, ANY_INDEX, &part) ||
	    part_find(d->leave, SHIM_TRACE_STRING, arg, ANY_INDEX, &part))
		name = malloc(sizeof(*name) + part.head.size);
	if (name) {
		name->users = 1;
		name->n = part.head.size;
		memcpy(name->s, part.bytes, part.head.size);
	}
	set(paths, d->result, name, cloexec);
}

static void copy(struct fd_paths *paths, int64_t from, int64_t to, bool cloexec)
{
	const struct entry *entry = entry_of(paths, from);
	struct name *name = entry ? entry->name : NULL;

	if (from == to)
		return;
	if (name)
		name->users++;
	set(paths, to, name, cloexec);
}

static void follow_fcntl(struct fd_paths *paths, const struct decoder *d)
{
	struct entry *entry;

	switch ((int)d->args[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		copy(paths, (int)d->args[0], d->result,
		     (int)d->args[1] == F_DUPFD_CLOEXEC);
		break;
	case F_SETFD:
		entry = entry_of(paths, (int)d->args[0]);
		if (entry)
			entry->cloexec = d->args[2] & FD_CLOEXEC;
		break;
	default:
		break;
	}
}

static void follow_range(struct fd_paths *paths, const struct decoder *d)
{
	uint64_t fd, last = (uint32_t)d->args[1];

	for (fd = (uint32_t)d->args[0]; fd <= last && fd < paths->number; fd++) {
		if (d->args[2] & 4) /* CLOSE_RANGE_CLOEXEC */
			paths->all[fd].cloexec = true;
		else
			forget(paths, (int64_t)fd);
	}
}

static void follow_pair(struct fd_paths *paths, const struct decoder *d)
{
	struct part part;
	int fds[2];

	if (!part_find(d->leave, SHIM_TRACE_NUMBER, 0, ANY_INDEX, &part) ||
	    part.head.size < sizeof(fds))
		return;
	memcpy(fds, part.bytes, sizeof(fds));
	forget(paths, fds[0]);
	forget(paths, fds[1]);
}

void fd_paths_follow(struct fd_paths *paths, const struct decoder *d)
{
	if (!paths || (d->result < 0 && d->call->effect != TRACE_EFFECT_CLOSE))
		return;
	switch (d->call->effect) {
	case TRACE_EFFECT_OPEN:
		set_path(paths, d, 0, d->args[1] & O_CLOEXEC &&
			 d->call->args[2]);
		break;
	case TRACE_EFFECT_OPENAT:
		set_path(paths, d, 1, d->args[2] & O_CLOEXEC);
		break;
	case TRACE_EFFECT_NEW:
		forget(paths, d->result);
		break;
	case TRACE_EFFECT_PAIR:
		follow_pair(paths, d);
		break;
	case TRACE_EFFECT_CLOSE:
		forget(paths, (int)d->args[0]);
		break;
	case TRACE_EFFECT_DUP:
		copy(paths, (int)d->args[0], d->result, false);
		break;
	case TRACE_EFFECT_DUP2:
		copy(paths, (int)d->args[0], d->result,
		     d->call->args[2] && d->args[2] & O_CLOEXEC);
		break;
	case TRACE_EFFECT_FCNTL:
		follow_fcntl(paths, d);
		break;
	case TRACE_EFFECT_RANGE:
		follow_range(paths, d);
		break;
	default:
		break;
	}
}
