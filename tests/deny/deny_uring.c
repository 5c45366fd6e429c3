// SPDX-License-Identifier: MIT
/*
 * Runs a program that gets no io_uring, without touching anybody else's: the
 * suite must pass on machines that forbid io_uring, and it must be possible to
 * show that on a machine that allows it, as an ordinary user, while other tests
 * run beside it.
 *
 *   deny_uring --memlock        PROGRAM...	no locked memory: setup says ENOMEM
 *   deny_uring --seccomp[=EPERM] PROGRAM...	a filter says ENOSYS (or EPERM)
 *   deny_uring --mdwe		PROGRAM...	memory that was written is not executed
 *   deny_uring --probe		0: this process could make a ring, 1: it could not
 *
 * --memlock is what the library meets as "no ring to be had". (The kernel counts
 * rings against RLIMIT_MEMLOCK from 6.14 on, and up to 5.11: --probe tells. Root
 * is exempt by CAP_IPC_LOCK, which is therefore dropped for good.) --seccomp is
 * what it meets inside a sandbox: an inherited filter, which it can see and has
 * to leave alone.
 *
 * --mdwe leaves io_uring alone: it denies what writing into libc's text needs
 * (Linux 6.3 and newer; the status is 124 where the kernel does not know it).
 *
 * Built static, so that LD_PRELOAD takes effect in PROGRAM only.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "deny_uring: %s: %s\n", what, strerror(errno));
	return 125;
}

static int deny_memory(void)
{
	struct rlimit none = { 0, 0 };

	if (prctl(PR_CAPBSET_READ, CAP_IPC_LOCK) == 1 &&
	    prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK) != 0 && geteuid() == 0)
		return fail("dropping CAP_IPC_LOCK");
	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0)
		return fail("RLIMIT_MEMLOCK");
	return 0;
}

static int deny_calls(unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	_Static_assert(SYS_io_uring_register == SYS_io_uring_setup + 2,
		       "setup, enter and register are neighbours");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail("PR_SET_NO_NEW_PRIVS");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return fail("PR_SET_SECCOMP");
	return 0;
}

static int deny_write_execute(void)
{
	/* PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN */
	if (prctl(65, 1UL, 0UL, 0UL, 0UL) == 0)
		return 0;
	fail("PR_SET_MDWE");
	return 124;
}

static int probe(void)
{
	struct io_uring_params params;
	long fd;

	memset(&params, 0, sizeof(params));
	fd = syscall(SYS_io_uring_setup, 8, &params);
	if (fd < 0) {
		printf("no ring: %s\n", strerror(errno));
		return 1;
	}
	close((int)fd);
	puts("a ring can be made");
	return 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int status;

	if (strcmp(how, "--probe") == 0 && argc == 2)
		return probe();
	if (argc < 3) {
		fputs("usage: deny_uring --memlock|--seccomp[=EPERM]|--mdwe PROGRAM [ARG...]\n"
		      "       deny_uring --probe\n", stderr);
		return 125;
	}
	if (strcmp(how, "--memlock") == 0)
		status = deny_memory();
	else if (strcmp(how, "--seccomp") == 0)
		status = deny_calls(ENOSYS);
	else if (strcmp(how, "--seccomp=EPERM") == 0)
		status = deny_calls(EPERM);
	else if (strcmp(how, "--mdwe") == 0)
		status = deny_write_execute();
	else {
		fprintf(stderr, "deny_uring: what is %s?\n", how);
		return 125;
	}
	if (status != 0)
		return status;
	execvp(argv[2], argv + 2);
	fail(argv[2]);
	return 127;
}
