// SPDX-License-Identifier: MIT
/*
 * I/O under the loader's lock and in everything that libc calls by itself:
 * constructors and destructors of libraries that are loaded at run time (one of
 * them in a name space with a libc of its own), a callback of dl_iterate_phdr,
 * several threads in dlopen, fork handlers, destructors of thread-local objects,
 * atexit functions that load libraries.
 *
 * Ring: read
 * Libc: read
 */
#include <dlfcn.h>
#include <link.h>
#include "common.h"

extern int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *dso);
extern void *__dso_handle;

enum { THREADS = 4, TURNS = 8 };

typedef int run_fn(const char *who);

static char library[4096];

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* What the libraries have appended, and no more. */
static void show_log(const char *what)
{
	static const char *const path[] = { "log", "log.child" };
	char line[128];

	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(path[i], "r");

		if (!f)
			continue;
		say("%s%s", what, i ? ", in a child" : "");
		while (fgets(line, sizeof(line), f)) {
			line[strcspn(line, "\n")] = 0;
			say("    %s", line);
		}
		CHECK(fclose(f) == 0 && unlink(path[i]) == 0);
	}
}

static void count_log(const char *what)
{
	static const char *const kind[] = { "library, loaded", "library, unloaded",
		"library, atexit", "in a thread" };
	int count[ARRAY_SIZE(kind)] = { 0 }, others = 0;
	char line[128];
	FILE *f = fopen("log", "r");

	while (f && fgets(line, sizeof(line), f)) {
		size_t i;

		line[strcspn(line, "\n")] = 0;
		for (i = 0; i < ARRAY_SIZE(kind) && strcmp(line, kind[i]); i++)
			;
		if (i < ARRAY_SIZE(kind))
			count[i]++;
		else
			others++;
	}
	CHECK(!f || (fclose(f) == 0 && unlink("log") == 0));
	for (size_t i = 0; i < ARRAY_SIZE(kind); i++)
		say("  %s: %s %d", what, kind[i], count[i]);
	say("  %s: others %d", what, others);
}

static run_fn *runner(void *lib)
{
	run_fn *fn;

	*(void **)&fn = dlsym(lib, "loaded_run");
	CHECK(fn);
	return fn;
}

static void by_hand(int flags)
{
	void *lib = dlopen(library, flags);
	pid_t pid;
	int status;

	if (!lib)
		fail("%s", dlerror());
	CHECK(runner(lib)("by hand") == 0);
	pid = fork();
	if (pid == 0) {
		runner(lib)("by hand in a child");
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(dlclose(lib) == 0);
	pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	show_log(flags & RTLD_LAZY ? "loaded, lazily" : "loaded, now");
}

static void errors(void)
{
	static const char *const path[] = {
		"./missing.so", "./plain", "./empty", ".", "no-such-library.so.7",
	};

	put("empty", "");
	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		void *lib = dlopen(path[i], RTLD_NOW);

		say("  dlopen %s: %s", path[i], lib ? "loaded" : dlerror());
	}
}

/* Names of its own: what it opens and closes is not seen here. */
static void other_names(void)
{
	void *lib = dlmopen(LM_ID_NEWLM, library, RTLD_NOW);
	char buf[8];
	int p[2];

	if (!lib)
		fail("%s", dlerror());
	for (int i = 0; i < 5; i++) {
		CHECK(pipe(p) == 0);
		CHECK(write(p[1], "abc", 3) == 3 && read(p[0], buf, 8) == 3);
		close_channel(p);
		CHECK(runner(lib)("in a name space") == 0);
	}
	CHECK(dlclose(lib) == 0);
	show_log("dlmopen");
}

static int callback(struct dl_phdr_info *info, size_t size, void *arg)
{
	static char text[1000000];
	int *seen = arg;

	(void)size;
	if (!strstr(info->dlpi_name, "libc.so"))
		return 0;
	(*seen)++;
	CHECK(slurp("/proc/self/maps", text, sizeof(text)) > 0);
	{
		FILE *f = fopen("plain", "r");
		char line[32];

		CHECK(f && fgets(line, sizeof(line), f) && fclose(f) == 0);
		say("  callback reads %s", strcmp(line, "as it is\n") ? "other" :
		    "as it is");
	}
	return 5;
}

