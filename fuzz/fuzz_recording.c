// SPDX-License-Identifier: MIT
/*
 * shim trace --read: a recording that anybody may have written.  Most files are
 * refused for their header; so here the first bytes choose what to print and how
 * the lanes are divided, and what follows is records as programs leave them in a
 * lane.  A whole file may be given as well.
 */
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "../format/trace.h"

#define RING (64UL * 1024)
#define LANE (SHIM_TRACE_PAGE + RING)
#define SIZE (SHIM_TRACE_LANES + 2 * LANE)
#define CHOICES 3UL

static const char *const forms[][3] = {
	{ "-fttty", "-T", NULL },
	{ "-f", "--json", NULL },
	{ "-c", "-Z", NULL },
	{ "-r", "-s1000", NULL },
};

static void make_header(uint8_t *file, unsigned flags)
{
	static const char *const words[] = { "ring", "waited", "<b>" };
	struct shim_trace_header h = {
		.magic = SHIM_TRACE_MAGIC,
		.version = SHIM_TRACE_VERSION,
		.flags = flags & (SHIM_TRACE_FOLLOW | SHIM_TRACE_TIMES |
				  SHIM_TRACE_FDS),
		.lanes = 2, .lane_size = LANE, .string_max = 32, .root = 10,
		.seq = 1000, .used = 2, .words = 3,
	};
	size_t i;

	memset(h.numbers, 0xff, sizeof(h.numbers));
	memcpy(file, &h, sizeof(h));
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		strcpy((char *)file + SHIM_TRACE_PAGE + i * SHIM_TRACE_WORD,
		       words[i]);
}

static void make_lane(uint8_t *file, unsigned number, const uint8_t *data,
		      size_t size)
{
	struct shim_trace_lane lane = {
		.state = SHIM_TRACE_ENDED, .pid = 10, .tid = 10 + number,
		.ready = 1, .head = size & ~7UL,
	};
	uint8_t *at = file + SHIM_TRACE_LANES + number * LANE;

	memcpy(at, &lane, sizeof(lane));
	memcpy(at + SHIM_TRACE_PAGE, data, size);
}

static const char *make_recording(const uint8_t *data, size_t size)
{
	uint8_t *file = calloc(1, SIZE);
	size_t first;
	const char *name;

	if (!file)
		finding("no memory");
	first = data[2] ? data[2] * 64UL : size;
	if (first > size - CHOICES)
		first = size - CHOICES;
	make_header(file, data[1]);
	make_lane(file, 0, data + CHOICES, first);
	make_lane(file, 1, data + CHOICES + first, size - CHOICES - first);
	name = file_of(file, SIZE);
	free(file);
	return name;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const *form = forms[size ? data[0] % 4 : 0];
	const char *args[MOST_ARGUMENTS] = { form[0], form[1], "-o" };
	char read[64];
	int status;

	if (size < CHOICES || size > RING)
		return 0;
	snprintf(read, sizeof(read), "--read=%s", data[0] == 's' ?
		 file_of(data, size) : make_recording(data, size));
	args[3] = "/dev/null";
	args[4] = read;
	status = run_command(&shim_trace, args);
	if (status != 0 && status != EXIT_TROUBLE)
		finding("a status that trace --read does not have");
	end_of_files();
	return 0;
}
