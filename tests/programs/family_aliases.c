// SPDX-License-Identifier: MIT
/*
 * Every name under which libc hands out the calls with an offset, with arrays
 * and of sockets, found by dlsym: the same results under each.  A name that a
 * library forgets goes past it unseen.  The checking variants abort as libc's
 * do.  And the same calls by number, through syscall(2), between calls by name.
 *
 * Ring: pread64 readv preadv preadv2 writev recvfrom recvmsg sendto sendmsg accept accept4
 */
#include <dlfcn.h>
#include <sys/sendfile.h>

#include "family.h"

#define TEXT "0123456789abcdef"

typedef ssize_t (*at_fn)(int, void *, size_t, off_t);
typedef ssize_t (*at_chk_fn)(int, void *, size_t, off_t, size_t);
typedef ssize_t (*array_fn)(int, const struct iovec *, int);
typedef ssize_t (*array_at_fn)(int, const struct iovec *, int, off_t);
typedef ssize_t (*array_at2_fn)(int, const struct iovec *, int, off_t, int);
typedef ssize_t (*recv_fn)(int, void *, size_t, int);
typedef ssize_t (*recv_chk_fn)(int, void *, size_t, size_t, int);
typedef ssize_t (*from_chk_fn)(int, void *, size_t, size_t, int,
			       struct sockaddr *, socklen_t *);

static void *named(const char *name)
{
	void *sym = dlsym(RTLD_DEFAULT, name);

	if (!sym)
		fail("%s is not there", name);
	return sym;
}

static char buf[32];
static int file, sock[2];

static void told(const char *name, ssize_t n)
{
	say("%s: %s '%s', position %ld", name, result(n), as_text(buf, 20),
	    (long)lseek(file, 0, SEEK_CUR));
	memset(buf, FILLER, sizeof(buf));
}

static void stock(void)
{
	CHECK(ftruncate(file, 0) == 0);
	CHECK(syscall(SYS_pwrite64, file, TEXT, 16L, 0L) == 16);
	CHECK(lseek(file, 3, SEEK_SET) == 3);
}

static void reads(void)
{
	static const char *const at[] = { "pread", "pread64", "__pread64" };
	static const char *const chk[] = { "__pread_chk", "__pread64_chk" };
	struct iovec iov[2] = { { buf, 3 }, { buf + 5, 4 } };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		at_fn fn = (at_fn)named(at[i]);

		told(at[i], fn(file, buf, 8, 2));
		told(at[i], fn(file, buf, 8, 14));
		told(at[i], fn(file, buf, 8, -1));
		told(at[i], fn(sock[0], buf, 8, 0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(chk); i++) {
		at_chk_fn fn = (at_chk_fn)named(chk[i]);

		told(chk[i], fn(file, buf, 8, 2, sizeof(buf)));
		told(chk[i], fn(file, buf, 8, 2, 8));
		told(chk[i], fn(file, buf, 8, -1, SIZE_MAX));
	}
	told("readv", ((array_fn)named("readv"))(file, iov, 2));
	for (int i = 0; i < 2; i++) {
		const char *one = i ? "preadv64" : "preadv";
		const char *two = i ? "preadv64v2" : "preadv2";

		told(one, ((array_at_fn)named(one))(file, iov, 2, 1));
		told(one, ((array_at_fn)named(one))(file, iov, 2, -1));
		told(two, ((array_at2_fn)named(two))(file, iov, 2, 1, 0));
		told(two, ((array_at2_fn)named(two))(file, iov, 2, -1, 0));
		told(two, ((array_at2_fn)named(two))(file, iov, 2, 0, 1 << 20));
		stock();
	}
}

static void contents(const char *name, ssize_t n)
{
	long have = syscall(SYS_pread64, file, buf, sizeof(buf), 0L);

	say("%s: %s, now '%s', position %ld", name, result(n),
	    as_text(buf, have), (long)lseek(file, 0, SEEK_CUR));
	memset(buf, FILLER, sizeof(buf));
	stock();
}

static void writes(void)
{
	static const char *const at[] = { "pwrite", "pwrite64", "__pwrite64" };
	struct iovec iov[2] = { { (void *)"ABC", 3 }, { (void *)"DE", 2 } };
	char text[] = "WXYZ";

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		at_fn fn = (at_fn)named(at[i]);

		contents(at[i], fn(file, text, 4, 14));
		contents(at[i], fn(file, text, 4, -1));
		contents(at[i], fn(sock[0], text, 4, 0));
	}
	contents("writev", ((array_fn)named("writev"))(file, iov, 2));
	for (int i = 0; i < 2; i++) {
		const char *one = i ? "pwritev64" : "pwritev";
		const char *two = i ? "pwritev64v2" : "pwritev2";

		contents(one, ((array_at_fn)named(one))(file, iov, 2, 1));
		contents(two, ((array_at2_fn)named(two))(file, iov, 2, 1, 0));
		contents(two, ((array_at2_fn)named(two))(file, iov, 2, -1, 0));
	}
}

