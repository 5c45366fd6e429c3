// SPDX-License-Identifier: MIT
/*
 * A trace as text, as strace(1) writes it.
 *
 * The beginning of a call is printed when it begins.  If a line of another thread
 * comes before it returns, it is closed with "<unfinished ...>", and the rest is
 * a line of its own.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "decode_names.h"
#include "tracer.h"

#define US 1000ULL
#define SECOND 1000000000ULL

static struct text *out(struct tracer *t)
{
	return &t->sink.text;
}

/* A number with leading zeros. */
static void put_padded(struct text *to, uint64_t value, unsigned digits,
		       char with)
{
	uint64_t limit = 10;
	unsigned i;

	for (i = 1; i < digits; i++, limit *= 10) {
		if (value < limit)
			break;
	}
	for (; i < digits; i++)
		put_char(to, with);
	put_unsigned(to, value);
}

static void put_seconds(struct text *to, uint64_t ns, unsigned width)
{
	put_padded(to, ns / SECOND, width, ' ');
	put_char(to, '.');
	put_padded(to, ns % SECOND / US, 6, '0');
}

/* How long after the line before. */
static void put_relative(struct tracer *t, uint64_t time)
{
	uint64_t since = t->last_stamp && time > t->last_stamp ?
		time - t->last_stamp : 0;
	bool both = t->options->stamp != STAMP_NONE;

	if (both)
		text_puts(out(t), "(+");
	put_seconds(out(t), since, 6);
	text_puts(out(t), both ? ") " : " ");
	t->last_stamp = time;
}

static void put_clock(struct tracer *t, uint64_t ns)
{
	time_t seconds = (time_t)(ns / SECOND);
	struct tm tm = { .tm_sec = 0 };

	localtime_r(&seconds, &tm);
	put_padded(out(t), (uint64_t)tm.tm_hour, 2, '0');
	put_char(out(t), ':');
	put_padded(out(t), (uint64_t)tm.tm_min, 2, '0');
	put_char(out(t), ':');
	put_padded(out(t), (uint64_t)tm.tm_sec, 2, '0');
	if (t->options->stamp == STAMP_MICRO) {
		put_char(out(t), '.');
		put_padded(out(t), ns % SECOND / US, 6, '0');
	}
}

static void put_stamp(struct tracer *t, uint64_t time)
{
	uint64_t ns;

	if (t->options->stamp != STAMP_NONE) {
		ns = (uint64_t)tracer_realtime(t, time);
		if (t->options->stamp == STAMP_EPOCH)
			put_seconds(out(t), ns, 1);
		else
			put_clock(t, ns);
		put_char(out(t), ' ');
	}
	if (t->options->relative)
		put_relative(t, time ? time : tracer_now());
}

static void put_pid(struct tracer *t, uint32_t tid)
{
	if (t->options->output && t->options->follow) {
		size_t begin = out(t)->n;

		put_unsigned(out(t), tid);
		while (out(t)->n < begin + 5 && !out(t)->failed)
			put_char(out(t), ' ');
		put_char(out(t), ' ');
	} else if (t->tracees.number > 1) {
		text_puts(out(t), "[pid ");
		put_padded(out(t), tid, 5, ' ');
		text_puts(out(t), "] ");
	}
}

/* The line of another thread is not complete. */
static void cut(struct tracer *t)
{
	struct tracee *tracee = t->open;

	if (!tracee)
		return;
	text_puts(out(t), " <unfinished ...>\n");
	tracee->calls[tracee->depth - 1].cut = true;
	t->open = NULL;
}

static void begin_line(struct tracer *t, uint32_t tid, uint64_t time)
{
	cut(t);
	t->line = sink_position(&t->sink);
	put_pid(t, tid);
	put_stamp(t, time);
}

/* The name of a call, and as many of its arguments as are known. */
static bool put_begin(struct tracer *t, struct tracee *tracee,
		      struct pending *call, struct decoder *d, uint64_t time)
{
	begin_line(t, tracee->tid, time);
	text_puts(out(t), d->call->name);
	put_char(out(t), '(');
	call->begun = true;
	return decode_args(d, &call->progress);
}

static uint64_t begin_time(const struct pending *call)
{
	return ((const struct shim_trace_enter *)call->record)->record.time;
}

static void text_enter(struct tracer *t, struct tracee *tracee,
		       struct pending *call)
{
	struct decoder d;

	/* What will be shown its result decides. */
	if (t->options->status != TRACE_ANY)
		return;
	tracer_decoder(t, call, &d);
	put_begin(t, tracee, call, &d, begin_time(call));
	t->open = tracee;
}

