// SPDX-License-Identifier: MIT
/*
 * From a trace to a list of comparable lines per thread; see normalise.h.
 *
 * Events are taken in the order of the trace, because descriptors are what the
 * calls before have made them; what an unfinished call works on is looked up
 * when it begins.
 */
#include "normalise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_selected(const struct normaliser *n, struct slice name)
{
	if (slice_is(name, "end") && !n->exits)
		return false;
	if (n->selection->all)
		return true;
	if (n->selection->given)
		return strings_find(&n->selection->names, name) >= 0;
	return call_kind(name)->flags & CALL_RING || slice_is(name, "end");
}

/* The thread's table: its parent's at the moment when it was created. */
static int begin_thread(struct normaliser *n, uint32_t thread, bool share)
{
	uint32_t parent = n->trace.threads[thread].parent;
	struct fdtable *of = parent == NO_THREAD ? NULL : n->tables[parent];

	if (n->tables[thread])
		return 0;
	if (!of)
		n->tables[thread] = fdtable_new();
	else
		n->tables[thread] = share ? fdtable_share(of) : fdtable_copy(of);
	return n->tables[thread] ? 0 : -ENOMEM;
}

static struct entry *add_entry(struct normaliser *n, const struct event *event)
{
	struct stream *stream = &n->streams[event->thread];
	long call = strings_add(n->calls, event->name);

	if (call < 0 || make_room(&stream->all, stream->number, &stream->room,
				  sizeof(*stream->all)))
		return NULL;
	stream->all[stream->number] = (struct entry){
		.call = (uint32_t)call, .line = event->line,
	};
	return &stream->all[stream->number];
}

/* A call that a signal has interrupted is made again: it counts once. */
static void forget_interrupted(struct normaliser *n, uint32_t thread,
			       uint32_t call)
{
	struct stream *stream = &n->streams[thread];
	const struct entry *last;

	if (!stream->number)
		return;
	last = &stream->all[stream->number - 1];
	if (last->call == call &&
	    slice_has(n->texts->all[last->text].s, " = ? ERESTART"))
		stream->number--;
}

static int keep_entry(struct normaliser *n, const struct event *event,
		      const struct call_kind *kind, const struct text *text)
{
	struct entry *entry = add_entry(n, event);
	long id = entry ? strings_add(n->texts, (struct slice){ text->s, text->n })
			: -ENOMEM;
	size_t digits;
	long value = slice_number(event->result, &digits);
	struct stream *stream = &n->streams[event->thread];
	struct entry new;

	if (id < 0)
		return -ENOMEM;
	new = *entry;
	new.text = (uint32_t)id;
	new.error = slice_begins(event->result, "-1 ");
	new.bytes = value > 0 && kind->flags & CALL_DATA ? (uint64_t)value : 0;
	forget_interrupted(n, event->thread, new.call);
	stream->all[stream->number++] = new;
	return 0;
}

static void put_result(struct rewriter *r, struct slice result)
{
	enum call_effect effect = r->kind->effect;
	size_t digits = 0;
	long value = slice_begins(result, "0x") ? -1 :
		slice_number(result, &digits);
	struct slice word = result;

	if (slice_begins(result, "-1 ")) {
		/* Without the words for the error. */
		word.n = 3;
		while (word.n < result.n && result.s[word.n] != ' ')
			word.n++;
		text_put(r->out, word.s, word.n);
		return;
	}
	if (value >= 0 && (effect == EFFECT_OPEN || effect == EFFECT_NEW ||
			   effect == EFFECT_DUP || effect == EFFECT_DUP2)) {
		put_descriptor(r, value, fdtable_get(r->n->tables[r->thread],
						     value), SLICE(""));
		return;
	}
	if (value > 0 && r->kind->flags & CALL_PID) {
		text_puts(r->out, "PID");
		return;
	}
	text_put(r->out, result.s, digits);
	r->in = slice_from(result, digits);
	rewrite(r);
}

