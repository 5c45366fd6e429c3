// SPDX-License-Identifier: MIT
/*
 * A trace in strace's text format, line by line; see report.h.  strace_line.c
 * takes the lines to pieces; here calls in two pieces become one, and times are
 * found, whichever of -t, -tt, -ttt and -r has written them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "strace.h"

#define SECOND 1000000000LL
#define DAY (86400 * SECOND)
#define EPOCH 100000000LL /* no relative time has so many seconds */
#define LONGEST_KEPT 8192UL
#define MOST_PENDING 65536

/* A call that has begun. */
struct pending {
	char *args; /* NULL: none */
	size_t n;
	int64_t time;
};

/* "1700000000.123456", what there is of it; -1: nothing. */
static int64_t seconds(struct slice *s)
{
	int64_t value = 0, unit = SECOND / 10;
	size_t i;

	for (i = 0; i < s->n && s->s[i] >= '0' && s->s[i] <= '9'; i++) {
		if (value < MOST_TIME / SECOND / 10)
			value = value * 10 + (s->s[i] - '0');
	}
	if (!i)
		return -1;
	value *= SECOND;
	if (i < s->n && s->s[i] == '.') {
		for (i++; i < s->n && s->s[i] >= '0' && s->s[i] <= '9'; i++) {
			value += (s->s[i] - '0') * unit;
			unit /= 10;
		}
	}
	*s = slice_from(*s, i);
	return value;
}

/* "12:34:56.789": behind the hours.  Midnight is where time goes back. */
static int64_t time_of_day(struct text_state *state, int64_t hours,
			   struct slice s)
{
	int64_t minutes, rest;

	s = slice_from(s, 1);
	minutes = seconds(&s);
	s = slice_from(s, 1);
	rest = seconds(&s);
	if (minutes < 0 || rest < 0 || hours > 24 * SECOND ||
	    minutes > 60 * SECOND || rest > 61 * SECOND)
		return -1;
	rest += hours * 3600 + minutes * 60 + state->day;
	if (rest < state->last - DAY / 2) {
		state->day += DAY;
		rest += DAY;
	}
	return rest;
}

static int64_t time_of(struct text_state *state, struct slice s)
{
	int64_t time;

	s = slice_trim(s);
	if (slice_begins(s, "(+"))
		s = slice_trim(slice_from(s, 2));
	time = seconds(&s);
	if (time < 0)
		return -1;
	if (s.n && s.s[0] == ':')
		time = time_of_day(state, time, s);
	else if (time < EPOCH * SECOND)
		time = add_times(time, state->last);
	if (time >= 0)
		state->last = time;
	return time;
}

static struct pending *pending_of(struct text_state *state, long pid, bool make)
{
	char key[32];
	int n = snprintf(key, sizeof(key), "%ld", pid);
	struct slice id = { key, (size_t)n };
	long at = strings_find(&state->pending, id);

	if (at >= 0)
		return &state->all[at];
	if (!make || state->pending.number >= MOST_PENDING ||
	    make_room(&state->all, state->pending.number, &state->room,
		      sizeof(*state->all)))
		return NULL;
	at = strings_add(&state->pending, id);
	if (at < 0)
		return NULL;
	state->all[at] = (struct pending){ .args = NULL };
	return &state->all[at];
}

/* More of them than there is room for are taken for calls without an end. */
static void remember(struct text_state *state, const struct strace_line *line,
		     int64_t time)
{
	struct pending *p = pending_of(state, line->pid, true);
	size_t n = line->args.n > LONGEST_KEPT ? LONGEST_KEPT : line->args.n;

	if (!p)
		return;
	free(p->args);
	p->args = malloc(n + 1);
	if (!p->args)
		return;
	if (n)
		memcpy(p->args, line->args.s, n);
	p->n = n;
	p->time = time;
}

