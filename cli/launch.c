// SPDX-License-Identifier: MIT
/* Finding the library and putting it into the environment; see launch.h. */
#include "launch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "shim.h"

#define LIBRARY "libshim.so"

#ifndef SHIM_LIBDIR
#define SHIM_LIBDIR "/usr/local/lib/libshim"
#endif

static const struct {
	const char *option, *variable, *words[4];
} settings[LAUNCH_SETTINGS] = {
	{ "mode", "SHIM_MODE", { "ring", "auto", "off" } },
	{ "wait", "SHIM_WAIT", { "native", "ring" } },
	{ "patch", "SHIM_PATCH", { "auto", "off" } },
	{ "follow", "SHIM_FOLLOW", { "1", "0" } },
};

static int set(struct launch *launch, unsigned i, const char *value)
{
	const char *const *word = settings[i].words;

	for (; *word; word++) {
		if (!strcmp(*word, value)) {
			launch->values[i] = *word;
			return 0;
		}
	}
	word = settings[i].words;
	return usage(launch->command, "--%s=%s: not one of %s, %s%s%s",
		     settings[i].option, value, word[0], word[1],
		     word[2] ? ", " : "", word[2] ? word[2] : "");
}

bool launch_knows_mode(const char *word)
{
	const char *const *known = settings[0].words;

	while (*known && strcmp(*known, word) != 0)
		known++;
	return *known != NULL;
}

int launch_option(struct launch *launch, int c, const char *arg)
{
	switch (c) {
	case OPT_MODE:
	case OPT_WAIT:
	case OPT_PATCH:
		return set(launch, (unsigned)(c - OPT_MODE), arg);
	case OPT_NO_FOLLOW:
		return set(launch, OPT_NO_FOLLOW - OPT_MODE, "0");
	case OPT_STRICT:
		launch->strict = true;
		return 0;
	default:
		launch->quiet = true;
		return 0;
	}
}

/* @dir/@rest/libshim.so, if it is there. */
static int try_library(const char *dir, const char *rest, char *path,
		       unsigned long size)
{
	char name[PATH_MAX], *real;

	if (snprintf(name, sizeof(name), "%s%s/" LIBRARY, dir, rest) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	if (access(name, R_OK))
		return -errno;
	real = realpath(name, NULL);
	if (!real || strlen(real) >= size) {
		free(real);
		return -ENAMETOOLONG;
	}
	strcpy(path, real);
	free(real);
	return 0;
}

/* Never the current directory: anybody may have put a library there. */
int launch_library(char *path, unsigned long size)
{
	char dir[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	int ret = -ENOENT;

	if (n > 0) {
		dir[n] = '\0';
		*strrchr(dir, '/') = '\0';
		ret = try_library(dir, "", path, size);
	}
	if (ret)
		ret = try_library(SHIM_LIBDIR, "", path, size);
	if (ret && n > 0)
		ret = try_library(dir, "/../lib/libshim", path, size);
	if (!ret && strpbrk(path, " :$"))
		ret = -EINVAL;
	return ret;
}

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Another build of the library: two of them would only be in each other's way. */
static bool is_a_library(const char *entry)
{
	const char *name = strrchr(entry, '/');

	return !strcmp(name ? name + 1 : entry, LIBRARY);
}

/* LD_PRELOAD without any build of the library. */
static int unload(void)
{
	const char *was = getenv("LD_PRELOAD");
	char *copy = strdup(was ? was : ""), *list, *entry, *rest;
	int ret = 0;

	list = calloc(1, (was ? strlen(was) : 0) + 1);
	if (!copy || !list) {
		ret = -ENOMEM;
		goto out;
	}
	for (entry = strtok_r(copy, " :", &rest); entry;
	     entry = strtok_r(NULL, " :", &rest)) {
		if (!is_a_library(entry))
			strcat(strcat(list, *list ? ":" : ""), entry);
	}
	if (*list ? setenv("LD_PRELOAD", list, 1) : unsetenv("LD_PRELOAD"))
		ret = -errno;
out:
	free(list);
	free(copy);
	return ret;
}

int launch_without(void)
{
	char name[64];
	char **entry = environ;
	size_t n;

	while (entry && *entry) {
		n = strcspn(*entry, "=");
		if (strncmp(*entry, "SHIM_", 5) != 0 || n >= sizeof(name)) {
			entry++;
			continue;
		}
		memcpy(name, *entry, n);
		name[n] = '\0';
		/* What is behind it moves to its place. */
		unsetenv(name);
	}
	return unload();
}

int launch_preload(const char *library)
{
	const char *was = getenv("LD_PRELOAD");
	char *copy, *list, *entry, *rest;
	bool there = false;
	int ret = -ENOMEM;

	copy = strdup(was ? was : "");
	list = malloc(strlen(library) + (was ? strlen(was) : 0) + 2);
	if (!copy || !list)
		goto out;
	strcpy(list, library);
	for (entry = strtok_r(copy, " :", &rest); entry;
	     entry = strtok_r(NULL, " :", &rest)) {
		there |= same_file(entry, library);
		if (!is_a_library(entry))
			strcat(strcat(list, ":"), entry);
	}
	ret = 0;
	if (!there && setenv("LD_PRELOAD", list, 1))
		ret = -errno;
out:
	free(list);
	free(copy);
	return ret;
}

static int set_variables(const struct launch *launch, const char *stats)
{
	unsigned i;

	for (i = 0; i < LAUNCH_SETTINGS; i++) {
		if (launch->values[i] &&
		    setenv(settings[i].variable, launch->values[i], 1))
			return -errno;
	}
	return stats && setenv("SHIM_STATS", stats, 1) ? -errno : 0;
}

/* One line if the library will not do anything in @program. */
static bool warn(const struct launch *launch, const struct program *program)
{
	if (program->fitness == PROGRAM_FITS ||
	    program->fitness == PROGRAM_UNKNOWN)
		return false;
	if (launch->strict)
		say("%s: %s: %s; not run (--strict)", program->image,
		    program->what, program->so);
	else if (!launch->quiet)
		say("%s: %s: %s", program->image, program->what, program->so);
	return launch->strict;
}

static int preload(void)
{
	char library[PATH_MAX];
	int ret = launch_library(library, sizeof(library));

	if (ret == -EINVAL) {
		say("%s: LD_PRELOAD cannot carry a path with a space, a colon "
		    "or a dollar sign", library);
		return EXIT_CANNOT_RUN;
	}
	if (ret) {
		say(LIBRARY " is neither beside this program nor in "
		    SHIM_LIBDIR ": %s", strerror(-ret));
		return EXIT_CANNOT_RUN;
	}
	ret = launch_preload(library);
	if (ret)
		say("LD_PRELOAD: %s", strerror(-ret));
	return ret ? EXIT_CANNOT_RUN : 0;
}

int launch_prepare(const struct launch *launch, const char *name,
		   const char *stats)
{
	struct program program;
	int ret;

	/* What cannot be found is exec's to complain about. */
	if (program_look(name, &program))
		program.fitness = PROGRAM_UNKNOWN;
	if (warn(launch, &program))
		return EXIT_CANNOT_RUN;
	ret = set_variables(launch, stats);
	if (ret) {
		say("environment: %s", strerror(-ret));
		return EXIT_CANNOT_RUN;
	}
	return program.fitness == PROGRAM_BREAKS ? 0 : preload();
}

int launch_exec(char **argv)
{
	int error;

	execvp(argv[0], argv);
	error = errno;
	say("%s: %s", argv[0], strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
}
