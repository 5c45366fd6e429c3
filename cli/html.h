/* SPDX-License-Identifier: MIT */
/*
 * A page to look at: one file that needs no other and no network.
 *
 * What is shown was named by whoever made the files and the programs, who may
 * want to be taken for a script.  So everything that is not written here goes
 * through html_text(); and the page says itself that scripts and requests are
 * forbidden in it.  None of this fails: the stream remembers errors.
 */
#ifndef SHIM_CLI_HTML_H
#define SHIM_CLI_HTML_H

#include "text.h"

/*
 * Any bytes as text, in elements and in attributes with double quotes.  What is
 * not UTF-8, controls the terminal or the direction of writing, or cannot be
 * seen, becomes \ooo.
 */
void html_text(FILE *to, struct slice s);
void html_word(FILE *to, const char *s);

/* A long name without its middle; all of it is in the title. */
void html_name(FILE *to, struct slice s);

/* Numbers as people read them. */
void html_count(FILE *to, uint64_t n);
void html_bytes(FILE *to, uint64_t bytes);
void html_time(FILE *to, int64_t ns);
void html_percent(FILE *to, uint64_t part, uint64_t whole);

/* The same, to be put into something else; @size 32 is enough. */
const char *time_text(char *s, size_t size, int64_t ns);

/* From the doctype to the heading; the rest is inside of <main>. */
void html_begin(FILE *to, const char *kind, struct slice title);
void html_end(FILE *to);

/*
 * A table: its head, from words separated by '|', of which those that begin with
 * '<' are columns of text, the others of numbers.  It may be wider than a phone.
 */
void html_table(FILE *to, const char *caption, const char *columns);
void html_table_end(FILE *to);

#endif
