// SPDX-License-Identifier: MIT
/*
 * Operands, one after the other; see prefetch_operands.h.  What they say about
 * the order is certain.  The directories that they are in are another matter: the
 * program has gone only to that of the one it has opened, so the way to another is
 * gone no further than to the next mount or automount.
 */
#include "prefetch_operands.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <string.h>

#include "prefetch_list.h"
#include "sys.h"

#define RUN 4096U

/* The length of the directory in @path, with the slash; 0: none. */
static size_t directory(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* What two paths have in common, up to a slash. */
static size_t common(const char *a, const char *b)
{
	size_t i, n = 0;

	for (i = 0; a[i] && a[i] == b[i]; i++) {
		if (a[i] == '/')
			n = i + 1;
	}
	return n;
}

static int open_part(int dirfd, const char *path, size_t len, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = resolve,
	};
	char copy[4096];

	if (!len)
		path = ".", len = 1;
	if (len >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, len);
	copy[len] = '\0';
	return (int)shim_sys4(SYS_openat2, dirfd, copy, &how, sizeof(how));
}

/* Where the operand @path is, if that is on the file system of the walk. */
static int open_directory(const struct shim_walk *walk, const char *path)
{
	size_t whole = directory(path), known = common(path, walk->opened);
	struct stat st = { 0 };
	int base, fd;

	base = open_part(AT_FDCWD, path, known, RESOLVE_NO_MAGICLINKS);
	if (base < 0)
		return base;
	fd = open_part(base, path + known, whole - known,
		       RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	shim_sys_close(base);
	if (fd < 0)
		return fd;
	if (shim_sys_fstat(fd, &st) || st.st_dev != walk->dev) {
		shim_sys_close(fd);
		return -EXDEV;
	}
	return fd;
}

static bool same_directory(const char *a, const char *b)
{
	size_t len = directory(a);

	return directory(b) == len && !memcmp(a, b, len);
}

/* Operands from @argv on that are in the directory of the first of them. */
static char *const *take_run(struct shim_walk *walk, int dir, char *const *argv)
{
	const char *first = *argv, *name;
	struct shim_walk_entry *e;
	unsigned n;

	for (n = 0; *argv && n < RUN && same_directory(first, *argv); n++) {
		name = *argv++ + directory(first);
		e = shim_list_add(walk, dir, name);
		if (!e)
			break;
		e->type = *name ? DT_UNKNOWN : DT_DIR;
	}
	return argv;
}

bool shim_operands_more(struct shim_walk *walk)
{
	char *const *argv = walk->argv;
	int fd, dir;

	while (argv && *argv) {
		fd = open_directory(walk, *argv);
		if (walk->ndirs == SHIM_WALK_DIRS ||
		    walk->nentries > SHIM_WALK_ENTRIES - RUN ||
		    walk->names_used > SHIM_WALK_NAMES / 2) {
			shim_walk_reset(walk);
			walk->order = SHIM_ORDER_LISTED;
		}
		dir = shim_list_new_dir(walk, fd, 0, -1);
		walk->dirs[dir].operands = argv;
		argv = take_run(walk, dir, argv);
		walk->argv = argv;
		walk->cur = dir;
		if (fd >= 0)
			return true;
		/* They cannot be had: go over them. */
		walk->dirs[dir].cursor = walk->dirs[dir].count;
	}
	return false;
}

int shim_walk_operands(struct shim_walk *walk, char *const *argv, uint64_t dev)
{
	shim_walk_reset(walk);
	walk->dev = dev;
	walk->opened = *argv;
	walk->argv = argv + 1;
	walk->order = SHIM_ORDER_LISTED;
	return shim_operands_more(walk) ? 0 : -ENOENT;
}
