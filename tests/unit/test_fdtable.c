// SPDX-License-Identifier: MIT
/*
 * What is known of each descriptor: the kind of every type of file, the flags
 * of its file system, and that nothing looked up before a forget survives it.
 */
#include "support.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <time.h>
#include <linux/magic.h>

#include "fdtable.h"
#include "fs.h"

static void check_known(int fd, int kind, int flags)
{
	struct shim_fd info = shim_fd_known(fd);

	CHECK_EQ(info.kind, kind);
	CHECK_EQ(info.flags, flags);
}

static void check_look(int fd, int kind, int flags)
{
	struct shim_fd info = { 0xff, 0xff };

	CHECK(fd >= 0);
	shim_fd_forget(fd);
	check_known(fd, SHIM_FD_UNKNOWN, 0);
	CHECK_EQ(shim_fd_look(fd, &info), 0);
	CHECK_EQ(info.kind, kind);
	CHECK_EQ(info.flags, flags);
	check_known(fd, kind, flags);
}

static void pipes(enum shim_ring_form form)
{
	char name[] = "/tmp/shim-unit-XXXXXX", path[64];
	int p[2];

	(void)form;
	make_pipe(p);
	check_look(p[0], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	check_look(p[1], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	CHECK(mkdtemp(name));
	snprintf(path, sizeof(path), "%s/fifo", name);
	CHECK_EQ(mkfifo(path, 0600), 0);
	check_look(open(path, O_RDWR), SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	unlink(path);
	rmdir(name);
}

static void sockets(enum shim_ring_form form)
{
	static const struct {
		int domain, type, protocol, kind, flags;
	} t[] = {
		{ AF_UNIX, SOCK_STREAM, 0, SHIM_FD_STREAM,
		  SHIM_FD_INLINE_CLOSE | SHIM_FD_UNIX },
		{ AF_UNIX, SOCK_DGRAM, 0, SHIM_FD_DATAGRAM,
		  SHIM_FD_INLINE_CLOSE | SHIM_FD_UNIX },
		{ AF_UNIX, SOCK_SEQPACKET, 0, SHIM_FD_DATAGRAM,
		  SHIM_FD_INLINE_CLOSE | SHIM_FD_UNIX },
		{ AF_INET, SOCK_STREAM, 0, SHIM_FD_STREAM,
		  SHIM_FD_INLINE_CLOSE },
		{ AF_INET6, SOCK_STREAM, 0, SHIM_FD_STREAM,
		  SHIM_FD_INLINE_CLOSE },
		{ AF_INET, SOCK_DGRAM, 0, SHIM_FD_DATAGRAM,
		  SHIM_FD_INLINE_CLOSE },
		{ AF_INET6, SOCK_DGRAM, 0, SHIM_FD_DATAGRAM,
		  SHIM_FD_INLINE_CLOSE },
		{ AF_INET, SOCK_STREAM, 132 /* SCTP */, SHIM_FD_OTHER,
		  SHIM_FD_INLINE_CLOSE },
		{ AF_INET, SOCK_STREAM, 262 /* MPTCP */, SHIM_FD_OTHER,
		  SHIM_FD_INLINE_CLOSE },
		{ AF_NETLINK, SOCK_RAW, 0, SHIM_FD_OTHER, 0 },
	};
	unsigned i;
	int fd;

	(void)form;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		fd = socket(t[i].domain, t[i].type, t[i].protocol);
		/* A family or a protocol that this kernel has not. */
		if (fd >= 0)
			check_look(fd, t[i].kind, t[i].flags);
	}
}

static void lowat(enum shim_ring_form form)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), n = 100;

	(void)form;
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)), 0);
	check_look(fd, SHIM_FD_STREAM, SHIM_FD_INLINE_CLOSE | SHIM_FD_LOWAT);
}

static void others(enum shim_ring_form form)
{
	sigset_t set;

	(void)form;
	sigemptyset(&set);
	check_look(open("/dev/null", O_RDWR), SHIM_FD_OTHER, 0);
	check_look(open("/dev/zero", O_RDONLY), SHIM_FD_OTHER, 0);
	check_look(epoll_create1(0), SHIM_FD_OTHER, 0);
	check_look(timerfd_create(CLOCK_MONOTONIC, 0), SHIM_FD_OTHER, 0);
	check_look(signalfd(-1, &set, 0), SHIM_FD_OTHER, 0);
	check_look(inotify_init(), SHIM_FD_OTHER, 0);
	check_look(posix_openpt(O_RDWR | O_NOCTTY), SHIM_FD_OTHER, 0);
	check_look((int)syscall(SYS_pidfd_open, getpid(), 0), SHIM_FD_OTHER, 0);
	/* One that nobody told us to be ours. */
	check_look(eventfd(0, 0), SHIM_FD_OTHER, 0);
}

