// SPDX-License-Identifier: MIT
/*
 * Myers' greedy algorithm ("An O(ND) difference algorithm", 1986), in stretches:
 * after MOST differences the furthest point that was reached is taken for right,
 * and the search begins anew from there.
 */
#include "align.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define MOST 100
#define WIDTH (2 * MOST + 3)
#define MIDDLE (MOST + 1)

struct search {
	const uint32_t *a, *b;
	int32_t n, m; /* what is left of them */
	int32_t done_a, done_b;
	int32_t v[WIDTH];
	int32_t history[MOST + 1][WIDTH]; /* v before each round */
	struct steps *steps;
};

static int put(struct search *s, int32_t a, int32_t b)
{
	struct steps *steps = s->steps;

	if (make_room(&steps->all, steps->number, &steps->room,
		      sizeof(*steps->all)))
		return -ENOMEM;
	steps->all[steps->number++] = (struct step){
		a < 0 ? -1 : a + s->done_a, b < 0 ? -1 : b + s->done_b,
	};
	return 0;
}

static bool goes_down(const int32_t *v, int d, int k)
{
	return k == -d || (k != d && v[MIDDLE + k - 1] < v[MIDDLE + k + 1]);
}

/* One more difference on each diagonal; true: the end is reached. */
static bool round_of(struct search *s, int d)
{
	int32_t x, y;
	int k;

	memcpy(s->history[d], s->v, sizeof(s->v));
	for (k = -d; k <= d; k += 2) {
		x = goes_down(s->v, d, k) ? s->v[MIDDLE + k + 1] :
			s->v[MIDDLE + k - 1] + 1;
		y = x - k;
		while (x < s->n && y < s->m && s->a[x] == s->b[y]) {
			x++;
			y++;
		}
		s->v[MIDDLE + k] = x;
		if (x >= s->n && y >= s->m)
			return true;
	}
	return false;
}

/* The diagonal that has come furthest; false: none is inside. */
static bool furthest(const struct search *s, int d, int32_t *x, int32_t *y)
{
	int32_t best = -1, at;
	int k;

	for (k = -d; k <= d; k += 2) {
		at = s->v[MIDDLE + k];
		if (at > s->n || at - k > s->m || at < 0 || at < k ||
		    2 * (int64_t)at - k <= best)
			continue;
		best = 2 * at - k;
		*x = at;
		*y = at - k;
	}
	return best >= 0;
}

static void reverse(struct step *steps, size_t number)
{
	struct step one;
	size_t i;

	for (i = 0; i < number / 2; i++) {
		one = steps[i];
		steps[i] = steps[number - 1 - i];
		steps[number - 1 - i] = one;
	}
}

static int same_back(struct search *s, int32_t *x, int32_t *y, int32_t to_x,
		     int32_t to_y)
{
	int ret = 0;

	while (*x > to_x && *y > to_y && !ret)
		ret = put(s, --*x, --*y);
	return ret;
}

/* The way to (x, y), which was reached in round d. */
static int walk_back(struct search *s, int d, int32_t x, int32_t y)
{
	size_t from = s->steps->number;
	int32_t to_x;
	int k, ret = 0;

	for (; d && !ret; d--) {
		k = x - y;
		k += goes_down(s->history[d], d, k) ? 1 : -1;
		to_x = s->history[d][MIDDLE + k];
		/* Equal ones lie behind the difference of this round. */
		ret = same_back(s, &x, &y, k < x - y ? to_x + 1 : to_x,
				k < x - y ? to_x - k : to_x - k + 1);
		if (ret)
			break;
		if (x > to_x)
			ret = put(s, --x, -1);
		else
			ret = put(s, -1, --y);
	}
	if (!ret)
		ret = same_back(s, &x, &y, 0, 0);
	reverse(s->steps->all + from, s->steps->number - from);
	return ret;
}

static void skip(struct search *s, int32_t x, int32_t y)
{
	s->a += x;
	s->b += y;
	s->n -= x;
	s->m -= y;
	s->done_a += x;
	s->done_b += y;
}

static int all_of(struct search *s)
{
	int32_t i;
	int ret = 0;

	for (i = 0; i < s->n && !ret; i++)
		ret = put(s, i, -1);
	for (i = 0; i < s->m && !ret; i++)
		ret = put(s, -1, i);
	skip(s, s->n, s->m);
	return ret;
}

static int stretch(struct search *s)
{
	int32_t x = s->n, y = s->m;
	bool end = false;
	int d = 0, ret;

	memset(s->v, 0, sizeof(s->v));
	for (;;) {
		end = round_of(s, d);
		if (end || d == MOST)
			break;
		d++;
	}
	if (!end && !furthest(s, d, &x, &y))
		return all_of(s);
	ret = walk_back(s, d, x, y);
	skip(s, x, y);
	return ret;
}

/* Most of what is compared is the same. */
static int same_begin(struct search *s)
{
	int32_t i;
	int ret = 0;

	for (i = 0; i < s->n && i < s->m && s->a[i] == s->b[i] && !ret; i++)
		ret = put(s, i, i);
	skip(s, i, i);
	return ret;
}

int align(const uint32_t *a, size_t a_number, const uint32_t *b, size_t b_number,
	  struct steps *steps)
{
	struct search *s = malloc(sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->a = a;
	s->b = b;
	s->n = (int32_t)a_number;
	s->m = (int32_t)b_number;
	s->done_a = 0;
	s->done_b = 0;
	s->steps = steps;
	ret = same_begin(s);
	while (!ret && s->n && s->m)
		ret = stretch(s);
	if (!ret)
		ret = all_of(s);
	free(s);
	return ret;
}
