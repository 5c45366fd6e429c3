// SPDX-License-Identifier: MIT
/*
 * One line of `shim trace --json`; see report.h.  Keys that are not known are
 * left alone, and so are whole lines of a type that is not: a newer version may
 * have more.  A key that is known and has something else in it is an error.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* The object, and whether all that was asked of it was what it has to be. */
struct object {
	json_t *json;
	const char *bad; /* the first key that was not */
};

static struct slice string(struct object *o, const char *key)
{
	json_t *value = json_object_get(o->json, key);

	if (json_is_string(value))
		return (struct slice){ json_string_value(value),
				       json_string_length(value) };
	if (value && !json_is_null(value) && !o->bad)
		o->bad = key;
	return SLICE("");
}

static int64_t integer(struct object *o, const char *key, int64_t none)
{
	json_t *value = json_object_get(o->json, key);

	if (json_is_integer(value))
		return json_integer_value(value);
	if (value && !json_is_null(value) && !o->bad)
		o->bad = key;
	return none;
}

/* A pid, which there has to be. */
static long pid_of(struct object *o, const char *key)
{
	int64_t pid = integer(o, key, -1);

	if ((pid < 0 || pid > INT32_MAX) && !o->bad)
		o->bad = key;
	return (long)pid;
}

/* Seconds as ns; -1: not told. */
static int64_t seconds(struct object *o, const char *key)
{
	json_t *value = json_object_get(o->json, key);
	double ns;

	if (!value || json_is_null(value))
		return -1;
	ns = json_number_value(value) * 1e9;
	if (!json_is_number(value) || !(ns >= 0)) {
		if (!o->bad)
			o->bad = key;
		return -1;
	}
	return ns >= (double)MOST_TIME ? MOST_TIME : (int64_t)(ns + 0.5);
}

static void take_arguments(struct object *o, struct seen *c)
{
	json_t *args = json_object_get(o->json, "args"), *one;
	size_t i;

	for (i = 0; i < sizeof(c->arg) / sizeof(c->arg[0]); i++) {
		c->arg[i] = SLICE("");
		one = json_array_get(args, i);
		if (json_is_string(one))
			c->arg[i] = (struct slice){ json_string_value(one),
						    json_string_length(one) };
	}
	if (args && !json_is_array(args) && !o->bad)
		o->bad = "args";
}

static void take_route(struct object *o, struct seen *c)
{
	struct slice route = string(o, "route");

	c->reason = string(o, "reason");
	if (slice_is(route, "ring"))
		c->route = ROUTE_RING;
	else if (slice_is(route, "native"))
		c->route = ROUTE_NATIVE;
	else if (route.n && !o->bad)
		o->bad = "route";
}

static int take_call(struct sums *sums, struct object *o)
{
	struct seen c = { .args = SLICE("") };

	c.pid = pid_of(o, "pid");
	c.tid = pid_of(o, "tid");
	c.time = seconds(o, "time");
	c.duration = seconds(o, "duration");
	c.ring = seconds(o, "ring");
	c.wait = seconds(o, "wait");
	c.name = string(o, "call");
	c.error = string(o, "error");
	c.path = string(o, "path");
	c.failed = c.error.n > 0;
	c.unfinished = json_is_true(json_object_get(o->json, "unfinished"));
	c.result = integer(o, "result", c.failed ? -1 : 0);
	take_route(o, &c);
	take_arguments(o, &c);
	if (!c.name.n && !o->bad)
		o->bad = "call";
	return o->bad ? -EBADMSG : sum_call(sums, &c);
}

