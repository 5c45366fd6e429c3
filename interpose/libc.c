// SPDX-License-Identifier: MIT
/* libc's image and its dynamic symbols; see libc.h, elf(5). */
#include "libc.h"

#include <link.h>
#include <string.h>

struct range {
	uintptr_t begin, end;
};

static struct range libc_at[2];
static struct shim_libc_text text;

/* A dynamic section, as far as finding a symbol goes. */
struct dynamic {
	uintptr_t base;
	const ElfW(Sym) *symbols;
	const char *names;
	const uint32_t *hash;
	const ElfW(Half) *versions;
};

/* libc's. */
static struct dynamic dynamic;

/* The hash tables of the objects that come after this library, libc excepted. */
static struct {
	const uint32_t *hash[64];
	unsigned n;
	bool here;    /* this library has been passed */
	bool unknown; /* there are too many, or one without such a table */
} after;

static void note_segments(const struct dl_phdr_info *info, struct range *r,
			  bool pthread)
{
	const ElfW(Phdr) *ph = info->dlpi_phdr;
	uintptr_t begin, end;
	int i;

	r->begin = UINTPTR_MAX;
	for (i = 0; i < info->dlpi_phnum; i++, ph++) {
		if (ph->p_type != PT_LOAD)
			continue;
		begin = info->dlpi_addr + ph->p_vaddr;
		end = begin + ph->p_memsz;
		r->begin = begin < r->begin ? begin : r->begin;
		r->end = end > r->end ? end : r->end;
		if (ph->p_flags & PF_X && !pthread) {
			text.begin = begin;
			text.end = end;
		}
	}
}

/* glibc's loader has made these addresses; others leave them offsets. */
static uintptr_t address(uintptr_t base, uintptr_t p)
{
	return p < base ? base + p : p;
}

static struct dynamic dynamic_of(const struct dl_phdr_info *info)
{
	uintptr_t base = info->dlpi_addr;
	struct dynamic found = { .base = base };
	const ElfW(Dyn) *d = NULL;
	int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			d = (void *)(base + info->dlpi_phdr[i].p_vaddr);
	}
	for (; d && d->d_tag != DT_NULL; d++) {
		uintptr_t p = address(base, d->d_un.d_ptr);

		if (d->d_tag == DT_SYMTAB)
			found.symbols = (void *)p;
		else if (d->d_tag == DT_STRTAB)
			found.names = (void *)p;
		else if (d->d_tag == DT_GNU_HASH)
			found.hash = (void *)p;
		else if (d->d_tag == DT_VERSYM)
			found.versions = (void *)p;
	}
	return found;
}

static bool is_this_library(const struct dl_phdr_info *info)
{
	uintptr_t here = (uintptr_t)&after;
	const ElfW(Phdr) *ph = info->dlpi_phdr;
	int i;

	for (i = 0; i < info->dlpi_phnum; i++, ph++) {
		if (ph->p_type == PT_LOAD && here >= info->dlpi_addr + ph->p_vaddr &&
		    here < info->dlpi_addr + ph->p_vaddr + ph->p_memsz)
			return true;
	}
	return false;
}

static void note_other(const struct dl_phdr_info *info)
{
	const uint32_t *hash;

	if (!after.here) {
		after.here = is_this_library(info);
		return;
	}
	hash = dynamic_of(info).hash;
	if (hash && hash[2] && after.n < sizeof(after.hash) / sizeof(*after.hash))
		after.hash[after.n++] = hash;
	else
		after.unknown = true;
}

static int note_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = strrchr(info->dlpi_name, '/');
	unsigned *found = arg;
	bool pthread;

	(void)size;
	name = name ? name + 1 : info->dlpi_name;
	pthread = !strncmp(name, "libpthread", 10);
	if (!pthread && strncmp(name, "libc.so", 7) != 0 &&
	    strncmp(name, "libc-", 5) != 0) {
		note_other(info);
		return 0;
	}
	note_segments(info, &libc_at[*found], pthread);
	if (!pthread)
		dynamic = dynamic_of(info);
	return ++*found == 2;
}

void shim_libc_find(void)
{
	unsigned found = 0;

	dl_iterate_phdr(note_libc, &found);
}

bool shim_libc_has(const void *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		if ((uintptr_t)p >= libc_at[i].begin &&
		    (uintptr_t)p < libc_at[i].end)
			return true;
	}
	return false;
}

struct shim_libc_text shim_libc_text(void)
{
	return text;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h;
}

/*
 * The filter in front of each hash table, a word and two bits in it: what it does
 * not let through is not there.
 */
static bool may_have(const uint32_t *hash, uint32_t h)
{
	const uint64_t *filter = (const uint64_t *)(const void *)(hash + 4);
	uint64_t word = filter[h / 64 % hash[2]];

	return word >> h % 64 & word >> (h >> hash[3]) % 64 & 1;
}

bool shim_libc_alone_has(const char *name)
{
	uint32_t h = gnu_hash(name);
	unsigned i;

	for (i = 0; i < after.n; i++) {
		if (may_have(after.hash[i], h))
			return false;
	}
	return after.here && !after.unknown;
}

/* A function of this name that new programs are linked with. */
static bool is_the_one(uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &dynamic.symbols[i];

	return ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_shndx &&
	       !(dynamic.versions && dynamic.versions[i] & 0x8000) &&
	       !strcmp(dynamic.names + s->st_name, name);
}

void *shim_libc_function(const char *name, size_t *size)
{
	const uint32_t *hash = dynamic.hash, *buckets, *chain;
	uint32_t h = gnu_hash(name), i;

	if (!hash || !dynamic.symbols || !dynamic.names || !hash[0])
		return NULL;
	/* nbuckets, symoffset, bloom_size, bloom_shift; then the three tables */
	buckets = hash + 4 + hash[2] * (sizeof(uintptr_t) / sizeof(uint32_t));
	chain = buckets + hash[0];
	i = buckets[h % hash[0]];
	if (i < hash[1])
		return NULL;
	for (;; i++) {
		if ((chain[i - hash[1]] | 1) == (h | 1) && is_the_one(i, name)) {
			*size = dynamic.symbols[i].st_size;
			return (void *)(dynamic.base +
					dynamic.symbols[i].st_value);
		}
		if (chain[i - hash[1]] & 1)
			return NULL;
	}
}
