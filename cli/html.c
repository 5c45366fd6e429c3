// SPDX-License-Identifier: MIT
/* Pages: what is hostile made harmless, numbers, the frame; see html.h. */
#include "html.h"

#include <inttypes.h>
#include <string.h>

#define LONGEST_NAME 96UL

/*
 * The length of the character that @s begins with, and its number; 0: it is none.
 * Well-formed is what table 3-7 of the Unicode standard says.
 */
static size_t utf8(struct slice s, uint32_t *number)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s.s;
	size_t n, i;

	if (p[0] < 0x80)
		n = 1;
	else
		n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (n > s.n || (p[0] >= 0x80 && (p[0] < 0xc2 || p[0] > 0xf4)))
		return 0;
	*number = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*number = *number << 6 | (p[i] & 0x3fU);
	}
	if (*number < least[n] || *number > 0x10ffff ||
	    (*number >= 0xd800 && *number <= 0xdfff))
		return 0;
	return n;
}

/* Controls, marks of direction, what has no width, what is no character. */
static bool is_hidden(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{ 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c },
		{ 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0x3164, 0x3164 }, { 0xe000, 0xf8ff }, { 0xfdd0, 0xfdef },
		{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb }, { 0xe0000, 0x10ffff },
	};
	size_t i;

	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (c >= hidden[i].first && c <= hidden[i].last)
			return true;
	}
	return (c & 0xfffe) == 0xfffe;
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(FILE *to, struct slice s)
{
	uint32_t number;
	size_t n;

	for (; s.n; s = slice_from(s, n)) {
		n = utf8(s, &number);
		if (!n || is_hidden(number)) {
			n = 1;
			fprintf(to, "\\%03o", (unsigned char)s.s[0]);
		} else if (entity(s.s[0])) {
			fputs(entity(s.s[0]), to);
		} else {
			fwrite(s.s, 1, n, to);
		}
	}
}

void html_word(FILE *to, const char *s)
{
	html_text(to, (struct slice){ s, strlen(s) });
}

