// SPDX-License-Identifier: MIT
/*
 * The pictures of a report; see report.h.  They have no numbers that are not in a
 * table as well, and are as wide as the page: what is to be read in them is
 * outside, but for the scales of histograms.
 */
#include <inttypes.h>
#include <math.h>

#include "html.h"
#include "report.h"

static const struct {
	const char *class, *name;
} ways[WAYS] = {
	[WAY_RING] = { "ring", "on the ring" },
	[WAY_NATIVE] = { "native", "native" },
	[WAY_WAIT] = { "wait", "waiting" },
	[WAY_UNKNOWN] = { "other", "in a call, route unknown" },
};

const char *way_name(enum way way)
{
	return ways[way].name;
}

static bool is_used(const struct sums *sums, int way)
{
	size_t i;

	for (i = 0; i < sums->calls.number; i++) {
		if (sums->call[i].time[way] || sums->call[i].by_way[way])
			return true;
	}
	return false;
}

void svg_key(FILE *to, const struct sums *sums)
{
	int way;

	fputs("<p class=\"key\">", to);
	for (way = 0; way < WAYS; way++) {
		if (is_used(sums, way))
			fprintf(to, "<span><svg viewBox=\"0 0 10 10\" "
				"aria-hidden=\"true\"><rect class=\"%s\" "
				"width=\"10\" height=\"10\"/></svg>%s</span>",
				ways[way].class, ways[way].name);
	}
	fputs("</p>\n", to);
}

/* A share of 100, of which something can be seen if it is there. */
static int share_of(int64_t part, int64_t whole)
{
	double share = whole > 0 ? 100 * (double)part / (double)whole : 0;

	if (part <= 0)
		return 0;
	return share < 2 ? 2 : share > 100 ? 100 : (int)(share + 0.5);
}

#define TOP 2     /* of what the time was spent on, in the picture of a line */
#define BOTTOM 72
#define RATE 98   /* where calls per bin stand on */

static int level_of(const struct sums *sums, const struct bin *bin, int ways_n)
{
	static const int order[] = { WAY_WAIT, WAY_NATIVE, WAY_UNKNOWN, WAY_RING };
	int64_t width = (int64_t)1 << sums->shift;
	int i, sum = 0;

	for (i = 0; i < ways_n; i++)
		sum += share_of(bin->time[order[i]], width);
	return sum > 100 ? 100 : sum;
}

/* Bins of one height are one rectangle. */
static void put_runs(FILE *to, const struct sums *sums, const struct bin *bins,
		     size_t number, int layer)
{
	static const int order[] = { WAY_WAIT, WAY_NATIVE, WAY_UNKNOWN, WAY_RING };
	size_t i, end;
	int low, high;

	fprintf(to, "<path class=\"%s\" d=\"", ways[order[layer]].class);
	for (i = 0; i < number; i = end) {
		low = level_of(sums, &bins[i], layer);
		high = level_of(sums, &bins[i], layer + 1);
		for (end = i + 1; end < number &&
		     level_of(sums, &bins[end], layer) == low &&
		     level_of(sums, &bins[end], layer + 1) == high; end++)
			;
		if (high > low)
			fprintf(to, "M%zu %dV%dH%zuV%dz", i,
				BOTTOM - low * (BOTTOM - TOP) / 100,
				BOTTOM - high * (BOTTOM - TOP) / 100, end,
				BOTTOM - low * (BOTTOM - TOP) / 100);
	}
	fputs("\"/>\n", to);
}

static void put_rates(FILE *to, const struct bin *bins, size_t number,
		      uint64_t most)
{
	size_t i;
	double share;

	fputs("<path class=\"other\" d=\"", to);
	for (i = 0; i < number; i++) {
		if (!bins[i].calls)
			continue;
		share = (double)bins[i].calls / (double)most;
		fprintf(to, "M%zu %dv-%.1fh1V%dz", i, RATE,
			1 + share * (RATE - BOTTOM - 4), RATE);
	}
	fputs("\"/>\n", to);
}

void svg_line(FILE *to, const struct sums *sums, uint32_t number,
	      uint64_t most_calls)
{
	const struct thread_sum *thread = &sums->thread[number];
	size_t bins = (size_t)((sums->end - sums->begin) >> sums->shift) + 1;
	int i;

	fprintf(to, "<svg viewBox=\"0 0 %zu 100\" preserveAspectRatio=\"none\" "
		"role=\"img\" aria-labelledby=\"l%ut l%ud\">"
		"<title id=\"l%ut\">Thread %ld over time</title>"
		"<desc id=\"l%ud\">Above, the share of time in calls, waiting "
		"at the bottom; below, the number of calls. The sums are in the "
		"table.</desc>\n", bins, number, number, number, thread->tid,
		number);
	for (i = 0; i < 4 && sums->durations; i++)
		put_runs(to, sums, thread->bins, bins, i);
	put_rates(to, thread->bins, bins, most_calls);
	for (i = 1; i < 4; i++)
		fprintf(to, "<path class=\"axis\" d=\"M%.1f 0V100\"/>",
			(double)bins * i / 4);
	fputs("</svg>\n", to);
}

