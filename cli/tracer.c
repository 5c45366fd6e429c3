// SPDX-License-Identifier: MIT
/*
 * What a record means for the threads and processes that are traced; see tracer.h.
 */
#include "tracer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd_paths.h"
#include "shim.h"
#include "trace_strays.h"

#define ASK_MOST 50 /* times, for the end of a process */

#define EACH_VIEW(t, what, ...) \
	do { \
		for (unsigned i_ = 0; i_ < TRACE_VIEWS; i_++) { \
			if ((t)->views[i_] && (t)->views[i_]->what) \
				(t)->views[i_]->what(t, __VA_ARGS__); \
		} \
	} while (0)

uint64_t tracer_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

int64_t tracer_realtime(const struct tracer *t, uint64_t time)
{
	const struct shim_trace_header *h = recording_header(t->recording);

	/* Whoever has made the recording may have written anything there. */
	return (int64_t)((time ? time : tracer_now()) +
			 (uint64_t)h->realtime);
}

bool tracer_shows(const struct tracer *t, int64_t result)
{
	return t->options->status & (result < 0 ? TRACE_FAILED :
				     TRACE_SUCCESSFUL);
}

static struct parts parts_of(const void *record, size_t fixed, size_t size)
{
	const char *bytes = record;

	return (struct parts){ bytes + fixed, bytes + size };
}

void tracer_decoder(struct tracer *t, const struct pending *call,
		    struct decoder *d)
{
	const struct shim_trace_enter *enter = (void *)call->record;

	*d = (struct decoder){
		.out = &t->sink.text, .call = trace_call(enter->record.nr),
		.args = enter->args,
		.enter = parts_of(enter, sizeof(*enter), call->size),
		.leave = { "", "" },
		.string_max = t->options->string_max,
		.paths = t->options->paths,
	};
}

void tracer_decoder_abandoned(struct tracer *t, const struct pending *call,
			      struct decoder *d)
{
	tracer_decoder(t, call, d);
	d->leaving = true;
	d->result = -EINTR;
}

/* Threads and processes. */

static struct tracee *out_of_memory(struct tracer *t)
{
	t->failed = true;
	return NULL;
}

static struct process *new_process(struct tracer *t, uint32_t pid,
				   uint32_t parent)
{
	struct process *p = process_add(&t->tracees, pid);
	const struct process *of = process_find(&t->tracees, parent);

	if (!p)
		return NULL;
	if (t->live && is_stranger(pid)) {
		p->stranger = true;
		if (p->pidfd >= 0)
			close(p->pidfd);
		p->pidfd = -1;
	}
	if (t->options->format == TRACE_JSON)
		p->paths = of ? fd_paths_copy(of->paths) : fd_paths_new();
	return p;
}

/* Calls that will never return: those from number @from on, the inner first. */
static void abandon(struct tracer *t, struct tracee *tracee, unsigned from)
{
	while (tracee->depth > from) {
		unsigned last = tracee->depth - 1;

		EACH_VIEW(t, abandoned, tracee, &tracee->calls[last]);
		tracee_drop(tracee, last);
	}
}

static void end_thread(struct tracer *t, struct tracee *tracee, bool known,
		       int status)
{
	abandon(t, tracee, 0);
	EACH_VIEW(t, ended, tracee, known, status);
	recording_forget(t->recording, tracee);
	tracee_remove(&t->tracees, tracee);
}

/* The thread of a record; a new one is announced. */
static struct tracee *tracee_of(struct tracer *t, struct lane *lane,
				const struct shim_trace_record *record)
{
	bool child = record->tid != 0;
	uint32_t tid = child ? record->tid : lane->tid;
	uint32_t pid = child ? record->tid : lane->pid;
	struct tracee *tracee = tracee_find(&t->tracees, tid);
	struct process *process;
	uint32_t parent = 0;

	if (tracee && (child || tracee->process->pid == pid))
		return tracee;
	/* Its number is in use again already. */
	if (tracee)
		end_thread(t, tracee, true, 0);
	process = process_find(&t->tracees, pid);
	if (process) {
		tracee = tracee_add(&t->tracees, process, tid);
		if (!tracee)
			return out_of_memory(t);
		EACH_VIEW(t, thread, tracee, record->time);
		return tracee;
	}
	if (child)
		parent = lane->pid;
	else if (record->kind == SHIM_TRACE_FORKED)
		parent = (uint32_t)record->data;
	process = new_process(t, pid, parent);
	tracee = process ? tracee_add(&t->tracees, process, tid) : NULL;
	if (!tracee)
		return out_of_memory(t);
	EACH_VIEW(t, process, tracee, parent, record->time);
	return tracee;
}