/* What the header promises for each file system. */
static int expected_flags(int fd)
{
	struct statfs fs;

	CHECK_EQ(fstatfs(fd, &fs), 0);
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case 0x58465342: /* XFS */
	case BTRFS_SUPER_MAGIC:
		return SHIM_FD_INLINE_CLOSE;
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
		return SHIM_FD_INLINE_CLOSE | SHIM_FD_NO_NOWAIT;
	default:
		return SHIM_FD_NO_NOWAIT;
	}
}

static void check_file(int fd)
{
	int flags;

	CHECK(fd >= 0);
	flags = expected_flags(fd);
	check_look(fd, SHIM_FD_REGULAR, flags);
	/* From the memory of the device, this time. */
	check_look(fd, SHIM_FD_REGULAR, flags);
}

static void regular_files(enum shim_ring_form form)
{
	char name[] = "/dev/shm/shim-unit-XXXXXX";
	int fd = mkstemp(name);

	(void)form;
	check_file(open("/etc/passwd", O_RDONLY));
	check_file(open("/proc/version", O_RDONLY));
	check_file(open("/proc/self/status", O_RDONLY));
	check_file(open("/sys/kernel/uevent_seqnum", O_RDONLY));
	check_file(memfd_create("x", 0));
	check_file(open("/tmp", O_RDWR | O_TMPFILE, 0600));
	if (fd >= 0) {
		check_file(fd);
		unlink(name);
	}
}

static void directories(enum shim_ring_form form)
{
	int fd = open("/etc", O_RDONLY | O_DIRECTORY);

	(void)form;
	check_look(fd, SHIM_FD_OTHER,
		   expected_flags(fd) & SHIM_FD_INLINE_CLOSE);
	fd = open("/proc", O_RDONLY | O_DIRECTORY);
	check_look(fd, SHIM_FD_OTHER, 0);
}

static void bad_numbers(enum shim_ring_form form)
{
	static const int far[] = { 65536, 1 << 20, INT32_MAX };
	struct shim_fd info;
	unsigned i;

	(void)form;
	CHECK_EQ(shim_fd_look(-1, &info), -EBADF);
	CHECK_EQ(shim_fd_look(INT32_MIN, &info), -EBADF);
	CHECK_EQ(shim_fd_look(65535, &info), -EBADF);
	CHECK_EQ(shim_fd_look(999, &info), -EBADF);
	check_known(999, SHIM_FD_UNKNOWN, 0);
	for (i = 0; i < ARRAY_SIZE(far); i++) {
		CHECK_EQ(shim_fd_look(far[i], &info), 0);
		CHECK_EQ(info.kind, SHIM_FD_OTHER);
		shim_fd_opened(far[i], SHIM_FD_PIPE);
		shim_fd_learn(far[i], SHIM_FD_NONBLOCK);
		shim_fd_forget(far[i]);
		check_known(far[i], SHIM_FD_UNKNOWN, 0);
	}
	shim_fd_opened(-1, SHIM_FD_PIPE);
	shim_fd_forget(-1);
	shim_fd_learn(-1, SHIM_FD_NONBLOCK);
	check_known(-1, SHIM_FD_UNKNOWN, 0);
}

static void opened(enum shim_ring_form form)
{
	int fd = eventfd(0, 0), flags;
	struct shim_file file;

	(void)form;
	shim_fd_opened(fd, SHIM_FD_EVENTFD);
	check_known(fd, SHIM_FD_EVENTFD, SHIM_FD_OURS | SHIM_FD_INLINE_CLOSE);
	fd = open("/etc/passwd", O_RDONLY);
	CHECK_EQ(shim_file_look(AT_FDCWD, "/etc/passwd", 0, &file), 0);
	flags = expected_flags(fd);
	shim_fd_opened_as(fd, &file, true);
	check_known(fd, SHIM_FD_REGULAR, SHIM_FD_OURS | flags);
	shim_fd_opened_as(fd, &file, false);
	check_known(fd, SHIM_FD_REGULAR, flags);
	shim_fd_forget(fd);
	check_known(fd, SHIM_FD_UNKNOWN, 0);
	/* What is looked up later is not ours. */
	check_look(fd, SHIM_FD_REGULAR, flags);
}

