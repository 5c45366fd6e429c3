// SPDX-License-Identifier: MIT
/*
 * writer SCENE: writes a recording as format/trace.h has it, without the library:
 * what the reader does with records that a real program can only leave by chance.
 * Static, so that the library is not loaded into it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../format/trace.h"

static struct shim_trace_header *header;

struct writer {
	struct shim_trace_lane *lane;
	char *ring;
	uint64_t room;
};

static void open_recording(void)
{
	int fd = open(getenv("SHIM_TRACE"), O_RDWR);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		_exit(100);
	header = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED, fd, 0);
	close(fd);
	memcpy((char *)header + SHIM_TRACE_PAGE, "off", 4);
	header->words = 1;
}

static struct writer claim(uint32_t pid, uint32_t tid)
{
	uint32_t i = __atomic_fetch_add(&header->used, 1, __ATOMIC_SEQ_CST);
	char *memory = (char *)header + SHIM_TRACE_LANES +
		(uint64_t)i * header->lane_size;
	struct writer w = { (void *)memory, memory + SHIM_TRACE_PAGE,
			    header->lane_size - SHIM_TRACE_PAGE };

	w.lane->state = SHIM_TRACE_CLAIMED;
	w.lane->pid = pid;
	w.lane->tid = tid;
	__atomic_store_n(&w.lane->ready, 1, __ATOMIC_RELEASE);
	return w;
}

static uint64_t next_number(void)
{
	return __atomic_fetch_add(&header->seq, 1, __ATOMIC_SEQ_CST);
}

/* Space for @size bytes in one piece, as soon as the reader has made it. */
static void *reserve(struct writer *w, uint32_t size)
{
	uint64_t head = w->lane->head, end = w->room - (head & (w->room - 1));
	uint64_t need = size <= end ? size : end + size;
	void *at;

	while (head + need - __atomic_load_n(&w->lane->tail, __ATOMIC_ACQUIRE) >
	       w->room)
		usleep(100);
	at = w->ring + (head & (w->room - 1));
	__atomic_store_n(&w->lane->head, head + need, __ATOMIC_RELEASE);
	if (size > end) {
		__atomic_store_n((uint32_t *)at, SHIM_TRACE_SKIP | (uint32_t)end,
				 __ATOMIC_RELEASE);
		at = w->ring;
	}
	return at;
}

static void done(struct shim_trace_record *r, uint32_t size)
{
	__atomic_store_n(&r->mark, SHIM_TRACE_DONE | size, __ATOMIC_RELEASE);
}

/* A write of @text; its record in space that has been reserved. */
static uint32_t fill(struct shim_trace_enter *e, uint64_t seq, const char *text)
{
	uint32_t n = (uint32_t)strlen(text), padded = (n + 7) & ~7U;
	struct shim_trace_part *part = (void *)(e + 1);

	e->record.kind = SHIM_TRACE_ENTER;
	e->record.nr = SYS_write;
	e->record.parts = 1;
	e->record.seq = seq;
	e->args[0] = 1;
	e->args[1] = 0x1000;
	e->args[2] = n;
	*part = (struct shim_trace_part){ SHIM_TRACE_BYTES, 1, 0, n, n };
	memcpy(part + 1, text, n);
	return (uint32_t)(sizeof(*e) + sizeof(*part)) + padded;
}

static uint32_t enter_size(const char *text)
{
	return (uint32_t)(sizeof(struct shim_trace_enter) +
			  sizeof(struct shim_trace_part) +
			  ((strlen(text) + 7) & ~7UL));
}

static void enter_as(struct writer *w, uint64_t seq, const char *text)
{
	uint32_t size = enter_size(text);
	struct shim_trace_enter *e = reserve(w, size);

	fill(e, seq, text);
	done(&e->record, size);
}

static void leave(struct writer *w, uint64_t entered, int64_t result)
{
	struct shim_trace_leave *l = reserve(w, sizeof(*l));

	l->record.kind = SHIM_TRACE_LEAVE;
	l->record.nr = SYS_write;
	l->record.seq = next_number();
	l->record.data = entered;
	l->result = result;
	done(&l->record, sizeof(*l));
}

static void call(struct writer *w, const char *text)
{
	uint64_t seq = next_number();

	enter_as(w, seq, text);
	leave(w, seq, (int64_t)strlen(text));
}

/* Scenes. */

static void wrap(struct writer *w)
{
	char text[64];
	int i;

	/* Several times around, with sizes that do not fit the end. */
	for (i = 0; i < 60000; i++) {
		snprintf(text, sizeof(text), "%d%.*s", i, i % 23,
			 "abcdefghijklmnopqrstuvwxyz");
		call(w, text);
	}
}

/* A handler has jumped out of the middle of a record. */
static void skip(struct writer *w)
{
	struct shim_trace_enter *left;

	call(w, "before");
	next_number();
	left = reserve(w, enter_size("left behind"));
	memset(&left->record.kind, 0x55, 20);
	__atomic_store_n(&left->record.mark,
			 SHIM_TRACE_SKIP | enter_size("left behind"),
			 __ATOMIC_RELEASE);
	call(w, "after");
}

