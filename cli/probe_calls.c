// SPDX-License-Identifier: MIT
/*
 * One call each, on files of all the kinds that matter; see probe.h.  Each has
 * its own descriptors: what the library remembers of one must not decide about
 * another.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PLACE __attribute__((unused)) const struct probe_place *at
#define FDS __attribute__((unused)) const int fds[2]
#define LARGE 32768
#define LINE 5

static char buffer[LARGE];

static int result(long ret)
{
	return ret < 0 ? -errno : 0;
}

static const char *name_in(const struct probe_place *at, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", at->dir, name);
	return path;
}

int probe_files(const struct probe_place *at)
{
	int fd = open(name_in(at, "file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int ret = fd < 0 ? -errno : result(write(fd, buffer, 8192));

	if (fd >= 0)
		close(fd);
	return ret;
}

/* Descriptors */

static int make_pipe(PLACE, int fds[2])
{
	return result(pipe2(fds, O_CLOEXEC));
}

static int make_pipe_nonblock(PLACE, int fds[2])
{
	return result(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
}

static int make_unix(PLACE, int fds[2])
{
	return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
}

static int make_datagram(PLACE, int fds[2])
{
	return result(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds));
}

static int listen_tcp(struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*sin = (struct sockaddr_in){ .sin_family = AF_INET };
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)sin, len) ||
	    listen(fd, 4) || getsockname(fd, (struct sockaddr *)sin, &len))
		return -errno;
	return fd;
}

/* A listener and a connection that waits to be accepted. */
static int make_listener(PLACE, int fds[2])
{
	struct sockaddr_in sin;

	fds[0] = listen_tcp(&sin);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return result(fds[1] < 0 ? -1 : connect(fds[1], (struct sockaddr *)&sin,
						sizeof(sin)));
}

static int make_tcp(PLACE, int fds[2])
{
	int ret = make_listener(at, fds);

	if (ret)
		return ret;
	fds[0] = accept4(fds[0], NULL, NULL, SOCK_CLOEXEC);
	return result(fds[0]);
}

