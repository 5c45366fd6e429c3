/* SPDX-License-Identifier: MIT */
/*
 * What the programs about pread, readv, recv, send, accept and their kin share:
 * every way of receiving and of sending behind one type, so that a case is told
 * once and tried under each name; pairs of sockets of every kind; buffers with
 * an end that nobody may touch; buffers as text.
 */
#ifndef TESTS_FAMILY_H
#define TESTS_FAMILY_H

#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "common.h"

#define FILLER '.'

enum { S_TCP, S_UNIX, S_SEQ, S_DGRAM, S_UDP, SOCKETS };

static const char *const socket_name[SOCKETS] maybe_unused = {
	"tcp", "unix", "seqpacket", "dgram", "udp",
};

static inline bool is_stream(int kind)
{
	return kind == S_TCP || kind == S_UNIX;
}

static inline int udp_socket(struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(*addr);

	*addr = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)addr, len) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)addr, &len) == 0);
	return fd;
}

static inline void udp_pair(int fd[2])
{
	struct sockaddr_in addr[2];

	for (int i = 0; i < 2; i++)
		fd[i] = udp_socket(&addr[i]);
	for (int i = 0; i < 2; i++)
		CHECK(connect(fd[i], (struct sockaddr *)&addr[!i],
			      sizeof(addr[0])) == 0);
}

/* Two connected sockets; end 0 is the receiving one. */
static inline void make_sockets(int kind, int fd[2])
{
	static const int type[SOCKETS] = {
		[S_UNIX] = SOCK_STREAM, [S_SEQ] = SOCK_SEQPACKET,
		[S_DGRAM] = SOCK_DGRAM,
	};

	if (kind == S_TCP)
		tcp_pair(fd);
	else if (kind == S_UDP)
		udp_pair(fd);
	else
		CHECK(socketpair(AF_UNIX, type[kind], 0, fd) == 0);
}

static inline void unix_address(struct sockaddr_un *addr, const char *path)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	strcpy(addr->sun_path, path);
}

/* A loopback connection may deliver a moment after send() has returned. */
static inline void wait_arrived(int fd, int bytes)
{
	int have = 0;

	for (int i = 0; i < 25000; i++) {
		CHECK(ioctl(fd, FIONREAD, &have) == 0);
		if (have >= bytes)
			return;
		nap_us(200);
	}
	fail("%d of %d bytes arrived", have, bytes);
}

/* Send through a door that is not under test, and see that it is there. */
static inline void feed(const int fd[2], const char *text)
{
	int len = (int)strlen(text), before = 0, type = SOCK_STREAM;
	socklen_t size = sizeof(type);

	CHECK(ioctl(fd[0], FIONREAD, &before) == 0);
	CHECK(syscall(SYS_write, fd[1], text, len) == len);
	/* Of datagrams it tells the length of the first. */
	getsockopt(fd[0], SOL_SOCKET, SO_TYPE, &type, &size);
	wait_arrived(fd[0], type != SOCK_DGRAM ? before + len :
		     before ? 1 : len);
}

/* Bytes as text; the last four answers of a thread stay valid. */
static inline const char *as_text(const void *data, long len)
{
	static __thread char text[4][160];
	static __thread unsigned int turn;
	char *out = text[turn++ % 4];
	const unsigned char *p = data;

	if (len > 150)
		len = 150;
	for (long i = 0; i < len; i++)
		out[i] = p[i] >= ' ' && p[i] < 127 ? p[i] : '?';
	out[len > 0 ? len : 0] = 0;
	return out;
}

/* What can still be had without waiting, piece by piece. */
static inline void say_left(int fd)
{
	char line[512] = "", buf[64];
	size_t at = 0;
	long n = -1, before = 1;

	for (int i = 0; i < 6 && at < 400; i++, before = n) {
		n = syscall(SYS_recvfrom, fd, buf, sizeof(buf), MSG_DONTWAIT,
			    NULL, NULL);
		if (n < 0)
			break;
		at += snprintf(line + at, sizeof(line) - at, " '%s'",
			       as_text(buf, n));
		if (!n && !before)
			break;
	}
	say("    left:%s %s", line, n < 0 ? err_name(errno) : "");
}

