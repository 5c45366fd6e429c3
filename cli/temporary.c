// SPDX-License-Identifier: MIT
/*
 * Temporary names: what mkstemp(3) has put in place of its X, and pids.
 *
 * A file that is made with O_EXCL and mode 0600, or a directory with 0700, has such
 * a name.  Elsewhere a part of a name must look like chance.  A name that was
 * found is known from then on, in paths and in what is written.
 */
#include "normalise.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST 6
#define LONGEST 255

static bool is_random_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_name_char(char c)
{
	return is_random_char(c) || c == '.' || c == '-';
}

static int class_of(char c)
{
	return isupper((unsigned char)c) ? 1 : islower((unsigned char)c) ? 2 : 3;
}

/* By chance two neighbours are rarely of one kind for long. */
static bool looks_random(struct slice s)
{
	size_t i, upper = 0, changes = 0;

	if (s.n != 6 && s.n != 8 && s.n != 10)
		return false;
	for (i = 0; i < s.n; i++) {
		upper += class_of(s.s[i]) == 1;
		changes += i && class_of(s.s[i]) != class_of(s.s[i - 1]);
	}
	return upper && changes > 1;
}

static bool put_run(struct rewriter *r, struct slice run, bool tmp,
		    struct text *out)
{
	size_t digits;
	long pid = slice_number(run, &digits);

	if (tmp && digits == run.n && pid > 1 &&
	    trace_find(&r->n->trace, pid) != NO_THREAD) {
		text_puts(out, "PID");
		return true;
	}
	if (run.n >= SHORTEST && (r->sure || (tmp && looks_random(run)))) {
		text_puts(out, "XXXXXX");
		return true;
	}
	text_put(out, run.s, run.n);
	return false;
}

/* A component of a path; true: it has changed. */
static bool put_runs(struct rewriter *r, struct slice s, bool tmp,
		     struct text *out)
{
	bool changed = false;
	size_t i = 0, begin;

	while (i < s.n) {
		begin = i;
		while (i < s.n && is_random_char(s.s[i]))
			i++;
		changed |= i > begin &&
			put_run(r, (struct slice){ s.s + begin, i - begin }, tmp,
				out);
		if (i < s.n)
			text_put(out, s.s + i++, 1);
	}
	return changed;
}

static bool put_known(struct rewriter *r, struct slice name)
{
	long at = name.n > LONGEST ? -1 : strings_find(&r->n->temporary, name);
	const struct slice *shown;

	if (at < 0)
		return false;
	shown = &r->n->labels.all[r->n->temporary.all[at].value].s;
	text_put(r->out, shown->s, shown->n);
	return true;
}

static void learn(struct rewriter *r, struct slice name, struct slice shown)
{
	long at = strings_add(&r->n->temporary, name);
	long as = strings_add(&r->n->labels, shown);

	if (at < 0 || as < 0)
		r->out->failed = true;
	else
		r->n->temporary.all[at].value = as;
}

static void put_component(struct rewriter *r, struct slice name, bool tmp,
			  bool last)
{
	struct text shown = { .n = 0 };
	bool sure = r->sure;

	if (put_known(r, name))
		return;
	r->sure = sure && last;
	if (name.n <= LONGEST && (tmp || r->sure) &&
	    put_runs(r, name, tmp, &shown) && !shown.failed) {
		learn(r, name, (struct slice){ shown.s, shown.n });
		text_put(r->out, shown.s, shown.n);
	} else {
		text_put(r->out, name.s, name.n);
	}
	r->out->failed |= shown.failed;
	r->sure = sure;
	free(shown.s);
}

static bool is_temporary(struct slice path)
{
	return slice_begins(path, "/tmp/") || slice_begins(path, "/var/tmp/") ||
		slice_begins(path, "/dev/shm/") || slice_begins(path, "/proc/");
}

void rewrite_path(struct rewriter *r, struct slice path)
{
	bool tmp = is_temporary(path);
	const char *slash;
	size_t n;

	for (;;) {
		slash = memchr(path.s, '/', path.n);
		n = slash ? (size_t)(slash - path.s) : path.n;
		if (n)
			put_component(r, (struct slice){ path.s, n }, tmp, !slash);
		if (!slash)
			return;
		text_puts(r->out, "/");
		path = slice_from(path, n + 1);
	}
}

void rewrite_data(struct rewriter *r, struct slice s)
{
	size_t i = 0, begin;

	if (!r->n->temporary.number) {
		text_put(r->out, s.s, s.n);
		return;
	}
	while (i < s.n) {
		begin = i;
		while (i < s.n && is_name_char(s.s[i]))
			i++;
		if (i - begin < SHORTEST ||
		    !put_known(r, (struct slice){ s.s + begin, i - begin }))
			text_put(r->out, s.s + begin, i - begin);
		begin = i;
		/* "\n" is no part of a name. */
		if (i < s.n)
			i += s.s[i] == '\\' && i + 1 < s.n ? 2 : 1;
		text_put(r->out, s.s + begin, i - begin);
	}
}
