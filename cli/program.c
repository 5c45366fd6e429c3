// SPDX-License-Identifier: MIT
/*
 * From the name of a program to what the kernel and the loader will do with it;
 * see program.h.
 */
#include "program.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "elf.h"

/* As in the kernel: bytes of a file that are searched, scripts of scripts. */
#define HEAD_SIZE 256
#define DEEPEST 5

static void judge(struct program *p, enum fitness fitness, const char *what,
		  const char *so)
{
	p->fitness = fitness;
	snprintf(p->what, sizeof(p->what), "%s", what);
	p->so = so;
}

/* Is there something to execute?  0 or the error. */
static int try_path(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EACCES;
	/* By the effective user, as exec decides. */
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? -errno : 0;
}

static int search(const char *name, char *path)
{
	const char *dirs = getenv("PATH"), *end;
	int ret, denied = -ENOENT;

	for (dirs = dirs ? dirs : "/bin:/usr/bin"; dirs; dirs = end) {
		size_t len = strcspn(dirs, ":");

		end = dirs[len] ? dirs + len + 1 : NULL;
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, dirs,
			     len ? "/" : "", name) >= PATH_MAX)
			continue;
		ret = try_path(path);
		if (!ret)
			return 0;
		if (ret == -EACCES)
			denied = ret;
	}
	return denied;
}

static int find(const char *name, char *path)
{
	if (!*name)
		return -ENOENT;
	if (!strchr(name, '/'))
		return search(name, path);
	if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
		return -ENAMETOOLONG;
	return try_path(path);
}

/*
 * The interpreter that the first line names, into @interp; false if this is no
 * script.
 */
static bool read_hash_bang(int fd, char *interp, size_t size)
{
	char head[HEAD_SIZE + 1], *s;
	ssize_t n = pread(fd, head, HEAD_SIZE, 0);

	if (n < 2 || head[0] != '#' || head[1] != '!')
		return false;
	head[n] = '\0';
	head[strcspn(head, "\n")] = '\0';
	s = head + 2 + strspn(head + 2, " \t");
	s[strcspn(s, " \t")] = '\0';
	snprintf(interp, size, "%s", s);
	return true;
}

/* File capabilities, for one who is not root. */
static bool gains_capabilities(const char *path, bool locked)
{
	struct vfs_ns_cap_data caps;
	ssize_t n = getxattr(path, "security.capability", &caps,
			     sizeof(caps));

	if (n < (ssize_t)sizeof(caps.magic_etc) || !getuid())
		return false;
	/* With these the loader is careful even if nothing is gained. */
	if (caps.magic_etc & VFS_CAP_FLAGS_EFFECTIVE)
		return true;
	return !locked && n >= (ssize_t)XATTR_CAPS_SZ_2 &&
	       (caps.data[0].permitted || caps.data[1].permitted);
}

/*
 * Will the loader be told to be careful (AT_SECURE)?  That depends on who we
 * are, and not on the bits alone.
 */
static const char *privileged(const char *path)
{
	bool locked = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct statvfs fs;
	struct stat st;
	bool may;

	if (stat(path, &st))
		return NULL;
	may = statvfs(path, &fs) || !(fs.f_flag & ST_NOSUID);
	if (may && !locked && st.st_mode & S_ISUID)
		uid = st.st_uid;
	if (may && !locked && (st.st_mode & (S_ISGID | S_IXGRP)) ==
			      (S_ISGID | S_IXGRP))
		gid = st.st_gid;
	/* Newer kernels also mind a change back to the real one. */
	if (uid != geteuid())
		return "set-user-ID";
	if (gid != getegid())
		return "set-group-ID";
	if (uid != getuid() || gid != getgid())
		return "run with another effective user or group";
	return may && gains_capabilities(path, locked) ? "file capabilities" :
		NULL;
}

static bool is_glibc(const char *interp)
{
	const char *name = strrchr(interp, '/');

	return !strcmp(name ? name + 1 : interp, "ld-linux-x86-64.so.2");
}

static void judge_machine(struct program *p, const struct elf_facts *facts)
{
	const char *name = elf_machine(facts->machine);
	char what[64];

	if (name)
		snprintf(what, sizeof(what), "%d-bit %s", facts->bits, name);
	else
		snprintf(what, sizeof(what), "for machine %u", facts->machine);
	judge(p, PROGRAM_BREAKS, what,
	      "the library is 64-bit x86-64, the program runs natively");
}

static void judge_elf(struct program *p, const struct elf_facts *facts)
{
	const char *why = privileged(p->image);
	char what[PATH_MAX];

	if (facts->bits != 64 || facts->machine != EM_X86_64) {
		judge_machine(p, facts);
	} else if (why) {
		judge(p, PROGRAM_IGNORES, why, "the loader ignores LD_PRELOAD, "
		      "the program runs natively");
	} else if (facts->loader) {
		judge(p, PROGRAM_FITS, "a loader", "the library works in it");
	} else if (!facts->interp[0]) {
		judge(p, PROGRAM_IGNORES,
		      facts->go ? "Go, statically linked" : "statically linked",
		      "nothing reads LD_PRELOAD, the program runs natively");
	} else if (!is_glibc(facts->interp)) {
		snprintf(what, sizeof(what), "loaded by %.*s", PATH_MAX - 16,
			 facts->interp);
		judge(p, PROGRAM_BREAKS, what, "the library needs glibc, "
		      "the program runs natively");
	} else if (facts->go) {
		judge(p, PROGRAM_IGNORES, "Go", "it makes its system calls "
		      "itself, most of them are native and not counted");
	} else {
		judge(p, PROGRAM_FITS, "dynamically linked with glibc",
		      "the library works in it");
	}
}

/*
 * Look at the file p->image.  1: it is a script, and p->image now names the
 * interpreter.
 */
static int look_at_image(struct program *p)
{
	struct elf_facts facts;
	const char *why;
	int fd, ret;

	fd = open(p->image, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		ret = -errno;
		why = privileged(p->image);
		if (why)
			judge(p, PROGRAM_IGNORES, why, "the loader ignores "
			      "LD_PRELOAD, the program runs natively");
		else
			judge(p, PROGRAM_UNKNOWN, strerror(-ret), NULL);
		return 0;
	}
	ret = elf_look(fd, &facts);
	if (!ret)
		judge_elf(p, &facts);
	else if (ret != -ENOEXEC)
		judge(p, PROGRAM_UNKNOWN, ret == -EBADMSG ?
		      "no program, or a damaged one" : strerror(-ret), NULL);
	else if (!read_hash_bang(fd, p->image, sizeof(p->image)))
		/* What execvp(3) does with anything else. */
		snprintf(p->image, sizeof(p->image), "/bin/sh");
	close(fd);
	return ret == -ENOEXEC;
}

int program_look(const char *name, struct program *p)
{
	int depth, ret;

	memset(p, 0, sizeof(*p));
	ret = find(name, p->path);
	if (ret)
		return ret;
	memcpy(p->image, p->path, sizeof(p->image));
	judge(p, PROGRAM_UNKNOWN, "scripts of scripts of scripts", NULL);
	for (depth = 0; depth <= DEEPEST; depth++) {
		if (look_at_image(p) <= 0)
			break;
	}
	return 0;
}