static void sockets(void)
{
	static const char *const sends[] = { "send", "__send" };
	recv_chk_fn recv_chk = (recv_chk_fn)named("__recv_chk");
	from_chk_fn from_chk = (from_chk_fn)named("__recvfrom_chk");
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);
	struct iovec iov = { buf, 4 };
	struct mmsghdr many[2] = {
		{ .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sends); i++) {
		recv_fn fn = (recv_fn)named(sends[i]);
		char text[] = "abcdef";

		told(sends[i], fn(sock[1], text, 6, 0));
		told("recv", ((recv_fn)named("recv"))(sock[0], buf, 4, 0));
		told("__recv_chk", recv_chk(sock[0], buf, 8, 8, 0));
		told(sends[i], fn(sock[1], text, 6, MSG_NOSIGNAL));
		told("__recvfrom_chk", from_chk(sock[0], buf, 2, 32, MSG_PEEK,
						NULL, NULL));
		told("__recvfrom_chk", from_chk(sock[0], buf, 8, 32, 0,
						(void *)&addr, &len));
		say("  length %d", (int)len);
		told(sends[i], fn(-1, text, 6, 0));
		told(sends[i], fn(file, text, 6, 0));
	}
	told("__recv_chk", recv_chk(sock[0], buf, 8, 8, MSG_DONTWAIT));
	memcpy(buf, "many", 4);
	told("sendmmsg", sendmmsg(sock[1], many, 2, 0));
	told("recvmmsg", recvmmsg(sock[0], many, 2, MSG_DONTWAIT, NULL));
	told("sendto", put_sendto(sock[1], "to", 2, 0));
	told("recvfrom", get_recvfrom(sock[0], buf, 8, 0));
	told("sendmsg", put_sendmsg(sock[1], "message", 7, 0));
	told("recvmsg", get_recvmsg(sock[0], buf, 8, 0));
	told("writev", put_writev(sock[1], "vector", 6, 0));
	told("readv", get_readv(sock[0], buf, 8, 0));
}

/* An overflow that the checking variants see: message and signal. */
static void overflows(void)
{
	for (int i = 0; i < 4; i++) {
		pid_t child = fork();
		int status;

		CHECK(child >= 0);
		if (!child && i == 0)
			((at_chk_fn)named("__pread_chk"))(file, buf, 8, 0, 7);
		if (!child && i == 1)
			((at_chk_fn)named("__pread64_chk"))(file, buf, 8, 0,
							    7);
		if (!child && i == 2)
			((recv_chk_fn)named("__recv_chk"))(sock[0], buf, 8, 7,
							   0);
		if (!child && i == 3)
			((from_chk_fn)named("__recvfrom_chk"))(sock[0], buf, 8,
							       7, 0, NULL,
							       NULL);
		if (!child)
			_exit(1);
		CHECK(waitpid(child, &status, 0) == child);
		say("overflow %d: killed by %d", i, WTERMSIG(status));
	}
}

