// SPDX-License-Identifier: MIT
/*
 * shim report: whatever the trace is, there is a page or there is none.  The page
 * is whole, has no character that cannot be seen, and no tag that the command
 * does not write.
 */
#include "target.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* By hand: what strcmp(3) compares is taken for a hint by libFuzzer. */
static const char *skip_word(const char *s, const char *word)
{
	while (*word && *s == *word) {
		s++;
		word++;
	}
	return *word ? NULL : s;
}

static bool is_tag(const char *s)
{
	static const char *const tags[] = {
		"!DOCTYPE html>", "html", "head", "meta", "title", "style",
		"link", "body", "main", "h1", "h2", "h3", "small", "p", "b",
		"code", "span", "div", "figure", "details", "summary", "table",
		"caption", "thead", "tbody", "tr", "th", "td", "svg", "desc",
		"path", "rect", "text",
	};
	const char *end;
	size_t i;

	s += *s == '/';
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		end = skip_word(s, tags[i]);
		if (end && (!i || *end == ' ' || *end == '/' || *end == '>'))
			return true;
	}
	return false;
}

static void check_page(const char *page, size_t size)
{
	static const char end[] = "</main>\n</body>\n</html>\n";
	size_t i;

	if (size < sizeof(end) ||
	    strcmp(page + size - strlen(end), end) != 0)
		finding("a page without its end");
	for (i = 0; i < size; i++) {
		if ((unsigned char)page[i] < ' ' && page[i] != '\n')
			finding("a control character");
		if (page[i] == '<' && !is_tag(page + i + 1))
			finding("a tag that is not ours");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *trace = file_of(data, size), *page = empty_file();
	const char *args[] = { trace, "-o", page, NULL };
	int status = run_command(&shim_report, args);
	size_t written;
	char *bytes = written_file(&written);

	if (status != 0 && status != EXIT_TROUBLE)
		finding("a status that report does not have");
	if (!status)
		check_page(bytes, written);
	else if (written)
		finding("an error, and a page");
	free(bytes);
	end_of_files();
	return 0;
}
