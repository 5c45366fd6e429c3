// SPDX-License-Identifier: MIT
/*
 * Other libraries in the same process: one whose constructor and destructor do
 * I/O, one that wraps the same calls and changes what is read and opened, and
 * one that is loaded at run time with RTLD_LOCAL. Whether such a wrapper stands
 * before libshim or behind it, it has to see every call and to have the same
 * effect as without libshim: a call carried out on a ring must not go past a
 * wrapper that would have been next in line.
 *
 * Preload: ctor_io
 * Preload: alter
 * Preload: alter ctor_io
 * Preload: early
 */
#include <dlfcn.h>
#include "life.h"

static void text_of(const char *path)
{
	char buf[64] = "";
	int fd = show(open(path, O_RDONLY), "open %s", path);

	if (fd < 0)
		return;
	show(read(fd, buf, 63), "\tread");
	printf("\t%s\n", buf);
	show(close(fd), "\tclose");
}

static void piped(int type)
{
	char buf[64] = "";
	int p[2];

	if (type)
		NEED(socketpair(AF_UNIX, type, 0, p) == 0);
	else
		NEED(pipe(p) == 0);
	show(write(p[1], "through a pipe", 14), "write");
	show(read(p[0], buf, 7), "\tread");
	show(read(p[0], buf + 7, 50), "\tread");
	printf("\t%s\n", buf);
	close(p[1]);
	show(read(p[0], buf, 7), "\tread");
	close(p[0]);
}

static void *feed(void *arg)
{
	settle(getpid());
	NEED(write(*(int *)arg, "late", 4) == 4);
	return NULL;
}

static void waited(void)
{
	char buf[16] = "";
	pthread_t t;
	int p[2];

	NEED(pipe(p) == 0);
	NEED(pthread_create(&t, NULL, feed, &p[1]) == 0);
	show(read(p[0], buf, 15), "waiting read");
	printf("\t%s\n", buf);
	NEED(pthread_join(t, NULL) == 0);
	close(p[0]);
	close(p[1]);
}

/* build/programs/preload_main and build/preload/plugin.so are neighbours. */
static void plugged(void)
{
	char path[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	int (*run)(void);
	void *lib;

	NEED(n > 0);
	path[n] = 0;
	*strrchr(path, '/') = 0;
	strcat(path, "/../preload/plugin.so");
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		FAIL("%s", dlerror());
	*(void **)&run = dlsym(lib, "plugin_run");
	NEED(run);
	show(run(), "plugin");
	NEED(dlclose(lib) == 0);
}

static void connected(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "none" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	show(connect(fd, (void *)&un, sizeof(un)), "connect");
	close(fd);
}

static int child(void *arg)
{
	(void)arg;
	piped(0);
	return 0;
}

int main(void)
{
	begin();
	put_file("target", "where it leads", 14);
	put_file("plain", "as it is", 8);
	text_of("redirected");
	text_of("plain");
	text_of("missing");
	piped(0);
	piped(SOCK_STREAM);
	waited();
	connected();
	plugged();
	run_child("child", child, NULL);
	list_fds("left open");
	return 0;
}