static void learned(enum shim_ring_form form)
{
	int p[2];

	(void)form;
	make_pipe(p);
	/* Nothing can be added to nothing. */
	shim_fd_learn(p[0], SHIM_FD_NO_NOWAIT);
	check_known(p[0], SHIM_FD_UNKNOWN, 0);
	check_look(p[0], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	shim_fd_learn(p[0], SHIM_FD_NO_NOWAIT);
	shim_fd_learn(p[0], SHIM_FD_NONBLOCK);
	check_known(p[0], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE |
		    SHIM_FD_NO_NOWAIT | SHIM_FD_NONBLOCK);
	check_look(p[0], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
}

static void forget_all(enum shim_ring_form form)
{
	int p[2];

	(void)form;
	make_pipe(p);
	check_look(p[0], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	check_look(p[1], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	shim_fd_learn(p[0], SHIM_FD_NONBLOCK);
	shim_fds_forget_all();
	check_known(p[0], SHIM_FD_UNKNOWN, 0);
	check_known(p[1], SHIM_FD_UNKNOWN, 0);
	shim_fd_learn(p[0], SHIM_FD_NONBLOCK);
	check_known(p[0], SHIM_FD_UNKNOWN, 0);
	check_look(p[0], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	check_known(p[1], SHIM_FD_UNKNOWN, 0);
}

/* A stale entry is believed; that is what forgetting is for. */
static void cached(enum shim_ring_form form)
{
	struct shim_fd info;
	int p[2];

	(void)form;
	make_pipe(p);
	check_look(p[0], SHIM_FD_PIPE, SHIM_FD_INLINE_CLOSE);
	CHECK(dup2(open("/dev/null", O_RDONLY), p[0]) == p[0]);
	CHECK_EQ(shim_fd_look(p[0], &info), 0);
	CHECK_EQ(info.kind, SHIM_FD_PIPE);
	check_look(p[0], SHIM_FD_OTHER, 0);
}

/* races */

static atomic_bool stop;
static int raced, as_pipe, as_file;

/* Looks up all the time what the other is replacing. */
static void *look_all_the_time(void *arg)
{
	struct shim_fd info;

	(void)arg;
	while (!atomic_load(&stop)) {
		CHECK_EQ(shim_fd_look(raced, &info), 0);
		if (info.kind != SHIM_FD_PIPE && info.kind != SHIM_FD_REGULAR)
			fail_at(__FILE__, __LINE__, "kind %d", info.kind);
		shim_fd_learn(raced, SHIM_FD_NONBLOCK);
	}
	return NULL;
}

static void check_never(int kind)
{
	int i;

	for (i = 0; i < 50; i++) {
		if (shim_fd_known(raced).kind == kind)
			fail_at(__FILE__, __LINE__,
				"kind %d survived a forget", kind);
	}
}

/* Half a second from the first time that this is asked. */
static bool in_time(void)
{
	static struct timespec first;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!first.tv_sec)
		first = now;
	return (now.tv_sec - first.tv_sec) * 1000 +
	       (now.tv_nsec - first.tv_nsec) / 1000000 < 500;
}

/* An answer from before the forget may arrive after it, and must not stay. */
static void race(void (*forget)(void))
{
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, look_all_the_time, NULL),
			 0);
	for (i = 0; in_time(); i++) {
		CHECK_EQ(syscall(SYS_dup2, i & 1 ? as_pipe : as_file, raced),
			 raced);
		forget();
		check_never(i & 1 ? SHIM_FD_REGULAR : SHIM_FD_PIPE);
	}
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void forget_raced(void)
{
	shim_fd_forget(raced);
}

static void race_setup(void)
{
	int p[2];

	make_pipe(p);
	as_pipe = p[0];
	as_file = open("/etc/passwd", O_RDONLY);
	raced = dup(as_file);
	CHECK(raced >= 0);
}

static void forget_race(enum shim_ring_form form)
{
	(void)form;
	race_setup();
	race(forget_raced);
}

static void forget_all_race(enum shim_ring_form form)
{
	(void)form;
	race_setup();
	race(shim_fds_forget_all);
}

/* The other way: what open(2) said must not be overwritten by an older look. */
static void opened_race(enum shim_ring_form form)
{
	struct shim_fd info;
	pthread_t t;
	struct shim_file file;
	int i;

	(void)form;
	race_setup();
	CHECK_EQ(shim_file_look(as_file, "", AT_EMPTY_PATH, &file), 0);
	CHECK_EQ(pthread_create(&t, NULL, look_all_the_time, NULL), 0);
	for (i = 0; in_time(); i++) {
		CHECK_EQ(syscall(SYS_dup2, i & 1 ? as_pipe : as_file, raced),
			 raced);
		shim_fd_forget(raced);
		if (i & 1)
			continue;
		shim_fd_opened_as(raced, &file, true);
		info = shim_fd_known(raced);
		/* Another look of the new file may have been first or last. */
		if (info.kind == SHIM_FD_PIPE)
			fail_at(__FILE__, __LINE__, "a pipe after an open");
	}
	atomic_store(&stop, true);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(pipes),
		ONCE(sockets),
		ONCE(lowat),
		ONCE(others),
		ONCE(regular_files),
		ONCE(directories),
		ONCE(bad_numbers),
		ONCE(opened),
		ONCE(learned),
		ONCE(forget_all),
		ONCE(cached),
		ONCE(forget_race),
		ONCE(forget_all_race),
		ONCE(opened_race),
	};

	return RUN_ALL(tests);
}