static void copy_library(int number, char *path, size_t size)
{
	static char text[65536];
	FILE *from = fopen(library, "r"), *to;
	size_t n;

	snprintf(path, size, "./copy%d.so", number);
	to = fopen(path, "w");
	CHECK(from && to);
	while ((n = fread(text, 1, sizeof(text), from)) > 0)
		CHECK(fwrite(text, 1, n, to) == n);
	CHECK(fclose(from) == 0 && fclose(to) == 0);
}

static char copies[THREADS][64];

static void *load_and_unload(void *arg)
{
	const char *path = copies[(long)arg];

	for (int i = 0; i < TURNS; i++) {
		void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);

		CHECK(lib);
		CHECK(runner(lib)("in a thread") == 0);
		CHECK(dlclose(lib) == 0);
	}
	return NULL;
}

/* A library stays for as long as a thread has an object of it to destroy. */
static void *close_early(void *arg)
{
	void *lib = dlopen(copies[0], RTLD_NOW);
	void (*in_thread)(void);

	CHECK(lib);
	*(void **)&in_thread = dlsym(lib, "loaded_in_thread");
	in_thread();
	CHECK(dlclose(lib) == 0);
	CHECK(runner(lib)("still there") == 0);
	return arg;
}

static void crowd(void)
{
	pthread_t threads[THREADS];

	for (long i = 0; i < THREADS; i++)
		copy_library(i, copies[i], sizeof(copies[i]));
	for (long i = 0; i < THREADS; i++)
		threads[i] = start(load_and_unload, (void *)i);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	count_log("threads");
	CHECK(pthread_join(start(close_early, NULL), NULL) == 0);
	CHECK(dlclose(dlopen(copies[0], RTLD_NOW)) == 0);
	show_log("closed before its thread ends");
}

/* Our own functions in fork, and at the end of a thread. */

static void line_to_log(const char *text)
{
	FILE *f = fopen(strcmp(text, "child") ? "log" : "log.child", "a");

	CHECK(f && fprintf(f, "%s\n", text) > 0 && fclose(f) == 0);
}

static void prepare(void) { line_to_log("prepare"); }
static void parent(void) { line_to_log("parent"); }
static void child(void) { line_to_log("child"); }

static pthread_key_t key;

static void key_gone(void *arg)
{
	line_to_log(arg);
}

static void object_gone(void *arg)
{
	int p[2];
	char buf[8];

	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "abc", 3) == 3 && read(p[0], buf, 8) == 3);
	close_channel(p);
	line_to_log(arg);
}

static void *leaver(void *arg)
{
	CHECK(pthread_setspecific(key, "key") == 0);
	__cxa_thread_atexit_impl(object_gone, "first object", &__dso_handle);
	__cxa_thread_atexit_impl(object_gone, "second object", &__dso_handle);
	if (arg)
		pthread_exit(NULL);
	return NULL;
}

static void handlers(void)
{
	int status;
	pid_t pid;

	CHECK(pthread_atfork(prepare, parent, child) == 0);
	pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(system("exit 0") == 0);
	{
		FILE *f = popen("exit 0", "r");

		CHECK(f && pclose(f) == 0);
	}
	CHECK(pthread_key_create(&key, key_gone) == 0);
	CHECK(pthread_join(start(leaver, NULL), NULL) == 0);
	CHECK(pthread_join(start(leaver, ""), NULL) == 0);
}

static void late(void)
{
	void *lib = dlopen(library, RTLD_NOW);

	CHECK(lib && runner(lib)("atexit of the program") == 0);
	say("  loaded at exit");
}

__attribute__((destructor)) static void last(void)
{
	char text[4096];

	if (!library[0])
		return;
	CHECK(slurp("log", text, sizeof(text)) > 0);
	say("at the end\n%s", text);
}

int main(void)
{
	ssize_t n = readlink("/proc/self/exe", library, sizeof(library) - 64);
	char fds[256], after[256];
	int seen = 0;

	CHECK(n > 0);
	library[n] = 0;
	strcpy(strrchr(library, '/'), "/../preload/loaded.so");
	put("plain", "as it is\n");
	list_fds(0, fds, sizeof(fds));
	by_hand(RTLD_NOW);
	by_hand(RTLD_LAZY | RTLD_GLOBAL);
	errors();
	other_names();
	say("  dl_iterate_phdr %d", dl_iterate_phdr(callback, &seen));
	crowd();
	handlers();
	show_log("handlers");
	list_fds(0, after, sizeof(after));
	say("descriptors %s", strcmp(fds, after) ? after : "the same");
	atexit(late);
	/* Still there when the process ends. */
	CHECK(dlopen(copies[0], RTLD_NOW));
	return 0;
}
