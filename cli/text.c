// SPDX-License-Identifier: MIT
/*
 * Slices, growing text and numbered strings; see text.h.  Hashes begin with a
 * random number: what is in a trace may have been chosen by somebody else.
 */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CHUNK (256UL * 1024)

struct chunk {
	struct chunk *next;
	size_t used, size;
	char bytes[];
};

bool slice_is(struct slice s, const char *word)
{
	return s.n == strlen(word) && !memcmp(s.s, word, s.n);
}

bool slice_begins(struct slice s, const char *with)
{
	size_t n = strlen(with);

	return s.n >= n && !memcmp(s.s, with, n);
}

bool slice_has(struct slice s, const char *word)
{
	return s.n && memmem(s.s, s.n, word, strlen(word));
}

struct slice slice_from(struct slice s, size_t n)
{
	return n < s.n ? (struct slice){ s.s + n, s.n - n } :
			 (struct slice){ s.s + s.n, 0 };
}

struct slice slice_trim(struct slice s)
{
	while (s.n && (s.s[0] == ' ' || s.s[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n && strchr(" \t\r", s.s[s.n - 1]) && s.s[s.n - 1])
		s.n--;
	return s;
}

long slice_number(struct slice s, size_t *digits)
{
	long value = 0;
	size_t i;

	for (i = 0; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++)
		value = i < 9 ? value * 10 + (s.s[i] - '0') : -1;
	*digits = i;
	return i && i <= 9 ? value : -1;
}

int make_room(void *array, size_t n, size_t *room, size_t size)
{
	size_t want = *room * 2 + 16;
	void *old, *new;

	if (n < *room)
		return 0;
	memcpy(&old, array, sizeof(old));
	new = reallocarray(old, want, size);
	if (!new)
		return -ENOMEM;
	memcpy(array, &new, sizeof(new));
	*room = want;
	/* cppcheck-suppress memleak ; the caller has it */
	return 0;
}

static bool text_room(struct text *t, size_t n)
{
	size_t want = (t->n + n) * 2 + 64;
	char *s;

	if (t->failed)
		return false;
	if (t->n + n < t->room)
		return true;
	s = realloc(t->s, want);
	if (!s) {
		t->failed = true;
		return false;
	}
	t->s = s;
	t->room = want;
	return true;
}

void text_put(struct text *t, const char *s, size_t n)
{
	if (!text_room(t, n))
		return;
	if (n)
		memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = '\0';
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...)
{
	char small[256] = "";
	va_list ap;

	va_start(ap, format);
	vsnprintf(small, sizeof(small), format, ap);
	va_end(ap);
	text_puts(t, small);
}

void text_escaped(struct text *t, struct slice s)
{
	unsigned char c;
	char octal[8];
	size_t i;

	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.s[i];
		if (c >= ' ' && c < 0x7f) {
			text_put(t, s.s + i, 1);
			continue;
		}
		snprintf(octal, sizeof(octal), "\\%03o", c);
		text_put(t, octal, 4);
	}
}

void print_escaped(FILE *to, struct slice s)
{
	unsigned char c;
	size_t i;

	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.s[i];
		if (c >= ' ' && c < 0x7f)
			fputc(c, to);
		else
			fprintf(to, "\\%03o", c);
	}
}

static uint64_t seed(void)
{
	static uint64_t value;

	if (!value && getrandom(&value, sizeof(value), GRND_NONBLOCK) < 0)
		value = 0;
	value |= 1;
	return value;
}

static uint64_t hash_of(struct slice s)
{
	uint64_t h = 14695981039346656037ULL ^ seed(), w;
	size_t i;

	for (i = 0; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.s + i, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	for (; i < s.n; i++)
		h = (h ^ (unsigned char)s.s[i]) * 1099511628211ULL;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL | 1;
	return h ^ (h >> 29);
}

/* The slot that has @s, or the free one where it belongs. */
static size_t slot_of(const struct strings *all, struct slice s, uint64_t hash)
{
	const struct string *one;
	size_t i = hash & (all->slots - 1);

	for (; all->table[i]; i = (i + 1) & (all->slots - 1)) {
		one = &all->all[all->table[i] - 1];
		if (one->hash == hash && one->s.n == s.n &&
		    (!s.n || !memcmp(one->s.s, s.s, s.n)))
			break;
	}
	return i;
}

static int grow_table(struct strings *all)
{
	size_t slots = all->slots ? all->slots * 2 : 64, i, at;
	uint32_t *table;

	if (all->number * 2 < all->slots)
		return 0;
	table = calloc(slots, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (i = 0; i < all->number; i++) {
		at = all->all[i].hash & (slots - 1);
		while (table[at])
			at = (at + 1) & (slots - 1);
		table[at] = (uint32_t)i + 1;
	}
	free(all->table);
	all->table = table;
	all->slots = slots;
	return 0;
}

static const char *keep(struct strings *all, struct slice s)
{
	size_t size = s.n > CHUNK / 4 ? s.n : CHUNK;
	struct chunk *chunk = all->chunks;
	char *at;

	if (!chunk || chunk->size - chunk->used < s.n) {
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		*chunk = (struct chunk){ all->chunks, 0, size };
		all->chunks = chunk;
	}
	at = chunk->bytes + chunk->used;
	if (s.n)
		memcpy(at, s.s, s.n);
	chunk->used += s.n;
	return at;
}

long strings_find(const struct strings *all, struct slice s)
{
	size_t at;

	if (!all->slots)
		return -ENOENT;
	at = slot_of(all, s, hash_of(s));
	return all->table[at] ? (long)all->table[at] - 1 : -ENOENT;
}

long strings_add(struct strings *all, struct slice s)
{
	uint64_t hash = hash_of(s);
	const char *copy;
	size_t at;

	if (grow_table(all) ||
	    make_room(&all->all, all->number, &all->room, sizeof(*all->all)))
		return -ENOMEM;
	at = slot_of(all, s, hash);
	if (all->table[at])
		return (long)all->table[at] - 1;
	copy = all->number < INT32_MAX ? keep(all, s) : NULL;
	if (!copy)
		return -ENOMEM;
	all->all[all->number] = (struct string){ { copy, s.n }, hash, 0 };
	all->table[at] = (uint32_t)++all->number;
	return (long)all->number - 1;
}

void strings_free(struct strings *all)
{
	struct chunk *chunk;

	while (all->chunks) {
		chunk = all->chunks;
		all->chunks = chunk->next;
		free(chunk);
	}
	free(all->table);
	free(all->all);
	*all = (struct strings){ .number = 0 };
}
