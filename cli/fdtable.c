// SPDX-License-Identifier: MIT
/*
 * Tables of descriptors that share their parts; see fdtable.h.
 *
 * A tree of five levels with sixteen branches.  A node that has more than one
 * user is copied before it is changed.
 */
#include "fdtable.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define BITS 4
#define FAN (1 << BITS)
#define TOP (4 * BITS) /* the shift of the root */

struct fd_node {
	unsigned long users;
	union {
		struct fd_node *child;
		long what; /* plus one; 0: unknown */
	} slots[FAN];
};

struct fdtable *fdtable_new(void)
{
	struct fdtable *table = calloc(1, sizeof(*table));

	if (table)
		table->users = 1;
	return table;
}

struct fdtable *fdtable_copy(const struct fdtable *table)
{
	struct fdtable *copy = fdtable_new();

	if (!copy)
		return NULL;
	copy->root = table->root;
	if (copy->root)
		copy->root->users++;
	return copy;
}

struct fdtable *fdtable_share(struct fdtable *table)
{
	table->users++;
	return table;
}

static void put_node(struct fd_node *node, int shift)
{
	int i;

	if (!node || --node->users)
		return;
	for (i = 0; shift && i < FAN; i++)
		put_node(node->slots[i].child, shift - BITS);
	free(node);
}

void fdtable_put(struct fdtable *table)
{
	if (!table || --table->users)
		return;
	put_node(table->root, TOP);
	free(table);
}

long fdtable_get(const struct fdtable *table, long fd)
{
	const struct fd_node *node = table->root;
	int shift;

	if (fd < 0 || fd >= FD_MOST)
		return FD_UNKNOWN;
	for (shift = TOP; node && shift; shift -= BITS)
		node = node->slots[fd >> shift & (FAN - 1)].child;
	return node ? node->slots[fd & (FAN - 1)].what - 1 : FD_UNKNOWN;
}

/* *@at, made or copied if needed: nobody else sees a change of it. */
static struct fd_node *own(struct fd_node **at, int shift)
{
	struct fd_node *old = *at, *new;
	int i;

	if (old && old->users == 1)
		return old;
	new = calloc(1, sizeof(*new));
	if (!new)
		return NULL;
	if (old) {
		*new = *old;
		old->users--;
		for (i = 0; shift && i < FAN; i++) {
			if (new->slots[i].child)
				new->slots[i].child->users++;
		}
	}
	new->users = 1;
	*at = new;
	return new;
}

int fdtable_set(struct fdtable *table, long fd, long what)
{
	struct fd_node **at = &table->root, *node;
	int shift;

	if (fd < 0 || fd >= FD_MOST || fdtable_get(table, fd) == what)
		return 0;
	for (shift = TOP; ; shift -= BITS) {
		node = own(at, shift);
		if (!node)
			return -ENOMEM;
		if (!shift)
			break;
		at = &node->slots[fd >> shift & (FAN - 1)].child;
	}
	node->slots[fd & (FAN - 1)].what = what + 1;
	return 0;
}

/* Of the part of the tree at *@at, which begins with @base. */
static int close_part(struct fd_node **at, int shift, long base, long first,
		      long last)
{
	struct fd_node *node;
	long size = 1L << shift, begin;
	int i, ret = 0;

	if (!*at || base > last || base + size * FAN <= first)
		return 0;
	if (first <= base && last >= base + size * FAN - 1) {
		put_node(*at, shift);
		*at = NULL;
		return 0;
	}
	node = own(at, shift);
	if (!node)
		return -ENOMEM;
	for (i = 0; i < FAN && !ret; i++) {
		begin = base + size * i;
		if (shift)
			ret = close_part(&node->slots[i].child, shift - BITS,
					 begin, first, last);
		else if (begin >= first && begin <= last)
			node->slots[i].what = 0;
	}
	return ret;
}

int fdtable_close(struct fdtable *table, long first, long last)
{
	return first > last ? 0 :
		close_part(&table->root, TOP, 0, first, last);
}
