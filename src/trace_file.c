// SPDX-License-Identifier: MIT
/*
 * The file of a recording; see trace_file.h.  What is made here has all its
 * blocks from the beginning: a disk that is full later would otherwise kill the
 * program in the middle of a store.
 */
#include "trace_file.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "route.h"
#include "shared_file.h"
#include "sys.h"

/* Without a reader: the last calls of so many threads, in 16 MiB. */
#define OWN_LANES 64
#define OWN_LANE (SHIM_TRACE_PAGE + (256UL << 10))
#define OWN_STRING 32

#define SIZE(h) (SHIM_TRACE_LANES + (uint64_t)(h)->lanes * (h)->lane_size)

_Static_assert(SHIM_ROUTES <= SHIM_TRACE_WORDS, "a word for every route");
_Static_assert(SHIM_TRACE_WORDS * SHIM_TRACE_WORD <= SHIM_TRACE_PAGE,
	       "one page");

static bool power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static bool sound(const struct shim_trace_header *h, uint64_t size)
{
	return !memcmp(h->magic, SHIM_TRACE_MAGIC, sizeof(h->magic)) &&
	       h->version == SHIM_TRACE_VERSION && h->lanes &&
	       h->lane_size > SHIM_TRACE_PAGE &&
	       power_of_two(h->lane_size - SHIM_TRACE_PAGE) &&
	       h->lane_size - SHIM_TRACE_PAGE >= SHIM_TRACE_PAGE &&
	       size >= SIZE(h);
}

/* Which of CLOCK_REALTIME is now, ns; the vDSO is libc's to know. */
static int64_t realtime(void)
{
	struct timespec t = { 0, 0 };

	shim_sys(SYS_clock_gettime, CLOCK_REALTIME, &t, 0);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int make(int fd, uint64_t now)
{
	struct shim_trace_header h = {
		.magic = SHIM_TRACE_MAGIC,
		.version = SHIM_TRACE_VERSION,
		.flags = SHIM_TRACE_FOLLOW | SHIM_TRACE_TIMES,
		.lanes = OWN_LANES,
		.lane_size = OWN_LANE,
		.string_max = OWN_STRING,
		.seq = 1,
	};
	long ret;

	memset(h.numbers, 0xff, sizeof(h.numbers));
	h.realtime = realtime() - (int64_t)now;
	ret = shim_sys4(SYS_fallocate, fd, 0, 0, SIZE(&h));
	if (!ret)
		ret = shim_sys4(SYS_pwrite64, fd, &h, sizeof(h), 0);
	return ret < 0 ? (int)ret : 0;
}

/* Make it if it is empty; then look at what it is. */
static int prepare(int fd, void *now, uint64_t *size)
{
	struct shim_trace_header h;
	struct stat st = { 0 };
	long ret;

	ret = shim_sys_fstat(fd, &st);
	if (ret)
		return (int)ret;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	if (!st.st_size) {
		ret = make(fd, *(const uint64_t *)now);
		if (!ret)
			ret = shim_sys_fstat(fd, &st);
		if (ret)
			return (int)ret;
	}
	*size = (uint64_t)st.st_size;
	ret = shim_sys4(SYS_pread64, fd, &h, sizeof(h), 0);
	return ret == sizeof(h) && sound(&h, *size) ? 0 : -EEXIST;
}

/* Any process may: all write the same. */
static void write_words(struct shim_trace_header *h)
{
	char *word = (char *)h + SHIM_TRACE_PAGE;
	unsigned i;

	if (h->words)
		return;
	for (i = 0; i < SHIM_ROUTES; i++, word += SHIM_TRACE_WORD)
		strcpy(word, shim_route_name((enum shim_route)i));
	__atomic_store_n(&h->words, SHIM_ROUTES, __ATOMIC_RELEASE);
}

int shim_trace_map(const char *path, uint64_t now,
		   struct shim_trace_header **header)
{
	void *map;
	int ret = shim_map_file(path, 0600, prepare, &now, &map);

	if (!ret) {
		*header = map;
		write_words(*header);
	}
	return ret;
}

void shim_trace_unmap(struct shim_trace_header *header)
{
	shim_sys(SYS_munmap, header, SIZE(header), 0);
}
