// SPDX-License-Identifier: MIT
/*
 * A descriptor number that is something else at every turn: taken away by
 * close, the raw system call, close_range, fclose, closedir, dup2 and dup3, and
 * handed out again by open, pipe, socket, accept, fopen, opendir, memfd_create,
 * SCM_RIGHTS. Whoever remembers what number 3 was reads a shared file position
 * through the ring, waits for ever on a nonblocking pipe, or sends to a file.
 *
 * Ring: read write close
 */
#include <pty.h>
#include <sys/eventfd.h>
#include "life.h"

#define N 3		/* the number under test, the lowest free one */
#define HIGH 20

/* What is behind N now, and how it is reached past the library. */
static int aux = -1;
static FILE *file;
static DIR *dir;
static unsigned int seed = 12345;

static unsigned int next(void)
{
	seed = seed * 1103515245 + 12345;
	return seed >> 16 & 0x7fff;
}

static void raw_close(int fd)
{
	NEED(syscall(SYS_close, fd) == 0);
}

/* Moves a descriptor out of the way, past the library. */
static int high(int fd)
{
	int up = syscall(SYS_fcntl, fd, F_DUPFD, HIGH);

	NEED(up >= HIGH);
	raw_close(fd);
	return up;
}

static int make_pipe(void)
{
	int p[2];

	NEED(pipe(p) == 0);
	aux = high(p[1]);
	return p[0];
}

static int make_pipe_nb(void)
{
	int p[2];

	NEED(pipe2(p, O_NONBLOCK) == 0);
	aux = high(p[1]);
	return p[0];
}

