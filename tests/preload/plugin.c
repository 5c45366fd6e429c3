// SPDX-License-Identifier: MIT
/*
 * A library loaded at run time, local to its loader, that does I/O when it is
 * loaded, when it is called and when it is unloaded.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int plugin_run(void);

static int talk(const char *who)
{
	char buf[32] = "";
	int p[2], n;

	if (pipe(p) < 0 || write(p[1], "plugged in", 10) != 10)
		return -1;
	n = read(p[0], buf, sizeof(buf) - 1);
	close(p[0]);
	close(p[1]);
	printf("\t%s: %d %s\n", who, n, buf);
	return n;
}

int plugin_run(void)
{
	char buf[64] = "";
	int fd = open("plain", O_RDONLY), n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	printf("\tplugin: %d %s\n", n, buf);
	return talk("plugin");
}

__attribute__((constructor)) static void loaded(void)
{
	talk("plugin loaded");
}

__attribute__((destructor)) static void unloaded(void)
{
	talk("plugin unloaded");
}
