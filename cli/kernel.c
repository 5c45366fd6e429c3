// SPDX-License-Identifier: MIT
/*
 * Asking the kernel for a ring as the library does, by system calls alone; see
 * kernel.h.  What it answers counts; what the settings say only explains it.
 */
#include "kernel.h"

#include <errno.h>
#include <signal.h>
#include <linux/capability.h>
#include <linux/time_types.h>
#include <liburing/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14)
#endif
#ifndef IORING_SETUP_REGISTERED_FD_ONLY
#define IORING_SETUP_REGISTERED_FD_ONLY (1U << 15)
#endif
#define USE_REGISTERED_RING (1U << 31)
#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13) /* 6.3 */
#endif

#define ENTRIES 8
#define PAGE 4096UL
#define FLAGS (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

static long setup(struct io_uring_params *p)
{
	long ret = syscall(SYS_io_uring_setup, ENTRIES, p);

	return ret < 0 ? -errno : ret;
}

/* Returns what a register call of its own says: 6.3 and newer. */
static int unregister(unsigned index)
{
	struct io_uring_rsrc_update up = { .offset = index };
	long ret = syscall(SYS_io_uring_register, index,
			   IORING_UNREGISTER_RING_FDS | USE_REGISTERED_RING,
			   &up, 1);

	return ret < 0 ? -errno : 0;
}

static int try_registered_only(void)
{
	struct io_uring_params p = { .flags = FLAGS | IORING_SETUP_NO_MMAP |
				     IORING_SETUP_REGISTERED_FD_ONLY };
	char *memory;
	long ret;

	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	/* Where newer headers have user_addr. */
	p.cq_off.resv2 = (uintptr_t)memory;
	p.sq_off.resv2 = (uintptr_t)(memory + PAGE);
	ret = setup(&p);
	if (ret >= 0)
		ret = unregister((unsigned)ret);
	munmap(memory, 2 * PAGE);
	return (int)ret;
}

static int try_registered(void)
{
	struct io_uring_params p = { .flags = FLAGS };
	struct io_uring_rsrc_update up = { .offset = -1U };
	long fd, ret;

	fd = setup(&p);
	if (fd < 0)
		return (int)fd;
	up.data = (unsigned)fd;
	ret = syscall(SYS_io_uring_register, fd, IORING_REGISTER_RING_FDS, &up,
		      1);
	ret = ret < 0 ? -errno : 0;
	close((int)fd);
	/* Before 6.3 it goes with this process. */
	if (!ret && p.features & IORING_FEAT_REG_REG_RING)
		ret = unregister(up.offset);
	return (int)ret;
}

/* No number of an error is as large. */
#define GOOD 200

static void attempt_and_exit(void)
{
	int ret = try_registered_only();

	if (!ret)
		_exit(GOOD + RING_REGISTERED_ONLY);
	if (ret == -EINVAL)
		ret = try_registered();
	_exit(ret ? -ret : GOOD + RING_REGISTERED);
}

/* In a child: there are filters that kill for it. */
static void attempt(struct kernel *k)
{
	pid_t child;
	int status;

	k->error = EAGAIN;
	signal(SIGCHLD, SIG_DFL);
	child = fork();
	if (!child)
		attempt_and_exit();
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return;
	k->killed = WIFSIGNALED(status);
	k->error = k->killed ? ENOSYS : WEXITSTATUS(status);
	if (k->error > GOOD) {
		k->form = (enum ring_form)(k->error - GOOD);
		k->error = 0;
	}
}

static long read_number(const char *name)
{
	FILE *f = fopen(name, "re");
	char text[32] = "-1";

	if (f) {
		if (!fgets(text, sizeof(text), f))
			strcpy(text, "-1");
		fclose(f);
	}
	return strtol(text, NULL, 10);
}

/* Of this process, from /proc: no call of ours that a filter might not like. */
static void read_status(struct kernel *k)
{
	unsigned long long caps;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Seccomp:", 8))
			k->seccomp = strtol(line + 8, NULL, 10);
		if (strncmp(line, "CapEff:", 7) != 0)
			continue;
		caps = strtoull(line + 7, NULL, 16);
		k->admin = caps >> CAP_SYS_ADMIN & 1;
		k->lock = caps >> CAP_IPC_LOCK & 1;
	}
	if (f)
		fclose(f);
}

void kernel_look(struct kernel *k)
{
	struct rlimit limit = { 0, 0 };
	struct utsname uts;

	memset(k, 0, sizeof(*k));
	uname(&uts);
	snprintf(k->release, sizeof(k->release), "%s", uts.release);
	k->disabled = read_number("/proc/sys/kernel/io_uring_disabled");
	k->group = read_number("/proc/sys/kernel/io_uring_group");
	read_status(k);
	getrlimit(RLIMIT_MEMLOCK, &limit);
	k->memlock = limit.rlim_cur;
	attempt(k);
}

const char *kernel_form_name(enum ring_form form)
{
	static const char *const names[] = {
		"none", "registered", "registered-only"
	};

	return names[form];
}

const char *kernel_form_text(enum ring_form form)
{
	static const char *const texts[] = {
		"no ring",
		"rings with a registered descriptor (Linux 6.1)",
		"rings without a descriptor or a mapping (Linux 6.5)"
	};

	return texts[form];
}

static const char *why_eperm(const struct kernel *k)
{
	if (k->disabled == 2)
		return "kernel.io_uring_disabled=2 denies it to everybody";
	if (k->disabled == 1 && !k->admin)
		return "kernel.io_uring_disabled=1 denies it to all but "
			"CAP_SYS_ADMIN and the group kernel.io_uring_group";
	if (k->seccomp)
		return "a seccomp filter denies it";
	return "a security module denies it";
}

static const char *why(const struct kernel *k)
{
	if (k->killed)
		return "a seccomp filter kills for it";
	switch (k->error) {
	case EPERM:
	case EACCES:
		return why_eperm(k);
	case ENOSYS:
		return k->seccomp ? "a seccomp filter denies it" :
			"this kernel has none";
	case ENOMEM:
		return k->lock ? "no memory" :
			"locked memory: RLIMIT_MEMLOCK is too small, or used up "
			"by the rings of this user";
	case EINVAL:
		return "this kernel is too old: 6.1 is needed, 6.5 is better";
	default:
		return k->seccomp ? "a seccomp filter, perhaps" :
			"the kernel says so";
	}
}

void kernel_why(const struct kernel *k, char *text, size_t size)
{
	snprintf(text, size, "%s (io_uring_setup: %s)", why(k),
		 strerror(k->error));
}
