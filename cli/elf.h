/* SPDX-License-Identifier: MIT */
/*
 * What an executable file says about itself, as far as it decides whether a
 * preloaded library can work in it.  Not a general reader of ELF.
 */
#ifndef SHIM_CLI_ELF_H
#define SHIM_CLI_ELF_H

#include <limits.h>
#include <stdbool.h>

struct elf_facts {
	int bits;                /* 32 or 64 */
	unsigned machine;        /* EM_... */
	/* Of x86-64 alone: */
	char interp[PATH_MAX];   /* the loader that it asks for, or "" */
	bool loader;             /* it is a loader itself */
	bool go;                 /* made by the Go tool chain */
};

/*
 * Read the file @fd.  0; -ENOEXEC: no ELF file; -EBADMSG: a damaged one, or no
 * program; or the error of reading.  Whatever is in the file, nothing is
 * believed without a look at its size.
 */
int elf_look(int fd, struct elf_facts *facts);

/* "x86-64", "aarch64", ... or NULL. */
const char *elf_machine(unsigned machine);

#endif