static int make_stream(void)
{
	int p[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	aux = high(p[1]);
	return p[0];
}

static int make_timed(void)
{
	struct timeval tv = { 0, 1000 };
	int fd = make_stream();

	NEED(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	return fd;
}

static int make_regular(void)
{
	int fd = open("records", O_RDONLY);

	aux = syscall(SYS_fcntl, fd, F_DUPFD, HIGH);
	return fd;
}

static int make_fopen(void)
{
	int fd;

	file = fopen("records", "r");
	NEED(file);
	fd = fileno(file);
	aux = syscall(SYS_fcntl, fd, F_DUPFD, HIGH);
	return fd;
}

static int make_private(void)
{
	aux = -1;
	return open("records", O_RDONLY);
}

static int make_memfd(void)
{
	int fd = memfd_create("m", 0);

	NEED(syscall(SYS_write, fd, "0123456789", 10) == 10);
	NEED(lseek(fd, 0, SEEK_SET) == 0);
	aux = syscall(SYS_fcntl, fd, F_DUPFD, HIGH);
	return fd;
}

static int make_dir(void)
{
	aux = -1;
	dir = opendir(".");
	NEED(dir);
	return dirfd(dir);
}

static int make_event(void)
{
	aux = -1;
	return eventfd(0, EFD_NONBLOCK);
}

static int make_zero(void)
{
	aux = -1;
	return open("/dev/zero", O_RDWR);
}

static int make_path(void)
{
	aux = -1;
	return open("records", O_PATH);
}

static void check_fed(int fd)
{
	char c = 0;

	NEED(syscall(SYS_write, aux, "ab", 2) == 2);
	NEED(read(fd, &c, 1) == 1 && c == 'a');
	NEED(syscall(SYS_read, fd, &c, 1) == 1 && c == 'b');
}

static void check_empty(int fd)
{
	char c;

	check_fed(fd);
	NEED(read(fd, &c, 1) == -1 && errno == EAGAIN);
	NEED(write(fd, &c, 1) == 1 || errno == EBADF);
}

static void check_position(int fd)
{
	char a[4], b[4];

	NEED(lseek(fd, 0, SEEK_SET) == 0);
	NEED(read(fd, a, 4) == 4 && !memcmp(a, "0123", 4));
	NEED(syscall(SYS_read, aux, b, 2) == 2 && !memcmp(b, "45", 2));
	NEED(read(fd, a, 2) == 2 && !memcmp(a, "67", 2));
	NEED(syscall(SYS_lseek, aux, 2, SEEK_SET) == 2);
	NEED(read(fd, a, 2) == 2 && !memcmp(a, "23", 2));
}

static void check_private(int fd)
{
	char a[16];

	NEED(read(fd, a, 4) == 4 && !memcmp(a, "0123", 4));
	NEED(read(fd, a, 16) == 6 && !memcmp(a, "456789", 6));
	NEED(read(fd, a, 16) == 0);
	NEED(write(fd, a, 1) == -1 && errno == EBADF);
}

static void check_dir(int fd)
{
	char c;

	NEED(read(fd, &c, 1) == -1 && errno == EISDIR);
	NEED(read(fd, &c, 0) == -1 && errno == EISDIR);
}

static void check_event(int fd)
{
	uint64_t v = 9;

	NEED(read(fd, &v, 8) == -1 && errno == EAGAIN);
	NEED(write(fd, &v, 8) == 8);
	NEED(read(fd, &v, 8) == 8 && v == 9);
	NEED(read(fd, &v, 4) == -1 && errno == EINVAL);
}

static void check_zero(int fd)
{
	char a[16] = "x";

	NEED(read(fd, a, 16) == 16 && a[0] == 0);
	NEED(write(fd, a, 16) == 16);
}

static void check_path(int fd)
{
	char c;

	NEED(read(fd, &c, 1) == -1 && errno == EBADF);
	NEED(write(fd, &c, 1) == -1 && errno == EBADF);
}

static const struct kind {
	const char *name;
	int (*make)(void);
	void (*check)(int fd);
} kinds[] = {
	{ "pipe", make_pipe, check_fed },
	{ "nonblocking pipe", make_pipe_nb, check_empty },
	{ "stream", make_stream, check_fed },
	{ "stream with timeout", make_timed, check_empty },
	{ "regular, shared", make_regular, check_position },
	{ "regular, private", make_private, check_private },
	{ "memfd, shared", make_memfd, check_position },
	{ "eventfd", make_event, check_event },
	{ "zero", make_zero, check_zero },
	{ "path", make_path, check_path },
	{ "fopen", make_fopen, check_position },
	{ "opendir", make_dir, check_dir },
};

/* FILE and DIR are closed by their own functions: not for replacing. */
#define REPLACING 10
#define TIMED 3

static void by_message(int fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} u;
	char c = 'f';
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u),
	};
	int s[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	memset(&u, 0, sizeof(u));
	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.h), &fd, sizeof(int));
	NEED(sendmsg(s[0], &m, 0) == 1);
	raw_close(N);
	NEED(recvmsg(s[1], &m, 0) == 1);
	memcpy(&fd, CMSG_DATA(&u.h), sizeof(int));
	NEED(fd == N);
	raw_close(s[0]);
	raw_close(s[1]);
}

static void replace(int fd)
{
	switch (next() % 6) {
	case 0:
		NEED(dup2(fd, N) == N);
		break;
	case 1:
		NEED(dup3(fd, N, O_CLOEXEC) == N);
		break;
	case 2:
		NEED(syscall(SYS_dup2, fd, N) == N);
		break;
	case 3:
		raw_close(N);
		NEED(dup(fd) == N);
		break;
	case 4:
		NEED(close(N) == 0);
		NEED(fcntl(fd, F_DUPFD, 0) == N);
		break;
	case 5:
		by_message(fd);
		break;
	}
	if (next() & 1)
		raw_close(fd);
	else
		NEED(close(fd) == 0);
}

static void take_away(void)
{
	if (file) {
		NEED(fclose(file) == 0);
		file = NULL;
		return;
	}
	if (dir) {
		NEED(closedir(dir) == 0);
		dir = NULL;
		return;
	}
	switch (next() % 5) {
	case 0:
		NEED(close(N) == 0);
		break;
	case 1:
		raw_close(N);
		break;
	case 2:
		NEED(close_range(N, N, 0) == 0);
		break;
	case 3:
		NEED(syscall(SYS_close_range, N, N, 0) == 0);
		break;
	case 4:
		NEED(fclose(fdopen(N, "r")) == 0);
		break;
	}
}

