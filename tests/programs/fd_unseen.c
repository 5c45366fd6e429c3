/* SPDX-License-Identifier: MIT */
/*
 * fd_unseen: a number that every kind of file has had, and that then becomes
 * every other kind by system call instructions of the program's own, which no
 * library sees.  What was known of it is wrong; each call must do what it does
 * of the file that is there.
 *
 * Ring: read write
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "common.h"

#define FD 60

static struct sockaddr_in address;
static int listener, peer;

static int pair_of(int type)
{
	int fd[2];

	CHECK(socketpair(AF_UNIX, type, 0, fd) == 0);
	peer = fd[1];
	CHECK(write(peer, "from the peer", 13) == 13);
	return fd[0];
}

static int pipe_end(int end, int flags)
{
	int fd[2];

	CHECK(pipe2(fd, flags) == 0);
	CHECK(write(fd[1], "through a pipe", 14) == 14);
	peer = fd[!end];
	return fd[end];
}

static int pipe_read(void) { return pipe_end(0, 0); }
static int pipe_write(void) { return pipe_end(1, 0); }
static int pipe_nonblock(void) { return pipe_end(0, O_NONBLOCK); }
static int unix_stream(void) { return pair_of(SOCK_STREAM); }
static int unix_dgram(void) { return pair_of(SOCK_DGRAM); }
static int directory(void) { return open("/", O_RDONLY); }
static int null(void) { return open("/dev/null", O_RDWR); }
static int event(void) { return eventfd(5, EFD_NONBLOCK); }
static int read_only(void) { return open("file", O_RDONLY); }

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	peer = accept(listener, NULL, NULL);
	CHECK(peer >= 0 && write(peer, "by network", 10) == 10);
	CHECK(poll_fd(fd, POLLIN, 5000) == POLLIN);
	return fd;
}

static int listening(void)
{
	struct sockaddr_in any;
	int fd = tcp_listener(1, &any);

	set_nonblock(fd, true);
	return fd;
}

static int regular(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, "in a file", 9) == 9);
	CHECK(close(fd) == 0);
	return open("file", O_RDWR);
}

static int memory(void)
{
	int fd = memfd_create("memory", 0);

	CHECK(fd >= 0 && write(fd, "in memory", 9) == 9);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static const struct {
	const char *name;
	int (*make)(void);
} kinds[] = {
	{ "pipe, read", pipe_read }, { "pipe, write", pipe_write },
	{ "pipe, nonblock", pipe_nonblock }, { "unix", unix_stream },
	{ "tcp", tcp }, { "listener", listening }, { "datagram", unix_dgram },
	{ "regular", regular }, { "read only", read_only },
	{ "directory", directory }, { "eventfd", event }, { "null", null },
	{ "memory", memory },
};

static char bytes[16];
static struct iovec segment = { bytes, 8 };
static struct msghdr message = { .msg_iov = &segment, .msg_iovlen = 1 };

static ssize_t do_read(void) { return read(FD, bytes, 8); }
static ssize_t do_write(void) { return write(FD, bytes, 8); }
static ssize_t do_readv(void) { return readv(FD, &segment, 1); }
static ssize_t do_writev(void) { return writev(FD, &segment, 1); }
static ssize_t do_recv(void) { return recv(FD, bytes, 8, MSG_DONTWAIT); }
static ssize_t do_recvmsg(void) { return recvmsg(FD, &message, MSG_DONTWAIT); }

static ssize_t do_send(void)
{
	return send(FD, bytes, 8, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t do_accept(void)
{
	return accept(FD, NULL, NULL);
}

static const struct {
	const char *name;
	ssize_t (*make)(void);
} calls[] = {
	{ "read", do_read }, { "write", do_write }, { "readv", do_readv },
	{ "writev", do_writev }, { "recv", do_recv }, { "send", do_send },
	{ "recvmsg", do_recvmsg }, { "accept", do_accept },
};

/* Seen: with a read and a write that tell what there is. */
static int begin_as(size_t kind)
{
	int fd;

	peer = -1;
	fd = kinds[kind].make();
	CHECK(fd >= 0);
	CHECK(dup2(fd, FD) == FD);
	CHECK(close(fd) == 0);
	if (kinds[kind].make != pipe_write)
		do_read();
	do_write();
	return peer;
}

static int become(size_t kind)
{
	int fd;

	peer = -1;
	fd = kinds[kind].make();
	CHECK(fd >= 0);
	CHECK(raw_call(SYS_dup2, fd, FD, 0) == FD);
	CHECK(raw_call(SYS_close, fd, 0, 0) == 0);
	return peer;
}

static void leave(int fd)
{
	if (fd >= 0)
		CHECK(close(fd) == 0);
}

static void one(size_t from, size_t to, size_t call)
{
	int before = begin_as(from), after = become(to);
	const char *got;

	memset(bytes, '-', sizeof(bytes));
	got = result(calls[call].make());
	say("%s, then %s: %s %s '%.8s', at %ld", kinds[from].name,
	    kinds[to].name, calls[call].name, got, bytes,
	    (long)lseek(FD, 0, SEEK_CUR));
	CHECK(close(FD) == 0);
	leave(before);
	leave(after);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	listener = tcp_listener(4, &address);
	for (size_t from = 0; from < ARRAY_SIZE(kinds); from++)
		for (size_t to = 0; to < ARRAY_SIZE(kinds); to++)
			for (size_t call = 0; call < ARRAY_SIZE(calls); call++)
				one(from, to, call);
	return 0;
}