static bool is_sure(const struct event *event, const struct call_kind *kind)
{
	if (!(kind->flags & CALL_MAKES))
		return false;
	return kind->effect == EFFECT_OPEN ?
		slice_has(event->args, "O_EXCL") && slice_has(event->args, "0600") :
		slice_has(event->args, "0700");
}

/* Of an opening call: what is between the quotes. */
static struct slice shown_path(const struct text *text, size_t from)
{
	struct slice s = { text->s + from, text->n - from };
	const char *quote = s.n ? memchr(s.s, '"', s.n) : NULL;
	size_t end;

	if (!quote)
		return SLICE("?");
	s = slice_from(s, (size_t)(quote - s.s));
	end = skip_string(s, 0);
	s.n = end > 1 && s.s[end - 1] == '"' ? end - 1 : end;
	return slice_from(s, 1);
}

static int put_call(struct normaliser *n, const struct event *event,
		    const struct call_kind *kind, long first, struct text *text)
{
	struct rewriter r = {
		.n = n, .kind = kind, .in = event->args, .thread = event->thread,
		.sure = is_sure(event, kind), .first = first, .out = text,
	};
	size_t begin;
	int ret;

	text_put(text, event->name.s, event->name.n);
	text_puts(text, "(");
	begin = text->n;
	rewrite(&r);
	if (text->failed)
		return -ENOMEM;
	ret = fd_effect(n, event, kind, kind->effect == EFFECT_OPEN ?
			shown_path(text, begin) : SLICE(""));
	text_puts(text, ") = ");
	r.first = FD_UNKNOWN;
	put_result(&r, event->result);
	return ret;
}

static int finish_call(struct normaliser *n, const struct event *event, long first)
{
	const struct call_kind *kind = call_kind(event->name);
	bool selected = is_selected(n, event->name);
	struct text text = { .n = 0 };
	int ret = 0;

	if (selected || kind->effect != EFFECT_NONE || kind->flags & CALL_MAKES)
		ret = put_call(n, event, kind, first, &text);
	if (!ret && text.failed)
		ret = -ENOMEM;
	if (!ret && selected)
		ret = keep_entry(n, event, kind, &text);
	free(text.s);
	return ret;
}

static int put_mark(struct normaliser *n, const struct event *event)
{
	const struct call_kind *kind = call_kind(event->name);
	bool signal = event->kind == STRACE_SIGNAL;
	struct text text = { .n = 0 };
	struct rewriter r = {
		.n = n, .kind = kind, .in = event->args, .out = &text,
		.thread = event->thread, .first = FD_UNKNOWN,
	};
	int ret = -ENOMEM;

	if (!is_selected(n, event->name))
		return 0;
	text_puts(&text, signal ? "--- " : "+++ ");
	rewrite(&r);
	text_puts(&text, signal ? " ---" : " +++");
	if (!text.failed)
		ret = keep_entry(n, event, kind, &text);
	free(text.s);
	return ret;
}

/* A call that has never returned. */
static int abandon(struct normaliser *n, uint32_t thread)
{
	uint32_t pending = n->trace.threads[thread].pending;
	struct event event;
	long first = n->pending[thread];

	if (pending == NO_THREAD)
		return 0;
	n->trace.threads[thread].pending = NO_THREAD;
	event = n->trace.events[pending];
	event.result = SLICE("?");
	return finish_call(n, &event, first);
}

static int enter(struct normaliser *n, uint32_t number)
{
	const struct event *event = &n->trace.events[number];
	const struct call_kind *kind = call_kind(event->name);

	n->trace.threads[event->thread].pending = number;
	n->pending[event->thread] = kind->fds & 1 ?
		fd_of(n, event->thread, event->args) : FD_UNKNOWN;
	return kind->effect == EFFECT_CLOSE ?
		fd_effect(n, event, kind, SLICE("")) : 0;
}

