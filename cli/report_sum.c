// SPDX-License-Identifier: MIT
/* Calls are added up while a trace is read; see report.h. */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t add_times(int64_t a, int64_t b)
{
	return a > MOST_TIME - b ? MOST_TIME : a + b;
}

static uint64_t add_numbers(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

long number_of(struct sums *sums, struct strings *all, struct slice s,
	       size_t most)
{
	long found;

	if (s.n > LONGEST_NAME_KEPT)
		s.n = LONGEST_NAME_KEPT;
	found = strings_find(all, s);
	if (found >= 0)
		return found;
	if (all->number >= most - 1) {
		sums->others = true;
		s = SLICE("(all others)");
	}
	return strings_add(all, s);
}

int element_of(struct sums *sums, struct strings *all, struct slice s,
	       size_t most, void *array, size_t *room, size_t size,
	       uint32_t *number)
{
	size_t before = all->number;
	long found = number_of(sums, all, s, most);
	char *begin;
	int ret;

	if (found < 0)
		return -ENOMEM;
	*number = (uint32_t)found;
	if (all->number == before)
		return 0;
	ret = make_room(array, before, room, size);
	if (ret)
		return ret;
	memcpy(&begin, array, sizeof(begin));
	memset(begin + before * size, 0, size);
	return 0;
}

static size_t bucket_of(int64_t ns)
{
	uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
	unsigned power;

	if (value < PARTS)
		return (size_t)value;
	power = 63 - (unsigned)__builtin_clzll(value);
	return (power - 2UL) * PARTS + (value >> (power - 3) & (PARTS - 1));
}

int64_t bucket_begin(size_t bucket)
{
	size_t power = bucket / PARTS + 2;

	if (bucket < PARTS)
		return (int64_t)bucket;
	if (power > 62)
		return INT64_MAX;
	return (int64_t)((PARTS + bucket % PARTS) << (power - 3));
}

int64_t histogram_at(const struct histogram *h, double share)
{
	double wanted = share * (double)h->count;
	uint64_t seen = 0;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen && (double)seen >= wanted)
			break;
	}
	return i + 1 >= BUCKETS || bucket_begin(i + 1) > h->most ? h->most :
		bucket_begin(i + 1);
}

static int add_latency(struct call_sum *call, enum way way, int64_t ns)
{
	struct histogram *h = call->by_way[way];

	if (!h) {
		h = calloc(1, sizeof(*h));
		if (!h)
			return -ENOMEM;
		call->by_way[way] = h;
	}
	h->count++;
	h->bucket[bucket_of(ns)]++;
	h->sum = add_times(h->sum, ns);
	if (ns > h->most)
		h->most = ns;
	return 0;
}

/* Natively, these words are all that is said of a call that has waited. */
static bool is_wait(struct slice reason)
{
	return slice_is(reason, "waited") || slice_is(reason, "space");
}

/* Calls that are made in order to wait, if nothing is said of them. */
static bool is_sleep(struct slice name)
{
	static const char *const sleeps[] = {
		"poll", "ppoll", "select", "pselect6", "epoll_wait",
		"epoll_pwait", "epoll_pwait2", "futex", "wait4", "waitid",
		"nanosleep", "clock_nanosleep", "pause", "rt_sigsuspend",
		"rt_sigtimedwait", "io_uring_enter",
	};
	size_t i;

	for (i = 0; i < sizeof(sleeps) / sizeof(sleeps[0]); i++) {
		if (slice_is(name, sleeps[i]))
			return true;
	}
	return false;
}

static int64_t at_most(int64_t ns, int64_t most)
{
	return ns < 0 ? 0 : ns > most ? most : ns;
}

/* What the call's time was spent on; returns what most of it is about. */
static enum way split_time(const struct seen *c, int64_t *parts)
{
	int64_t all = c->duration < 0 ? 0 : c->duration, wait, ring;

	if (c->route == ROUTE_UNKNOWN) {
		enum way way = is_sleep(c->name) ? WAY_WAIT : WAY_UNKNOWN;

		parts[way] = all;
		return way;
	}
	ring = at_most(c->ring, all);
	wait = at_most(c->wait, all);
	if (c->route == ROUTE_NATIVE && wait <= 0 && is_wait(c->reason))
		wait = all - ring;
	/* That a write to a file could have to wait is not to say that it does. */
	if (slice_is(c->reason, "worker"))
		wait = 0;
	ring = c->route == ROUTE_RING ? all - wait : at_most(ring, all - wait);
	parts[WAY_WAIT] = wait;
	parts[WAY_RING] = ring;
	parts[WAY_NATIVE] = all - wait - ring;
	if (c->route == ROUTE_RING)
		return WAY_RING;
	return wait > 0 || is_wait(c->reason) ? WAY_WAIT : WAY_NATIVE;
}

static uint64_t bytes_of(const struct seen *c)
{
	return c->result > 0 ? (uint64_t)c->result : 0;
}