/* Where the rest of the line goes: behind its beginning, or into a new one. */
static bool go_on(struct tracer *t, struct tracee *tracee, struct pending *call,
		  struct decoder *d, uint64_t time)
{
	bool here = t->open == tracee && call->begun && !call->cut;

	if (!call->begun)
		return put_begin(t, tracee, call, d, begin_time(call));
	if (!here) {
		begin_line(t, tracee->tid, time);
		text_puts(out(t), "<... ");
		text_puts(out(t), d->call->name);
		text_puts(out(t), " resumed>");
	}
	t->open = NULL;
	return decode_args(d, &call->progress);
}

/* Behind the arguments, up to the column of the results. */
static void put_equals(struct tracer *t)
{
	static const char spaces[] = "                                        ";
	uint64_t column, n;

	text_put(out(t), ") ", 2);
	column = sink_position(&t->sink) - t->line;
	for (; column < t->options->column; column += n) {
		n = t->options->column - column;
		n = n < sizeof(spaces) - 1 ? n : sizeof(spaces) - 1;
		text_put(out(t), spaces, n);
	}
	text_put(out(t), "= ", 2);
}

static void text_leave(struct tracer *t, struct tracee *tracee,
		       struct pending *call, struct decoder *d,
		       const struct shim_trace_leave *leave)
{
	uint64_t began = begin_time(call);

	if (!tracer_shows(t, leave->result))
		return;
	go_on(t, tracee, call, d, leave->record.time);
	t->open = NULL;
	put_equals(t);
	decode_result(d);
	if (t->options->durations) {
		text_puts(out(t), " <");
		put_seconds(out(t), leave->record.time > began ?
			    leave->record.time - began : 0, 1);
		put_char(out(t), '>');
	}
	put_char(out(t), '\n');
}

/* What is interrupted now is made again, or left. */
static void text_interrupted(struct tracer *t, struct tracee *tracee,
			     struct pending *call)
{
	struct decoder d;

	if (!call->begun)
		return;
	tracer_decoder_abandoned(t, call, &d);
	go_on(t, tracee, call, &d, 0);
	put_equals(t);
	text_puts(out(t),
		  "? ERESTARTSYS (To be restarted if SA_RESTART is set)\n");
	call->begun = call->cut = false;
	call->progress = (struct progress){ 0, false };
}

static void text_abandoned(struct tracer *t, struct tracee *tracee,
			   struct pending *call)
{
	struct decoder d;

	if (!call->begun || !(t->options->status & TRACE_UNFINISHED))
		return;
	tracer_decoder(t, call, &d);
	if (!go_on(t, tracee, call, &d, 0))
		text_puts(out(t), " <unfinished ...>");
	t->open = NULL;
	put_equals(t);
	text_puts(out(t), "?\n");
}

static void announce(struct tracer *t, const struct tracee *tracee)
{
	if (!t->options->follow || t->options->hush || t->options->output ||
	    t->tracees.number < 2)
		return;
	cut(t);
	text_puts(out(t), "strace: Process ");
	put_unsigned(out(t), tracee->tid);
	text_puts(out(t), " attached\n");
}

static void text_process(struct tracer *t, struct tracee *tracee,
			 uint32_t parent, uint64_t time)
{
	(void)parent;
	(void)time;
	announce(t, tracee);
}

static void text_thread(struct tracer *t, struct tracee *tracee, uint64_t time)
{
	(void)time;
	announce(t, tracee);
}

static void text_ended(struct tracer *t, struct tracee *tracee, bool known,
		       int status)
{
	if (!known)
		return;
	/* Of a trace that is over, when it said so. */
	begin_line(t, tracee->tid, t->live ? 0 : tracee->process->exit_time);
	if (WIFSIGNALED(status)) {
		text_puts(out(t), "+++ killed by ");
		put_signal(out(t), WTERMSIG(status));
		text_puts(out(t), WCOREDUMP(status) ? " (core dumped) +++\n" :
			  " +++\n");
	} else {
		text_puts(out(t), "+++ exited with ");
		put_decimal(out(t), WEXITSTATUS(status));
		text_puts(out(t), " +++\n");
	}
}

static void text_finish(struct tracer *t, uint64_t lost)
{
	(void)lost;
	cut(t);
}

const struct trace_view trace_text_view = {
	.process = text_process,
	.thread = text_thread,
	.enter = text_enter,
	.interrupted = text_interrupted,
	.leave = text_leave,
	.abandoned = text_abandoned,
	.ended = text_ended,
	.finish = text_finish,
};
