// SPDX-License-Identifier: MIT
/*
 * Reading a recording; see recording.h and format/trace.h.
 *
 * Records are found by looking through the lanes, and wait in a window, a table
 * by number, until all before them have been taken.  A number that does not
 * come is waited for some time and then given up.
 */
#include "recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "recording_lane.h"

#define WINDOW (1U << 17)

/*
 * How long a number may be missing: its thread has to run once more.  What comes
 * later than this is not lost, only out of order.
 */
#define PATIENCE_NS 100000000ULL

static const struct shim_trace_header *header_of(const struct recording *r)
{
	return (const struct shim_trace_header *)r->map;
}

struct shim_trace_header *recording_header(struct recording *r)
{
	return (struct shim_trace_header *)r->map;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int64_t realtime_offset(void)
{
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	return (int64_t)real.tv_sec * 1000000000LL + real.tv_nsec -
		(int64_t)now_ns();
}

/* The file is @fd, of @size bytes; a private mapping may be changed. */
static int map(struct recording **to, int fd, size_t size, int how)
{
	struct recording *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	r->map = mmap(NULL, size, PROT_READ | PROT_WRITE, how, fd, 0);
	if (r->map == MAP_FAILED) {
		ret = -errno;
		free(r);
		return ret;
	}
	r->size = size;
	r->next = 1;
	*to = r;
	return 0;
}

/* The header is what it has to be; the rest of @r follows from it. */
static int prepare(struct recording *r)
{
	const struct shim_trace_header *h = recording_header(r);

	r->number = h->lanes;
	r->lane_size = h->lane_size;
	r->room = r->lane_size - SHIM_TRACE_PAGE;
	r->lanes = calloc(r->number, sizeof(*r->lanes));
	r->window = calloc(WINDOW, sizeof(*r->window));
	r->copy = malloc(r->room);
	return r->lanes && r->window && r->copy ? 0 : -ENOMEM;
}

int recording_make(struct recording **to, const struct recording_setup *setup,
		   int *fd)
{
	size_t size = SHIM_TRACE_LANES + RECORDING_LANES * RECORDING_LANE;
	struct shim_trace_header *h;
	int ret;

	*fd = memfd_create("shim-trace", MFD_CLOEXEC);
	if (*fd < 0)
		return -errno;
	ret = ftruncate(*fd, (off_t)size) ? -errno :
		map(to, *fd, size, MAP_SHARED);
	if (ret) {
		close(*fd);
		return ret;
	}
	h = recording_header(*to);
	memcpy(h->magic, SHIM_TRACE_MAGIC, sizeof(h->magic));
	h->version = SHIM_TRACE_VERSION;
	h->flags = setup->flags | SHIM_TRACE_WAIT;
	h->lanes = RECORDING_LANES;
	h->lane_size = RECORDING_LANE;
	h->string_max = setup->string_max;
	memcpy(h->numbers, setup->numbers, sizeof(h->numbers));
	h->realtime = realtime_offset();
	h->seq = 1;
	(*to)->shared = true;
	return prepare(*to);
}

static bool is_recording(const struct shim_trace_header *h, uint64_t size)
{
	uint64_t room = (uint64_t)h->lane_size - SHIM_TRACE_PAGE;

	return !memcmp(h->magic, SHIM_TRACE_MAGIC, sizeof(h->magic)) &&
		h->version == SHIM_TRACE_VERSION &&
		h->lane_size >= 2 * SHIM_TRACE_PAGE && !(room & (room - 1)) &&
		h->lanes && h->lanes <= (1U << 20) &&
		SHIM_TRACE_LANES + (uint64_t)h->lanes * h->lane_size <= size;
}

/* What is left begins anywhere: with the oldest number that is there. */
static void find_first(struct recording *r)
{
	const struct shim_trace_record *record;
	uint64_t first = UINT64_MAX, pos;
	uint32_t i, mark;

	for (i = 0; i < lanes_used(r); i++) {
		struct lane *lane = &r->lanes[i];

		lane_look(r, lane);
		pos = lane->scan;
		while (lane->known && pos < lane_head(r, lane)) {
			record = lane_record(r, lane, pos, &mark);
			if (mark & SHIM_TRACE_DONE && record->seq < first)
				first = record->seq;
			if (mark & SHIM_TRACE_DONE)
				break;
			pos += mark & SHIM_TRACE_SIZE ?
				mark & SHIM_TRACE_SIZE : 8;
		}
	}
	r->next = first == UINT64_MAX ? 1 : first;
}

int recording_open(struct recording **to, int fd)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < SHIM_TRACE_LANES)
		return -EBADMSG;
	ret = map(to, fd, (size_t)st.st_size, MAP_PRIVATE);
	if (ret)
		return ret;
	if (!is_recording(header_of(*to), (uint64_t)st.st_size)) {
		ret = -EBADMSG;
	} else {
		ret = prepare(*to);
	}
	if (ret) {
		recording_free(*to);
		return ret;
	}
	recording_over(*to);
	find_first(*to);
	return 0;
}

