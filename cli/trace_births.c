// SPDX-License-Identifier: MIT
/* See trace_births.h. */
#include "trace_births.h"

#include <stdlib.h>

#include "tracer.h"

static void add(struct tracer *t, uint32_t parent, uint32_t child)
{
	struct births *births = t->options->births;

	if (make_room(&births->all, births->number, &births->room,
		      sizeof(*births->all)))
		t->failed = true;
	else
		births->all[births->number++] = (struct birth){ parent, child };
}

static void on_process(struct tracer *t, struct tracee *tracee, uint32_t parent,
		       uint64_t time)
{
	(void)time;
	add(t, parent, tracee->tid);
}

static void on_thread(struct tracer *t, struct tracee *tracee, uint64_t time)
{
	(void)time;
	add(t, tracee->process->pid, tracee->tid);
}

static int by_child(const void *a, const void *b)
{
	uint32_t one = ((const struct birth *)a)->child;
	uint32_t two = ((const struct birth *)b)->child;

	return one < two ? -1 : one > two;
}

void births_put(struct births *births, struct text *text)
{
	const struct birth *b;
	size_t i;

	if (births->number)
		qsort(births->all, births->number, sizeof(*births->all),
		      by_child);
	for (i = 0; i < births->number; i++) {
		b = &births->all[i];
		if (b->parent)
			text_printf(text, "%u clone() = %u\n", b->parent,
				    b->child);
		else
			text_printf(text, "strace: Process %u attached\n",
				    b->child);
	}
}

const struct trace_view trace_births_view = {
	.process = on_process,
	.thread = on_thread,
};
