// SPDX-License-Identifier: MIT
/*
 * Were all runs alike?  Whoever compares the times of two programs that do not
 * do the same compares nothing.
 */
#include <string.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "text.h"
#include "trial_rounds.h"

#define EXCERPT 48UL

static const char *const names[STREAMS] = {
	"standard output", "standard error"
};

const char *trial_status(const struct run *run, char *text, size_t size)
{
	if (run->late)
		snprintf(text, size, "killed after %.1f s, which was too long",
			 run->wall);
	else if (WIFSIGNALED(run->status))
		snprintf(text, size, "killed by SIG%s",
			 sigabbrev_np(WTERMSIG(run->status)) ? : "?");
	else
		snprintf(text, size, "exit status %d",
			 WEXITSTATUS(run->status));
	return text;
}

static size_t first_difference(const struct captured *a,
			       const struct captured *b)
{
	size_t i = 0;

	while (i < a->kept && i < b->kept && a->head[i] == b->head[i])
		i++;
	return i;
}

/* The number of the line that @at is in, and where that begins. */
static unsigned long line_of(const struct captured *c, size_t at, size_t *begin)
{
	unsigned long line = 1;
	size_t i;

	*begin = 0;
	for (i = 0; i < at; i++) {
		if (c->head[i] == '\n') {
			line++;
			*begin = i + 1;
		}
	}
	/* Of a long line what is around the place. */
	if (at - *begin > EXCERPT / 2)
		*begin = at - EXCERPT / 2;
	return line;
}

static void put_excerpt(struct text *text, const struct captured *c,
			size_t begin)
{
	struct slice s = { c->head + begin, c->kept - begin };
	const char *end = memchr(s.s, '\n', s.n);

	if (end)
		s.n = (size_t)(end - s.s);
	if (s.n > EXCERPT)
		s.n = EXCERPT;
	text_puts(text, "\"");
	text_escaped(text, s);
	text_puts(text, "\"");
}

static void describe_stream(struct text *text, const char *name,
			    const struct captured *first,
			    const struct captured *c)
{
	size_t at = first_difference(first, c), begin;
	unsigned long line;

	text_printf(text, "%s: ", name);
	if (first->bytes != c->bytes)
		text_printf(text, "%llu bytes instead of %llu; ",
			    (unsigned long long)c->bytes,
			    (unsigned long long)first->bytes);
	if (at == c->kept && at == first->kept) {
		text_printf(text, "it differs after the first %zu bytes", at);
		return;
	}
	line = line_of(first, at, &begin);
	text_printf(text, "line %lu is ", line);
	put_excerpt(text, c, begin);
	text_puts(text, " instead of ");
	put_excerpt(text, first, begin);
}

static bool same_stream(const struct captured *a, const struct captured *b)
{
	return a->bytes == b->bytes && a->digest[0] == b->digest[0] &&
	       a->digest[1] == b->digest[1];
}

static bool same_status(const struct run *a, const struct run *b)
{
	return a->status == b->status && a->late == b->late;
}

/* The first thing that differs; false: nothing does. */
static bool describe(struct text *text, const struct run *first,
		     const struct run *run)
{
	char now[128], was[128];
	int i;

	if (!same_status(first, run)) {
		text_printf(text, "%s instead of %s",
			    trial_status(run, now, sizeof(now)),
			    trial_status(first, was, sizeof(was)));
		return true;
	}
	for (i = 0; i < STREAMS; i++) {
		if (same_stream(&first->captured[i], &run->captured[i]))
			continue;
		describe_stream(text, names[i], &first->captured[i],
				&run->captured[i]);
		return true;
	}
	return false;
}

void trial_check(struct trial *t, const struct run *run, bool native,
		 const char *where)
{
	struct difference *d = &t->difference;
	struct text text = { .s = NULL };
	char status[64];

	if (run->left)
		snprintf(t->unsound, sizeof(t->unsound), "left something "
			 "running that had to be killed");
	if (run == &t->first && WIFSIGNALED(run->status)) {
		snprintf(t->unsound, sizeof(t->unsound), "was %s, natively",
			 trial_status(run, status, sizeof(status)));
		t->over = true;
	}
	/* Any more of these would only take time. */
	t->over |= run->late || run->left;
	if (run == &t->first || !describe(&text, &t->first, run))
		return;
	if (!d->number) {
		snprintf(d->where, sizeof(d->where), "%s", where);
		snprintf(d->what, sizeof(d->what), "%.*s", (int)text.n,
			 text.s ? text.s : "");
	}
	d->number++;
	d->native |= native;
	free(text.s);
}

bool trial_is_sound(const struct trial *t)
{
	return !t->difference.number && !*t->unsound;
}
