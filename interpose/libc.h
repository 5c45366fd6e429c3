/* SPDX-License-Identifier: MIT */
/*
 * libc as it is mapped: where, and where its own functions are.
 *
 * Not by dlsym(3): for a symbol that several libraries have, that finds what
 * another preloaded library put in front of libc.
 */
#ifndef SHIM_LIBC_H
#define SHIM_LIBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shim_libc_text {
	uintptr_t begin, end; /* of its executable segment; 0 if not known */
};

/* Find libc.  Once, from shim_init(), before anything below. */
void shim_libc_find(void);

/* Does @p point into libc (or, before glibc 2.34, into libpthread)? */
bool shim_libc_has(const void *p);

struct shim_libc_text shim_libc_text(void);

/*
 * libc's own function called @name, among its dynamic symbols, or NULL.  @size:
 * its length in bytes.
 */
void *shim_libc_function(const char *name, size_t *size);

/*
 * Is there no @name in what comes between this library and libc in the order in
 * which symbols are looked up?  False is no answer: then dlsym(3), which costs
 * far more, has to be asked.
 */
bool shim_libc_alone_has(const char *name);

#endif
