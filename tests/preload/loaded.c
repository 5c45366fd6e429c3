// SPDX-License-Identifier: MIT
/*
 * A library to be loaded in several copies and threads at once: its constructor
 * and destructor, which run under the loader's lock, and its atexit, atfork and
 * thread-exit functions read a file by stdio and append a line to another.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int loaded_run(const char *who);
void loaded_in_thread(void);
extern int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *dso);
extern void *__dso_handle;

/* 0, or the number of the line that went wrong. */
int loaded_run(const char *who)
{
	char line[64] = "", text[64];
	FILE *f = fopen("plain", "r");
	int fd, p[2], n;

	if (!f || !fgets(line, sizeof(line), f) || strcmp(line, "as it is\n"))
		return __LINE__;
	if (fclose(f) != 0 || pipe(p) != 0)
		return __LINE__;
	if (write(p[1], who, strlen(who)) != (ssize_t)strlen(who))
		return __LINE__;
	if (read(p[0], text, sizeof(text)) != (ssize_t)strlen(who))
		return __LINE__;
	if (close(p[0]) != 0 || close(p[1]) != 0)
		return __LINE__;
	/* A child runs beside its parent. */
	fd = open(strstr(who, "child") ? "log.child" : "log",
		  O_WRONLY | O_APPEND | O_CREAT, 0644);
	n = snprintf(text, sizeof(text), "%s\n", who);
	if (fd < 0 || write(fd, text, n) != n || close(fd) != 0)
		return __LINE__;
	return 0;
}

static void thread_gone(void *arg)
{
	loaded_run(arg);
}

void loaded_in_thread(void)
{
	__cxa_thread_atexit_impl(thread_gone, "library, thread", &__dso_handle);
}

static void prepare(void)
{
	loaded_run("library, before fork");
}

static void parent(void)
{
	loaded_run("library, fork parent");
}

static void child(void)
{
	loaded_run("library, fork child");
}

static void at_exit(void)
{
	loaded_run("library, atexit");
}

__attribute__((constructor)) static void loaded(void)
{
	loaded_run("library, loaded");
	pthread_atfork(prepare, parent, child);
	atexit(at_exit);
}

__attribute__((destructor)) static void unloaded(void)
{
	loaded_run("library, unloaded");
}
