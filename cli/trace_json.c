// SPDX-License-Identifier: MIT
/*
 * A trace as JSON, an object per line; shim-trace(5) describes the keys, which
 * others rely on.  Written by hand: a million objects are too many for a library
 * that builds them in memory first.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "decode_names.h"
#include "fd_paths.h"
#include "tracer.h"

#define SECOND 1000000000ULL

static struct text *out(struct tracer *t)
{
	return &t->sink.text;
}

/* How many bytes at @s are one character of UTF-8 that is none of ASCII. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	size_t len = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2, i;

	if (*s < 0xc2 || *s > 0xf4 || n < len)
		return 0;
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Too long for what it says, a surrogate, too large. */
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Bytes that are no text are octal, as in the text. */
static size_t put_odd(struct text *to, const unsigned char *s, size_t n)
{
	size_t len = *s >= 0x80 ? utf8_length(s, n) : 0;
	char number[16];

	if (len) {
		text_put(to, (const char *)s, len);
		return len;
	}
	snprintf(number, sizeof(number), *s < 0x80 ? "\\u%04x" : "\\\\%03o", *s);
	text_puts(to, number);
	return 1;
}

static void put_json(struct text *to, const char *s, size_t n)
{
	size_t i = 0, plain;

	put_char(to, '"');
	while (i < n) {
		for (plain = i; plain < n && s[plain] >= ' ' &&
		     s[plain] != '"' && s[plain] != '\\' && s[plain] != 0x7f;)
			plain++;
		text_put(to, s + i, plain - i);
		i = plain;
		if (i >= n)
			break;
		if (s[i] == '"' || s[i] == '\\') {
			put_char(to, '\\');
			put_char(to, s[i++]);
		} else {
			i += put_odd(to, (const unsigned char *)s + i, n - i);
		}
	}
	put_char(to, '"');
}

static void put_key(struct text *to, const char *key)
{
	text_puts(to, ",\"");
	text_puts(to, key);
	text_puts(to, "\":");
}

static void put_number(struct text *to, const char *key, int64_t value)
{
	put_key(to, key);
	put_decimal(to, value);
}

static void put_nanoseconds(struct text *to, const char *key, int64_t ns)
{
	char digits[16];

	put_key(to, key);
	if (ns < 0)
		ns = 0;
	put_decimal(to, ns / (int64_t)SECOND);
	snprintf(digits, sizeof(digits), ".%09lld",
		 (long long)(ns % (int64_t)SECOND));
	text_put(to, digits, 10);
}

static void put_begin(struct tracer *t, const char *type,
		      const struct tracee *tracee, uint64_t time)
{
	text_puts(out(t), "{\"type\":\"");
	text_puts(out(t), type);
	put_char(out(t), '"');
	put_number(out(t), "pid", tracee->process->pid);
	put_number(out(t), "tid", tracee->tid);
	put_nanoseconds(out(t), "time", tracer_realtime(t, time));
}

static void put_end(struct tracer *t)
{
	text_puts(out(t), "}\n");
}

/* A call. */

/* Each argument as a string: what the text shows. */
static void put_args(struct tracer *t, struct decoder *d)
{
	struct text *to = out(t);
	unsigned i;

	put_key(to, "args");
	put_char(to, '[');
	d->out = &t->scratch;
	for (i = 0; i < TRACE_ARGS && d->call->args[i]; i++) {
		t->scratch.n = 0;
		if (d->call->args[i](d, i) == DECODE_ABSENT)
			break;
		if (i)
			put_char(to, ',');
		put_json(to, t->scratch.s ? t->scratch.s : "", t->scratch.n);
	}
	d->out = to;
	put_char(to, ']');
}

static bool opens(const struct decoder *d)
{
	return d->call->effect == TRACE_EFFECT_OPEN ||
		d->call->effect == TRACE_EFFECT_OPENAT;
}

/* What was opened, or what the first descriptor was opened as. */
static struct slice path_of(const struct tracee *tracee, const struct decoder *d)
{
	unsigned arg = d->call->effect == TRACE_EFFECT_OPENAT;
	struct part part;
	bool found;

	if (opens(d))
		found = part_find(d->enter, SHIM_TRACE_STRING, arg, ANY_INDEX,
				  &part) ||
			part_find(d->leave, SHIM_TRACE_STRING, arg, ANY_INDEX,
				  &part);
	else
		found = part_find(d->enter, SHIM_TRACE_FDPATH, 0, ANY_INDEX,
				  &part);
	if (found)
		return (struct slice){ part.bytes, part.head.size };
	return opens(d) ? SLICE("") :
		fd_path(tracee->process->paths, (int)d->args[0]);
}

static void put_file(struct tracer *t, const struct tracee *tracee,
		     const struct decoder *d)
{
	bool has_fd = d->call->args[0] == arg_fd;
	struct slice path = SLICE("");

	if (has_fd)
		put_number(out(t), "fd", (int)d->args[0]);
	if (has_fd || opens(d))
		path = path_of(tracee, d);
	if (!path.n)
		return;
	put_key(out(t), "path");
	put_json(out(t), path.s, path.n);
}

static void put_result(struct tracer *t, int64_t result)
{
	const char *name;

	put_number(out(t), "result", result < 0 ? -1 : result);
	if (result >= 0)
		return;
	name = result > -4096 ? strerrorname_np((int)-result) : NULL;
	put_key(out(t), "error");
	if (result == -EOPNOTSUPP)
		name = "EOPNOTSUPP";
	put_json(out(t), name ? name : "?", name ? strlen(name) : 1);
}

