// SPDX-License-Identifier: MIT
/*
 * Bad arguments: every kind of descriptor with zero length, with a pointer that
 * leads nowhere, with lengths of 2 GiB, 4 GiB, 5 GiB and SIZE_MAX, and with the
 * wrong access mode. An SQE has a 32-bit length (4 GiB would look like the end
 * of the file), imports the buffer before it looks the file up (EFAULT before
 * EBADF), and says 0 for an empty read of a directory. A call repeated after
 * EFAULT would eat an eventfd's counter or a datagram twice.
 *
 * Ring: read write
 */
#include <sys/eventfd.h>
#include <pty.h>
#include "life.h"

#define GIB (1ULL << 30)

struct end {
	const char *name;
	int fd;		/* what is read or written */
	int feed;	/* where data for it comes from, -1 none */
	int drain;	/* where its data goes, -1 nowhere */
};

static struct end ends[32];
static int n_ends;
static char *page;	/* 64 KiB, then a page that nobody may touch */
static void *nowhere;
static volatile size_t zero;

static void add(const char *name, int fd, int feed, int drain)
{
	NEED(n_ends < (int)COUNT(ends));
	ends[n_ends++] = (struct end){ name, fd, feed, drain };
}

static void add_pairs(void)
{
	int p[2], q[2], s[2], d[2];

	NEED(pipe(p) == 0 && pipe(q) == 0);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, d) == 0);
	add("pipe-r", p[0], p[1], -1);
	add("pipe-w", q[1], -1, q[0]);
	add("stream", s[0], s[1], s[1]);
	add("dgram", d[0], d[1], d[1]);
	set_nonblock(q[1], true);
	set_nonblock(s[0], true);
	set_nonblock(d[0], true);
	set_nonblock(p[0], true);
}

static void add_files(void)
{
	put_file("ro", "0123456789", 10);
	put_file("wo", "0123456789", 10);
	put_file("rw", "0123456789", 10);
	NEED(mkdir("dir", 0755) == 0);
	add("file-r", open("ro", O_RDONLY), -1, -1);
	add("file-w", open("wo", O_WRONLY), -1, -1);
	add("file-rw", open("rw", O_RDWR), -1, -1);
	add("file-a", open("wo", O_WRONLY | O_APPEND), -1, -1);
	add("mode-3", open("rw", O_ACCMODE), -1, -1);
	add("dir", open("dir", O_RDONLY), -1, -1);
	add("path", open("ro", O_PATH), -1, -1);
	add("path-dir", open("dir", O_PATH), -1, -1);
	add("null", open("/dev/null", O_RDWR), -1, -1);
	add("zero", open("/dev/zero", O_RDONLY), -1, -1);
}

static void add_odd(void)
{
	int master, slave;

	NEED(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	add("tty", slave, master, master);
	set_nonblock(slave, true);
	add("eventfd", eventfd(0, EFD_NONBLOCK), -2, -1);
	add("unbound", socket(AF_INET, SOCK_STREAM, 0), -1, -1);
	add("minus-1", -1, -1, -1);
	add("closed", 900, -1, -1);
	add("cwd", AT_FDCWD, -1, -1);
	add("max", INT_MAX, -1, -1);
	add("min", INT_MIN, -1, -1);
}

static void feed(const struct end *e)
{
	uint64_t one = 1;

	if (e->feed == -2)
		NEED(write(e->fd, &one, 8) == 8);
	else if (e->feed >= 0)
		NEED(write(e->feed, "hello\n", 6) == 6);
}

static void drain(const struct end *e)
{
	static char sink[1 << 16];
	struct pollfd p = { .fd = e->drain, .events = POLLIN };
	size_t got = 0;
	ssize_t n;

	if (e->drain < 0)
		return;
	while (poll(&p, 1, 0) == 1) {
		n = read(e->drain, sink, sizeof(sink));
		if (n <= 0)
			break;
		got += n;
	}
	printf("\tdrained %zu\n", got);
}

static void try_read(const struct end *e, void *buf, size_t len,
		     const char *what)
{
	char left[64];

	feed(e);
	lseek(e->fd, 2, SEEK_SET);
	show(read(e->fd, buf, len), "read %s %s", e->name, what);
	show(lseek(e->fd, 0, SEEK_CUR), "\tposition");
	if (e->feed == -1)
		return;
	show(read(e->fd, left, sizeof(left)), "\tleft");
}

static void try_write(const struct end *e, void *buf, size_t len,
		      const char *what)
{
	lseek(e->fd, 2, SEEK_SET);
	show(write(e->fd, buf, len), "write %s %s", e->name, what);
	show(lseek(e->fd, 0, SEEK_CUR), "\tposition");
	drain(e);
}

static void reads(const struct end *e)
{
	try_read(e, page, zero, "zero");
	try_read(e, NULL, zero, "zero NULL");
	try_read(e, nowhere, zero, "zero nowhere");
	try_read(e, NULL, 4, "NULL 4");
	try_read(e, nowhere, 16, "nowhere 16");
	try_read(e, page, 2 * GIB - 1, "2G-1");
	try_read(e, page, 2 * GIB, "2G");
	try_read(e, page, 4 * GIB, "4G");
	try_read(e, page, 4 * GIB + 3, "4G+3");
	try_read(e, page, 5 * GIB, "5G");
	try_read(e, page, SSIZE_MAX, "SSIZE_MAX");
	try_read(e, page, SIZE_MAX, "SIZE_MAX");
	try_read(e, nowhere, SIZE_MAX, "nowhere SIZE_MAX");
}

static void writes(const struct end *e)
{
	try_write(e, page, zero, "zero");
	try_write(e, NULL, zero, "zero NULL");
	try_write(e, nowhere, zero, "zero nowhere");
	try_write(e, NULL, 8, "NULL 8");
	try_write(e, nowhere, 16, "nowhere 16");
	/* The null device reads nothing; a terminal takes what it likes. */
	if (!strcmp(e->name, "null") || !strcmp(e->name, "tty"))
		return;
	try_write(e, page, 2 * GIB, "2G");
	try_write(e, page, 4 * GIB, "4G");
	try_write(e, page, 5 * GIB, "5G");
	try_write(e, page, SIZE_MAX, "SIZE_MAX");
}

int main(void)
{
	char *map;

	begin();
	on_signal(SIGPIPE, SIG_IGN, 0);
	map = mmap(NULL, 69632, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(map != MAP_FAILED);
	NEED(mprotect(map + 65536, 4096, PROT_NONE) == 0);
	page = map;
	nowhere = map + 65536;
	memset(page, 'x', 65536);
	add_pairs();
	add_files();
	add_odd();
	for (int i = 0; i < n_ends; i++) {
		reads(&ends[i]);
		writes(&ends[i]);
	}
	for (int i = n_ends - 1; i >= 0; i--)
		show(close(ends[i].fd), "close %s", ends[i].name);
	list_fds("left open");
	return 0;
}
