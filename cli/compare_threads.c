// SPDX-License-Identifier: MIT
/*
 * Which thread of one trace is which of the other, and what they do differently;
 * see compare.h.  Threads are matched by their creators: the n-th that a thread
 * has created is the n-th that its like has created, whoever ran first.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "compare.h"

#define CONTEXT 3
#define LONGEST_BLOCK 20

static int add_pair(struct comparison *c, uint32_t a, uint32_t b)
{
	if (make_room(&c->pairs, c->pairs_number, &c->pairs_room,
		      sizeof(*c->pairs)))
		return -ENOMEM;
	c->pairs[c->pairs_number++] = (struct pair){ .thread = { a, b } };
	return 0;
}

static uint32_t next_of(const struct comparison *c, int side, uint32_t thread)
{
	return thread == NO_THREAD ? thread :
		c->side[side].trace.threads[thread].next;
}

static int pair_lists(struct comparison *c, uint32_t a, uint32_t b)
{
	int ret = 0;

	while (!ret && (a != NO_THREAD || b != NO_THREAD)) {
		ret = add_pair(c, a, b);
		a = next_of(c, 0, a);
		b = next_of(c, 1, b);
	}
	return ret;
}

static uint32_t child_of(const struct comparison *c, int side, uint32_t thread)
{
	return thread == NO_THREAD ? thread :
		c->side[side].trace.threads[thread].first_child;
}

/* The list grows while it is walked along. */
static int pair_threads(struct comparison *c)
{
	int ret = pair_lists(c, c->side[0].trace.first_root,
			     c->side[1].trace.first_root);
	size_t i;

	for (i = 0; i < c->pairs_number && !ret; i++)
		ret = pair_lists(c, child_of(c, 0, c->pairs[i].thread[0]),
				 child_of(c, 1, c->pairs[i].thread[1]));
	return ret;
}

static int texts_of(const struct comparison *c, int side, uint32_t thread,
		    uint32_t **texts, size_t *number)
{
	const struct stream none = { .number = 0 }, *stream = &none;
	size_t i;

	if (thread != NO_THREAD)
		stream = &c->side[side].streams[thread];
	*number = 0;
	*texts = calloc(stream->number + 1, sizeof(**texts));
	if (!*texts)
		return -ENOMEM;
	*number = stream->number;
	for (i = 0; i < stream->number; i++)
		(*texts)[i] = stream->all[i].text;
	return 0;
}

static int align_pair(struct comparison *c, struct pair *pair)
{
	uint32_t *a = NULL, *b = NULL;
	size_t n, m;
	int ret;

	ret = texts_of(c, 0, pair->thread[0], &a, &n);
	if (!ret)
		ret = texts_of(c, 1, pair->thread[1], &b, &m);
	if (!ret)
		ret = align(a, n, b, m, &pair->steps);
	free(a);
	free(b);
	return ret;
}

const struct entry *step_entry(const struct comparison *c, const struct pair *pair,
			       const struct step *step, int side)
{
	int32_t at = side ? step->b : step->a;

	return at < 0 ? NULL : &c->side[side].streams[pair->thread[side]].all[at];
}

static const struct entry *lone_entry(const struct comparison *c,
				      const struct pair *pair,
				      const struct step *step)
{
	return step_entry(c, pair, step, step->a < 0);
}

static bool is_same(const struct step *step)
{
	return step->a >= 0 && step->b >= 0;
}

bool step_differs(const struct comparison *c, const struct pair *pair,
		  const struct step *step)
{
	return !is_same(step) &&
		c->rules.memory[lone_entry(c, pair, step)->text] < 0;
}

/* Strings of traces have no zero at their end, and may have some inside. */
static char *zero_ended(struct slice s)
{
	char *copy = malloc(s.n + 1);
	size_t i;

	for (i = 0; copy && i < s.n; i++)
		copy[i] = s.s[i];
	for (i = 0; copy && i < s.n; i++) {
		if (!copy[i])
			copy[i] = ' ';
	}
	if (copy)
		copy[s.n] = '\0';
	return copy;
}

