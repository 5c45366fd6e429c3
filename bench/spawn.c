// SPDX-License-Identifier: MIT
/*
 * Start-up: spawn N PROGRAM VARIANT...
 *
 * Starts PROGRAM N times in each variant, in turn (A B C A B C ...), and waits
 * for it.  A VARIANT is "NAME=VALUE NAME=VALUE ...", what is added to the
 * environment, "" for nothing.  Prints for each variant one line: the median in
 * ns from before the start until the end has been noticed.
 */
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MORE 16

static char **with(char **env, char *variant)
{
	size_t n = 0, more = 0;
	char **all, *word;

	while (env[n])
		n++;
	all = calloc(n + MORE + 1, sizeof(*all));
	if (!all)
		die("memory", ENOMEM);
	memcpy(all, env, n * sizeof(*all));
	for (word = strtok(variant, " "); word; word = strtok(NULL, " ")) {
		if (more == MORE)
			die("too many words", E2BIG);
		all[n + more++] = word;
	}
	return all;
}

static double start(const char *program, char **env)
{
	char *const argv[] = { (char *)(uintptr_t)program, NULL };
	int64_t from = now_ns();
	int err, status;
	pid_t pid;

	err = posix_spawn(&pid, program, NULL, NULL, argv, env);
	if (err)
		die(program, err);
	if (waitpid(pid, &status, 0) != pid || status)
		die("the program failed", EINVAL);
	return (double)(now_ns() - from);
}

int main(int argc, char **argv)
{
	int variants = argc - 3, i, j, n;
	double **each;
	char ***env;

	if (variants < 1) {
		fprintf(stderr, "usage: spawn N PROGRAM VARIANT...\n");
		return 2;
	}
	n = (int)number(argv[1], 1);
	each = calloc((size_t)variants, sizeof(*each));
	env = calloc((size_t)variants, sizeof(*env));
	if (!each || !env)
		die("memory", ENOMEM);
	for (i = 0; i < variants; i++) {
		each[i] = calloc((size_t)n, sizeof(**each));
		env[i] = with(environ, argv[i + 3]);
		if (!each[i])
			die("memory", ENOMEM);
		start(argv[2], env[i]);
	}
	for (j = 0; j < n; j++) {
		for (i = 0; i < variants; i++)
			each[i][j] = start(argv[2], env[i]);
	}
	for (i = 0; i < variants; i++)
		printf("%.0f\n", median(each[i], (size_t)n));
	return 0;
}
