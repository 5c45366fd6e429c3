// SPDX-License-Identifier: MIT
/*
 * System calls made by number, with syscall(2).  The handled ones go to the same
 * entries as by name; it is no cancellation point, so nor are they here.  Of the
 * others, what they do to descriptors and processes counts.
 */
#include "number.h"

#include <linux/sched.h>
#include <linux/seccomp.h>

#include "fdtable.h"
#include "init.h"
#include "native.h"
#include "process.h"
#include "sys.h"
#include "traced.h"

/* With the number still in front, as syscall(2) was called. */

static long nr_open(long nr, const char *path, int flags, mode_t mode)
{
	(void)nr;
	if (shim_tracing)
		return shim_traced_open_number(path, flags, mode);
	return shim_entry_open_nocancel(path, flags, mode);
}

static long nr_openat(long nr, int dirfd, const char *path, int flags,
		      mode_t mode)
{
	(void)nr;
	if (shim_tracing)
		return shim_traced_openat_nocancel(dirfd, path, flags, mode);
	return shim_entry_openat_nocancel(dirfd, path, flags, mode);
}

static long nr_read(long nr, int fd, void *buf, size_t n)
{
	(void)nr;
	if (shim_tracing)
		return shim_traced_read_nocancel(fd, buf, n);
	return shim_entry_read_nocancel(fd, buf, n);
}

static long nr_write(long nr, int fd, const void *buf, size_t n)
{
	(void)nr;
	if (shim_tracing)
		return shim_traced_write_nocancel(fd, buf, n);
	return shim_entry_write_nocancel(fd, buf, n);
}

static long nr_pread64(long nr, int fd, void *buf, size_t n, off_t off)
{
	(void)nr;
	if (shim_tracing)
		return shim_traced_pread64_nocancel(fd, buf, n, off);
	return shim_entry_pread64_nocancel(fd, buf, n, off);
}

static long nr_close(long nr, int fd)
{
	(void)nr;
	if (shim_tracing)
		return shim_traced_close_nocancel(fd);
	return shim_entry_close_nocancel(fd);
}

static void *handled(long nr)
{
	switch (nr) {
	case SYS_open:
		return (void *)nr_open;
	case SYS_openat:
		return (void *)nr_openat;
	case SYS_read:
		return (void *)nr_read;
	case SYS_write:
		return (void *)nr_write;
	case SYS_pread64:
		return (void *)nr_pread64;
	case SYS_close:
		return (void *)nr_close;
	default:
		return NULL;
	}
}

/* The rest of them, rare by number: native, but counted. */
static const struct counted {
	long nr;
	enum shim_call call;
	enum shim_route route;
} counted[] = {
	{ SYS_creat, SHIM_CALL_CREAT, SHIM_NUMBER },
	{ SYS_connect, SHIM_CALL_CONNECT, SHIM_NUMBER },
	{ SYS_pwrite64, SHIM_CALL_PWRITE64, SHIM_NUMBER },
	{ SYS_readv, SHIM_CALL_READV, SHIM_NUMBER },
	{ SYS_writev, SHIM_CALL_WRITEV, SHIM_NUMBER },
	{ SYS_preadv, SHIM_CALL_PREADV, SHIM_NUMBER },
	{ SYS_pwritev, SHIM_CALL_PWRITEV, SHIM_NUMBER },
	{ SYS_preadv2, SHIM_CALL_PREADV2, SHIM_NUMBER },
	{ SYS_pwritev2, SHIM_CALL_PWRITEV2, SHIM_NUMBER },
	{ SYS_recvfrom, SHIM_CALL_RECVFROM, SHIM_NUMBER },
	{ SYS_recvmsg, SHIM_CALL_RECVMSG, SHIM_NUMBER },
	{ SYS_recvmmsg, SHIM_CALL_RECVMMSG, SHIM_BOOKKEEPING },
	{ SYS_sendto, SHIM_CALL_SENDTO, SHIM_NUMBER },
	{ SYS_sendmsg, SHIM_CALL_SENDMSG, SHIM_NUMBER },
	{ SYS_sendmmsg, SHIM_CALL_SENDMMSG, SHIM_BOOKKEEPING },
	{ SYS_accept, SHIM_CALL_ACCEPT, SHIM_NUMBER },
	{ SYS_accept4, SHIM_CALL_ACCEPT4, SHIM_NUMBER },
	{ SYS_dup, SHIM_CALL_DUP, SHIM_BOOKKEEPING },
	{ SYS_dup2, SHIM_CALL_DUP2, SHIM_BOOKKEEPING },
	{ SYS_dup3, SHIM_CALL_DUP3, SHIM_BOOKKEEPING },
	{ SYS_fcntl, SHIM_CALL_FCNTL, SHIM_BOOKKEEPING },
	{ SYS_pipe, SHIM_CALL_PIPE, SHIM_BOOKKEEPING },
	{ SYS_pipe2, SHIM_CALL_PIPE2, SHIM_BOOKKEEPING },
	{ SYS_socket, SHIM_CALL_SOCKET, SHIM_BOOKKEEPING },
	{ SYS_close_range, SHIM_CALL_CLOSE_RANGE, SHIM_BOOKKEEPING },
	{ SYS_sendfile, SHIM_CALL_SENDFILE, SHIM_BOOKKEEPING },
	{ SYS_copy_file_range, SHIM_CALL_COPY_FILE_RANGE, SHIM_BOOKKEEPING },
	{ SYS_splice, SHIM_CALL_SPLICE, SHIM_BOOKKEEPING },
};

