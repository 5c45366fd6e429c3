// SPDX-License-Identifier: MIT
/*
 * A whole trace: who did what, and who created whom; see strace.h.
 *
 * A new thread can appear before the call that has created it returns, in the
 * middle of other threads that do the same.  So parents become known here, and
 * what depends on them (descriptors) is left to a second look.
 */
#include "strace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGEST (1UL << 30)
#define STEP (256UL * 1024)

static int read_all(struct text *text, int fd)
{
	ssize_t n;
	char *s;

	for (;;) {
		if (text->n > LARGEST)
			return -EFBIG;
		if (text->room < text->n + STEP) {
			s = realloc(text->s, text->room * 2 + STEP);
			if (!s)
				return -ENOMEM;
			text->s = s;
			text->room = text->room * 2 + STEP;
		}
		n = read(fd, text->s + text->n, STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		text->n += (size_t)n;
	}
}

/* Threads by pid: a table of their indices, plus one. */

static size_t pid_slot(const struct trace *t, long pid)
{
	size_t i = ((size_t)pid * 0x9e3779b97f4a7c15ULL >> 20) &
		(t->pids_slots - 1);

	while (t->pids[i] && t->threads[t->pids[i] - 1].pid != pid)
		i = (i + 1) & (t->pids_slots - 1);
	return i;
}

uint32_t trace_find(const struct trace *t, long pid)
{
	uint32_t found = t->pids_slots && pid >= 0 ? t->pids[pid_slot(t, pid)] : 0;

	return found ? found - 1 : NO_THREAD;
}

static int grow_pids(struct trace *t)
{
	size_t slots = t->pids_slots ? t->pids_slots * 2 : 64, i;
	uint32_t *old = t->pids;
	size_t number = t->pids_slots;

	if (t->pids_used * 2 < t->pids_slots)
		return 0;
	t->pids = calloc(slots, sizeof(*t->pids));
	if (!t->pids) {
		t->pids = old;
		return -ENOMEM;
	}
	t->pids_slots = slots;
	for (i = 0; i < number; i++) {
		if (old[i])
			t->pids[pid_slot(t, t->threads[old[i] - 1].pid)] = old[i];
	}
	free(old);
	return 0;
}

static int set_pid(struct trace *t, uint32_t thread, long pid)
{
	size_t slot;

	t->threads[thread].pid = pid;
	if (pid < 0)
		return 0;
	if (grow_pids(t))
		return -ENOMEM;
	slot = pid_slot(t, pid);
	t->pids_used += !t->pids[slot];
	t->pids[slot] = thread + 1;
	return 0;
}

static int new_thread(struct trace *t, long pid, uint32_t *thread)
{
	if (make_room(&t->threads, t->threads_number, &t->threads_room,
		      sizeof(*t->threads)))
		return -ENOMEM;
	*thread = (uint32_t)t->threads_number++;
	t->threads[*thread] = (struct thread){
		.parent = NO_THREAD, .first_child = NO_THREAD,
		.last_child = NO_THREAD, .next = NO_THREAD,
		.pending = NO_THREAD, .program = SLICE(""),
	};
	return set_pid(t, *thread, pid);
}

/* Without a pid it is the only one that lives: the oldest that does. */
static int without_pid(struct trace *t, uint32_t *thread)
{
	while (t->oldest < t->threads_number && t->threads[t->oldest].ended)
		t->oldest++;
	*thread = t->oldest;
	return t->oldest < t->threads_number ? 0 : new_thread(t, -1, thread);
}

static int thread_of(struct trace *t, long pid, uint32_t *thread)
{
	if (pid < 0)
		return without_pid(t, thread);
	*thread = trace_find(t, pid);
	if (*thread != NO_THREAD && !t->threads[*thread].ended)
		return 0;
	/* The first gets its pid in front of its lines with the second one. */
	if (t->threads_number && t->threads[0].pid < 0 && !t->threads[0].ended) {
		*thread = 0;
		return set_pid(t, 0, pid);
	}
	return new_thread(t, pid, thread);
}

static void append(struct trace *t, uint32_t *first, uint32_t *last,
		   uint32_t thread)
{
	if (*last == NO_THREAD)
		*first = thread;
	else
		t->threads[*last].next = thread;
	*last = thread;
}

/* Children come after their parents: there are no circles, whatever is written. */
static int find_child(struct trace *t, struct event *event)
{
	size_t digits;
	long pid = slice_number(event->result, &digits);
	uint32_t child;
	struct thread *parent;

	if (pid <= 0)
		return 0;
	child = trace_find(t, pid);
	if ((child == NO_THREAD || child <= event->thread ||
	     t->threads[child].parent != NO_THREAD) && new_thread(t, pid, &child))
		return -ENOMEM;
	event->child = child;
	t->threads[child].parent = event->thread;
	t->threads[child].program = t->threads[event->thread].program;
	parent = &t->threads[event->thread];
	append(t, &parent->first_child, &parent->last_child, child);
	return 0;
}

static void find_program(struct trace *t, const struct event *event)
{
	struct slice path = event->args;

	if (!path.n || path.s[0] != '"' || !slice_is(event->result, "0"))
		return;
	path.n = skip_string(path, 0) - 1;
	path = slice_from(path, 1);
	t->threads[event->thread].program = path;
}

/* The two pieces of a call in one, as strace would have printed it. */
static int join(struct trace *t, struct event *event, struct slice head)
{
	struct slice tail = slice_trim(event->args);
	struct text both = { .n = 0 };
	long at = -ENOMEM;

	head = slice_trim(head);
	text_put(&both, head.s, head.n);
	if (head.n && tail.n && tail.s[0] != ')' && tail.s[0] != ',')
		text_puts(&both, " ");
	text_put(&both, tail.s, tail.n);
	if (!both.failed)
		at = strings_add(&t->joined, (struct slice){ both.s, both.n });
	free(both.s);
	if (at < 0)
		return -ENOMEM;
	event->args = t->joined.all[at].s;
	return 0;
}

static int resume(struct trace *t, struct event *event)
{
	struct thread *thread = &t->threads[event->thread];
	struct event *entered = thread->pending == NO_THREAD ? NULL :
		&t->events[thread->pending];
	int ret;

	thread->pending = NO_THREAD;
	if (entered && entered->name.n == event->name.n &&
	    !memcmp(entered->name.s, event->name.s, event->name.n)) {
		ret = join(t, event, entered->args);
		if (ret)
			return ret;
	}
	return strace_split(event->args, &event->args, &event->result) ?
		0 : -EBADMSG;
}

static void bad_line(struct trace *t)
{
	if (!t->bad++)
		t->first_bad = t->line;
}

static int add_event(struct trace *t, struct event *event)
{
	struct thread *thread = &t->threads[event->thread];
	int ret;

	if (event->kind == STRACE_LEAVE) {
		ret = resume(t, event);
		if (ret == -EBADMSG) {
			bad_line(t);
			return 0;
		}
		if (ret)
			return ret;
	}
	strace_duration(&event->result);
	if (event->kind == STRACE_ENTER)
		thread->pending = (uint32_t)t->events_number;
	if (event->kind == STRACE_EXIT)
		thread->ended = !slice_begins(event->args, "superseded");
	t->exits += event->kind == STRACE_EXIT;
	t->calls += event->kind == STRACE_CALL || event->kind == STRACE_ENTER ||
		event->kind == STRACE_LEAVE;
	if (slice_is(event->name, "execve") && event->kind != STRACE_ENTER)
		find_program(t, event);
	if (strace_creates(event->name) && find_child(t, event))
		return -ENOMEM;
	if (make_room(&t->events, t->events_number, &t->events_room,
		      sizeof(*t->events)))
		return -ENOMEM;
	t->events[t->events_number++] = *event;
	return 0;
}

static int attach(struct trace *t, long pid)
{
	uint32_t thread = trace_find(t, pid);

	if (thread != NO_THREAD && !t->threads[thread].ended)
		return 0;
	return new_thread(t, pid, &thread);
}

static int add_line(struct trace *t, struct slice text)
{
	struct event event = { .line = t->line, .child = NO_THREAD };
	struct strace_line line;
	int ret;

	strace_line(text, &line);
	if (line.kind == STRACE_BAD)
		bad_line(t);
	if (line.kind == STRACE_BAD || line.kind == STRACE_NOTHING)
		return 0;
	if (line.kind == STRACE_ATTACH)
		return attach(t, line.pid);
	ret = thread_of(t, line.pid, &event.thread);
	if (ret)
		return ret;
	event.kind = line.kind;
	event.name = line.name;
	event.args = line.args;
	event.result = line.result;
	return add_event(t, &event);
}

/* The rest of the line that a message of strace has interrupted. */
static int add_rest(struct trace *t, struct slice text)
{
	struct text both = { .n = 0 };
	long at = -ENOMEM;

	text_put(&both, t->held.s, t->held.n);
	text_put(&both, text.s, text.n);
	t->held.n = 0;
	if (!both.failed)
		at = strings_add(&t->joined, (struct slice){ both.s, both.n });
	free(both.s);
	return at < 0 ? -ENOMEM : add_line(t, t->joined.all[at].s);
}

static int add_text(struct trace *t, struct slice text)
{
	struct slice head = text;
	long pid;
	int ret = 0;

	if (!strace_attached(&head, &pid))
		return t->held.n ? add_rest(t, text) : add_line(t, text);
	if (head.n) {
		if (t->held.n)
			ret = add_rest(t, SLICE(""));
		t->held = head;
	}
	return ret ? ret : attach(t, pid);
}

static int add_lines(struct trace *t)
{
	struct slice rest = { t->text.s, t->text.n };
	const char *end;
	size_t n;
	int ret = 0;

	while (!ret && rest.n) {
		end = memchr(rest.s, '\n', rest.n);
		n = end ? (size_t)(end - rest.s) : rest.n;
		t->line++;
		ret = add_text(t, (struct slice){ rest.s, n });
		rest = slice_from(rest, n + 1);
	}
	if (!ret && t->held.n)
		ret = add_rest(t, SLICE(""));
	return ret;
}

static void find_roots(struct trace *t)
{
	size_t i;

	t->first_root = NO_THREAD;
	t->last_root = NO_THREAD;
	for (i = 0; i < t->threads_number; i++) {
		if (t->threads[i].parent == NO_THREAD)
			append(t, &t->first_root, &t->last_root, (uint32_t)i);
	}
}

int trace_read(struct trace *t, int fd)
{
	int ret = read_all(&t->text, fd);

	if (!ret)
		ret = add_lines(t);
	if (ret)
		return ret;
	find_roots(t);
	return t->calls ? 0 : -EBADMSG;
}

void trace_free(struct trace *t)
{
	strings_free(&t->joined);
	free(t->pids);
	free(t->threads);
	free(t->events);
	free(t->text.s);
}
