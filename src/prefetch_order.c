// SPDX-License-Identifier: MIT
/*
 * Finding out in which order a program takes the entries of a directory, and
 * putting them into it; see prefetch_order.h.  Not qsort(3), which allocates.
 */
#include "prefetch_order.h"

#include <dirent.h>
#include <string.h>

#include "prefetch_list.h"

/* Between two neighbours there may be some that the program does not want. */
#define NEAR 4

static bool before(const struct shim_walk *walk, enum shim_walk_order order,
		   const struct shim_walk_entry *a,
		   const struct shim_walk_entry *b)
{
	switch (order) {
	case SHIM_ORDER_NAME:
		return strcmp(shim_walk_name(walk, a),
			      shim_walk_name(walk, b)) < 0;
	case SHIM_ORDER_INODE:
		return a->ino < b->ino;
	default:
		return a->place < b->place;
	}
}

/*
 * How many entries of the same type as @b are from @a, exclusive, to @b, inclusive?
 * 0 if @b does not come after @a.
 */
static unsigned distance(const struct shim_walk *walk,
			 enum shim_walk_order order,
			 const struct shim_walk_entry *a,
			 const struct shim_walk_entry *b)
{
	const struct shim_walk_dir *d = &walk->dirs[a->dir];
	const struct shim_walk_entry *e = &walk->entries[d->first];
	const struct shim_walk_entry *end = e + d->count;
	unsigned n = 1;

	if (!before(walk, order, a, b))
		return 0;
	for (; e < end; e++)
		n += e->type == b->type && before(walk, order, a, e) &&
		     before(walk, order, e, b);
	return n;
}

enum shim_walk_order shim_order_of(const struct shim_walk *walk,
				   const uint32_t touched[3])
{
	const struct shim_walk_entry *e[3];
	enum shim_walk_order order, best = SHIM_ORDER_UNKNOWN;
	unsigned i, one, two, nearest = 2 * NEAR + 1;

	for (i = 0; i < 3; i++)
		e[i] = &walk->entries[touched[i]];
	for (order = SHIM_ORDER_LISTED; order <= SHIM_ORDER_INODE; order++) {
		one = distance(walk, order, e[0], e[1]);
		two = distance(walk, order, e[1], e[2]);
		if (!one || !two || one > NEAR || two > NEAR ||
		    one + two >= nearest)
			continue;
		nearest = one + two;
		best = order;
	}
	return best;
}

static void swap(struct shim_walk_entry *a, struct shim_walk_entry *b)
{
	struct shim_walk_entry was = *a;

	*a = *b;
	*b = was;
}

/* As the program takes them: perhaps first all files, then directories by name. */
static bool taken_before(const struct shim_walk *walk,
			 const struct shim_walk_entry *a,
			 const struct shim_walk_entry *b)
{
	bool one = a->type == DT_DIR, other = b->type == DT_DIR;

	if (!walk->dirs_order || walk->dirs_order == walk->order)
		return before(walk, walk->order, a, b);
	if (one != other)
		return other;
	return before(walk, one ? walk->dirs_order : walk->order, a, b);
}

/* Let the entry at @i sink to its place in a heap of @n. */
static void sink(const struct shim_walk *walk, struct shim_walk_entry *e,
		 size_t i, size_t n)
{
	size_t child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && taken_before(walk, &e[child],
						  &e[child + 1]))
			child++;
		if (!taken_before(walk, &e[i], &e[child]))
			return;
		swap(&e[i], &e[child]);
	}
}

static void heapsort(const struct shim_walk *walk, struct shim_walk_entry *e,
		     size_t n)
{
	size_t i;

	for (i = n / 2; i-- > 0;)
		sink(walk, e, i, n);
	for (i = n; i-- > 1;) {
		swap(&e[0], &e[i]);
		sink(walk, e, 0, i);
	}
}

void shim_order_sort(struct shim_walk *walk, struct shim_walk_dir *dir)
{
	struct shim_walk_entry *e = &walk->entries[dir->first];
	uint32_t i;

	if (walk->order > SHIM_ORDER_LISTED || walk->dirs_order)
		heapsort(walk, e, dir->count);
	for (i = 0; i < dir->count; i++)
		shim_list_hash(walk, &e[i]);
}