static const struct counted *find_counted(long nr)
{
	size_t i;

	for (i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		if (counted[i].nr == nr)
			return &counted[i];
	}
	return NULL;
}

void shim_count_number(long nr)
{
	const struct counted *c = find_counted(nr);
	enum shim_route route;

	if (!c)
		return;
	route = c->route;
	if (route == SHIM_NUMBER && shim_native != SHIM_RING)
		route = (enum shim_route)shim_native;
	shim_count(shim_counting_thread(), c->call, route, 1);
}

/*
 * Whether there is such a call programs find out with arguments that no kernel
 * takes.  In a sandbox nothing is asked: it may share memory.
 */
static void before_clone3(const uint64_t *args, unsigned long size)
{
	if (size < CLONE_ARGS_SIZE_VER0)
		return;
	if (shim_rings_frozen())
		shim_before_clone(CLONE_VM);
	else if (shim_readable(args, sizeof(*args)))
		shim_before_clone(*args);
}

/* What is known of descriptors may not be true after this. */
static void follow(long nr, unsigned long a, unsigned long b)
{
	switch (nr) {
	case SYS_dup2:
	case SYS_dup3:
		shim_fd_forget((int)b);
		/* fall through */
	case SYS_dup:
	case SYS_fcntl:
		shim_fd_forget((int)a);
		break;
	case SYS_close_range:
	case SYS_fork:
	case SYS_sendmsg:
	case SYS_sendmmsg:
		shim_fds_forget_all();
		break;
	case SYS_vfork:
		shim_thread_vfork();
		break;
	case SYS_clone:
		shim_before_clone(a);
		break;
	case SYS_sigaltstack:
		shim_hidden_stack |= a != 0;
		break;
	case SYS_clone3:
		before_clone3((const uint64_t *)a, b);
		break;
	case SYS_exit_group:
		shim_before_exit((int)a);
		break;
	case SYS_unshare:
	case SYS_setns:
		shim_before_namespace();
		break;
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid:
	case SYS_setfsuid:
	case SYS_setfsgid:
	case SYS_setgroups:
	case SYS_capset:
	case SYS_chroot:
	case SYS_pivot_root:
	case SYS_chdir:
	case SYS_fchdir:
	case SYS_landlock_restrict_self:
	case SYS_mlockall:
	case SYS_setrlimit:
	case SYS_prlimit64:
		shim_before_identity();
		break;
	}
}

void *shim_before_syscall(long nr, unsigned long a, unsigned long b)
{
	void *entry = handled(nr);

	shim_enter();
	if (entry)
		return entry;
	if (nr == SYS_seccomp && (a == SECCOMP_SET_MODE_FILTER ||
				  a == SECCOMP_SET_MODE_STRICT))
		return (void *)shim_set_filter;
	if (nr == SYS_prctl && a == PR_SET_SECCOMP)
		return (void *)shim_set_filter;
	follow(nr, a, b);
	/* Others may fork: nothing but a jump leads to them. */
	if (shim_tracing && find_counted(nr))
		return (void *)shim_traced_number;
	shim_count_number(nr);
	return (void *)shim_real.syscall;
}
