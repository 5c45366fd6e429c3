// SPDX-License-Identifier: MIT
/*
 * The hidden half of shim doctor: a program that makes calls under the library
 * and looks at its own counters before and after each.  They are in a mapping of
 * the file of SHIM_STATS, so that looking makes no call.
 *
 * shim __probe DIR FS [DIR FS]  prints "CALL\tON\tROUTE" lines.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "counters.h"
#include "shim.h"

#define PATIENCE 20 /* seconds for all calls: none of them is to hang */

struct result {
	char route[64];
	int error;
};

static const char *map;
static size_t map_size;

static int map_counters(void)
{
	const char *name = getenv("SHIM_STATS");
	struct stat st;
	void *p;
	int fd, ret = 0;

	fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) || !st.st_size) {
		ret = -ENODATA;
	} else {
		map_size = (size_t)st.st_size;
		p = mmap(NULL, map_size, PROT_READ, MAP_SHARED, fd, 0);
		map = p;
		if (p == MAP_FAILED)
			ret = -errno;
	}
	close(fd);
	return ret;
}

static uint64_t count_of(const struct counters *c, const struct counter *like)
{
	return counters_sum(c, like->call, like->column);
}

/* The routes of @call that have been taken from @before to @after. */
static void compare(const struct counters *before, const struct counters *after,
		    const char *call, char *route, size_t size)
{
	const struct counter *one;
	const char *name;
	size_t i, n = 0;

	*route = '\0';
	for (i = 0; i < after->number; i++) {
		one = &after->all[i];
		name = counter_reason(one);
		if (!name && !strcmp(one->column, "ring"))
			name = one->column;
		if (!name || strcmp(one->call, call) != 0 ||
		    count_of(before, one) == one->count)
			continue;
		n += (size_t)snprintf(route + n, size - n, "%s%s",
				      n ? "," : "", name);
		if (n >= size)
			break;
	}
}

static void probe(const struct probe_row *row, const struct probe_place *places,
		  struct result *result)
{
	struct counters before = { .all = NULL }, after = { .all = NULL };
	const struct probe_place *place =
		&places[row->place < 0 ? PLACE_HERE : row->place];
	int fds[2] = { -1, -1 };

	*result = (struct result){ .error = -ENOTSUP };
	if (!place->dir || counters_parse(&before, map, map_size))
		goto out;
	result->error = row->files ? row->files(place, fds) : 0;
	if (!result->error)
		result->error = row->make(place, fds);
	if (!counters_parse(&after, map, map_size))
		compare(&before, &after, row->call, result->route,
			sizeof(result->route));
out:
	counters_free(&before);
	counters_free(&after);
}

/* Printed when all is over: printing makes calls. */
static void print(const struct probe_row *row, const struct probe_place *places,
		  const struct result *result)
{
	const char *fs = row->place < 0 ? NULL : places[row->place].fs;

	if (row->place >= 0 && !fs)
		return;
	printf("%s\t%s%s%s%s\t", row->call, row->on, fs ? " (" : "",
	       fs ? fs : "", fs ? ")" : "");
	if (result->error)
		printf("!%s\n", strerror(-result->error));
	else
		printf("%s\n", *result->route ? result->route : "not-seen");
}

static int probe_main(int argc, char **argv)
{
	struct probe_place places[PLACES] = { { NULL, NULL } };
	struct result *results;
	size_t i;

	for (i = 0; i < PLACES && argc > 2 + 2 * (int)i; i++) {
		places[i].dir = argv[1 + 2 * i];
		places[i].fs = argv[2 + 2 * i];
	}
	if (!places[0].dir || map_counters())
		return PROBE_NO_LIBRARY;
	results = calloc(probe_number, sizeof(*results));
	if (!results)
		return EXIT_TROUBLE;
	alarm(PATIENCE);
	for (i = 0; i < PLACES; i++) {
		if (places[i].dir && probe_files(&places[i]))
			places[i].dir = NULL;
	}
	for (i = 0; i < probe_number; i++)
		probe(&probe_rows[i], places, &results[i]);
	for (i = 0; i < probe_number; i++)
		print(&probe_rows[i], places, &results[i]);
	free(results);
	return 0;
}

const struct command shim_probe = {
	.name = PROBE_NAME,
	.main = probe_main,
};