/* Not in the middle of a character. */
static size_t cut_at(struct slice s, size_t n)
{
	while (n && ((unsigned char)s.s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void html_name(FILE *to, struct slice s)
{
	size_t head, tail;

	if (s.n <= LONGEST_NAME) {
		html_text(to, s);
		return;
	}
	head = cut_at(s, LONGEST_NAME / 3);
	tail = cut_at(s, s.n - LONGEST_NAME / 2);
	fputs("<span title=\"", to);
	html_text(to, s);
	fputs("\">", to);
	html_text(to, (struct slice){ s.s, head });
	fputs("\342\200\246", to);
	html_text(to, slice_from(s, tail));
	fputs("</span>", to);
}

void html_count(FILE *to, uint64_t n)
{
	char digits[32];
	int i, length = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (i = 0; i < length; i++) {
		/* U+202F, a narrow space that no line is broken at. */
		if (i && (length - i) % 3 == 0)
			fputs("\342\200\257", to);
		fputc(digits[i], to);
	}
}

void html_bytes(FILE *to, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB",
					     "EiB" };
	double value = (double)bytes;
	size_t i = 0;

	if (bytes < 1024) {
		fprintf(to, "%" PRIu64 "%s", bytes, bytes ? "&nbsp;B" : "");
		return;
	}
	for (value /= 1024; value >= 1023.95 && i < 5; i++)
		value /= 1024;
	fprintf(to, "%.*f&nbsp;%s", value < 9.995 ? 2 : 1, value, units[i]);
}

const char *time_text(char *s, size_t size, int64_t ns)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = {
		{ 1e9, "s" }, { 1e6, "ms" }, { 1e3, "\302\265s" }, { 1, "ns" },
	};
	double value;
	size_t i = 0;

	while (i < 3 && (double)ns < units[i].unit * 0.9995)
		i++;
	value = (double)ns / units[i].unit;
	snprintf(s, size, "%.*f %s", i == 3 || value >= 99.95 ? 0 :
		 value < 9.995 ? 2 : 1, value, units[i].name);
	return s;
}

void html_time(FILE *to, int64_t ns)
{
	char text[32];
	char *space;

	if (!ns) {
		fputc('0', to);
		return;
	}
	time_text(text, sizeof(text), ns);
	space = strchr(text, ' ');
	fprintf(to, "%.*s&nbsp;%s", (int)(space - text), text, space + 1);
}

void html_percent(FILE *to, uint64_t part, uint64_t whole)
{
	double share = whole ? 100 * (double)part / (double)whole : 0;

	if (share > 0 && share < 0.1)
		fputs("&lt;&#8239;0.1&#8239;%", to);
	else
		fprintf(to, "%.*f&#8239;%%", share < 9.95 && share > 0 ? 1 : 0,
			share);
}

static const char style[] =
":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#56606b;"
"--line:#d3d9df;--soft:#f1f4f6;--ring:#0069b4;--native:#d68a00;"
"--wait:#a8438f;--other:#7b848d;--bad:#b3261e}\n"
"@media (prefers-color-scheme:dark){:root{--bg:#12161b;--fg:#e4e8ec;"
"--dim:#9aa4af;--line:#38414b;--soft:#1c2229;--ring:#58aef0;"
"--native:#eeb04a;--wait:#dc8acb;--other:#8b949e;--bad:#ff8a80}}\n"
"*{box-sizing:border-box}\n"
"html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\n"
"body{margin:0;background:var(--bg);color:var(--fg);"
"font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\n"
"main{max-width:70rem;margin:0 auto;padding:1rem 1rem 3rem}\n"
"h1{font-size:1.4rem;line-height:1.3;margin:.2rem 0 .6rem}\n"
"h1 small{display:block;font-size:.85rem;font-weight:400;color:var(--dim)}\n"
"h2{font-size:1.15rem;margin:2.4rem 0 .4rem;padding-top:.5rem;"
"border-top:1px solid var(--line)}\n"
"h3{font-size:1rem;margin:.8rem 0 .2rem}\n"
"p{margin:.4rem 0;max-width:46rem}\n"
".dim,caption,figcaption{color:var(--dim);font-size:.87rem}\n"
".note{border-left:4px solid var(--native);background:var(--soft);"
"padding:.4rem .7rem}\n"
"figure{margin:.8rem 0}\n"
".scroll{overflow-x:auto;margin:.6rem 0}\n"
"table{border-collapse:collapse;font-variant-numeric:tabular-nums;"
"font-size:.9rem}\n"
"caption{text-align:left;padding:.2rem 0}\n"
"th,td{padding:.18rem .7rem;text-align:right;vertical-align:top;"
"border-bottom:1px solid var(--line);white-space:nowrap}\n"
"th{font-weight:600}\n"
"thead th{background:var(--soft);vertical-align:bottom}\n"
"th.t,td.t{text-align:left}\n"
"td.n{text-align:left;white-space:normal;"
"min-width:13rem;max-width:34rem}\n"
"td.w{white-space:normal;min-width:9rem}\n"
"code,td.n,.mono{font-family:ui-monospace,monospace;font-size:.86rem}\n"
"details{margin:.5rem 0}\n"
"summary{cursor:pointer;color:var(--dim);font-size:.9rem}\n"
"svg{display:block;max-width:100%}\n"
"svg text{fill:var(--dim);font:11px system-ui,sans-serif}\n"
".ring{fill:var(--ring)}.native{fill:var(--native)}"
".wait{fill:var(--wait)}.other{fill:var(--other)}\n"
".bar{width:9rem;max-width:none;height:.8rem;margin-top:.3rem}\n"
".grid{display:grid;gap:.4rem 1.4rem;"
"grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr))}\n"
".grid svg{width:100%;height:auto}\n"
".line{margin:.5rem 0}"
".line p{margin:0;max-width:none;font-size:.87rem}\n"
".line svg{width:100%;height:2.6rem;background:var(--soft)}\n"
".ticks{display:flex;justify-content:space-between;color:var(--dim);"
"font-size:.8rem}\n"
".axis{stroke:var(--line);stroke-width:1;fill:none;"
"vector-effect:non-scaling-stroke}\n"
".key{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;font-size:.87rem;"
"margin:.4rem 0}\n"
".key span{white-space:nowrap}\n"
".key svg{display:inline-block;width:.85rem;height:.85rem;"
"vertical-align:-.1rem;margin-right:.35rem}\n"
"@media (max-width:40rem){table{font-size:.82rem}"
"th,td{padding:.18rem .4rem}td.n{min-width:8rem}.bar{width:4rem}}\n"
"@media print{:root{--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;"
"--soft:#eee;--ring:#0069b4;--native:#d68a00;--wait:#a8438f;"
"--other:#7b848d}\n"
"body{font-size:10pt;print-color-adjust:exact;"
"-webkit-print-color-adjust:exact}\n"
"main{max-width:none;padding:0}.scroll{overflow:visible}"
"table{font-size:8pt}td,th{white-space:normal;padding:.1rem .3rem}td.n{min-width:0}\n"
"figure,tr{break-inside:avoid}h2,h3,caption{break-after:avoid}"
"details::details-content{content-visibility:visible;display:block}}\n";

void html_begin(FILE *to, const char *kind, struct slice title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	      "<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\""
	      "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
	      "\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, "
	      "initial-scale=1\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>", to);
	fprintf(to, "%s: ", kind);
	html_text(to, title);
	fputs("</title>\n<style>\n", to);
	fputs(style, to);
	fprintf(to, "</style>\n</head>\n<body>\n<main>\n<h1><small>%s</small> ",
		kind);
	html_text(to, title);
	fputs("</h1>\n", to);
}

void html_end(FILE *to)
{
	fputs("</main>\n</body>\n</html>\n", to);
}

void html_table(FILE *to, const char *caption, const char *columns)
{
	size_t n;
	bool text;

	fprintf(to, "<div class=\"scroll\">\n<table>\n<caption>%s</caption>\n"
		"<thead><tr>", caption);
	for (; *columns; columns += n + (columns[n] == '|')) {
		text = *columns == '<';
		columns += text;
		n = strcspn(columns, "|");
		fprintf(to, "<th scope=\"col\"%s>%.*s</th>",
			text ? " class=\"t\"" : "", (int)n, columns);
	}
	fputs("</tr></thead>\n<tbody>\n", to);
}

void html_table_end(FILE *to)
{
	fputs("</tbody>\n</table>\n</div>\n", to);
}