static void accepting(void)
{
	struct sockaddr_in addr;
	int listener = tcp_listener(8, &addr), client[3], fd[3];

	for (int i = 0; i < 3; i++) {
		client[i] = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(connect(client[i], (void *)&addr, sizeof(addr)) == 0);
	}
	fd[0] = ((int (*)(int, void *, void *))named("accept"))(listener, NULL,
								NULL);
	fd[1] = ((int (*)(int, void *, void *, int))named("accept4"))(
		listener, NULL, NULL, SOCK_CLOEXEC);
	fd[2] = syscall(SYS_accept4, listener, NULL, NULL, SOCK_NONBLOCK);
	for (int i = 0; i < 3; i++) {
		say("accepted: %d, %d", fcntl(fd[i], F_GETFD),
		    fcntl(fd[i], F_GETFL) & O_NONBLOCK);
		CHECK(write(client[i], "hello", 5) == 5);
		wait_arrived(fd[i], 5);
		told("read", read(fd[i], buf, 8));
		CHECK(close(fd[i]) == 0 && close(client[i]) == 0);
	}
	CHECK(close(listener) == 0);
}

/* By number and by name, in turns, on the same descriptors. */
static void by_number(void)
{
	struct iovec iov = { buf, 4 };
	long fd = syscall(SYS_openat, AT_FDCWD, "file", O_RDWR);
	long second = syscall(SYS_open, "file", O_RDONLY), p[2];
	int ends[2];

	CHECK(fd >= 0 && second >= 0);
	told("SYS_read", syscall(SYS_read, fd, buf, 4L));
	told("read", read(fd, buf, 4));
	told("SYS_pread64", syscall(SYS_pread64, fd, buf, 4L, 1L));
	told("pread", pread(fd, buf, 4, 1));
	told("SYS_readv", syscall(SYS_readv, fd, &iov, 1L));
	told("readv", readv(fd, &iov, 1));
	told("read", read(second, buf, 4));
	CHECK(syscall(SYS_close, second) == 0);
	told("closed by number", read(second, buf, 4));
	told("closed by number", pread(second, buf, 4, 0));
	CHECK(pipe(ends) == 0);
	say("the number again: %d", ends[0] == second);
	CHECK(write(ends[1], "pipe", 4) == 4);
	told("pread", pread(ends[0], buf, 4, 0));
	told("read", read(ends[0], buf, 8));
	CHECK(syscall(SYS_dup3, sock[0], ends[0], 0) == ends[0]);
	told("SYS_sendto", syscall(SYS_sendto, sock[1], "socket", 6L, 0, NULL,
				   0));
	told("recv", recv(ends[0], buf, 8, 0));
	told("SYS_write", syscall(SYS_write, sock[1], "socket", 6L));
	told("SYS_recvfrom", syscall(SYS_recvfrom, ends[0], buf, 8L, 0, NULL,
				     NULL));
	told("SYS_pwrite64", syscall(SYS_pwrite64, fd, "??", 2L, 0L));
	told("SYS_lseek", syscall(SYS_lseek, fd, 1L, SEEK_SET));
	told("read", read(fd, buf, 4));
	p[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	p[1] = syscall(SYS_connect, p[0], NULL, 0);
	told("SYS_connect", p[1]);
	CHECK(close(p[0]) == 0 && close(fd) == 0);
	close_channel(ends);
	stock();
}

static void copies(void)
{
	ssize_t (*const sendfiles[])(int, int, off_t *, size_t) = {
		(ssize_t (*)(int, int, off_t *, size_t))named("sendfile"),
		(ssize_t (*)(int, int, off_t *, size_t))named("sendfile64"),
	};
	off_t at = 4;
	int p[2];

	for (int i = 0; i < 2; i++) {
		told("sendfile", sendfiles[i](sock[1], file, &at, 5));
		told("recv", recv(sock[0], buf, 20, 0));
		told("sendfile", sendfiles[i](sock[1], file, NULL, 5));
		told("readv", get_readv(sock[0], buf, 20, 0));
	}
	CHECK(pipe(p) == 0);
	at = 1;
	told("splice", splice(file, &at, p[1], NULL, 6, 0));
	told("read", read(p[0], buf, 3));
	told("splice", splice(p[0], NULL, sock[1], NULL, 6, 0));
	told("recv", recv(sock[0], buf, 20, 0));
	close_channel(p);
}

int main(void)
{
	alarm(25);
	file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	make_sockets(S_UNIX, sock);
	memset(buf, FILLER, sizeof(buf));
	stock();
	reads();
	writes();
	sockets();
	overflows();
	accepting();
	by_number();
	copies();
	close_channel(sock);
	CHECK(close(file) == 0 && unlink("file") == 0);
	return 0;
}
