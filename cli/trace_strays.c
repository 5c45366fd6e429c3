// SPDX-License-Identifier: MIT
/*
 * See trace_strays.h.  This is for daemons: their parent ends at once, and nobody
 * else is known then who could tell that they exist.
 */
#include "trace_strays.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* When process @pid ("self": we) was started: field 22 of proc(5)'s stat. */
static unsigned long long started(const char *pid)
{
	char name[300], text[1024], *at;
	int fd, field;
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%s/stat", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');
	for (field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* Is the file with this inode mapped under the name that it was given? */
static bool has_mapped(const char *pid, unsigned long inode)
{
	char name[300], *line = NULL;
	unsigned long is;
	size_t room = 0;
	bool found = false;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%s/maps", pid);
	maps = fopen(name, "re");
	if (!maps)
		return false;
	while (!found && getline(&line, &room, maps) > 0)
		found = strstr(line, "/memfd:shim-trace") &&
			sscanf(line, "%*s %*s %*s %*s %lu", &is) == 1 &&
			is == inode;
	free(line);
	fclose(maps);
	return found;
}

static bool add(struct tracees *all, uint32_t pid)
{
	struct process *p;

	if (process_find(all, pid) || pid == (uint32_t)getpid())
		return false;
	p = process_add(all, pid);
	return p && tracee_add(all, p, pid);
}

unsigned add_strays(struct tracees *all, int fd)
{
	unsigned long long since = started("self");
	const struct dirent *entry;
	unsigned found = 0;
	struct stat st;
	DIR *proc;

	if (fstat(fd, &st))
		return 0;
	proc = opendir("/proc");
	while (proc && (entry = readdir(proc))) {
		if (isdigit((unsigned char)*entry->d_name) &&
		    started(entry->d_name) >= since &&
		    has_mapped(entry->d_name, st.st_ino))
			found += add(all, (uint32_t)atoi(entry->d_name));
	}
	if (proc)
		closedir(proc);
	return found;
}

bool is_stranger(uint32_t pid)
{
	char name[16];
	unsigned long long when;

	snprintf(name, sizeof(name), "%u", pid);
	when = started(name);
	return when && when < started("self");
}