void recording_free(struct recording *r)
{
	if (!r)
		return;
	munmap(r->map, r->size);
	free(r->lanes);
	free(r->window);
	free(r->copy);
	free(r);
}

void recording_word(struct recording *r, unsigned route,
		    char word[SHIM_TRACE_WORD])
{
	const char *at = r->map + SHIM_TRACE_PAGE + route * SHIM_TRACE_WORD;
	bool there = route < SHIM_TRACE_WORDS &&
		__atomic_load_n(&header_of(r)->words, __ATOMIC_ACQUIRE);

	memcpy(word, there ? at : "?", there ? SHIM_TRACE_WORD : 2);
	word[SHIM_TRACE_WORD - 1] = '\0';
	if (!*word)
		memcpy(word, "?", 2);
}

/* Records on their way through the window. */

/* Times that can be subtracted and added to a date. */
static void limit_times(struct shim_trace_record *record, size_t size)
{
	struct shim_trace_leave *leave = (void *)record;

	if (record->time > INT64_MAX / 2)
		record->time = 0;
	if (record->kind == SHIM_TRACE_LEAVE && size >= sizeof(*leave) &&
	    leave->native > INT64_MAX / 2)
		leave->native = 0;
}

static void take(struct recording *r, const struct found *found,
		 const struct recording_taker *taker)
{
	struct lane *lane = &r->lanes[found->lane];

	lane_copy(r, lane, found->pos, found->size);
	limit_times((struct shim_trace_record *)r->copy, found->size);
	if (lane->taken == found->from)
		lane->taken = found->pos + found->size;
	r->count++;
	taker->record(taker->arg, lane, (struct shim_trace_record *)r->copy,
		      found->size);
}

/* A record was found: into the window, or on if it is late or a number twice. */
static bool put(struct recording *r, uint64_t seq, const struct found *found,
		const struct recording_taker *taker)
{
	struct found *slot = &r->window[seq & (WINDOW - 1)];

	if (seq >= r->next && seq - r->next >= WINDOW) {
		if (seq < r->far)
			r->far = seq;
		return false;
	}
	if (seq < r->next || slot->size) {
		take(r, found, taker);
		return true;
	}
	*slot = *found;
	r->lanes[found->lane].waiting++;
	r->waiting++;
	return true;
}

/* Somebody has written what is no record: the next ones begin at the head. */
static void skip_torn(struct recording *r, struct lane *lane, uint64_t head)
{
	r->lost++;
	lane->torn = false;
	lane->scan = head;
}

