/* SPDX-License-Identifier: MIT */
/*
 * Every call that takes an array of buffers, behind one type: the programs
 * about them try each case under each name.
 */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include "family.h"

typedef ssize_t (*vector_fn)(int fd, const struct iovec *iov, size_t n);

static inline ssize_t v_readv(int fd, const struct iovec *iov, size_t n)
{
	return readv(fd, iov, n);
}

static inline ssize_t v_preadv(int fd, const struct iovec *iov, size_t n)
{
	return preadv(fd, iov, n, 2);
}

static inline ssize_t v_preadv2(int fd, const struct iovec *iov, size_t n)
{
	return preadv2(fd, iov, n, 2, 0);
}

static inline ssize_t v_preadv2_here(int fd, const struct iovec *iov, size_t n)
{
	return preadv2(fd, iov, n, -1, 0);
}

static inline ssize_t v_recvmsg(int fd, const struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = (void *)iov, .msg_iovlen = n };

	return recvmsg(fd, &msg, 0);
}

static inline ssize_t v_writev(int fd, const struct iovec *iov, size_t n)
{
	return writev(fd, iov, n);
}

static inline ssize_t v_pwritev(int fd, const struct iovec *iov, size_t n)
{
	return pwritev(fd, iov, n, 2);
}

static inline ssize_t v_pwritev2(int fd, const struct iovec *iov, size_t n)
{
	return pwritev2(fd, iov, n, 2, 0);
}

static inline ssize_t v_pwritev2_here(int fd, const struct iovec *iov, size_t n)
{
	return pwritev2(fd, iov, n, -1, 0);
}

static inline ssize_t v_sendmsg(int fd, const struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = (void *)iov, .msg_iovlen = n };

	return sendmsg(fd, &msg, 0);
}

struct vector_call {
	const char *name;
	vector_fn call;
	bool sockets, seekable;		/* nothing else will do */
};

static const struct vector_call gathers[] maybe_unused = {
	{ "readv", v_readv, false, false },
	{ "preadv", v_preadv, false, true },
	{ "preadv2", v_preadv2, false, true },
	{ "preadv2 here", v_preadv2_here, false, false },
	{ "recvmsg", v_recvmsg, true, false },
};

static const struct vector_call scatters[] maybe_unused = {
	{ "writev", v_writev, false, false },
	{ "pwritev", v_pwritev, false, true },
	{ "pwritev2", v_pwritev2, false, true },
	{ "pwritev2 here", v_pwritev2_here, false, false },
	{ "sendmsg", v_sendmsg, true, false },
};

/* What an array of buffers is tried on. */
enum { V_FILE, V_MEMORY, V_APPEND, V_PIPE, V_UNIX, V_TCP, V_DGRAM, V_SEQ,
       PLACES };

static const char *const place_name[PLACES] maybe_unused = {
	"file", "memory", "append", "pipe", "unix", "tcp", "dgram",
	"seqpacket",
};

static inline bool is_file(int place)
{
	return place <= V_APPEND;
}

static inline bool is_socket(int place)
{
	return place >= V_UNIX;
}

/* End 0 is read, end 1 is written: of a file, both are the same. */
static inline void make_place(int place, int fd[2])
{
	if (place == V_MEMORY)
		fd[0] = memfd_create("memory", MFD_CLOEXEC);
	else if (is_file(place))
		fd[0] = open("place", O_RDWR | O_CREAT | O_TRUNC |
			     (place == V_APPEND ? O_APPEND : 0), 0600);
	if (is_file(place))
		fd[1] = fd[0];
	else if (place == V_PIPE)
		CHECK(pipe(fd) == 0);
	else
		make_sockets(place == V_UNIX ? S_UNIX : place == V_TCP ? S_TCP :
			     place == V_DGRAM ? S_DGRAM : S_SEQ, fd);
	CHECK(fd[0] >= 0 && fd[1] >= 0);
}

static inline void close_place(int place, int fd[2])
{
	CHECK(close(fd[0]) == 0);
	if (!is_file(place))
		CHECK(close(fd[1]) == 0);
	if (is_file(place) && place != V_MEMORY)
		CHECK(unlink("place") == 0);
}

/* Into the place; what is not a file has it arrive. */
static inline void stock(int place, const int fd[2], const char *text)
{
	size_t len = strlen(text);

	if (!is_file(place)) {
		feed(fd, text);
		return;
	}
	CHECK(ftruncate(fd[1], 0) == 0);
	CHECK(syscall(SYS_pwrite64, fd[1], text, len, 0L) == (long)len);
	CHECK(lseek(fd[1], 1, SEEK_SET) == 1);
}

/* What is in the place, and where the position of a file is. */
static inline void say_stock(int place, const int fd[2])
{
	char buf[256];
	long n;

	if (is_socket(place)) {
		say_left(fd[0]);
		return;
	}
	if (is_file(place)) {
		n = syscall(SYS_pread64, fd[0], buf, sizeof(buf), 0L);
		say("    position %ld, contents %ld '%s'",
		    (long)lseek(fd[0], 0, SEEK_CUR), n, as_text(buf, n));
		return;
	}
	set_nonblock(fd[0], true);
	n = syscall(SYS_read, fd[0], buf, sizeof(buf));
	set_nonblock(fd[0], false);
	say("    left %s '%s'", result(n), as_text(buf, n));
}

static inline bool fits(const struct vector_call *c, int place)
{
	return c->sockets ? is_socket(place) : !c->seekable || is_file(place);
}

#endif