static int leave(struct normaliser *n, const struct event *event)
{
	struct event copy = *event;
	struct thread *thread = &n->trace.threads[event->thread];
	const struct call_kind *kind = call_kind(event->name);
	struct fdtable *table = n->tables[event->thread];
	size_t digits;
	long fd, now;
	int ret;

	/* The number of what it has closed may be in use again. */
	fd = kind->effect == EFFECT_CLOSE ? slice_number(event->args, &digits) : -1;
	now = fdtable_get(table, fd);
	copy.line = thread->pending == NO_THREAD ? event->line :
		n->trace.events[thread->pending].line;
	ret = finish_call(n, &copy, thread->pending == NO_THREAD ? FD_UNKNOWN :
			  n->pending[event->thread]);
	if (!ret && fd >= 0 && thread->pending != NO_THREAD)
		ret = fdtable_set(table, fd, now);
	thread->pending = NO_THREAD;
	return ret;
}

static int take(struct normaliser *n, uint32_t number)
{
	const struct event *event = &n->trace.events[number];
	int ret = begin_thread(n, event->thread, false);

	if (!ret && event->child != NO_THREAD)
		ret = begin_thread(n, event->child,
				   slice_has(event->args, "CLONE_FILES"));
	if (ret)
		return ret;
	switch (event->kind) {
	case STRACE_ENTER:
		return enter(n, number);
	case STRACE_LEAVE:
		return leave(n, event);
	case STRACE_EXIT:
		ret = abandon(n, event->thread);
		return ret ? ret : put_mark(n, event);
	case STRACE_SIGNAL:
		return put_mark(n, event);
	default:
		return finish_call(n, event, FD_UNKNOWN);
	}
}

/*
 * Whether a thread that appears before its creator has returned shares the
 * table, only the arguments of that call tell: look ahead.
 */
static int *shared_children(const struct trace *t)
{
	int *shared = calloc(t->threads_number + 1, sizeof(*shared));
	size_t i;

	for (i = 0; shared && i < t->events_number; i++) {
		if (t->events[i].child != NO_THREAD)
			shared[t->events[i].child] =
				slice_has(t->events[i].args, "CLONE_FILES");
	}
	return shared;
}

static int take_all(struct normaliser *n)
{
	int *shared = shared_children(&n->trace);
	size_t i;
	int ret = shared ? 0 : -ENOMEM;

	for (i = 0; i < n->trace.threads_number; i++)
		n->trace.threads[i].pending = NO_THREAD;
	for (i = 0; i < n->trace.events_number && !ret; i++) {
		uint32_t thread = n->trace.events[i].thread;

		ret = begin_thread(n, thread, shared[thread]);
		if (!ret)
			ret = take(n, (uint32_t)i);
	}
	for (i = 0; i < n->trace.threads_number && !ret; i++)
		ret = abandon(n, (uint32_t)i);
	free(shared);
	return ret;
}

int normalise(struct normaliser *n)
{
	size_t number = n->trace.threads_number + 1;

	n->tables = calloc(number, sizeof(struct fdtable *)) /* NOLINT(bugprone-sizeof-expression) */;
	n->streams = calloc(number, sizeof(*n->streams));
	n->pending = calloc(number, sizeof(*n->pending));
	return n->tables && n->streams && n->pending ? take_all(n) : -ENOMEM;
}

void normaliser_free(struct normaliser *n)
{
	size_t i;

	for (i = 0; n->tables && i < n->trace.threads_number; i++)
		fdtable_put(n->tables[i]);
	for (i = 0; n->streams && i < n->trace.threads_number; i++)
		free(n->streams[i].all);
	strings_free(&n->labels);
	strings_free(&n->counts);
	strings_free(&n->temporary);
	strings_free(&n->shown);
	free(n->tables);
	free(n->streams);
	free(n->pending);
	trace_free(&n->trace);
}