/* -1: out of the program, 1: into it, 0: no bytes. */
static int direction(struct slice name)
{
	if (slice_begins(name, "pread") || slice_is(name, "read") ||
	    slice_is(name, "readv") || slice_is(name, "recvfrom") ||
	    slice_is(name, "recvmsg"))
		return 1;
	if (slice_begins(name, "pwrite") || slice_begins(name, "write") ||
	    slice_is(name, "sendto") || slice_is(name, "sendmsg") ||
	    slice_is(name, "sendfile") || slice_is(name, "splice") ||
	    slice_is(name, "copy_file_range") || slice_is(name, "tee"))
		return -1;
	return 0;
}

static uint64_t moved(const struct seen *c)
{
	return direction(c->name) ? bytes_of(c) : 0;
}

static int add_call(struct sums *sums, const struct seen *c, enum way way,
		    const int64_t *parts, uint32_t *number)
{
	struct call_sum *call;
	long reason;
	int i, ret;

	ret = element_of(sums, &sums->calls, c->name, MOST_CALLS, &sums->call,
			 &sums->call_room, sizeof(*sums->call), number);
	if (ret)
		return ret;
	call = &sums->call[*number];
	call->calls++;
	call->errors += c->failed;
	call->unfinished += c->unfinished;
	call->bytes = add_numbers(call->bytes, moved(c));
	call->routes[c->route]++;
	for (i = 0; i < WAYS; i++)
		call->time[i] = add_times(call->time[i], parts[i]);
	if (c->route == ROUTE_NATIVE) {
		reason = number_of(sums, &sums->reasons, c->reason,
				   MOST_REASONS);
		if (reason < 0)
			return -ENOMEM;
		call->reasons[reason]++;
	}
	return c->duration < 0 ? 0 : add_latency(call, way, c->duration);
}

static void add_to_thing(struct sums *sums, const struct seen *c,
			 const int64_t *parts, uint32_t number)
{
	struct thing *thing = &sums->thing[number];
	int way = direction(c->name);

	thing->calls++;
	thing->errors += c->failed;
	if (way > 0)
		thing->in = add_numbers(thing->in, bytes_of(c));
	if (way < 0)
		thing->out = add_numbers(thing->out, bytes_of(c));
	if (c->duration > 0)
		thing->time = add_times(thing->time, c->duration);
	thing->wait = add_times(thing->wait, parts[WAY_WAIT]);
}

static int add_wait(struct sums *sums, uint32_t call, uint32_t thing,
		    int64_t ns)
{
	struct wait_sum *wait;
	char key[32];
	int length = snprintf(key, sizeof(key), "%u %u", call, thing), ret;
	uint32_t number;

	ret = element_of(sums, &sums->waits, (struct slice){ key, (size_t)length },
			 MOST_NAMES, &sums->wait, &sums->wait_room,
			 sizeof(*sums->wait), &number);
	if (ret)
		return ret;
	wait = &sums->wait[number];
	if (!wait->waits++) {
		wait->call = call;
		wait->thing = thing;
	}
	if (number == MOST_NAMES - 1)
		wait->call = wait->thing = NONE;
	wait->time = add_times(wait->time, ns);
	if (ns > wait->most)
		wait->most = ns;
	return 0;
}

static int add_error(struct sums *sums, struct slice error, uint32_t call,
		     uint32_t thing)
{
	struct error_sum *sum;
	char key[64];
	int length = snprintf(key, sizeof(key), "%.*s", error.n > 32 ? 32 :
			      (int)error.n, error.s), ret;
	uint32_t number;

	length += snprintf(key + length, sizeof(key) - (size_t)length, " %u",
			   call);
	ret = element_of(sums, &sums->errors,
			 (struct slice){ key, (size_t)length }, MOST_NAMES,
			 &sums->error, &sums->error_room, sizeof(*sums->error),
			 &number);
	if (ret)
		return ret;
	sum = &sums->error[number];
	if (!sum->count++) {
		sum->call = call;
		sum->example = thing;
	}
	return 0;
}

/* Pairs of bins become one. */
static void widen(struct sums *sums)
{
	struct bin *bins;
	size_t i, j;
	int way;

	for (i = 0; i < sums->threads; i++) {
		bins = sums->thread[i].bins;
		for (j = 0; bins && j < BINS; j++) {
			struct bin bin = { .calls = 0 };

			if (j < BINS / 2) {
				bin = bins[2 * j];
				bin.calls += bins[2 * j + 1].calls;
				for (way = 0; way < WAYS; way++)
					bin.time[way] = add_times(bin.time[way],
						bins[2 * j + 1].time[way]);
			}
			bins[j] = bin;
		}
	}
	sums->shift++;
}

void note_time(struct sums *sums, int64_t time)
{
	if (time < 0)
		return;
	if (sums->begin < 0)
		sums->begin = sums->end = time;
	if (time > sums->end)
		sums->end = time;
	while ((sums->end - sums->begin) >> sums->shift >= BINS)
		widen(sums);
}