/* The others are gone when a thread executes a program. */
static void end_others(struct tracer *t, struct tracee *but)
{
	struct tracee *tracee = but->process->threads, *next;

	for (; tracee; tracee = next) {
		next = tracee->sibling;
		if (tracee != but)
			end_thread(t, tracee, true, 0);
	}
}

/* Records. */

static void on_start(struct tracer *t, struct lane *lane, struct tracee *tracee,
		     const struct shim_trace_record *record, size_t size)
{
	abandon(t, tracee, 0);
	end_others(t, tracee);
	recording_supersede(t->recording, lane->pid, record->seq);
	fd_paths_exec(tracee->process->paths);
	tracee->ending = tracee->process->exiting = false;
	EACH_VIEW(t, program, tracee, record, size);
}

static void on_enter(struct tracer *t, struct tracee *tracee,
		     const struct shim_trace_record *record, size_t size)
{
	struct pending *call;

	if (size < sizeof(struct shim_trace_enter) || !trace_call(record->nr)) {
		t->unknown++;
		return;
	}
	if (tracee->depth)
		EACH_VIEW(t, interrupted, tracee,
			  &tracee->calls[tracee->depth - 1]);
	if (tracee->depth == PENDING_MOST) {
		/* Left by jumps, most likely. */
		EACH_VIEW(t, abandoned, tracee, &tracee->calls[0]);
		tracee_drop(tracee, 0);
	}
	call = tracee_enter(tracee, record, size);
	if (call)
		EACH_VIEW(t, enter, tracee, call);
	else
		t->failed = true;
}

/* The call that began with record @seq; -1: that was lost. */
static int find_pending(const struct tracee *tracee, uint64_t seq)
{
	const struct shim_trace_enter *enter;
	int i;

	for (i = (int)tracee->depth - 1; i >= 0; i--) {
		enter = (void *)tracee->calls[i].record;
		if (enter->record.seq == seq)
			break;
	}
	return i;
}

static void on_leave(struct tracer *t, struct tracee *tracee,
		     const struct shim_trace_record *record, size_t size)
{
	const struct shim_trace_leave *leave = (void *)record;
	int at = find_pending(tracee, record->data);
	struct pending *call;
	struct decoder d;

	if (size < sizeof(*leave) || at < 0) {
		t->unknown++;
		return;
	}
	abandon(t, tracee, (unsigned)at + 1);
	call = &tracee->calls[at];
	tracer_decoder(t, call, &d);
	d.leaving = true;
	d.result = leave->result;
	d.leave = parts_of(leave, sizeof(*leave), size);
	EACH_VIEW(t, leave, tracee, call, &d, leave);
	fd_paths_follow(tracee->process->paths, &d);
	tracee_drop(tracee, (unsigned)at);
}

static void take(void *arg, struct lane *lane,
		 const struct shim_trace_record *record, size_t size)
{
	struct tracer *t = arg;
	struct tracee *tracee = NULL;

	t->records++;
	if (!record->tid && lane->user)
		tracee = lane->user;
	/* A child that shares memory with the only thread to be traced. */
	else if (!record->tid || t->options->follow || !t->live)
		tracee = tracee_of(t, lane, record);
	if (!tracee)
		return;
	if (!record->tid)
		lane->user = tracee;
	switch (record->kind) {
	case SHIM_TRACE_START:
		on_start(t, lane, tracee, record, size);
		break;
	case SHIM_TRACE_ENTER:
		on_enter(t, tracee, record, size);
		break;
	case SHIM_TRACE_LEAVE:
		on_leave(t, tracee, record, size);
		break;
	case SHIM_TRACE_EXIT:
		tracee->process->exiting = true;
		tracee->process->exit_code = (int)record->data;
		tracee->process->exit_time = record->time;
		break;
	case SHIM_TRACE_END:
		tracee->ending = true;
		break;
	default:
		break;
	}
	sink_trim(&t->sink);
}