/* The ways to receive; read and readv know no flags. */
typedef ssize_t (*get_fn)(int fd, void *buf, size_t len, int flags);

static inline ssize_t get_read(int fd, void *buf, size_t len, int flags)
{
	(void)flags;
	return read(fd, buf, len);
}

static inline ssize_t get_readv(int fd, void *buf, size_t len, int flags)
{
	struct iovec iov[2] = {
		{ buf, len / 2 }, { (char *)buf + len / 2, len - len / 2 },
	};

	(void)flags;
	return readv(fd, iov, 2);
}

static inline ssize_t get_preadv2(int fd, void *buf, size_t len, int flags)
{
	struct iovec iov = { buf, len };

	(void)flags;
	return preadv2(fd, &iov, 1, -1, 0);
}

static inline ssize_t get_recv(int fd, void *buf, size_t len, int flags)
{
	return recv(fd, buf, len, flags);
}

static inline ssize_t get_recvfrom(int fd, void *buf, size_t len, int flags)
{
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

static inline ssize_t get_recvfrom_addr(int fd, void *buf, size_t len,
					int flags)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);

	return recvfrom(fd, buf, len, flags, (struct sockaddr *)&addr, &size);
}

static inline ssize_t get_recvmsg(int fd, void *buf, size_t len, int flags)
{
	struct iovec iov[2] = {
		{ buf, len / 2 }, { (char *)buf + len / 2, len - len / 2 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	return recvmsg(fd, &msg, flags);
}

struct getter {
	const char *name;
	get_fn get;
	bool flags;		/* sockets only, takes flags */
};

static const struct getter getters[] maybe_unused = {
	{ "read", get_read, false },
	{ "readv", get_readv, false },
	{ "preadv2", get_preadv2, false },
	{ "recv", get_recv, true },
	{ "recvfrom", get_recvfrom, true },
	{ "recvfrom address", get_recvfrom_addr, true },
	{ "recvmsg", get_recvmsg, true },
};

/* The ways to send. */
typedef ssize_t (*put_fn)(int fd, const void *buf, size_t len, int flags);

static inline ssize_t put_write(int fd, const void *buf, size_t len, int flags)
{
	(void)flags;
	return write(fd, buf, len);
}

static inline void in_two(struct iovec iov[2], const void *buf, size_t len)
{
	iov[0].iov_base = (void *)buf;
	iov[0].iov_len = len / 2;
	iov[1].iov_base = (char *)buf + len / 2;
	iov[1].iov_len = len - len / 2;
}

static inline ssize_t put_writev(int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov[2];

	(void)flags;
	in_two(iov, buf, len);
	return writev(fd, iov, 2);
}

static inline ssize_t put_pwritev2(int fd, const void *buf, size_t len,
				   int flags)
{
	struct iovec iov[2];

	(void)flags;
	in_two(iov, buf, len);
	return pwritev2(fd, iov, 2, -1, 0);
}

static inline ssize_t put_send(int fd, const void *buf, size_t len, int flags)
{
	return send(fd, buf, len, flags);
}

static inline ssize_t put_sendto(int fd, const void *buf, size_t len, int flags)
{
	return sendto(fd, buf, len, flags, NULL, 0);
}

static inline ssize_t put_sendmsg(int fd, const void *buf, size_t len,
				  int flags)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	in_two(iov, buf, len);
	return sendmsg(fd, &msg, flags);
}

struct putter {
	const char *name;
	put_fn put;
	bool flags;
};

static const struct putter putters[] maybe_unused = {
	{ "write", put_write, false },
	{ "writev", put_writev, false },
	{ "pwritev2", put_pwritev2, false },
	{ "send", put_send, true },
	{ "sendto", put_sendto, true },
	{ "sendmsg", put_sendmsg, true },
};

/* So many bytes, and behind them a page that may not be used as @prot says. */
static inline char *edge_after(size_t len, int prot)
{
	size_t size = (len + 4095) / 4096 * 4096;
	char *map = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	memset(map, FILLER, size);
	CHECK(mprotect(map + size, 4096, prot) == 0);
	return map + size;
}

static inline void set_timeout(int fd, int what, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	CHECK(setsockopt(fd, SOL_SOCKET, what, &tv, sizeof(tv)) == 0);
}

#endif
