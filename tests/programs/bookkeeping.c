// SPDX-License-Identifier: MIT
/*
 * One number, many files: dup, dup2, dup3, fcntl, pipe, socket, socketpair,
 * accept, close_range, closefrom, fclose, exec's flag and libc's own closing
 * give a number to another kind of file than the one that was there a moment
 * ago, with the same calls made before and after.  Then sendfile,
 * copy_file_range and splice, which move a position that the next read uses.
 * A library that remembers what a number is must not remember too long.
 *
 * Ring: read pread64 readv writev recvfrom sendto
 */
#include <sys/eventfd.h>
#include <sys/sendfile.h>

#include "family.h"

#define NUMBER 77

/* What a number can be; each has something to read. */
enum { EMPTY, REGULAR, FIFO, STREAM, INET, DGRAM, EVENT, DIRECTORY, PATH_ONLY,
       WRITE_END, THINGS };

static const char *const thing_name[THINGS] = {
	"nothing", "file", "pipe", "stream", "tcp", "dgram", "eventfd",
	"directory", "path", "writing end",
};

/* A new descriptor of that kind, and its other end or -1. */
static int make_thing(int thing, int *peer)
{
	int fd[2] = { -1, -1 };

	switch (thing) {
	case REGULAR:
		fd[0] = open("ten", O_RDONLY);
		break;
	case FIFO:
	case WRITE_END:
		CHECK(pipe(fd) == 0);
		break;
	case STREAM:
		make_sockets(S_UNIX, fd);
		break;
	case INET:
		make_sockets(S_TCP, fd);
		break;
	case DGRAM:
		make_sockets(S_DGRAM, fd);
		break;
	case EVENT:
		fd[0] = eventfd(7, EFD_NONBLOCK);
		break;
	case DIRECTORY:
		fd[0] = open(".", O_RDONLY);
		break;
	case PATH_ONLY:
		fd[0] = open("ten", O_PATH);
		break;
	}
	if (thing == FIFO || (thing >= STREAM && thing <= DGRAM)) {
		CHECK(syscall(SYS_write, fd[1], "abcdefghij", 10L) == 10);
		wait_arrived(fd[0], 10);
		set_nonblock(fd[0], true);
	}
	*peer = thing == WRITE_END ? fd[0] : fd[1];
	return thing == WRITE_END ? fd[1] : fd[0];
}

/* Every call on the number, told in one line each. */
static void probe(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char buf[16] = "";
	ssize_t n;

	n = pread(fd, buf, 2, 4);
	say("    pread %s '%s'", result(n), as_text(buf, n));
	n = read(fd, buf, 2);
	say("    read %s '%s'", result(n), as_text(buf, n < 3 ? n : 0));
	n = get_readv(fd, buf, 2, 0);
	say("    readv %s '%s'", result(n), as_text(buf, n));
	n = recv(fd, buf, 2, 0);
	say("    recv %s '%s'", result(n), as_text(buf, n));
	n = get_recvmsg(fd, buf, 2, 0);
	say("    recvmsg %s '%s'", result(n), as_text(buf, n));
	say("    write %s", result(write(fd, "x", 1)));
	say("    writev %s", result(put_writev(fd, "yz", 2, 0)));
	say("    send %s", result(send(fd, "s", 1, MSG_NOSIGNAL)));
	say("    accept %s", result(accept(fd, (void *)&addr, &len)));
	n = read(fd, buf, 16);
	say("    read %s '%s'", result(n), as_text(buf, n));
}

/* Ways to put a file under the number, in place of what is there. */
enum { DUP2, DUP3, CLOSE_DUP, FCNTL, SYSCALL, RANGE, SET_FLAG, WAYS };

static const char *const way_name[WAYS] = {
	"dup2", "dup3", "close and dup", "close and fcntl", "syscall",
	"close_range and dup", "close_range and its flag",
};

static void place(int way, int fd)
{
	int got = NUMBER;

	if (way == CLOSE_DUP || way == FCNTL)
		close(NUMBER);
	if (way == RANGE || way == SET_FLAG)
		CHECK(close_range(NUMBER, NUMBER + 3, 0) == 0);
	if (way == DUP2)
		got = dup2(fd, NUMBER);
	else if (way == DUP3)
		got = dup3(fd, NUMBER, O_CLOEXEC);
	else if (way == SYSCALL)
		got = syscall(SYS_dup3, fd, NUMBER, O_CLOEXEC);
	else
		got = fcntl(fd, way == FCNTL ? F_DUPFD : F_DUPFD_CLOEXEC,
			    NUMBER);
	CHECK(got == NUMBER);
	if (way == SET_FLAG)
		CHECK(close_range(NUMBER, NUMBER, CLOSE_RANGE_CLOEXEC) == 0);
	CHECK(close(fd) == 0);
}

static void one_after_the_other(int way)
{
	int peer = -1, old = -1, fd;

	for (int i = 0; i < 2 * THINGS; i++) {
		int thing = 1 + i * 7 % (THINGS - 1);

		say("  %s by %s", thing_name[thing], way_name[way]);
		fd = make_thing(thing, &peer);
		place(way, fd);
		if (old >= 0)
			CHECK(close(old) == 0);
		old = peer;
		probe(NUMBER);
	}
	CHECK(close(NUMBER) == 0);
	if (old >= 0)
		CHECK(close(old) == 0);
	say("  closed");
	probe(NUMBER);
}

