// SPDX-License-Identifier: MIT
/* See trace_filter.h. */
#include "trace_filter.h"

#include <string.h>

#include "shim.h"

static void set_bit(uint64_t *bits, unsigned nr)
{
	bits[nr / 64] |= 1ULL << (nr % 64);
}

static void add_class(uint64_t *bits, unsigned class)
{
	const struct trace_call *call;
	unsigned i;

	for (i = 0; (call = trace_call_at(i)); i++) {
		if (call->classes & class || class == ~0U)
			set_bit(bits, call->nr);
	}
}

void filter_all(struct trace_options *o)
{
	memset(o->numbers, 0, sizeof(o->numbers));
	add_class(o->numbers, ~0U);
}

static bool is_word(const char *word, size_t n, const char *is)
{
	return strlen(is) == n && !memcmp(word, is, n);
}

/* Old names of classes have no %. */
static unsigned class_of(const char *word, size_t n)
{
	static const struct {
		const char *name;
		unsigned class;
	} classes[] = {
		{ "%file", TRACE_FILE }, { "%desc", TRACE_DESC },
		{ "%network", TRACE_NETWORK }, { "%net", TRACE_NETWORK },
		{ "file", TRACE_FILE }, { "desc", TRACE_DESC },
		{ "network", TRACE_NETWORK }, { "all", ~0U },
	};
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (is_word(word, n, classes[i].name))
			return classes[i].class;
	}
	return 0;
}

/* 0, or -1 if there is no such call here.  "?": it need not be there. */
static int add_word(uint64_t *bits, const char *word, size_t n)
{
	bool optional = n && *word == '?';
	const struct trace_call *call;
	unsigned class;

	word += optional;
	n -= optional;
	if (is_word(word, n, "none"))
		return 0;
	class = class_of(word, n);
	call = class ? NULL : trace_call_named(word, n);
	if (class)
		add_class(bits, class);
	else if (call)
		set_bit(bits, call->nr);
	return class || call || (optional && n) ? 0 : -1;
}

static int trace_set(struct trace_options *o, const char *list,
		     const char *command)
{
	uint64_t bits[SHIM_TRACE_NUMBERS / 64] = { 0 };
	bool negated = *list == '!';
	size_t n, i;

	for (list += negated;; list += n + 1) {
		n = strcspn(list, ",");
		if (add_word(bits, list, n))
			return usage(command, "-e: '%.*s' is no call, and no "
				     "class of calls, that the library sees",
				     (int)n, list);
		if (!list[n])
			break;
	}
	filter_all(o);
	for (i = 0; i < SHIM_TRACE_NUMBERS / 64; i++)
		o->numbers[i] &= negated ? ~bits[i] : bits[i];
	return 0;
}

static unsigned status_of(const char *word, size_t n)
{
	if (is_word(word, n, "successful"))
		return TRACE_SUCCESSFUL;
	if (is_word(word, n, "failed"))
		return TRACE_FAILED;
	if (is_word(word, n, "unfinished"))
		return TRACE_UNFINISHED;
	if (is_word(word, n, "all"))
		return TRACE_ANY;
	return 0;
}

static int status_set(struct trace_options *o, const char *list,
		      const char *command)
{
	bool negated = *list == '!';
	unsigned set = 0, one;
	size_t n;

	for (list += negated;; list += n + 1) {
		n = strcspn(list, ",");
		one = status_of(list, n);
		if (!one && !is_word(list, n, "none"))
			return usage(command, "-e: status '%.*s' is not one of "
				     "successful, failed, unfinished", (int)n,
				     list);
		set |= one;
		if (!list[n])
			break;
	}
	o->status = negated ? TRACE_ANY & ~set : set;
	return 0;
}

int filter_expression(struct trace_options *o, const char *expression,
		      const char *command)
{
	const char *value = strchr(expression, '=');
	size_t n = value ? (size_t)(value - expression) : 0;

	if (!value || is_word(expression, n, "trace") ||
	    is_word(expression, n, "t"))
		return trace_set(o, value ? value + 1 : expression, command);
	if (is_word(expression, n, "status"))
		return status_set(o, value + 1, command);
	/* There are none to be shown. */
	if (!strcmp(expression, "signal=none"))
		return 0;
	return usage(command, "-e: '%.*s=' is not supported; trace= and "
		     "status= are", (int)n, expression);
}
