// SPDX-License-Identifier: MIT
/* The table of call_kinds.h: a call that is missing is compared as it is written. */
#include "call_kinds.h"

#include <stdlib.h>
#include <string.h>

#define RING_DATA (CALL_RING | CALL_DATA)

/* In the order of strcmp(3). */
static const struct call_kind kinds[] = {
	{ "accept", EFFECT_NEW, CALL_RING, 1 },
	{ "accept4", EFFECT_NEW, CALL_RING, 1 },
	{ "bind", EFFECT_NONE, 0, 1 },
	{ "clone", EFFECT_NONE, CALL_PID | CALL_PIDS, 0 },
	{ "clone3", EFFECT_NONE, CALL_PID | CALL_PIDS, 0 },
	{ "close", EFFECT_CLOSE, CALL_RING, 1 },
	{ "close_range", EFFECT_RANGE, 0, 0 },
	{ "connect", EFFECT_NONE, CALL_RING, 1 },
	{ "copy_file_range", EFFECT_NONE, CALL_DATA, 5 },
	{ "creat", EFFECT_OPEN, CALL_RING | CALL_MAKES, 0 },
	{ "dup", EFFECT_DUP, 0, 1 },
	{ "dup2", EFFECT_DUP2, 0, 3 },
	{ "dup3", EFFECT_DUP2, 0, 3 },
	{ "epoll_create", EFFECT_NEW, 0, 0 },
	{ "epoll_create1", EFFECT_NEW, 0, 0 },
	{ "epoll_ctl", EFFECT_NONE, 0, 5 },
	{ "epoll_pwait", EFFECT_NONE, 0, 1 },
	{ "epoll_wait", EFFECT_NONE, 0, 1 },
	{ "eventfd", EFFECT_NEW, 0, 0 },
	{ "eventfd2", EFFECT_NEW, 0, 0 },
	{ "fadvise64", EFFECT_NONE, 0, 1 },
	{ "fallocate", EFFECT_NONE, 0, 1 },
	{ "fchdir", EFFECT_NONE, 0, 1 },
	{ "fchmod", EFFECT_NONE, 0, 1 },
	{ "fchmodat", EFFECT_NONE, 0, 1 },
	{ "fchown", EFFECT_NONE, 0, 1 },
	{ "fchownat", EFFECT_NONE, 0, 1 },
	{ "fcntl", EFFECT_FCNTL, 0, 1 },
	{ "fdatasync", EFFECT_NONE, 0, 1 },
	{ "fgetxattr", EFFECT_NONE, 0, 1 },
	{ "flistxattr", EFFECT_NONE, 0, 1 },
	{ "flock", EFFECT_NONE, 0, 1 },
	{ "fork", EFFECT_NONE, CALL_PID, 0 },
	{ "fstat", EFFECT_NONE, 0, 1 },
	{ "fstatfs", EFFECT_NONE, 0, 1 },
	{ "fsync", EFFECT_NONE, 0, 1 },
	{ "ftruncate", EFFECT_NONE, 0, 1 },
	{ "getdents64", EFFECT_NONE, 0, 1 },
	{ "getpeername", EFFECT_NONE, 0, 1 },
	{ "getpgid", EFFECT_NONE, CALL_PID | CALL_PIDS, 0 },
	{ "getpgrp", EFFECT_NONE, CALL_PID, 0 },
	{ "getpid", EFFECT_NONE, CALL_PID, 0 },
	{ "getppid", EFFECT_NONE, CALL_PID, 0 },
	{ "getsid", EFFECT_NONE, CALL_PID | CALL_PIDS, 0 },
	{ "getsockname", EFFECT_NONE, 0, 1 },
	{ "getsockopt", EFFECT_NONE, 0, 1 },
	{ "gettid", EFFECT_NONE, CALL_PID, 0 },
	{ "inotify_add_watch", EFFECT_NONE, 0, 1 },
	{ "inotify_init", EFFECT_NEW, 0, 0 },
	{ "inotify_init1", EFFECT_NEW, 0, 0 },
	{ "io_uring_setup", EFFECT_NEW, 0, 0 },
	{ "ioctl", EFFECT_NONE, 0, 1 },
	{ "kill", EFFECT_NONE, CALL_PIDS, 0 },
	{ "linkat", EFFECT_NONE, 0, 5 },
	{ "listen", EFFECT_NONE, 0, 1 },
	{ "lseek", EFFECT_NONE, 0, 1 },
	{ "memfd_create", EFFECT_NEW, 0, 0 },
	{ "mkdir", EFFECT_NONE, CALL_MAKES, 0 },
	{ "mkdirat", EFFECT_NONE, CALL_MAKES, 1 },
	{ "mmap", EFFECT_NONE, 0, 16 },
	{ "newfstatat", EFFECT_NONE, 0, 1 },
	{ "open", EFFECT_OPEN, CALL_RING | CALL_MAKES, 0 },
	{ "openat", EFFECT_OPEN, CALL_RING | CALL_MAKES, 1 },
	{ "openat2", EFFECT_OPEN, CALL_MAKES, 1 },
	{ "pidfd_open", EFFECT_NEW, CALL_PIDS, 0 },
	{ "pipe", EFFECT_PAIR, 0, 0 },
	{ "pipe2", EFFECT_PAIR, 0, 0 },
	{ "pread64", EFFECT_NONE, RING_DATA, 1 },
	{ "preadv", EFFECT_NONE, RING_DATA, 1 },
	{ "preadv2", EFFECT_NONE, RING_DATA, 1 },
	{ "prlimit64", EFFECT_NONE, CALL_PIDS, 0 },
	{ "pwrite64", EFFECT_NONE, RING_DATA, 1 },
	{ "pwritev", EFFECT_NONE, RING_DATA, 1 },
	{ "pwritev2", EFFECT_NONE, RING_DATA, 1 },
	{ "read", EFFECT_NONE, RING_DATA, 1 },
	{ "readlinkat", EFFECT_NONE, 0, 1 },
	{ "readv", EFFECT_NONE, RING_DATA, 1 },
	{ "recvfrom", EFFECT_NONE, RING_DATA, 1 },
	{ "recvmmsg", EFFECT_NONE, 0, 1 },
	{ "recvmsg", EFFECT_NONE, RING_DATA, 1 },
	{ "renameat", EFFECT_NONE, 0, 5 },
	{ "renameat2", EFFECT_NONE, 0, 5 },
	{ "sched_getaffinity", EFFECT_NONE, CALL_PIDS, 0 },
	{ "sendfile", EFFECT_NONE, CALL_DATA, 3 },
	{ "sendmmsg", EFFECT_NONE, 0, 1 },
	{ "sendmsg", EFFECT_NONE, RING_DATA, 1 },
	{ "sendto", EFFECT_NONE, RING_DATA, 1 },
	{ "set_tid_address", EFFECT_NONE, CALL_PID, 0 },
	{ "setpgid", EFFECT_NONE, CALL_PIDS, 0 },
	{ "setsid", EFFECT_NONE, CALL_PID, 0 },
	{ "setsockopt", EFFECT_NONE, 0, 1 },
	{ "shutdown", EFFECT_NONE, 0, 1 },
	{ "signal", EFFECT_NONE, CALL_PIDS, 0 },
	{ "signalfd4", EFFECT_NEW, 0, 1 },
	{ "socket", EFFECT_NEW, 0, 0 },
	{ "socketpair", EFFECT_PAIR, 0, 0 },
	{ "splice", EFFECT_NONE, CALL_DATA, 5 },
	{ "statx", EFFECT_NONE, 0, 1 },
	{ "tee", EFFECT_NONE, CALL_DATA, 3 },
	{ "tgkill", EFFECT_NONE, CALL_PIDS, 0 },
	{ "timerfd_create", EFFECT_NEW, 0, 0 },
	{ "timerfd_settime", EFFECT_NONE, 0, 1 },
	{ "tkill", EFFECT_NONE, CALL_PIDS, 0 },
	{ "unlinkat", EFFECT_NONE, 0, 1 },
	{ "utimensat", EFFECT_NONE, 0, 1 },
	{ "vfork", EFFECT_NONE, CALL_PID, 0 },
	{ "wait4", EFFECT_NONE, CALL_PID | CALL_PIDS, 0 },
	{ "waitid", EFFECT_NONE, CALL_PIDS, 0 },
	{ "write", EFFECT_NONE, RING_DATA, 1 },
	{ "writev", EFFECT_NONE, RING_DATA, 1 },
};

static const struct call_kind other = { "", EFFECT_NONE, 0, 0 };

static int compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct call_kind *)row)->name);
}

const struct call_kind *call_kind(struct slice name)
{
	const struct call_kind *found;
	char text[32];

	if (name.n >= sizeof(text))
		return &other;
	memcpy(text, name.s, name.n);
	text[name.n] = '\0';
	found = bsearch(text, kinds, sizeof(kinds) / sizeof(kinds[0]),
			sizeof(kinds[0]), compare);
	return found ? found : &other;
}
