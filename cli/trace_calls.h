/* SPDX-License-Identifier: MIT */
/* The system calls that a trace can show. */
#ifndef SHIM_CLI_TRACE_CALLS_H
#define SHIM_CLI_TRACE_CALLS_H

#include "decode.h"

#define TRACE_ARGS 6

/* strace's classes. */
#define TRACE_FILE 1U
#define TRACE_DESC 2U
#define TRACE_NETWORK 4U

enum trace_result {
	TRACE_RESULT_NUMBER,
	TRACE_RESULT_FD,
	TRACE_RESULT_COMMAND, /* of fcntl */
};

/* What a call does to descriptors, for those who follow them. */
enum trace_effect {
	TRACE_EFFECT_NONE,
	TRACE_EFFECT_OPEN,
	TRACE_EFFECT_OPENAT,
	TRACE_EFFECT_NEW,
	TRACE_EFFECT_PAIR,
	TRACE_EFFECT_CLOSE,
	TRACE_EFFECT_DUP,
	TRACE_EFFECT_DUP2,
	TRACE_EFFECT_FCNTL,
	TRACE_EFFECT_RANGE,
};

struct trace_call {
	unsigned short nr;
	unsigned char classes;
	unsigned char result, effect;
	const char *name;
	decode_arg args[TRACE_ARGS];
};

/* NULL: none that is known. */
const struct trace_call *trace_call(unsigned nr);
const struct trace_call *trace_call_named(const char *name, size_t n);

/* All of them: the @i-th, or NULL. */
const struct trace_call *trace_call_at(unsigned i);

#endif
