// SPDX-License-Identifier: MIT
/* The few parts of an ELF file that matter here; see elf.h. */
#include "elf.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY_HEADERS 1024 /* program headers or sections that are looked at */
#define NOTES_SIZE 65536
#define NAMES_SIZE (1 << 20)

/* All of it or nothing. */
static int read_at(int fd, void *to, size_t size, uint64_t at)
{
	size_t done = 0;
	ssize_t n;

	if (at > INT64_MAX - size)
		return -EBADMSG;
	while (done < size) {
		n = pread(fd, (char *)to + done, size - done,
			  (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}

/* A copy of a part of the file, with a zero behind it; NULL if there is none. */
static char *read_part(int fd, uint64_t at, uint64_t size, uint64_t max)
{
	char *part;

	if (!size || size > max)
		return NULL;
	part = malloc(size + 1);
	if (!part)
		return NULL;
	if (read_at(fd, part, size, at)) {
		free(part);
		return NULL;
	}
	part[size] = '\0';
	return part;
}

static int read_interp(int fd, const Elf64_Phdr *ph, struct elf_facts *facts)
{
	if (ph->p_filesz < 2 || ph->p_filesz > sizeof(facts->interp))
		return -EBADMSG;
	if (read_at(fd, facts->interp, ph->p_filesz, ph->p_offset))
		return -EBADMSG;
	if (facts->interp[ph->p_filesz - 1])
		return -EBADMSG;
	return 0;
}

static uint64_t padded(uint64_t size)
{
	return (size + 3) & ~3ULL;
}

/* Notes of the Go linker have "Go" for their owner. */
static bool has_go_note(int fd, const Elf64_Phdr *ph)
{
	char *notes = read_part(fd, ph->p_offset, ph->p_filesz, NOTES_SIZE);
	uint64_t at = 0, end = ph->p_filesz;
	Elf64_Nhdr note;
	bool found = false;

	while (notes && !found && at + sizeof(note) <= end) {
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		found = note.n_namesz == 4 && at + 4 <= end &&
			!memcmp(notes + at, "Go\0", 4);
		at += padded(note.n_namesz) + padded(note.n_descsz);
	}
	free(notes);
	return found;
}

/* A library with a name and no interpreter of its own: ld.so. */
static bool has_soname(int fd, const Elf64_Phdr *ph)
{
	char *part = read_part(fd, ph->p_offset, ph->p_filesz, NOTES_SIZE);
	bool found = false;
	Elf64_Dyn dyn;
	uint64_t at;

	for (at = 0; part && at + sizeof(dyn) <= ph->p_filesz;
	     at += sizeof(dyn)) {
		memcpy(&dyn, part + at, sizeof(dyn));
		if (dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_SONAME)
			found = true;
	}
	free(part);
	return found;
}

static int look_at_segments(int fd, const Elf64_Ehdr *eh,
			    struct elf_facts *facts)
{
	Elf64_Phdr ph;
	bool soname = false;
	unsigned i;
	int ret = 0;

	if (!eh->e_phnum || eh->e_phnum > MANY_HEADERS ||
	    eh->e_phentsize != sizeof(ph))
		return -EBADMSG;
	for (i = 0; i < eh->e_phnum && !ret; i++) {
		if (read_at(fd, &ph, sizeof(ph), eh->e_phoff + i * sizeof(ph)))
			return -EBADMSG;
		if (ph.p_type == PT_INTERP)
			ret = read_interp(fd, &ph, facts);
		else if (ph.p_type == PT_NOTE && has_go_note(fd, &ph))
			facts->go = true;
		else if (ph.p_type == PT_DYNAMIC)
			soname = has_soname(fd, &ph);
	}
	facts->loader = !facts->interp[0] && soname;
	return ret;
}

static bool is_go_section(const char *names, uint64_t size, uint32_t name)
{
	return name < size && (!strcmp(names + name, ".go.buildinfo") ||
			       !strcmp(names + name, ".note.go.buildid"));
}

/* Go again: other linkers leave no note, but they keep the section. */
static bool has_go_section(int fd, const Elf64_Ehdr *eh)
{
	Elf64_Shdr sh, strings;
	char *names;
	bool found = false;
	unsigned i;

	if (eh->e_shentsize != sizeof(sh) || eh->e_shnum > MANY_HEADERS ||
	    eh->e_shstrndx >= eh->e_shnum ||
	    read_at(fd, &strings, sizeof(strings),
		    eh->e_shoff + eh->e_shstrndx * sizeof(sh)))
		return false;
	names = read_part(fd, strings.sh_offset, strings.sh_size, NAMES_SIZE);
	for (i = 0; names && i < eh->e_shnum && !found; i++) {
		if (read_at(fd, &sh, sizeof(sh), eh->e_shoff + i * sizeof(sh)))
			break;
		found = is_go_section(names, strings.sh_size, sh.sh_name);
	}
	free(names);
	return found;
}

/* The first bytes mean the same in every class and byte order. */
static int look_at_ident(const Elf64_Ehdr *eh, struct elf_facts *facts)
{
	const unsigned char *ident = eh->e_ident;
	const unsigned char *machine = (const unsigned char *)&eh->e_machine;

	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return -EBADMSG;
	facts->bits = ident[EI_CLASS] == ELFCLASS32 ? 32 : 64;
	if (ident[EI_DATA] == ELFDATA2LSB)
		facts->machine = machine[0] | machine[1] << 8U;
	else if (ident[EI_DATA] == ELFDATA2MSB)
		facts->machine = machine[1] | machine[0] << 8U;
	else
		return -EBADMSG;
	return 0;
}

int elf_look(int fd, struct elf_facts *facts)
{
	Elf64_Ehdr eh = { .e_ident = { 0 } };
	int ret;

	memset(facts, 0, sizeof(*facts));
	ret = read_at(fd, eh.e_ident, SELFMAG, 0);
	if (ret)
		return ret == -EBADMSG ? -ENOEXEC : ret;
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	/* The header of a 32-bit file is shorter, but a file is not. */
	ret = read_at(fd, &eh, sizeof(eh), 0);
	if (!ret)
		ret = look_at_ident(&eh, facts);
	if (ret || facts->bits != 64 || facts->machine != EM_X86_64)
		return ret;
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return -EBADMSG;
	ret = look_at_segments(fd, &eh, facts);
	if (!facts->go)
		facts->go = has_go_section(fd, &eh);
	return ret;
}

const char *elf_machine(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_X86_64, "x86-64" },  { EM_386, "i386" },
		{ EM_AARCH64, "aarch64" }, { EM_ARM, "arm" },
		{ EM_PPC64, "ppc64" },    { EM_PPC, "powerpc" },
		{ EM_S390, "s390" },      { EM_RISCV, "riscv" },
		{ EM_MIPS, "mips" },      { EM_SPARCV9, "sparc64" },
		{ 258, "loongarch" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	return NULL;
}
