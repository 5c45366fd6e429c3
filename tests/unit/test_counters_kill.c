// SPDX-License-Identifier: MIT
/*
 * A process that makes a line in the file of counters may be killed after any of its
 * instructions: the next one finds that line, or makes it, and there is but one.
 */
#include "support.h"

#include <sys/mman.h>
#include <sys/ptrace.h>

#include "counters.h"
#include "counters_file.h"

#define LINE 80
#define FILE_SIZE (1024 * LINE)
#define STEPS 1000000 /* more than there are, under a sanitizer as well */

static char dir[] = "/tmp/shim-unit-XXXXXX";
static char path[64]; /* of the process that is killed */
static char left[64]; /* the file as it left it */

static int count_in(const char *name, bool stop)
{
	CHECK_EQ(shim_counters_open(name), 0);
	if (stop) {
		CHECK_EQ(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
		raise(SIGSTOP);
	}
	shim_counters_file_add(SHIM_CALL_READ, SHIM_RING, 1);
	return 0;
}

static int next_process(void *unused)
{
	(void)unused;
	return count_in(left, false);
}

/* False: it has come to its end. */
static bool is_stopped(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFSTOPPED(status))
		return true;
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	return false;
}

static char *map_file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	char *map;

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, FILE_SIZE), 0);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	close(fd);
	return map;
}

/* There is one line, as documented; returns what it counts. */
static unsigned long long only_count(const char *text)
{
	char line[LINE + 1] = "", call[64], route[64];
	unsigned long long n = 0;
	unsigned used = 0, i;

	for (i = LINE; i < FILE_SIZE; i += LINE) {
		memcpy(line, text + i, LINE);
		if (strspn(line, " ") == LINE - 1)
			continue;
		used++;
		CHECK_EQ(sscanf(line, "%63s %63s %llu", call, route, &n), 3);
		CHECK(!strcmp(call, "read"));
		CHECK(!strcmp(route, "ring"));
	}
	CHECK_EQ(used, 1);
	return n;
}

/* What would come of @text if its process had gone. */
static unsigned long long after(const char *text)
{
	char *map = map_file(left);
	unsigned long long n;

	memcpy(map, text, FILE_SIZE);
	CHECK_EQ(run_forked(next_process, NULL), 0);
	n = only_count(map);
	munmap(map, FILE_SIZE);
	return n;
}

static void killed_anywhere(enum shim_ring_form form)
{
	static char last[FILE_SIZE];
	unsigned long long n, before = 1;
	unsigned steps, states = 0;
	const char *text;
	pid_t pid = -1;

	(void)form;
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/counters", dir);
	snprintf(left, sizeof(left), "%s/left", dir);
	pid = fork();
	if (!pid)
		_exit(count_in(path, true));
	CHECK(is_stopped(pid));
	text = map_file(path);
	for (steps = 0; steps < STEPS; steps++) {
		if (memcmp(last, text, FILE_SIZE)) {
			memcpy(last, text, FILE_SIZE);
			states++;
			n = after(last);
			/* What was counted once is so for ever. */
			CHECK(n == before || (n == 2 && before == 1));
			before = n;
		}
		CHECK_EQ(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		if (!is_stopped(pid))
			break;
	}
	CHECK(steps < STEPS);
	/* Empty, taken, the word of the route, zeros, named, counted. */
	CHECK_EQ(states, 6);
	CHECK_EQ(before, 2);
	unlink(left);
	unlink(path);
	CHECK_EQ(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(killed_anywhere),
	};

	return RUN_ALL(tests);
}
