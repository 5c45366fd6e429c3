// SPDX-License-Identifier: MIT
/*
 * Limits of memory, threads and descriptors, before a walk and in the middle of it.
 * What a helper beside the program takes of them the program would miss: each limit
 * leaves a little more than the program needs, and less than a helper would take.
 *
 * Timeout: 60
 */
#include <grp.h>
#include "walk.h"

#define SPARE (4UL << 20)

/* A line of /proc/self/status, in bytes. */
static unsigned long status(const char *field)
{
	unsigned long kib = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	NEED(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, strlen(field)))
			kib = strtoul(line + strlen(field) + 1, NULL, 10);
	}
	fclose(f);
	return kib << 10;
}

static void limit(int resource, unsigned long most)
{
	struct rlimit l = { 0 };

	NEED(getrlimit(resource, &l) == 0);
	l.rlim_cur = most < l.rlim_max ? most : l.rlim_max;
	NEED(setrlimit(resource, &l) == 0);
}

static void map(unsigned long size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	show(p == MAP_FAILED ? -1 : 0, "\tmmap of %lu MiB", size >> 20);
	if (p != MAP_FAILED)
		munmap(p, size);
}

/* For whom limits are; root may lock and make as much as it likes. */
static void be_nobody(void)
{
	if (geteuid())
		return;
	NEED(!setgroups(0, NULL) && !setresgid(65534, 65534, 65534));
	NEED(!setresuid(65534, 65534, 65534));
}

static void walk_on(void)
{
	printf("\tfiles %d\n", walk(100));
}

static void no_lock(void)
{
	limit(RLIMIT_MEMLOCK, 0);
	walk_on();
	show(mlockall(MCL_CURRENT), "\tmlockall");
	walk_on();
}

static void all_locked(int flags)
{
	unsigned long before;

	limit(RLIMIT_MEMLOCK, status("VmSize:") + 3 * SPARE);
	show(mlockall(flags), "\tmlockall");
	before = status("VmLck:");
	walk_on();
	printf("\tlocked meanwhile: %s\n",
	       status("VmLck:") < before + (1UL << 20) ? "little" : "much");
	map(SPARE / 2);
	map(SPARE * 2);
	map(SPARE * 4);
	show(munlockall(), "\tmunlockall");
	walk_on();
}

static void locked(void)
{
	all_locked(MCL_CURRENT | MCL_FUTURE);
}

static void locked_on_fault(void)
{
	all_locked(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* In the middle of a walk. */
static void lock_now(void)
{
	limit(RLIMIT_MEMLOCK, status("VmSize:") + SPARE);
	walk(60);
	show(mlockall(MCL_CURRENT | MCL_FUTURE), "\tmlockall");
	walk_on();
	show(munlockall(), "\tmunlockall");
	walk(60);
	show(syscall(SYS_mlockall, MCL_CURRENT), "\tby number");
}

static void little_data(void)
{
	limit(RLIMIT_DATA, status("VmData:") + SPARE);
	walk_on();
	map(SPARE / 2);
	map(SPARE * 2);
}

static void little_data_now(void)
{
	unsigned long size = status("VmData:") + SPARE;

	walk(60);
	limit(RLIMIT_DATA, size);
	map(SPARE / 2);
	walk_on();
}

static void little_space_now(void)
{
	struct rlimit l = { 0 };

	l.rlim_cur = l.rlim_max = status("VmSize:") + SPARE;
	walk(60);
	NEED(!prlimit(0, RLIMIT_AS, &l, NULL));
	map(SPARE / 2);
	walk_on();
	map(SPARE * 2);
}

static void few_files_now(void)
{
	walk(60);
	limit(RLIMIT_NOFILE, 6);
	walk_on();
}

static void odd_stack(unsigned long size)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		walk(60);
		limit(RLIMIT_STACK, size);
		walk(60);
		execl("/proc/self/exe", "walk_limits", "--walk", (char *)NULL);
		_exit(9);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	printf("\tstack of %lu KiB: %x\n", size >> 10, status);
}

static void odd_stacks(void)
{
	odd_stack(RLIM_INFINITY);
	odd_stack(1UL << 40);
	odd_stack(256UL << 10);
	odd_stack(1234567);
}

static void in_child(const char *what, void (*act)(void))
{
	int status;
	pid_t pid;

	printf("%s\n", what);
	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		be_nobody();
		act();
		fflush(stdout);
		_exit(7);
	}
	NEED(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
}

int main(int argc, char **argv)
{
	struct rlimit l = { 1UL << 30, 1UL << 30 };

	(void)argv;
	begin();
	if (argc > 1) {
		walk_on();
		return 8;
	}
	/* Where that may be: more than it will be. */
	setrlimit(RLIMIT_MEMLOCK, &l);
	make_tree();
	in_child("nothing may be locked", no_lock);
	in_child("all is locked", locked);
	in_child("all is locked when it is there", locked_on_fault);
	in_child("all is locked now", lock_now);
	in_child("little data", little_data);
	in_child("little data now", little_data_now);
	in_child("little space now", little_space_now);
	in_child("few files now", few_files_now);
	in_child("stacks", odd_stacks);
	return 0;
}