static int find_rule(struct comparison *c, const struct entry *entry)
{
	struct rules *rules = &c->rules;
	char *text, *call;
	size_t i;

	rules->memory[entry->text] = -1;
	if (!rules->number)
		return 0;
	text = zero_ended(c->texts.all[entry->text].s);
	call = zero_ended(c->calls.all[entry->call].s);
	for (i = 0; text && call && i < rules->number; i++) {
		if (!fnmatch(rules->all[i].call, call, FNM_NOESCAPE) &&
		    !fnmatch(rules->all[i].pattern, text, FNM_NOESCAPE)) {
			rules->memory[entry->text] = (long)i + 1;
			break;
		}
	}
	i = text && call;
	free(text);
	free(call);
	return i ? 0 : -ENOMEM;
}

static int count_step(struct comparison *c, struct pair *pair, size_t at)
{
	const struct step *step = &pair->steps.all[at];
	const struct entry *entry = lone_entry(c, pair, step);
	long *memory = &c->rules.memory[entry->text];
	int ret = *memory ? 0 : find_rule(c, entry);

	if (ret)
		return ret;
	if (*memory > 0) {
		c->rules.all[*memory - 1].count++;
		c->expected++;
		return 0;
	}
	if (!pair->differences++)
		pair->first = at;
	c->rows[entry->call].differs = true;
	return 0;
}

static int count_pair(struct comparison *c, struct pair *pair)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < pair->steps.number && !ret; i++) {
		if (!is_same(&pair->steps.all[i]))
			ret = count_step(c, pair, i);
	}
	c->differences += pair->differences;
	c->differing += pair->differences > 0;
	return ret;
}

static void count_calls(struct comparison *c, int side)
{
	const struct normaliser *n = &c->side[side];
	const struct entry *entry;
	struct call_row *row;
	size_t i, j;

	for (i = 0; i < n->trace.threads_number; i++) {
		for (j = 0; j < n->streams[i].number; j++) {
			entry = &n->streams[i].all[j];
			row = &c->rows[entry->call];
			row->calls[side]++;
			row->errors[side] += entry->error;
			row->bytes[side] += entry->bytes;
		}
	}
}

int compare_threads(struct comparison *c)
{
	size_t i;
	int ret;

	c->rows = calloc(c->calls.number + 1, sizeof(*c->rows));
	c->rules.memory = calloc(c->texts.number + 1, sizeof(*c->rules.memory));
	if (!c->rows || !c->rules.memory)
		return -ENOMEM;
	ret = pair_threads(c);
	for (i = 0; i < c->pairs_number && !ret; i++) {
		ret = align_pair(c, &c->pairs[i]);
		if (!ret)
			ret = count_pair(c, &c->pairs[i]);
	}
	count_calls(c, 0);
	count_calls(c, 1);
	return ret;
}

struct hunk first_hunk(const struct pair *pair)
{
	struct hunk h = { .from = pair->first, .to = pair->first };
	const struct step *all = pair->steps.all;

	while (h.from && !is_same(&all[h.from - 1]))
		h.from--;
	if (pair->first - h.from > LONGEST_BLOCK / 2)
		h.from = pair->first - LONGEST_BLOCK / 2;
	while (h.to < pair->steps.number && !is_same(&all[h.to]) &&
	       h.to - h.from < LONGEST_BLOCK)
		h.to++;
	h.begin = h.from > CONTEXT ? h.from - CONTEXT : 0;
	h.end = h.to + CONTEXT < pair->steps.number ? h.to + CONTEXT :
		pair->steps.number;
	return h;
}

void describe_thread(struct text *text, const struct comparison *c, size_t pair,
		     int side)
{
	uint32_t thread = c->pairs[pair].thread[side];
	const struct thread *t;
	struct slice name;
	size_t i;

	text_printf(text, "thread %zu", pair + 1);
	if (thread == NO_THREAD) {
		text_puts(text, " (none)");
		return;
	}
	t = &c->side[side].trace.threads[thread];
	name = t->program;
	for (i = 0; i < t->program.n; i++) {
		if (t->program.s[i] == '/')
			name = slice_from(t->program, i + 1);
	}
	if (name.n > 64)
		name.n = 64;
	text_puts(text, " (");
	text_escaped(text, name);
	if (t->pid >= 0)
		text_printf(text, "%spid %ld", name.n ? ", " : "", t->pid);
	text_puts(text, ")");
}