/* closefrom, fclose and closedir give numbers back that are used again. */
static void lowest(void)
{
	int low = dup(1), p[2], peer;
	FILE *f;

	CHECK(close(low) == 0);
	f = fopen("ten", "r");
	CHECK(fileno(f) == low);
	say("  file of stdio");
	probe(low);
	CHECK(fclose(f) == 0);
	CHECK(pipe(p) == 0);
	CHECK(p[0] == low);
	CHECK(write(p[1], "abcdefghij", 10) == 10);
	set_nonblock(low, true);
	say("  then a pipe");
	probe(low);
	closefrom(low);
	CHECK(make_thing(STREAM, &peer) == low);
	say("  then, after closefrom, a stream");
	probe(low);
	CHECK(close_range(low, ~0U, 0) == 0);
	say("  then, after close_range, nothing");
	probe(low);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == low);
	say("  then a socket");
	probe(low);
	CHECK(close(low) == 0);
}

static void dup_of_itself(void)
{
	int peer, fd = make_thing(FIFO, &peer);

	say("itself: %s %s %s", result(dup2(fd, fd) - fd),
	    result(dup3(fd, fd, 0)), result(dup2(900, fd)));
	say("  %s %s %s", result(dup2(fd, -1)), result(dup3(fd, 80, 1)),
	    result(dup(-1)));
	probe(fd);
	CHECK(close(fd) == 0 && close(peer) == 0);
}

/* One description, two numbers: position, O_NONBLOCK and O_APPEND are common. */
static void common(void)
{
	int fd = open("ten", O_RDWR), other = dup(fd);
	char buf[16];
	int p[2];

	CHECK(read(fd, buf, 2) == 2);
	CHECK(read(other, buf, 2) == 2);
	say("common: '%.2s'", buf);
	CHECK(get_readv(fd, buf, 2, 0) == 2);
	say("  '%.2s'", buf);
	CHECK(pread(other, buf, 2, 0) == 2);
	CHECK(read(other, buf, 2) == 2);
	say("  '%.2s'", buf);
	CHECK(fcntl(other, F_SETFL, O_APPEND) == 0);
	CHECK(write(fd, "K", 1) == 1);
	say("  size %s", result(lseek(fd, 0, SEEK_END)));
	CHECK(ftruncate(fd, 10) == 0);
	CHECK(close(fd) == 0 && close(other) == 0);
	CHECK(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
	say("  pipe2: %s", result(get_readv(p[0], buf, 2, 0)));
	set_nonblock(p[0], false);
	CHECK(write(p[1], "ab", 2) == 2);
	other = fcntl(p[0], F_DUPFD_CLOEXEC, 60);
	set_nonblock(other, true);
	say("  %s", result(read(p[0], buf, 8)));
	say("  %s", result(read(p[0], buf, 8)));
	CHECK(close(other) == 0);
	close_channel(p);
	say("  pipe2: %s %s", result(pipe2(p, 1)), result(pipe2(p, O_APPEND)));
	say("  socket: %s %s", result(socket(-1, SOCK_STREAM, 0)),
	    result(socket(AF_UNIX, 77, 0)));
}

/* Others that move the position of the file that is read next. */
static void moved(void)
{
	int fd = open("ten", O_RDONLY), out, s[2], p[2];
	char buf[16];
	ssize_t n;
	off_t at = 1;

	out = open("out", O_RDWR | O_CREAT, 0600);
	make_sockets(S_UNIX, s);
	CHECK(pipe(p) == 0);
	CHECK(read(fd, buf, 1) == 1);
	say("sendfile %s", result(sendfile(s[1], fd, NULL, 2)));
	n = read(fd, buf, 1);
	say("  read %s '%.1s'", result(n), buf);
	say("  sendfile at 1: %s", result(sendfile(s[1], fd, &at, 3)));
	n = recv(s[0], buf, 16, 0);
	say("  recv %s '%s'", result(n), as_text(buf, n));
	say("copy %s", result(copy_file_range(fd, NULL, out, NULL, 2, 0)));
	n = get_readv(fd, buf, 1, 0);
	say("  readv %s '%.1s'", result(n), buf);
	n = pread(out, buf, 8, 0);
	say("  pread %s '%s', position %s", result(n), as_text(buf, n),
	    result(lseek(out, 0, SEEK_CUR)));
	say("splice %s", result(splice(fd, NULL, p[1], NULL, 2, 0)));
	n = read(p[0], buf, 1);
	say("  read %s '%.1s'", result(n), buf);
	n = read(p[0], buf, 16);
	say("  read %s '%.1s'", result(n), buf);
	n = read(fd, buf, 16);
	say("  the rest %s '%s'", result(n), as_text(buf, n));
	say("  errors: %s %s %s", result(sendfile(900, fd, NULL, 1)),
	    result(splice(fd, NULL, out, NULL, 1, 0)),
	    result(copy_file_range(p[0], NULL, out, NULL, 1, 0)));
	CHECK(write(p[1], "spliced", 7) == 7);
	say("  splice %s", result(splice(p[0], NULL, s[1], NULL, 4, 0)));
	n = recv(s[0], buf, 16, 0);
	say("  recv %s '%s'", result(n), as_text(buf, n));
	n = get_readv(p[0], buf, 16, 0);
	say("  readv %s '%s'", result(n), as_text(buf, n));
	close_channel(s);
	close_channel(p);
	CHECK(close(fd) == 0 && close(out) == 0 && unlink("out") == 0);
}

int main(void)
{
	int fd = open("ten", O_RDWR | O_CREAT | O_TRUNC, 0600);

	alarm(25);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(fd, "0123456789", 10) == 10);
	CHECK(close(fd) == 0);
	for (int way = 0; way < WAYS; way++)
		one_after_the_other(way);
	lowest();
	dup_of_itself();
	common();
	moved();
	CHECK(unlink("ten") == 0);
	return 0;
}