unsigned tracer_drain(struct tracer *t, unsigned room)
{
	const struct recording_taker taker = { take, t };

	return recording_drain(t->recording, room, &taker);
}

/* Ends. */

/* Its first thread goes last. */
static void end_process(struct tracer *t, struct process *p)
{
	struct tracee *tracee;

	process_status(p);
	/* Between its death and its funeral the kernel may not tell. */
	if (!p->known && t->live && (p->ours || p->asked++ < ASK_MOST))
		return;
	process_believe(p);
	if (p->ours && p->known) {
		t->root_known = true;
		t->root_status = p->status;
	}
	while (p->threads) {
		tracee = p->threads;
		if (tracee->tid == p->pid && tracee->sibling)
			tracee = tracee->sibling;
		/* One that said so has ended before. */
		if (tracee->ending && tracee->tid != p->pid)
			end_thread(t, tracee, true, 0);
		else
			end_thread(t, tracee, p->known, p->status);
	}
	process_remove(&t->tracees, p);
}

static void look_at_threads(struct tracer *t, struct process *p)
{
	struct tracee *tracee = p->threads, *next;

	for (; tracee; tracee = next) {
		next = tracee->sibling;
		if (tracee->gone && recording_drained(t->recording, p->pid))
			end_thread(t, tracee, true, 0);
		else if (tracee->ending && tracee->tid != p->pid)
			tracee->gone = !tracee_lives(tracee);
	}
}

void tracer_look(struct tracer *t, uint64_t ns)
{
	struct process *p = t->tracees.processes, *next;

	for (; p; p = next) {
		next = p->next;
		if (!p->gone)
			look_at_threads(t, p);
		else if (recording_drained(t->recording, p->pid))
			end_process(t, p);
	}
	if (!t->tracees.processes)
		return;
	tracees_wait(&t->tracees, ns);
	for (p = t->tracees.processes; p; p = p->next) {
		if (p->gone)
			recording_bury(t->recording, p->pid);
	}
}

/* Beginning and end. */

int tracer_begin(struct tracer *t, const struct trace_options *o,
		 struct recording *recording)
{
	*t = (struct tracer){ .options = o, .recording = recording };
	if (sink_open(&t->sink, o->output))
		return EXIT_TROUBLE;
	if (o->format == TRACE_JSON)
		t->views[0] = &trace_json_view;
	else if (o->format != TRACE_TABLE)
		t->views[0] = &trace_text_view;
	if (o->format == TRACE_TABLE || o->format == TRACE_TEXT_AND_TABLE)
		t->views[1] = &trace_table_view;
	if (o->births)
		t->views[2] = &trace_births_view;
	return 0;
}

static void say_lost(const struct tracer *t, uint64_t lost, bool live)
{
	if (lost)
		say("%llu record%s lost: not every call is in the trace",
		    (unsigned long long)lost, lost == 1 ? " was" : "s were");
	/* Of an old recording, the beginnings may be gone. */
	if (t->unknown && live)
		say("%llu record%s no sense", (unsigned long long)t->unknown,
		    t->unknown == 1 ? " made" : "s made");
	if (t->failed)
		say("%s: not every call is in the trace", strerror(ENOMEM));
}

int tracer_end(struct tracer *t)
{
	bool live = t->live;
	uint64_t lost;
	int ret;

	t->live = false;
	recording_over(t->recording);
	while (tracer_drain(t, UINT32_MAX))
		;
	while (t->tracees.processes)
		end_process(t, t->tracees.processes);
	lost = recording_lost(t->recording);
	EACH_VIEW(t, finish, lost);
	ret = sink_close(&t->sink);
	say_lost(t, lost, live);
	if (lost || t->failed)
		ret = -1;
	tracees_free(&t->tracees);
	free(t->scratch.s);
	return ret;
}