static int take_start(struct sums *sums, struct object *o)
{
	json_t *argv = json_object_get(o->json, "argv"), *word;
	long pid = pid_of(o, "pid"), tid = pid_of(o, "tid");
	int64_t time = seconds(o, "time");
	struct slice program = SLICE("?");
	struct text words = { .n = 0 };
	size_t i;
	int ret = -EBADMSG;

	if (!json_is_array(argv) && !o->bad)
		o->bad = "argv";
	for (i = 0; i < json_array_size(argv); i++) {
		word = json_array_get(argv, i);
		if (!json_is_string(word))
			continue;
		if (!words.n)
			program = (struct slice){ json_string_value(word),
						  json_string_length(word) };
		else
			text_puts(&words, " ");
		text_put(&words, json_string_value(word),
			 json_string_length(word));
	}
	if (!o->bad)
		ret = words.failed ? -ENOMEM :
			sum_start(sums, pid, tid, time, program,
				  (struct slice){ words.s, words.n });
	free(words.s);
	return ret;
}

static int take_fork(struct sums *sums, struct object *o)
{
	long pid = pid_of(o, "pid"), parent = pid_of(o, "parent");
	int64_t time = seconds(o, "time");

	return o->bad ? -EBADMSG : sum_fork(sums, pid, parent, time);
}

static int take_thread(struct sums *sums, struct object *o)
{
	long pid = pid_of(o, "pid"), tid = pid_of(o, "tid");
	int64_t time = seconds(o, "time");

	return o->bad ? -EBADMSG : sum_thread(sums, pid, tid, time);
}

/* A signal may be a name or a number. */
static int take_exit(struct sums *sums, struct object *o)
{
	json_t *signal = json_object_get(o->json, "signal");
	long pid = pid_of(o, "pid");
	int64_t time = seconds(o, "time");
	char how[64];

	if (json_is_string(signal))
		snprintf(how, sizeof(how), "killed by %s",
			 json_string_value(signal));
	else if (signal && !json_is_null(signal))
		snprintf(how, sizeof(how), "killed by signal %lld",
			 (long long)integer(o, "signal", 0));
	else
		snprintf(how, sizeof(how), "exited with %lld",
			 (long long)integer(o, "status", 0));
	return o->bad ? -EBADMSG :
		sum_exit(sums, pid, time, (struct slice){ how, strlen(how) });
}

static int take_lost(struct sums *sums, struct object *o)
{
	int64_t lost = integer(o, "records", 0);

	if (lost < 0 && !o->bad)
		o->bad = "records";
	if (o->bad)
		return -EBADMSG;
	sums->lost += (uint64_t)lost;
	return 0;
}

static int take(struct sums *sums, struct object *o)
{
	static const struct {
		const char *type;
		int (*take)(struct sums *sums, struct object *o);
	} types[] = {
		{ "call", take_call }, { "start", take_start },
		{ "fork", take_fork }, { "thread", take_thread },
		{ "exit", take_exit }, { "lost", take_lost },
	};
	struct slice type = string(o, "type");
	size_t i;

	if (!type.n && !o->bad)
		o->bad = "type";
	if (o->bad)
		return -EBADMSG;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (slice_is(type, types[i].type))
			return types[i].take(sums, o);
	}
	return 0;
}

/* What the library quotes of the line is made fit to be printed. */
static void explain(const json_error_t *error, char *why, size_t size)
{
	struct text text = { .n = 0 };

	text_escaped(&text, (struct slice){ error->text, strlen(error->text) });
	snprintf(why, size, "no JSON: %s", text.s ? text.s : "");
	free(text.s);
}

int json_line(struct sums *sums, struct slice line, char *why, size_t size)
{
	json_error_t error;
	struct object o = { .bad = NULL };
	int ret = -EBADMSG;

	o.json = json_loadb(line.s, line.n, JSON_ALLOW_NUL, &error);
	if (!o.json) {
		explain(&error, why, size);
		return ret;
	}
	if (json_is_object(o.json)) {
		ret = take(sums, &o);
		snprintf(why, size, "no line of a trace: \"%s\" is missing, or "
			 "not what it has to be", o.bad ? o.bad : "");
	} else {
		snprintf(why, size, "no line of a trace: not an object");
	}
	json_decref(o.json);
	return ret;
}
