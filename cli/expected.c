// SPDX-License-Identifier: MIT
/* The file of --expected: "CALL PATTERN reason..." per line; see compare.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "shim.h"

/* The next word of @s, ended by a zero. */
static char *word(char **s)
{
	char *begin = *s + strspn(*s, " \t");

	*s = begin + strcspn(begin, " \t");
	if (**s)
		*(*s)++ = '\0';
	return begin;
}

/* Takes @line; 0, or a text that says what is wrong. */
static const char *add_rule(struct rules *rules, char *line)
{
	struct rule rule = { .call = line };
	char *s = line;

	word(&s); /* no blanks before it: the line is the call */
	rule.pattern = word(&s);
	rule.reason = s + strspn(s, " \t");
	if (!*rule.reason)
		return "CALL PATTERN reason... is wanted";
	if (make_room(&rules->all, rules->number, &rules->room,
		      sizeof(*rules->all)))
		return strerror(ENOMEM);
	rules->all[rules->number++] = rule;
	return NULL;
}

static const char *read_line(struct rules *rules, const char *line)
{
	const char *begin = line + strspn(line, " \t\r\n");
	const char *why;
	char *copy;

	if (!*begin || *begin == '#')
		return NULL;
	copy = strdup(begin);
	if (!copy)
		return strerror(ENOMEM);
	copy[strcspn(copy, "\r\n")] = '\0';
	why = add_rule(rules, copy);
	if (why)
		free(copy);
	return why; /* NOLINT(clang-analyzer-unix.Malloc): the rule has it */
}

int rules_read(struct rules *rules, const char *file)
{
	FILE *from = fopen(file, "re");
	unsigned long number = 0;
	const char *why = NULL;
	char *line = NULL;
	size_t size = 0;

	if (!from) {
		say("%s: %s", file, strerror(errno));
		return -1;
	}
	errno = 0;
	while (!why && getline(&line, &size, from) >= 0) {
		number++;
		why = read_line(rules, line);
	}
	if (why)
		say("%s: line %lu: %s", file, number, why);
	else if (ferror(from))
		say("%s: %s", file, strerror(errno ? errno : EIO));
	if (ferror(from))
		why = "";
	free(line);
	fclose(from);
	return why ? -1 : 0;
}

void rules_free(struct rules *rules)
{
	size_t i;

	for (i = 0; i < rules->number; i++)
		free(rules->all[i].call);
	free(rules->all);
	free(rules->memory);
}