static void drop_aux(void)
{
	if (aux >= 0)
		raw_close(aux);
	aux = -1;
}

/* A timeout takes a while: one in eight of its turns. */
static int pick(int n)
{
	int i = next() % n;

	return i == TIMED && next() % 8 ? 0 : i;
}

static void turn(int *counts)
{
	bool over = next() & 1 && !file && !dir && fcntl(N, F_GETFD) >= 0;
	const struct kind *k;
	int i, fd;

	drop_aux();
	if (over) {
		i = pick(REPLACING);
		k = &kinds[i];
		fd = k->make();
		NEED(fd > N);
		replace(fd);
	} else {
		if (fcntl(N, F_GETFD) >= 0)
			take_away();
		i = pick(COUNT(kinds));
		k = &kinds[i];
		NEED(k->make() == N);
	}
	k->check(N);
	counts[i]++;
}

static void clear(void)
{
	drop_aux();
	if (fcntl(N, F_GETFD) >= 0)
		take_away();
}

/* freopen keeps the number and changes what is behind it. */
static void reopened(void)
{
	FILE *f = fopen("records", "r");
	char c[10];

	NEED(fileno(f) == N);
	for (int i = 0; i < 200; i++) {
		NEED(read(N, c, 2) == 2 && !memcmp(c, "01", 2));
		NEED(freopen("/dev/zero", "r", f) == f && fileno(f) == N);
		NEED(read(N, c, 10) == 10 && c[9] == 0);
		NEED(freopen("fifo", "r+", f) == f && fileno(f) == N);
		NEED(write(N, "ping", 4) == 4);
		NEED(read(N, c, 10) == 4);
		NEED(freopen("records", "r", f) == f && fileno(f) == N);
	}
	NEED(fclose(f) == 0);
	printf("freopen held\n");
}

static void popened(void)
{
	char c[10];

	for (int i = 0; i < 5; i++) {
		int fd = open("records", O_RDONLY);
		FILE *f;

		NEED(fd == N && read(fd, c, 10) == 10);
		raw_close(fd);
		f = popen("echo out", "r");
		NEED(fileno(f) == N);
		NEED(read(N, c, 10) == 4);
		NEED(read(N, c, 10) == 0);
		NEED(pclose(f) == 0);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		NEED(fd == N && read(fd, c, 1) == -1 && errno == EINVAL);
		closefrom(N);
	}
	printf("popen held\n");
}

static void ttys(void)
{
	for (int i = 0; i < 20; i++) {
		int m, s;
		char c[16];

		NEED(open("records", O_RDONLY) == N);
		NEED(read(N, c, 10) == 10);
		NEED(close_range(N, ~0U, 0) == 0);
		NEED(openpty(&s, &m, NULL, NULL, NULL) == 0);
		NEED(s == N);
		NEED(write(m, "out", 3) == 3);
		NEED(read(s, c, 16) == 3);
		NEED(dup2(m, N) == N);
		raw_close(m);
		NEED(read(N, c, 16) == 0);
		NEED(write(N, c, 16) == -1 && errno == EIO);
		clear();
	}
	printf("ttys held\n");
}

int main(void)
{
	int counts[COUNT(kinds)] = { 0 };

	begin();
	signal(SIGPIPE, SIG_IGN);
	closefrom(N);
	put_file("records", "0123456789", 10);
	NEED(mkfifo("fifo", 0600) == 0);
	for (int i = 0; i < 8000; i++)
		turn(counts);
	for (size_t i = 0; i < COUNT(kinds); i++)
		printf("%s %d\n", kinds[i].name, counts[i]);
	clear();
	reopened();
	popened();
	ttys();
	list_fds("left open");
	return 0;
}
