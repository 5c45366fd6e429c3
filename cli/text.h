/* SPDX-License-Identifier: MIT */
/*
 * Pieces of text: slices of a larger one, one that grows, and strings that are
 * kept once and known by number.
 */
#ifndef SHIM_CLI_TEXT_H
#define SHIM_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct slice {
	const char *s;
	size_t n;
};

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

bool slice_is(struct slice s, const char *word);
bool slice_begins(struct slice s, const char *with);
bool slice_has(struct slice s, const char *word);
/* Without the first @n bytes. */
struct slice slice_from(struct slice s, size_t n);
struct slice slice_trim(struct slice s);
/* Leading digits, at most nine; -1: none. */
long slice_number(struct slice s, size_t *digits);

/* Grows; a lack of memory is remembered, and asked for once at the end. */
struct text {
	char *s;
	size_t n, room;
	bool failed;
};

void text_put(struct text *text, const char *s, size_t n);
void text_puts(struct text *text, const char *s);
void text_printf(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* To be printed: what a terminal could take for a command becomes \ooo. */
void text_escaped(struct text *text, struct slice s);
void print_escaped(FILE *to, struct slice s);

struct string {
	struct slice s;
	uint64_t hash;
	long value; /* the user's; 0 at first */
};

struct strings {
	struct string *all;
	size_t number, room;
	uint32_t *table;
	size_t slots;
	struct chunk *chunks;
};

/* The number of @s, which is copied if it is new; or -ENOMEM. */
long strings_add(struct strings *strings, struct slice s);
/* The same, but -ENOENT if it is not there. */
long strings_find(const struct strings *strings, struct slice s);
void strings_free(struct strings *strings);

/* Room for element @n; 0 or -ENOMEM. */
int make_room(void *array, size_t n, size_t *room, size_t size);

#endif
