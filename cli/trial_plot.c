// SPDX-License-Identifier: MIT
/*
 * The pictures of a trial's page; see trial_plot.h.  They are as wide as a phone
 * is, and grow with the page.
 */
#include "trial_plot.h"

#include <math.h>

#include "html.h"

#define WIDTH 360
#define LEFT 52  /* the names of the modes */
#define RIGHT 350
#define ROW 34
#define TOP 6
#define TICKS 5

/* From @low to @high is from LEFT to RIGHT. */
struct scale {
	double low, high, step;
};

static double position(const struct scale *s, double value)
{
	return LEFT + (value - s->low) / (s->high - s->low) * (RIGHT - LEFT);
}

/* Ticks at 1, 2 or 5 times a power of ten, at most TICKS of them. */
static void choose_step(struct scale *s)
{
	double rough = (s->high - s->low) / TICKS, power, times;

	power = pow(10, floor(log10(rough)));
	times = rough / power;
	s->step = power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 :
			   10);
}

static void begin(FILE *to, unsigned rows, const char *what)
{
	fprintf(to, "<figure>\n<svg viewBox=\"0 0 %d %u\" role=\"img\" "
		"style=\"width:100%%;max-width:32rem\">\n<title>%s</title>\n",
		WIDTH, TOP + rows * ROW + 22, what);
}

static void end(FILE *to, const char *caption)
{
	fprintf(to, "</svg>\n<figcaption>%s</figcaption>\n</figure>\n",
		caption);
}

static double middle_of(unsigned row)
{
	return TOP + row * ROW + ROW / 2.0;
}

static void put_name(FILE *to, unsigned row, const char *name)
{
	fprintf(to, "<text x=\"0\" y=\"%.1f\">", middle_of(row) + 4);
	html_word(to, name);
	fputs("</text>\n", to);
}

static void put_axis(FILE *to, const struct scale *s, unsigned rows, bool times)
{
	double bottom = TOP + rows * ROW, tick, x;
	long i = lround(ceil(s->low / s->step));
	char text[32];

	for (; (double)i * s->step <= s->high; i++) {
		tick = (double)i * s->step;
		x = position(s, tick);
		if (times)
			time_text(text, sizeof(text), llround(tick * 1e9));
		else
			snprintf(text, sizeof(text), "%.4g", tick);
		fprintf(to, "<path class=\"axis\" d=\"M%.1f %dV%.1f\"/>"
			"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s"
			"</text>\n", x, TOP, bottom, x, bottom + 14,
			x > RIGHT - 14 ? "end" : "middle",
			tick > 0 || !times ? text : "0");
	}
}

static double longest(const struct results *r)
{
	double most = 0;
	unsigned i, j;

	for (i = 0; i < r->number; i++) {
		for (j = 0; j < r->phase->rounds; j++)
			most = fmax(most, r->phase->runs[i][j].wall);
	}
	return most;
}

static const char *colour(const struct result *r)
{
	return r->native ? "native" : "ring";
}

static void put_bar(FILE *to, const struct scale *s, unsigned row,
		    const struct result *r)
{
	const struct spread *wall = &r->of[MEASURE_WALL];
	double y = middle_of(row), left = position(s, wall->low);

	fprintf(to, "<rect class=\"%s\" opacity=\".22\" x=\"%.1f\" y=\"%.1f\" "
		"width=\"%.1f\" height=\"24\"/>\n", colour(r), left, y - 12,
		position(s, wall->high) - left);
	fprintf(to, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"1.6\" "
		"height=\"28\"/>\n", colour(r), position(s, wall->median) - 0.8,
		y - 14);
}

/* Beside each other, so that dots for the same time can be told apart. */
static void put_dots(FILE *to, const struct scale *s, unsigned row,
		     const struct phase *phase, const struct result *r)
{
	char text[32];
	unsigned i;
	double wall;

	for (i = 0; i < phase->rounds; i++) {
		wall = phase->runs[row][i].wall;
		fprintf(to, "<circle class=\"%s\" opacity=\".75\" cx=\"%.1f\" "
			"cy=\"%.1f\" r=\"2.1\"><title>round %u: %s</title>"
			"</circle>\n", colour(r), position(s, wall),
			middle_of(row) + ((int)(i % 5) - 2) * 4.4, i + 1,
			time_text(text, sizeof(text), llround(wall * 1e9)));
	}
}

void plot_runs(FILE *to, const struct results *r)
{
	struct scale s = { .low = 0, .high = 1.02 * longest(r) };
	unsigned i;

	choose_step(&s);
	begin(to, r->number, "The time of each run");
	put_axis(to, &s, r->number, true);
	for (i = 0; i < r->number; i++) {
		put_name(to, i, r->of[i].name);
		put_bar(to, &s, i, &r->of[i]);
		put_dots(to, &s, i, r->phase, &r->of[i]);
	}
	end(to, "Each dot is a run, the line the median, the bar the middle "
	    "half of the runs.");
}

static struct scale ratio_scale(const struct trial *t, const struct results *r)
{
	double margin = t->margin / 100;
	struct scale s = { 1 - 2 * margin, 1 + 2 * margin, 0 };
	unsigned i;

	for (i = 1; i < r->number; i++) {
		s.low = fmin(s.low, r->of[i].ratio.low);
		s.high = fmax(s.high, r->of[i].ratio.high);
	}
	s.low = fmax(0, s.low - 0.05 * (s.high - s.low));
	s.high += 0.05 * (s.high - s.low) + 0.001;
	choose_step(&s);
	return s;
}

static void put_ratio(FILE *to, const struct scale *s, unsigned row,
		      const struct result *r)
{
	double y = middle_of(row);

	put_name(to, row, r->name);
	if (r->ratio.known)
		fprintf(to, "<rect class=\"ring\" x=\"%.1f\" y=\"%.1f\" "
			"width=\"%.1f\" height=\"3\"/>\n",
			position(s, r->ratio.low), y - 1.5,
			fmax(1, position(s, r->ratio.high) -
			     position(s, r->ratio.low)));
	fprintf(to, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\">"
		"<title>%.3f, %.3f to %.3f</title></circle>\n",
		position(s, r->ratio.estimate), y, r->ratio.estimate,
		r->ratio.low, r->ratio.high);
}

void plot_ratios(FILE *to, const struct trial *t, const struct results *r)
{
	struct scale s = ratio_scale(t, r);
	double left = position(&s, 1 - t->margin / 100);
	unsigned rows = r->number - 1, i;

	begin(to, rows, "Times native, with intervals");
	fprintf(to, "<rect class=\"native\" opacity=\".22\" x=\"%.1f\" y=\"%d\""
		" width=\"%.1f\" height=\"%u\"/>\n", left, TOP,
		position(&s, 1 + t->margin / 100) - left, rows * ROW);
	put_axis(to, &s, rows, false);
	for (i = 0; i < rows; i++)
		put_ratio(to, &s, i, &r->of[i + 1]);
	end(to, "The time as a multiple of the native one, with its interval. "
	    "What lies within the band is no difference.");
}
