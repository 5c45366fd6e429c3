// SPDX-License-Identifier: MIT
/*
 * Which file does a process count in?  Its mappings tell; see attach.h.  The file
 * is then opened through /proc, by the mapping itself, which only few may, or by
 * its name as the process sees it.
 */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapping {
	unsigned long begin, end, inode;
	char rights[5];
	char *path;
};

/* A newline in a name is written as \012. */
static void unescape(char *path)
{
	char *to = path;

	for (; *path; path++) {
		if (!strncmp(path, "\\012", 4)) {
			*to++ = '\n';
			path += 3;
		} else {
			*to++ = *path;
		}
	}
	*to = '\0';
}

static int parse_mapping(char *line, struct mapping *m)
{
	int at = 0;

	if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu %n", &m->begin, &m->end,
		   m->rights, &m->inode, &at) != 4 || !at)
		return -EBADMSG;
	m->path = line + at;
	m->path[strcspn(m->path, "\n")] = '\0';
	unescape(m->path);
	return 0;
}

/* Open what looks like a file to read, without touching anything else. */
static int open_regular(const char *name, unsigned long inode)
{
	struct stat st;
	int fd;

	if (stat(name, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (inode && st.st_ino != inode))
		return -ENOENT;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int open_mapping(long pid, const struct mapping *m)
{
	char name[PATH_MAX + 64];
	int fd;

	snprintf(name, sizeof(name), "/proc/%ld/map_files/%lx-%lx", pid,
		 m->begin, m->end);
	fd = open_regular(name, 0);
	if (fd >= 0)
		return fd;
	if (snprintf(name, sizeof(name), "/proc/%ld/root%s", pid, m->path) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	return open_regular(name, m->inode);
}

/* 1: these were its counters. */
static int try_mapping(struct counters *c, long pid, const struct mapping *m)
{
	int fd, ret;

	if (strcmp(m->rights, "rw-s") != 0 || *m->path != '/')
		return 0;
	fd = open_mapping(pid, m);
	if (fd < 0)
		return 0;
	/* Many programs map files to write: only the text tells. */
	ret = counters_read(c, fd);
	close(fd);
	if (ret)
		counters_free(c);
	return ret == 0;
}

int attach_counters(struct counters *c, long pid)
{
	char *line = NULL, name[64];
	struct mapping m;
	bool library = false;
	size_t room = 0;
	int found = 0, denied;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%ld/maps", pid);
	maps = fopen(name, "re");
	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!found && getline(&line, &room, maps) > 0) {
		if (parse_mapping(line, &m))
			continue;
		library |= strstr(m.path, "/libshim.so") != NULL;
		found = try_mapping(c, pid, &m);
	}
	denied = ferror(maps);
	free(line);
	fclose(maps);
	if (found)
		return 0;
	if (denied)
		return -EACCES;
	return library ? -ENODATA : -ENOEXEC;
}