/* Look through a lane as far as it has been written. */
static void scan(struct recording *r, uint32_t index,
		 const struct recording_taker *taker)
{
	struct lane *lane = &r->lanes[index];
	uint64_t head = lane_head(r, lane), pos = lane->scan;
	struct shim_trace_record *record;
	struct found found = { .lane = index };
	uint32_t mark;
	bool held = false;

	for (; pos < head; pos += found.size) {
		record = lane_record(r, lane, pos, &mark);
		found.size = mark & SHIM_TRACE_SIZE;
		if (lane->torn) {
			skip_torn(r, lane, head);
			break;
		}
		if (!mark && !lane->dead)
			break;
		if (!mark)
			found.size = 8;
		held |= mark & SHIM_TRACE_HELD && !lane->dead;
		if (mark & SHIM_TRACE_DONE && !(mark & LANE_FOUND)) {
			found.pos = pos;
			found.from = held ? UINT64_MAX : lane->last;
			if (!put(r, record->seq, &found, taker))
				break;
			if (lane->newest < record->seq)
				lane->newest = record->seq;
			if (held)
				lane_found(record, mark);
			lane->last = pos + found.size;
		}
		if (!held)
			lane->scan = pos + found.size;
	}
	if (!lane->waiting)
		lane->taken = lane->last = lane->scan;
}

static void take_next(struct recording *r, const struct recording_taker *taker)
{
	struct found *slot;

	for (;;) {
		slot = &r->window[r->next & (WINDOW - 1)];
		if (!slot->size)
			return;
		take(r, slot, taker);
		slot->size = 0;
		r->lanes[slot->lane].waiting--;
		r->waiting--;
		r->next++;
	}
}

/* The number that is missing is not waited for any more. */
static void give_up(struct recording *r)
{
	if (!r->waiting) {
		r->next = r->far;
		return;
	}
	while (!r->window[r->next & (WINDOW - 1)].size)
		r->next++;
}

static bool is_overdue(struct recording *r)
{
	if (!r->waiting && r->far == UINT64_MAX)
		return false;
	if (r->over)
		return true;
	if (r->gap != r->next) {
		r->gap = r->next;
		r->gap_since = now_ns();
		return false;
	}
	return now_ns() - r->gap_since > PATIENCE_NS;
}

unsigned recording_drain(struct recording *r, unsigned room,
			 const struct recording_taker *taker)
{
	unsigned begin = r->count, before;
	bool moved;
	uint32_t i;

	do {
		before = r->count;
		r->far = UINT64_MAX;
		for (i = 0; i < lanes_used(r); i++) {
			lane_look(r, &r->lanes[i]);
			if (r->lanes[i].known)
				scan(r, i, taker);
		}
		take_next(r, taker);
		moved = r->count != before;
		if (!moved && is_overdue(r)) {
			give_up(r);
			moved = true;
		}
		for (i = 0; i < lanes_used(r); i++)
			lane_release(r, &r->lanes[i]);
	} while (moved && r->count - begin < room);
	return r->count - begin;
}

void recording_over(struct recording *r)
{
	uint32_t i;

	r->over = true;
	for (i = 0; i < r->number; i++)
		r->lanes[i].dead = true;
}

void recording_bury(struct recording *r, uint32_t pid)
{
	uint32_t i;

	for (i = 0; i < lanes_used(r); i++)
		r->lanes[i].dead |= r->lanes[i].known && r->lanes[i].pid == pid;
}

void recording_supersede(struct recording *r, uint32_t pid, uint64_t seq)
{
	uint32_t i;

	for (i = 0; i < lanes_used(r); i++) {
		struct lane *lane = &r->lanes[i];

		lane->dead |= lane->known && lane->pid == pid &&
			lane->newest && lane->newest < seq;
	}
}

void recording_forget(struct recording *r, const void *user)
{
	uint32_t i;

	for (i = 0; i < lanes_used(r); i++) {
		if (r->lanes[i].user == user)
			r->lanes[i].user = NULL;
	}
}

bool recording_drained(const struct recording *r, uint32_t pid)
{
	uint32_t i;

	for (i = 0; i < lanes_used(r); i++) {
		const struct lane *lane = &r->lanes[i];

		if (lane->known && lane->pid == pid &&
		    (lane->waiting || lane->scan < lane_head(r, lane)))
			return false;
	}
	return true;
}

uint64_t recording_lost(struct recording *r)
{
	uint64_t lost = r->lost + header_of(r)->lost;
	uint32_t i;

	for (i = 0; i < lanes_used(r); i++)
		lost += lane_lost(r, i);
	return lost;
}