/* A terminal without a person: what is written to [1] can be read from [0]. */
static int make_tty(PLACE, int fds[2])
{
	fds[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[1] < 0 || grantpt(fds[1]) || unlockpt(fds[1]))
		return -errno;
	fds[0] = open(ptsname(fds[1]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return result(fds[0]);
}

static int make_one(int fd, int fds[2])
{
	fds[0] = fds[1] = fd;
	return result(fd);
}

static int make_file(PLACE, int fds[2])
{
	return make_one(open(name_in(at, "file"), O_RDWR | O_CLOEXEC), fds);
}

static int make_shared_file(PLACE, int fds[2])
{
	int ret = make_file(at, fds);

	return ret ? ret : result(dup(fds[0]));
}

static int make_zero(PLACE, int fds[2])
{
	return make_one(open("/dev/zero", O_RDWR | O_CLOEXEC), fds);
}

static int make_null(PLACE, int fds[2])
{
	return make_one(open("/dev/null", O_RDWR | O_CLOEXEC), fds);
}

static int make_eventfd(PLACE, int fds[2])
{
	return make_one(eventfd(1, EFD_CLOEXEC), fds);
}

static int make_socket(PLACE, int fds[2])
{
	return make_one(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fds);
}

/* open */

static int try_open(const char *path, int flags)
{
	return result(open(path, flags | O_CLOEXEC, 0600));
}

static int open_file(PLACE, FDS)
{
	return try_open(name_in(at, "file"), O_RDONLY);
}

static int open_new(PLACE, FDS)
{
	return try_open(name_in(at, "new"), O_RDWR | O_CREAT);
}

static int open_dir(PLACE, FDS)
{
	return try_open(at->dir, O_RDONLY | O_DIRECTORY);
}

static int open_null(PLACE, FDS)
{
	return try_open("/dev/null", O_RDWR);
}

static int open_proc(PLACE, FDS)
{
	return try_open("/proc/self/status", O_RDONLY);
}

static int openat_file(PLACE, FDS)
{
	int dir = open(at->dir, O_PATH | O_CLOEXEC);

	return result(dir < 0 ? -1 : openat(dir, "file", O_RDONLY | O_CLOEXEC));
}

/* Reading and writing */

static struct iovec iov = { .iov_base = buffer, .iov_len = LINE };

static int line(int fd)
{
	return result(write(fd, "line\n", LINE));
}

static int read_8(PLACE, FDS)
{
	return result(read(fds[0], buffer, 8));
}

static int read_line(PLACE, FDS)
{
	int ret = line(fds[1]);

	return ret ? ret : read_8(at, fds);
}

static int read_nothing(PLACE, FDS)
{
	int ret = read_8(at, fds);

	return ret == -EAGAIN ? 0 : ret;
}

static int late_writer = -1;

static void write_late(int sig)
{
	(void)sig;
	if (line(late_writer))
		abort();
}

/* Data comes while the call waits, from a handler after which it goes on. */
static int read_late(PLACE, FDS)
{
	struct itimerspec soon = { .it_value = { .tv_nsec = 50000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL };
	struct sigaction act = { .sa_handler = write_late };
	timer_t timer;

	act.sa_flags = SA_RESTART;
	event.sigev_signo = SIGUSR1;
	late_writer = fds[1];
	if (sigaction(SIGUSR1, &act, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &soon, NULL))
		return -errno;
	return read_8(at, fds);
}

static int write_8(PLACE, FDS)
{
	return result(write(fds[1], "\1\0\0\0\0\0\0", 8));
}

static int write_8k(PLACE, FDS)
{
	return result(write(fds[1], buffer, 8192));
}

static int write_32k(PLACE, FDS)
{
	return result(write(fds[1], buffer, LARGE));
}

static int pread_4k(PLACE, FDS)
{
	return result(pread(fds[0], buffer, 4096, 0));
}

static int pwrite_4k(PLACE, FDS)
{
	return result(pwrite(fds[1], buffer, 4096, 0));
}

static int readv_line(PLACE, FDS)
{
	int ret = line(fds[1]);

	return ret ? ret : result(readv(fds[0], &iov, 1));
}

static int writev_line(PLACE, FDS)
{
	return result(writev(fds[1], &iov, 1));
}

static int recv_line(PLACE, FDS)
{
	int ret = line(fds[1]);

	return ret ? ret : result(recv(fds[0], buffer, LINE, 0));
}

static int send_line(PLACE, FDS)
{
	return result(send(fds[1], buffer, LINE, MSG_NOSIGNAL));
}

static int recvmsg_line(PLACE, FDS)
{
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int ret = line(fds[1]);

	return ret ? ret : result(recvmsg(fds[0], &msg, 0));
}

static int sendmsg_line(PLACE, FDS)
{
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return result(sendmsg(fds[1], &msg, 0));
}

/* connect, accept, close */

static int connect_tcp(int flags)
{
	struct sockaddr_in sin;
	int ret, fd = listen_tcp(&sin);

	if (fd < 0)
		return fd;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	ret = result(connect(fd, (struct sockaddr *)&sin, sizeof(sin)));
	return ret == -EINPROGRESS ? 0 : ret;
}

static int connect_blocking(PLACE, FDS)
{
	return connect_tcp(0);
}

static int connect_nonblock(PLACE, FDS)
{
	return connect_tcp(SOCK_NONBLOCK);
}

/* To a name that the kernel chooses. */
static int connect_unix(PLACE, FDS)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(sun.sun_family);

	if (to < 0 || fd < 0 || bind(to, (struct sockaddr *)&sun, len) ||
	    listen(to, 1))
		return -errno;
	len = sizeof(sun);
	if (getsockname(to, (struct sockaddr *)&sun, &len))
		return -errno;
	return result(connect(fd, (struct sockaddr *)&sun, len));
}

static int accept_one(PLACE, FDS)
{
	return result(accept4(fds[0], NULL, NULL, SOCK_CLOEXEC));
}

static int close_it(PLACE, FDS)
{
	return result(close(fds[0]));
}

static int close_used(PLACE, FDS)
{
	int ret = read_line(at, fds);

	return ret ? ret : close_it(at, fds);
}

#define ANY PLACE_NONE
#define HERE PLACE_HERE
#define TMPFS PLACE_TMPFS

const struct probe_row probe_rows[] = {
	{ "open", "regular file", HERE, NULL, open_file },
	{ "open", "regular file", TMPFS, NULL, open_file },
	{ "open", "file to be created", HERE, NULL, open_new },
	{ "open", "directory", HERE, NULL, open_dir },
	{ "open", "/dev/null", ANY, NULL, open_null },
	{ "open", "/proc/self/status", ANY, NULL, open_proc },
	{ "openat", "regular file", HERE, NULL, openat_file },
	{ "read", "pipe", ANY, make_pipe, read_line },
	{ "read", "pipe, empty, O_NONBLOCK", ANY, make_pipe_nonblock,
	  read_nothing },
	{ "read", "unix stream socket", ANY, make_unix, read_line },
	{ "read", "TCP socket", ANY, make_tcp, read_line },
	{ "read", "regular file", HERE, make_file, read_8 },
	{ "read", "regular file", TMPFS, make_file, read_8 },
	{ "read", "duplicated regular file", HERE, make_shared_file, read_8 },
	{ "read", "terminal", ANY, make_tty, read_line },
	{ "read", "/dev/zero", ANY, make_zero, read_8 },
	{ "read", "eventfd", ANY, make_eventfd, read_8 },
	{ "write", "pipe", ANY, make_pipe, write_8 },
	{ "write", "pipe, 8 KiB", ANY, make_pipe, write_8k },
	{ "write", "unix stream socket", ANY, make_unix, write_8 },
	{ "write", "unix stream socket, 32 KiB", ANY, make_unix, write_32k },
	{ "write", "TCP socket", ANY, make_tcp, write_8 },
	{ "write", "regular file", HERE, make_file, write_8 },
	{ "write", "regular file", TMPFS, make_file, write_8 },
	{ "write", "terminal", ANY, make_tty, write_8 },
	{ "write", "/dev/null", ANY, make_null, write_8 },
	{ "write", "eventfd", ANY, make_eventfd, write_8 },
	{ "pread64", "regular file", HERE, make_file, pread_4k },
	{ "pread64", "regular file", TMPFS, make_file, pread_4k },
	{ "pwrite64", "regular file", HERE, make_file, pwrite_4k },
	{ "readv", "pipe", ANY, make_pipe, readv_line },
	{ "writev", "pipe", ANY, make_pipe, writev_line },
	{ "recvfrom", "TCP socket", ANY, make_tcp, recv_line },
	{ "sendto", "TCP socket", ANY, make_tcp, send_line },
	{ "sendto", "unix datagram socket", ANY, make_datagram, send_line },
	{ "recvmsg", "unix stream socket", ANY, make_unix, recvmsg_line },
	{ "sendmsg", "unix stream socket", ANY, make_unix, sendmsg_line },
	{ "connect", "TCP socket", ANY, NULL, connect_blocking },
	{ "connect", "TCP socket, O_NONBLOCK", ANY, NULL, connect_nonblock },
	{ "connect", "unix stream socket", ANY, NULL, connect_unix },
	{ "accept4", "TCP socket", ANY, make_listener, accept_one },
	{ "close", "pipe", ANY, make_pipe, close_used },
	{ "close", "TCP socket", ANY, make_tcp, close_used },
	{ "close", "regular file", HERE, make_file, close_it },
	{ "close", "regular file", TMPFS, make_file, close_it },
	{ "close", "socket never used", ANY, make_socket, close_it },
	/* The last, because of the handler. */
	{ "read", "pipe, empty", ANY, make_pipe, read_late },
};

const size_t probe_number = sizeof(probe_rows) / sizeof(probe_rows[0]);
