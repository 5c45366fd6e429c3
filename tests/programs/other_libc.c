// SPDX-License-Identifier: MIT
/*
 * A second libc in the process: a library in a name space of its own, that makes
 * threads, keys and processes there, and opens and closes descriptors.  The two
 * share what the loader and the kernel keep of a thread, and nothing else.
 *
 * Ring: read write
 */
#include <dlfcn.h>

#include "common.h"

typedef void other_fn(void);

static void (*other_keys)(const char *who);
static void (*other_thread)(other_fn *fn);
static int (*other_child)(other_fn *fn, int how);
static int (*other_file)(const char *path);

static void *lib;
static int channel[2];

/* By the first libc, in whatever thread or process. */
static void own_calls(void)
{
	char got[4] = "";
	int p[2], fd;

	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "abc", 3) == 3 && read(p[0], got, 4) == 3);
	CHECK(!strcmp(got, "abc"));
	close_channel(p);
	fd = open("plain", O_RDONLY);
	CHECK(fd >= 0 && read(fd, got, 3) == 3 && !strcmp(got, "as "));
	CHECK(close(fd) == 0);
}

static void find(void *fn, const char *name)
{
	*(void **)fn = dlsym(lib, name);
	CHECK(*(void **)fn);
}

static void load(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);

	CHECK(n > 0);
	path[n] = 0;
	strcpy(strrchr(path, '/'), "/../preload/other.so");
	lib = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
	if (!lib)
		fail("%s", dlerror());
	find(&other_keys, "other_keys");
	find(&other_thread, "other_thread");
	find(&other_child, "other_child");
	find(&other_file, "other_file");
}

static void *in_thread(void *arg)
{
	own_calls();
	other_keys("thread of the first libc");
	CHECK(other_file("plain") == 8);
	own_calls();
	return arg;
}

static void *blocked(void *arg)
{
	char got[8];

	CHECK(read(channel[0], got, 8) == 4);
	other_keys("after a blocked read");
	return arg;
}

static void turn(void)
{
	pthread_t t;

	load();
	other_keys("first thread");
	own_calls();
	other_keys("first thread, after calls");
	CHECK(other_file("plain") == 8);
	CHECK(other_file("none") == -ENOENT);
	CHECK(pthread_join(start(in_thread, NULL), NULL) == 0);
	t = start(blocked, NULL);
	other_thread(own_calls);
	for (int how = 0; how < 4; how++)
		say("child %d: %#x", how, other_child(own_calls, how));
	CHECK(write(channel[1], "done", 4) == 4);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(dlclose(lib) == 0);
	own_calls();
}

int main(void)
{
	FILE *f = fopen("plain", "w");
	int fds;

	CHECK(f && fputs("as it is\n", f) >= 0 && fclose(f) == 0);
	CHECK(pipe(channel) == 0);
	fds = count_fds();
	for (int i = 0; i < 3; i++)
		turn();
	say("fds %+d, tasks %d", count_fds() - fds, settled_tasks(1));
	return 0;
}