static int time_line(struct sums *sums, struct thread_sum *thread)
{
	if (thread->bins || sums->timed >= MOST_TIMED)
		return 0;
	thread->bins = calloc(BINS, sizeof(*thread->bins));
	if (!thread->bins)
		return -ENOMEM;
	sums->timed++;
	return 0;
}

/* @ns of time from @from on, where the trace begins at 0. */
static void fill(const struct sums *sums, struct bin *bins, int64_t from,
		 int64_t ns, int way)
{
	int64_t width = (int64_t)1 << sums->shift, part;
	size_t i;

	for (i = (size_t)(from >> sums->shift); ns > 0 && i < BINS; i++) {
		part = (int64_t)(i + 1) * width - from;
		if (part > ns)
			part = ns;
		bins[i].time[way] = add_times(bins[i].time[way], part);
		from += part;
		ns -= part;
	}
}

/* First on the ring, then natively, then asleep: that is the order of a call. */
static int add_to_line(struct sums *sums, const struct seen *c,
		       const int64_t *parts, struct thread_sum *thread)
{
	static const int order[] = { WAY_RING, WAY_UNKNOWN, WAY_NATIVE, WAY_WAIT };
	int64_t from = c->time < sums->begin ? 0 : c->time - sums->begin;
	int ret = time_line(sums, thread);
	size_t i;

	if (ret || !thread->bins)
		return ret;
	thread->bins[from >> sums->shift].calls++;
	for (i = 0; i < WAYS; i++) {
		fill(sums, thread->bins, from, parts[order[i]], order[i]);
		from = add_times(from, parts[order[i]]);
	}
	return 0;
}

static void add_slow(struct sums *sums, const struct slow *slow)
{
	size_t i = sums->slows;

	if (i == SLOWEST && sums->slow[i - 1].duration >= slow->duration)
		return;
	if (i == SLOWEST)
		i--;
	else
		sums->slows++;
	for (; i && sums->slow[i - 1].duration < slow->duration; i--)
		sums->slow[i] = sums->slow[i - 1];
	sums->slow[i] = *slow;
}

static void add_to_thread(struct sums *sums, const struct seen *c,
			  const int64_t *parts, struct thread_sum *thread)
{
	struct process_sum *process = &sums->process[thread->process];
	struct program_sum *program = NULL;
	int i;

	thread->calls++;
	process->calls++;
	for (i = 0; i < WAYS; i++)
		thread->time[i] = add_times(thread->time[i], parts[i]);
	if (c->duration > 0)
		process->time = add_times(process->time, c->duration);
	process->wait = add_times(process->wait, parts[WAY_WAIT]);
	if (process->program != NONE)
		program = &sums->program[process->program];
	if (!program)
		return;
	program->calls++;
	program->errors += c->failed;
	program->bytes = add_numbers(program->bytes, moved(c));
	if (c->duration > 0)
		program->time = add_times(program->time, c->duration);
	program->wait = add_times(program->wait, parts[WAY_WAIT]);
}

static void note_call(struct sums *sums, const struct seen *c,
		       struct thread_sum *thread)
{
	int64_t end;

	if (c->duration >= 0)
		sums->durations = true;
	if (c->route != ROUTE_UNKNOWN)
		sums->routes = true;
	if (c->time < 0)
		return;
	end = add_times(c->time, at_most(c->duration, MOST_TIME));
	note_time(sums, c->time);
	note_time(sums, end);
	if (thread->begin < 0)
		thread->begin = c->time;
	if (end > thread->end)
		thread->end = end;
}

static int add_all(struct sums *sums, const struct seen *c, uint32_t thread,
		   uint32_t thing)
{
	struct slow slow = { thread, 0, thing, c->time, c->duration, 0 };
	int64_t parts[WAYS] = { 0 };
	int ret;

	slow.way = split_time(c, parts);
	ret = add_call(sums, c, slow.way, parts, &slow.call);
	if (!ret && thing != NONE)
		add_to_thing(sums, c, parts, thing);
	if (!ret && (parts[WAY_WAIT] > 0 || (slow.way == WAY_WAIT &&
					     c->route != ROUTE_UNKNOWN)))
		ret = add_wait(sums, slow.call, thing, parts[WAY_WAIT]);
	if (!ret && c->failed)
		ret = add_error(sums, c->error, slow.call, thing);
	if (!ret && c->time >= 0)
		ret = add_to_line(sums, c, parts, &sums->thread[thread]);
	if (c->duration > 0)
		add_slow(sums, &slow);
	add_to_thread(sums, c, parts, &sums->thread[thread]);
	return ret;
}

int sum_call(struct sums *sums, const struct seen *c)
{
	uint32_t thread, thing = NONE;
	struct process_sum *process;
	int ret = find_thread(sums, c->pid, c->tid, &thread);

	if (ret)
		return ret;
	process = &sums->process[sums->thread[thread].process];
	sums->number++;
	note_call(sums, c, &sums->thread[thread]);
	ret = find_thing(sums, process, c, &thing);
	if (!ret)
		ret = add_all(sums, c, thread, thing);
	return ret ? ret : note_descriptors(sums, process, c, thing);
}
