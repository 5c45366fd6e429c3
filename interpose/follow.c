// SPDX-License-Identifier: MIT
/*
 * SHIM_FOLLOW=0: the programs that this one starts do without the library.  It
 * takes itself out of LD_PRELOAD, in place, before the program has begun.
 */
#include "follow.h"

#include <link.h>
#include <stdbool.h>
#include <string.h>

#define VARIABLE "LD_PRELOAD="

struct own {
	uintptr_t address;
	const char *name;
};

static int find_own(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct own *own = arg;
	uintptr_t begin;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    own->address - begin < info->dlpi_phdr[i].p_memsz) {
			own->name = info->dlpi_name;
			return 1;
		}
	}
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A name without a slash was searched for: only its last part can be compared. */
static bool is_own(const char *word, size_t len, const char *own)
{
	if (!memchr(word, '/', len))
		own = last_part(own);
	return strlen(own) == len && !memcmp(word, own, len);
}

/* Take @own out of a list separated by blanks or colons; see ld.so(8). */
static void take_out(char *list, const char *own)
{
	char *from = list, *to = list;
	size_t len, gap;

	while (*from) {
		gap = strspn(from, " :");
		len = strcspn(from + gap, " :");
		if (!len || !is_own(from + gap, len, own)) {
			if (to == list) {
				from += gap;
				gap = 0;
			}
			memmove(to, from, gap + len);
			to += gap + len;
		}
		from += gap + len;
	}
	*to = '\0';
}

void shim_unfollow(char **env)
{
	struct own own = { .address = (uintptr_t)&shim_unfollow };
	char **to = env;

	if (!dl_iterate_phdr(find_own, &own))
		return;
	for (; *env; env++) {
		if (!strncmp(*env, VARIABLE, strlen(VARIABLE))) {
			take_out(*env + strlen(VARIABLE), own.name);
			if (!(*env)[strlen(VARIABLE)])
				continue;
		}
		*to++ = *env;
	}
	*to = NULL;
}
