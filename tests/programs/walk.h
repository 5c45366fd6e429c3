// SPDX-License-Identifier: MIT
/*
 * A tree of small files and a walk through it, slow enough to be overtaken by what
 * runs ahead of it, for programs that are about being in its way.
 */
#ifndef WALK_H
#define WALK_H

#include "life.h"

#define DIRS 4
#define FILES 40

LIFE void make_tree(void)
{
	char name[64];
	int fd;

	NEED(mkdir("walk", 0755) == 0);
	for (int d = 0; d < DIRS; d++) {
		snprintf(name, sizeof(name), "walk/d%d", d);
		NEED(mkdir(name, 0755) == 0);
		for (int f = 0; f < FILES; f++) {
			snprintf(name, sizeof(name), "walk/d%d/f%02d", d, f);
			fd = open(name, O_WRONLY | O_CREAT, 0644);
			NEED(fd >= 0 && write(fd, name, 10) == 10);
			close(fd);
		}
	}
}

LIFE int read_one(const char *dir, const char *name)
{
	char path[512], buf[64];
	int fd, n;

	snprintf(path, sizeof(path), "walk/%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	NEED(fd >= 0);
	n = (int)read(fd, buf, sizeof(buf));
	close(fd);
	/* Slow enough to be overtaken. */
	usleep(200);
	return n;
}

/* Read the first @most files, as the directory gives them. */
LIFE int walk(int most)
{
	char sub[32];
	int files = 0;
	struct dirent *de;
	DIR *dir, *top = opendir("walk");

	NEED(top);
	for (int d = 0; d < DIRS && files < most; d++) {
		snprintf(sub, sizeof(sub), "walk/d%d", d);
		dir = opendir(sub);
		NEED(dir);
		while (files < most && (de = readdir(dir))) {
			if (de->d_name[0] != '.' && read_one(sub + 5,
							     de->d_name) == 10)
				files++;
		}
		closedir(dir);
	}
	closedir(top);
	return files;
}

#endif
