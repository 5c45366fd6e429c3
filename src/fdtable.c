// SPDX-License-Identifier: MIT
/*
 * The cache of kinds; see fdtable.h.
 *
 * One 64-bit word per descriptor: epoch, version, kind and flags.  The epoch
 * forgets all at once; the version, raised by every single forget, keeps an
 * answer out that was looked up before the descriptor was closed and comes
 * after it was opened again.
 */
#include "fdtable.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>

#include "fs.h"
#include "sys.h"

#define MAX_FD 65536

union entry {
	uint64_t word;
	struct {
		uint32_t epoch;
		uint16_t version;
		uint8_t kind;
		uint8_t flags;
	};
};

static _Atomic uint64_t table[MAX_FD];
static _Atomic uint32_t epoch = 1;

static bool in_range(int fd)
{
	return fd >= 0 && fd < MAX_FD;
}

static union entry get(int fd)
{
	union entry e = { .word = atomic_load_explicit(&table[fd],
						       memory_order_acquire) };

	if (e.epoch != atomic_load_explicit(&epoch, memory_order_relaxed)) {
		e.kind = SHIM_FD_UNKNOWN;
		e.flags = 0;
	}
	return e;
}

static void put(int fd, union entry seen, union entry fresh)
{
	uint64_t word = atomic_load(&table[fd]);
	union entry now = { .word = word };

	fresh.version = seen.version;
	if (now.version == seen.version)
		atomic_compare_exchange_strong(&table[fd], &word, fresh.word);
}

/* Of a regular file or a directory on the file system @fs. */
static uint8_t fs_flags(int fd, uint64_t fs)
{
	unsigned flags = shim_fs_flags(fd, fs);

	return (flags & SHIM_FS_NOWAIT ? 0 : SHIM_FD_NO_NOWAIT) |
	       (flags & SHIM_FS_INLINE_CLOSE ? SHIM_FD_INLINE_CLOSE : 0);
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int val = -1;

	return shim_sys_sockopt(fd, name, &val, &len) ? -1 : val;
}

/* Not SCTP or MPTCP, and no upper layer such as kTLS, which reads differently. */
static bool plain_tcp(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name);

	if (option(fd, SO_PROTOCOL) != IPPROTO_TCP)
		return false;
	return !shim_sys6(SYS_getsockopt, fd, IPPROTO_TCP, TCP_ULP, (long)name,
			  (long)&len, 0) && !name[0];
}

static void classify_socket(int fd, union entry *e)
{
	int domain = option(fd, SO_DOMAIN);

	e->kind = SHIM_FD_OTHER;
	e->flags = 0;
	if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6)
		return;
	e->flags = SHIM_FD_INLINE_CLOSE;
	if (domain == AF_UNIX)
		e->flags |= SHIM_FD_UNIX;
	e->kind = SHIM_FD_DATAGRAM;
	if (option(fd, SO_TYPE) != SOCK_STREAM)
		return;
	if (domain != AF_UNIX && !plain_tcp(fd)) {
		e->kind = SHIM_FD_OTHER;
		return;
	}
	e->kind = SHIM_FD_STREAM;
	if (option(fd, SO_RCVLOWAT) != 1)
		e->flags |= SHIM_FD_LOWAT;
}

static void classify(int fd, const struct shim_file *file, union entry *e)
{
	switch (file->mode & S_IFMT) {
	case S_IFIFO:
		e->kind = SHIM_FD_PIPE;
		e->flags = SHIM_FD_INLINE_CLOSE;
		break;
	case S_IFSOCK:
		classify_socket(fd, e);
		break;
	case S_IFREG:
		e->kind = SHIM_FD_REGULAR;
		e->flags = (e->flags & SHIM_FD_OURS) |
			   fs_flags(fd, file->fs);
		break;
	case S_IFDIR:
		e->kind = SHIM_FD_OTHER;
		e->flags = fs_flags(fd, file->fs) & SHIM_FD_INLINE_CLOSE;
		break;
	default:
		/* Also 0: anonymous inodes, but for an eventfd of ours. */
		e->kind = SHIM_FD_OTHER;
		e->flags = 0;
	}
}

static int look_up(int fd, union entry *e)
{
	struct stat st = { 0 };
	union entry seen = *e;
	int ret;

	e->epoch = atomic_load(&epoch);
	ret = shim_sys_fstat(fd, &st);
	if (!ret) {
		classify(fd, &(struct shim_file){
			st.st_mode, shim_fs_of(st.st_dev) }, e);
		put(fd, seen, *e);
	}
	return ret;
}

int shim_fd_look(int fd, struct shim_fd *info)
{
	union entry e;
	int ret = 0;

	if (!in_range(fd)) {
		*info = (struct shim_fd){ SHIM_FD_OTHER, 0 };
		return fd < 0 ? -EBADF : 0;
	}
	e = get(fd);
	if (e.kind == SHIM_FD_UNKNOWN)
		ret = look_up(fd, &e);
	*info = (struct shim_fd){ e.kind, e.flags };
	return ret;
}

struct shim_fd shim_fd_known(int fd)
{
	union entry e = { 0 };

	if (in_range(fd))
		e = get(fd);
	return (struct shim_fd){ e.kind, e.flags };
}

void shim_fd_forget(int fd)
{
	union entry seen, fresh;
	uint64_t word;

	if (!in_range(fd))
		return;
	word = atomic_load(&table[fd]);
	do {
		seen.word = word;
		fresh.word = 0;
		fresh.version = (uint16_t)(seen.version + 1);
	} while (!atomic_compare_exchange_weak(&table[fd], &word, fresh.word));
}

void shim_fds_forget_all(void)
{
	atomic_fetch_add(&epoch, 1);
}

void shim_fd_opened(int fd, enum shim_kind kind)
{
	union entry seen, e;

	if (!in_range(fd))
		return;
	seen = e = get(fd);
	e.epoch = atomic_load(&epoch);
	e.kind = (uint8_t)kind;
	e.flags = SHIM_FD_OURS;
	if (kind == SHIM_FD_EVENTFD)
		e.flags |= SHIM_FD_INLINE_CLOSE;
	put(fd, seen, e);
}

void shim_fd_opened_as(int fd, const struct shim_file *file, bool ours)
{
	union entry seen, e;

	if (!in_range(fd))
		return;
	seen = e = get(fd);
	e.epoch = atomic_load(&epoch);
	e.flags = ours ? SHIM_FD_OURS : 0;
	classify(fd, file, &e);
	put(fd, seen, e);
}

void shim_fd_learn(int fd, uint8_t flag)
{
	union entry seen, e;

	if (!in_range(fd))
		return;
	seen = e = get(fd);
	if (e.kind == SHIM_FD_UNKNOWN)
		return;
	e.flags |= flag;
	put(fd, seen, e);
}
