// SPDX-License-Identifier: MIT
/*
 * The words for calls, routes and columns are part of the interface: each has
 * one, no two are the same, and all are of the kind that needs no quoting.
 */
#include "support.h"

#include "counters.h"
#include "route.h"

static void check_word(const char *what, unsigned i, const char *word)
{
	if (!word || !*word)
		fail_at(__FILE__, __LINE__, "%s %u has no name", what, i);
	if (strspn(word, "abcdefghijklmnopqrstuvwxyz-_0123456789") != strlen(word) ||
	    word[0] == '-' || word[strlen(word) - 1] == '-')
		fail_at(__FILE__, __LINE__, "%s %u is called '%s'", what, i,
			word);
}

static void check_new(const char *what, const char *word, const char *other)
{
	if (!strcmp(word, other))
		fail_at(__FILE__, __LINE__, "two %s are called '%s'", what,
			word);
}

static void routes(enum shim_ring_form form)
{
	unsigned i, j;

	(void)form;
	for (i = 0; i < SHIM_ROUTES; i++) {
		check_word("route", i, shim_route_name(i));
		for (j = 0; j < i; j++)
			check_new("routes", shim_route_name(i),
				  shim_route_name(j));
	}
	CHECK(!strcmp(shim_route_name(SHIM_RING), "ring"));
}

static void calls(enum shim_ring_form form)
{
	unsigned i, j;

	(void)form;
	for (i = 0; i < SHIM_CALLS; i++) {
		check_word("call", i, shim_call_name(i));
		/* With a blank after it, it fits the counters file. */
		CHECK(strlen(shim_call_name(i)) < 16);
		for (j = 0; j < i; j++)
			check_new("calls", shim_call_name(i),
				  shim_call_name(j));
	}
}

static void columns(enum shim_ring_form form)
{
	unsigned i, j;

	(void)form;
	for (i = 0; i < SHIM_COLUMNS; i++) {
		check_word("column", i, shim_column_name(i));
		/* With "native:" in front it fits the counters file. */
		CHECK(strlen(shim_column_name(i)) < 24 - 7);
		if (i < SHIM_ROUTES)
			CHECK(shim_column_name(i) == shim_route_name(i));
		for (j = 0; j < i; j++)
			check_new("columns", shim_column_name(i),
				  shim_column_name(j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(routes),
		ONCE(calls),
		ONCE(columns),
	};

	return RUN_ALL(tests);
}