static int64_t number(struct slice s)
{
	int64_t value = 0;
	size_t i;

	for (i = 0; i < s.n && i < 18 && s.s[i] >= '0' && s.s[i] <= '9'; i++)
		value = value * 10 + (s.s[i] - '0');
	return i ? value : -1;
}

/* "-1 ENOENT (No such file or directory)", "3</etc/passwd>", "?" */
static void take_result(struct seen *c, struct slice result)
{
	struct slice error;
	size_t n;

	c->result = number(result);
	c->unfinished = slice_begins(result, "?");
	if (slice_begins(result, "-1 E") || slice_begins(result, "? E")) {
		error = slice_from(result, result.s[0] == '?' ? 2 : 3);
		for (n = 0; n < error.n && error.s[n] != ' '; n++)
			;
		c->error = (struct slice){ error.s, n };
		c->failed = true;
		c->unfinished = false;
	}
}

static int link_child(struct sums *sums, const struct seen *c, long child)
{
	uint32_t parent, thread;
	int ret = find_thread(sums, c->pid, c->tid, &parent);

	if (ret || child <= 0)
		return ret;
	if (!slice_has(c->args, "CLONE_THREAD"))
		return sum_fork(sums, child, sums->thread[parent].pid, c->time);
	ret = find_thread(sums, child, child, &thread);
	return ret ? ret : join_thread(sums, thread, parent);
}

/* The words of an execve, without quotes and commas. */
static int start(struct sums *sums, const struct seen *c)
{
	struct slice path = seen_arg(c, 0), list = seen_arg(c, 1), word;
	struct text words = { .n = 0 };
	size_t n;
	int ret = -ENOMEM;

	for (list = slice_from(list, 1); list.n; list = slice_from(list, n)) {
		n = list.s[0] == '"' ? skip_string(list, 0) : 1;
		word = (struct slice){ list.s + 1, n > 2 ? n - 2 : 0 };
		if (list.s[0] != '"')
			continue;
		if (words.n)
			text_puts(&words, " ");
		text_put(&words, word.s, word.n);
		if (slice_begins(slice_from(list, n), "..."))
			text_puts(&words, "...");
	}
	if (path.n > 1 && path.s[0] == '"')
		path = (struct slice){ path.s + 1, skip_string(path, 0) - 2 };
	if (!words.failed)
		ret = sum_start(sums, c->pid, c->tid, c->time, path,
				(struct slice){ words.s, words.n });
	free(words.s);
	return ret;
}

static int add_call(struct sums *sums, struct seen *c)
{
	int ret = sum_call(sums, c);

	if (!ret && strace_creates(c->name) && !c->failed)
		ret = link_child(sums, c, (long)c->result);
	if (!ret && slice_is(c->name, "execve") && !c->failed &&
	    !c->unfinished)
		ret = start(sums, c);
	return ret;
}

static int whole_call(struct sums *sums, struct seen *c, struct slice result)
{
	struct slice duration = strace_duration(&result);

	c->duration = seconds(&duration);
	take_result(c, result);
	return add_call(sums, c);
}

/* Behind "<... read resumed>"; what has begun it may be missing. */
static int resumed_call(struct sums *sums, struct text_state *state,
			struct strace_line *line, struct seen *c)
{
	struct pending *p = pending_of(state, line->pid, false);
	struct text both = { .n = 0 };
	struct slice result;
	int ret = -EBADMSG;

	if (p && p->args) {
		text_put(&both, p->args, p->n);
		c->time = p->time;
		free(p->args);
		p->args = NULL;
	}
	text_put(&both, line->args.s, line->args.n);
	if (both.failed)
		ret = -ENOMEM;
	else if (strace_split((struct slice){ both.s, both.n }, &c->args,
			      &result))
		ret = whole_call(sums, c, result);
	free(both.s);
	return ret;
}

static int ended(struct sums *sums, const struct strace_line *line,
		 int64_t time)
{
	if (line->kind == STRACE_SIGNAL ||
	    slice_begins(line->args, "superseded"))
		return 0;
	return sum_exit(sums, line->pid, time, line->args);
}