void svg_bar(FILE *to, const int64_t *parts, int64_t whole)
{
	double at = 0, width;
	int way;

	fputs("<svg class=\"bar\" viewBox=\"0 0 1000 10\" "
	      "preserveAspectRatio=\"none\" aria-hidden=\"true\">", to);
	for (way = 0; way < WAYS && whole > 0; way++) {
		width = 1000 * (double)parts[way] / (double)whole;
		if (parts[way] <= 0)
			continue;
		if (width < 4)
			width = 4;
		fprintf(to, "<rect class=\"%s\" x=\"%.0f\" width=\"%.0f\" "
			"height=\"10\"/>", ways[way].class, at, width);
		at += width;
	}
	fputs("</svg>", to);
}

uint64_t calls_of_power(const struct histogram *h, unsigned power)
{
	uint64_t sum = 0;
	size_t i;

	/* What is less than eight ns is there as 2^2. */
	for (i = 0; h && i < PARTS; i++)
		sum += h->bucket[(power - 2) * PARTS + i];
	return sum;
}

#define LEFT 34.0 /* of the field of a histogram, in the picture */
#define RIGHT 318.0
#define CEILING 8.0
#define FLOOR 118.0

static double height_of(uint64_t calls, uint64_t most)
{
	/* One call is not nothing. */
	return (FLOOR - CEILING) * (log10((double)calls) + 0.3) /
		(log10((double)most) + 0.3);
}

static double place_of(double ns, unsigned first, unsigned last)
{
	return LEFT + (RIGHT - LEFT) * (log2(ns) - first) / (last - first + 1);
}

static void put_counts(FILE *to, uint64_t most)
{
	static const char *const names[] = {
		"1", "10", "100", "1k", "10k", "100k", "1M", "10M", "100M",
		"1G", "10G",
	};
	size_t i, step = most >= 100000 ? 2 : 1;
	uint64_t calls = 1;
	double y;

	for (i = 0; i < 11 && calls <= most; i++, calls *= 10) {
		if (i % step)
			continue;
		y = FLOOR - height_of(calls, most);
		fprintf(to, "<path class=\"axis\" d=\"M%.0f %.1fH%.0f\"/>"
			"<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s"
			"</text>", LEFT, y, RIGHT, LEFT - 4, y + 4, names[i]);
	}
}

static void put_scale(FILE *to, unsigned first, unsigned last)
{
	static const struct {
		double ns;
		const char *name;
	} marks[] = {
		{ 1e1, "10 ns" }, { 1e2, "100 ns" }, { 1e3, "1 \302\265s" },
		{ 1e4, "10 \302\265s" }, { 1e5, "100 \302\265s" }, { 1e6, "1 ms" },
		{ 1e7, "10 ms" }, { 1e8, "100 ms" }, { 1e9, "1 s" },
		{ 1e10, "10 s" }, { 1e11, "100 s" }, { 1e12, "1000 s" },
	};
	double x, free = LEFT - 20;
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		x = place_of(marks[i].ns, first, last);
		if (x < LEFT || x > RIGHT)
			continue;
		fprintf(to, "<path class=\"axis\" d=\"M%.1f %.0fv4\"/>", x, FLOOR);
		/* Names that would lie on each other are left out. */
		if (x - 18 < free || x + 18 > RIGHT + 10)
			continue;
		fprintf(to, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">"
			"%s</text>", x, FLOOR + 15, marks[i].name);
		free = x + 22;
	}
}

static void put_bars(FILE *to, const struct sums *sums, uint32_t call,
		     unsigned first, unsigned last, uint64_t most)
{
	double field = (RIGHT - LEFT) / (last - first + 1), width, x, height;
	unsigned power, used = 0, at = 0;
	uint64_t calls;
	int way;

	for (way = 0; way < WAYS; way++)
		used += is_used(sums, way);
	width = field * 0.86 / used;
	for (way = 0; way < WAYS; way++) {
		fprintf(to, "<path class=\"%s\" d=\"", ways[way].class);
		for (power = first; power <= last; power++) {
			calls = calls_of_power(sums->call[call].by_way[way],
					       power);
			if (!calls)
				continue;
			height = height_of(calls, most);
			x = LEFT + field * (power - first) + field * 0.07 +
				width * at;
			fprintf(to, "M%.1f %.0fv-%.1fh%.1fv%.1fz", x, FLOOR,
				height, width, height);
		}
		fputs("\"/>", to);
		at += is_used(sums, way);
	}
}

void svg_histogram(FILE *to, const struct sums *sums, uint32_t call,
		   unsigned first, unsigned last)
{
	uint64_t most = 1, calls;
	unsigned power;
	int way;

	for (power = first; power <= last; power++) {
		for (way = 0; way < WAYS; way++) {
			calls = calls_of_power(sums->call[call].by_way[way],
					       power);
			if (calls > most)
				most = calls;
		}
	}
	fprintf(to, "<svg viewBox=\"0 0 330 140\" role=\"img\" "
		"aria-labelledby=\"h%ut h%ud\"><title id=\"h%ut\">Latency of ",
		call, call, call);
	html_text(to, sums->calls.all[call].s);
	fprintf(to, "</title><desc id=\"h%ud\">Calls, on a logarithmic scale, by "
		"the time that they took, which doubles from bar to bar. The "
		"numbers are in the table.</desc>\n", call);
	put_counts(to, most);
	put_bars(to, sums, call, first, last, most);
	put_scale(to, first, last);
	fputs("</svg>\n", to);
}