/* Does a native call for this reason wait for somebody? */
static bool is_wait(const char *reason)
{
	static const char *const waits[] = {
		"waited", "space", "may-split", "uncached", "worker", "no-fd",
	};
	size_t i;

	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		if (!strcmp(reason, waits[i]))
			return true;
	}
	return false;
}

static void put_route(struct tracer *t, const struct pending *call,
		      const struct shim_trace_leave *leave)
{
	const struct shim_trace_enter *enter = (void *)call->record;
	int64_t began = (int64_t)enter->record.time;
	int64_t ended = (int64_t)leave->record.time;
	char word[SHIM_TRACE_WORD];
	int64_t native;
	bool ring;

	recording_word(t->recording, leave->route, word);
	ring = !strcmp(word, "ring");
	put_nanoseconds(out(t), "duration", ended - began);
	put_key(out(t), "route");
	text_puts(out(t), ring ? "\"ring\"" : "\"native\"");
	native = leave->native ? (int64_t)leave->native : ring ? ended : began;
	if (!ring) {
		put_key(out(t), "reason");
		put_json(out(t), word, strlen(word));
	}
	put_nanoseconds(out(t), "ring", native - began);
	put_nanoseconds(out(t), "wait", is_wait(word) ? ended - native : 0);
	put_number(out(t), "waits", leave->waits);
	put_number(out(t), "cancels", leave->cancels);
	put_number(out(t), "abandoned", leave->abandoned);
}

static void put_call(struct tracer *t, struct tracee *tracee,
		     const struct pending *call, struct decoder *d)
{
	const struct shim_trace_enter *enter = (void *)call->record;

	text_puts(out(t), "{\"type\":\"call\"");
	put_number(out(t), "seq", (int64_t)enter->record.seq);
	put_number(out(t), "pid", tracee->process->pid);
	put_number(out(t), "tid", tracee->tid);
	put_nanoseconds(out(t), "time",
			tracer_realtime(t, enter->record.time));
	put_key(out(t), "call");
	put_json(out(t), d->call->name, strlen(d->call->name));
	put_args(t, d);
	put_file(t, tracee, d);
}

static void json_leave(struct tracer *t, struct tracee *tracee,
		       struct pending *call, struct decoder *d,
		       const struct shim_trace_leave *leave)
{
	if (!tracer_shows(t, leave->result))
		return;
	put_call(t, tracee, call, d);
	put_result(t, leave->result);
	put_route(t, call, leave);
	put_end(t);
}

static void json_abandoned(struct tracer *t, struct tracee *tracee,
			   struct pending *call)
{
	struct decoder d;

	if (!(t->options->status & TRACE_UNFINISHED))
		return;
	tracer_decoder_abandoned(t, call, &d);
	put_call(t, tracee, call, &d);
	text_puts(out(t), ",\"unfinished\":true");
	put_end(t);
}

/* Programs, processes, threads. */

static void json_program(struct tracer *t, struct tracee *tracee,
			 const struct shim_trace_record *record, size_t size)
{
	const char *bytes = (const char *)record;
	struct parts parts = { bytes + sizeof(*record), bytes + size };
	struct part part;
	bool first = true;

	put_begin(t, "start", tracee, record->time);
	put_key(out(t), "argv");
	put_char(out(t), '[');
	while (part_next(&parts, &part)) {
		if (part.head.kind != SHIM_TRACE_WORD_OF_ARGV)
			continue;
		if (!first)
			put_char(out(t), ',');
		first = false;
		put_json(out(t), part.bytes, part.head.size);
	}
	put_char(out(t), ']');
	put_end(t);
}

/* The first process is not forked by one that is traced. */
static void json_process(struct tracer *t, struct tracee *tracee,
			 uint32_t parent, uint64_t time)
{
	if (!parent)
		return;
	put_begin(t, "fork", tracee, time);
	put_number(out(t), "parent", parent);
	put_end(t);
}

static void json_thread(struct tracer *t, struct tracee *tracee, uint64_t time)
{
	put_begin(t, "thread", tracee, time);
	put_end(t);
}

/* Of a process: its first thread is the last one to go. */
static void json_ended(struct tracer *t, struct tracee *tracee, bool known,
		       int status)
{
	if (tracee->tid != tracee->process->pid)
		return;
	put_begin(t, "exit", tracee, tracee->process->exit_time);
	if (known && WIFSIGNALED(status)) {
		t->scratch.n = 0;
		put_signal(&t->scratch, WTERMSIG(status));
		put_key(out(t), "signal");
		put_json(out(t), t->scratch.s, t->scratch.n);
	} else if (known) {
		put_number(out(t), "status", WEXITSTATUS(status));
	}
	put_end(t);
}

static void json_finish(struct tracer *t, uint64_t lost)
{
	if (!lost)
		return;
	text_puts(out(t), "{\"type\":\"lost\"");
	put_number(out(t), "records", (int64_t)lost);
	put_end(t);
}

const struct trace_view trace_json_view = {
	.program = json_program,
	.process = json_process,
	.thread = json_thread,
	.leave = json_leave,
	.abandoned = json_abandoned,
	.ended = json_ended,
	.finish = json_finish,
};