/* Who begins while one call makes a thread has been made by it. */
static int adopt(struct sums *sums, struct text_state *state, long pid)
{
	struct pending *p;
	struct seen c = { .pid = state->cloner, .tid = state->cloner };

	if (state->clones != 1 || knows_thread(sums, pid))
		return 0;
	p = pending_of(state, state->cloner, false);
	if (!p || !p->args)
		return 0;
	c.args = (struct slice){ p->args, p->n };
	c.time = p->time;
	return link_child(sums, &c, pid);
}

static void count_clones(struct text_state *state, const struct strace_line *l)
{
	if (!strace_creates(l->name))
		return;
	if (l->kind == STRACE_ENTER) {
		state->clones++;
		state->cloner = l->pid;
	} else if (l->kind == STRACE_LEAVE && state->clones) {
		state->clones--;
	}
}

/*
 * On the standard error the first process has a pid in front of its lines only
 * while there is another one.
 */
static int find_pid(struct sums *sums, struct text_state *state,
		    struct strace_line *line)
{
	uint32_t thread;
	int ret;

	if (line->pid < 0) {
		line->pid = state->first;
		return 0;
	}
	if (line->kind != STRACE_ATTACH && !state->first &&
	    knows_thread(sums, 0) && !knows_thread(sums, line->pid)) {
		state->first = line->pid;
		return rename_thread(sums, 0, line->pid);
	}
	ret = adopt(sums, state, line->pid);
	return ret || line->kind != STRACE_ATTACH ? ret :
		find_thread(sums, line->pid, line->pid, &thread);
}

static int event_line(struct sums *sums, struct text_state *state,
		      struct strace_line *line, int64_t time)
{
	struct seen c = {
		.pid = line->pid, .tid = line->pid, .time = time,
		.duration = -1, .ring = -1, .wait = -1, .name = line->name,
		.args = line->args, .error = SLICE(""), .reason = SLICE(""),
		.path = SLICE(""),
	};

	switch (line->kind) {
	case STRACE_CALL:
		return whole_call(sums, &c, line->result);
	case STRACE_ENTER:
		remember(state, line, time);
		return 0;
	case STRACE_LEAVE:
		return resumed_call(sums, state, line, &c);
	default:
		return ended(sums, line, time);
	}
}

static int add_line(struct sums *sums, struct text_state *state,
		    struct slice text)
{
	struct strace_line line;
	int64_t time;
	int ret;

	strace_line(text, &line);
	if (line.kind == STRACE_BAD || line.kind == STRACE_NOTHING)
		return line.kind == STRACE_BAD ? -EBADMSG : 0;
	ret = find_pid(sums, state, &line);
	if (ret || line.kind == STRACE_ATTACH)
		return ret;
	time = time_of(state, line.times);
	ret = event_line(sums, state, &line, time);
	count_clones(state, &line);
	return ret;
}

/* A message of strace may be in the middle of a line. */
int text_line(struct sums *sums, struct text_state *state, struct slice text)
{
	struct strace_line attached = { .kind = STRACE_ATTACH };
	struct text *held = &state->held;
	struct slice head = text;
	int ret;

	if (strace_attached(&head, &attached.pid)) {
		text_put(held, head.s, head.n);
		return held->failed ? -ENOMEM :
			find_pid(sums, state, &attached);
	}
	if (!held->n)
		return add_line(sums, state, text);
	text_put(held, text.s, text.n);
	ret = held->failed ? -ENOMEM :
		add_line(sums, state, (struct slice){ held->s, held->n });
	held->n = 0;
	return ret;
}

void text_free(struct text_state *state)
{
	size_t i;

	for (i = 0; i < state->pending.number; i++)
		free(state->all[i].args);
	free(state->all);
	free(state->held.s);
	strings_free(&state->pending);
}