/* A handler makes a call in the middle of a record, and returns. */
static void held(struct writer *w)
{
	uint64_t outer = next_number();
	uint32_t size = enter_size("outer");
	struct shim_trace_enter *e = reserve(w, size);

	__atomic_store_n(&e->record.mark, SHIM_TRACE_HELD | size,
			 __ATOMIC_RELEASE);
	call(w, "inner");
	usleep(300000);
	fill(e, outer, "outer");
	done(&e->record, size);
	leave(w, outer, 5);
}

/* A number that never comes. */
static void gap(struct writer *w)
{
	call(w, "before");
	next_number();
	call(w, "after");
}

/* Killed in the middle of a record: zeros, then something. */
static void torn(struct writer *w)
{
	call(w, "complete");
	reserve(w, 64);
	enter_as(w, next_number(), "begun");
	reserve(w, 128);
	kill(getpid(), SIGKILL);
}

/* The records of two threads, the later numbers first. */
static void order(struct writer *w)
{
	struct writer other = claim((uint32_t)getpid(), 4000000);
	uint64_t one = next_number(), two = next_number();

	enter_as(&other, two, "second");
	usleep(20000);
	enter_as(w, one, "first");
	leave(&other, two, 6);
	leave(w, one, 5);
}

static void lost(struct writer *w)
{
	call(w, "shown");
	w->lane->lost = 3;
	header->lost = 4;
}

/* What makes no sense: sizes, kinds, parts, numbers. */
static void hostile(struct writer *w)
{
	struct shim_trace_enter *e;
	uint32_t size = enter_size("far away");

	call(w, "before");
	e = reserve(w, size);
	fill(e, next_number(), "parts");
	((struct shim_trace_part *)(e + 1))->size = 0xffffffff;
	done(&e->record, size);
	leave(w, e->record.seq, 5);
	e = reserve(w, size);
	fill(e, next_number(), "kind");
	e->record.kind = 999;
	done(&e->record, size);
	e = reserve(w, size);
	fill(e, next_number(), "number");
	e->record.nr = 500;
	done(&e->record, size);
	leave(w, 12345678, 5);
	e = reserve(w, 40);
	e->record.kind = SHIM_TRACE_ENTER;
	e->record.seq = next_number();
	done(&e->record, 40);
	e = reserve(w, size);
	fill(e, 1UL << 60, "far away");
	done(&e->record, size);
	usleep(300000);
	call(w, "between");
	e = reserve(w, 48);
	__atomic_store_n(&e->record.mark, SHIM_TRACE_DONE | 0xfffff8,
			 __ATOMIC_RELEASE);
	usleep(50000);
	call(w, "after");
	usleep(50000);
	w->lane->head |= 3;
	usleep(50000);
	w->lane->head = 1UL << 50;
}

/* More threads than there are lanes, one after the other. */
static void lanes(struct writer *w)
{
	struct shim_trace_lane *lane;
	char text[32];
	int i;

	(void)w;
	for (i = 0; i < 3000; i++) {
		struct writer one;
		uint32_t at = 1 + (uint32_t)i % 8;
		char *memory = (char *)header + SHIM_TRACE_LANES +
			(uint64_t)at * header->lane_size;

		lane = (void *)memory;
		if (header->used < 9)
			header->used = 9;
		while (__atomic_load_n(&lane->state, __ATOMIC_ACQUIRE) !=
		       SHIM_TRACE_FREE)
			usleep(100);
		if (lane->head || lane->tail || lane->ready ||
		    *(uint64_t *)(memory + SHIM_TRACE_PAGE))
			_exit(101);
		one = (struct writer){ lane, memory + SHIM_TRACE_PAGE,
				       header->lane_size - SHIM_TRACE_PAGE };
		lane->pid = (uint32_t)getpid();
		lane->tid = 3000000 + (uint32_t)i;
		lane->state = SHIM_TRACE_CLAIMED;
		__atomic_store_n(&lane->ready, 1, __ATOMIC_RELEASE);
		snprintf(text, sizeof(text), "thread %d", i);
		call(&one, text);
		__atomic_store_n(&lane->state, SHIM_TRACE_ENDED,
				 __ATOMIC_RELEASE);
	}
}

static const struct {
	const char *name;
	void (*play)(struct writer *);
} scenes[] = {
	{ "wrap", wrap }, { "skip", skip }, { "held", held }, { "gap", gap },
	{ "torn", torn }, { "order", order }, { "lost", lost },
	{ "hostile", hostile }, { "lanes", lanes },
};

int main(int argc, char **argv)
{
	struct writer w;
	size_t i;

	if (argc != 2)
		return 2;
	open_recording();
	w = claim((uint32_t)getpid(), (uint32_t)getpid());
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (!strcmp(scenes[i].name, argv[1])) {
			scenes[i].play(&w);
			return 0;
		}
	}
	return 2;
}
