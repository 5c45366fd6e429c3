// SPDX-License-Identifier: MIT
/*
 * pread and pwrite on every kind of file, at every kind of offset, with every
 * kind of length: result, bytes, the position that does not move, and the data
 * that is still in the pipe or socket afterwards.  On a ring an offset of -1
 * means the current position, an offset on a pipe is no error and takes the
 * data, and a length has 32 bits.
 *
 * Ring: pread64
 */
#include <pty.h>
#include <sys/eventfd.h>

#include "family.h"

#define GIB (1UL << 30)
#define TEXT "0123456789abcdefghijklmnopqrstuvwxyzABCD"

static char *edge;		/* 64 KiB, then what nobody may touch */
static void *volatile null;
static volatile size_t zero;

static const long offsets[] = {
	0, 1, 20, 39, 40, 41, 4095, 4096, 1L << 31, 1L << 32, (1L << 32) + 3,
	-1, -2, LONG_MIN, LONG_MAX, LONG_MAX - 1, LONG_MAX - 10,
	LONG_MAX - 4096,
};

static void position(int fd)
{
	say("    position %s", result(lseek(fd, 0, SEEK_CUR)));
}

static void reads_at(const char *name, int fd)
{
	char buf[16];
	ssize_t n;

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		memset(buf, FILLER, sizeof(buf));
		n = pread(fd, buf, 10, offsets[i]);
		say("%s pread at %ld: %s '%s'", name, offsets[i], result(n),
		    as_text(buf, sizeof(buf)));
		say("  nothing: %s %s", result(pread(fd, buf, zero,
						     offsets[i])),
		    result(pread(fd, NULL, zero, offsets[i])));
		position(fd);
	}
}

static void writes_at(const char *name, int fd)
{
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		/* How far a file goes is for the file system to say. */
		if (offsets[i] > 1L << 33 && offsets[i] < LONG_MAX - 1)
			continue;
		say("%s pwrite at %ld: %s", name, offsets[i],
		    result(pwrite(fd, "WRITE", 5, offsets[i])));
		say("  nothing: %s", result(pwrite(fd, NULL, zero,
						   offsets[i])));
		position(fd);
		CHECK(fstat(fd, &st) == 0);
		say("    size %ld", (long)st.st_size);
		if (S_ISREG(st.st_mode) && st.st_size > 10000)
			CHECK(ftruncate(fd, 40) == 0);
	}
}

static void huge_lengths(const char *name, int fd)
{
	static const size_t sizes[] = {
		0x7fffffff, 0x80000000, 0xffffffff, 4 * GIB, 4 * GIB + 3,
		5 * GIB, LONG_MAX, 1UL << 63, SIZE_MAX,
	};
	char *buf = edge - 65536;
	ssize_t n;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(buf, FILLER, 64);
		n = pread(fd, buf, sizes[i], 5);
		say("%s pread of %zx: %s '%s'", name, sizes[i], result(n),
		    as_text(buf, 50));
		say("  pwrite %s", result(pwrite(fd, edge - 4, sizes[i], 30)));
		position(fd);
	}
}

static void bad_buffers(const char *name, int fd)
{
	char back[64];
	ssize_t n;

	memset(edge - 8, FILLER, 8);
	n = pread(fd, edge - 4, 16, 3);
	say("%s pread, half there: %s '%s'", name, result(n),
	    as_text(edge - 8, 8));
	say("  nowhere: %s %s %s", result(pread(fd, edge, 16, 3)),
	    result(pread(fd, null, 16, 3)), result(pread(fd, edge, 16, 4000)));
	say("  negative offset too: %s %s", result(pread(fd, edge, 16, -1)),
	    result(pwrite(fd, edge, 16, -1)));
	say("  pwrite, half there: %s", result(pwrite(fd, edge - 4, 16, 3)));
	say("  nowhere: %s %s", result(pwrite(fd, edge, 16, 3)),
	    result(pwrite(fd, null, 16, 3)));
	position(fd);
	say("  now '%s'", as_text(back, pread(fd, back, 40, 0)));
}

static void regular(const char *name, int fd)
{
	CHECK(fd >= 0);
	CHECK(pwrite(fd, TEXT, 40, 0) == 40);
	CHECK(lseek(fd, 7, SEEK_SET) == 7);
	reads_at(name, fd);
	bad_buffers(name, fd);
	huge_lengths(name, fd);
	writes_at(name, fd);
	CHECK(close(fd) == 0);
}

/* A hole is zeros, up to the end. */
static void holes(int fd)
{
	char buf[64];
	ssize_t n;

	CHECK(ftruncate(fd, 0) == 0);
	CHECK(pwrite(fd, "far", 3, 100000) == 3);
	for (long at = 0; at < 100020; at += 33333) {
		memset(buf, FILLER, sizeof(buf));
		n = pread(fd, buf, 60, at);
		say("hole at %ld: %s '%s'", at, result(n), as_text(buf, 64));
	}
	CHECK(close(fd) == 0);
}

/* Nothing of these has an offset: their data stays where it is. */
static void keeps(const char *name, int fd, int feeder, const void *data,
		  size_t len)
{
	char buf[16];

	if (feeder >= 0)
		CHECK(syscall(SYS_write, feeder, data, len) == (long)len);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		say("%s at %ld: %s %s", name, offsets[i],
		    result(pread(fd, buf, len, offsets[i])),
		    result(pwrite(fd, data, len, offsets[i])));
	say("  nothing: %s %s", result(pread(fd, NULL, zero, 0)),
	    result(pwrite(fd, NULL, zero, 0)));
	say("  nowhere: %s %s", result(pread(fd, edge, 8, 0)),
	    result(pwrite(fd, edge, 8, 0)));
	if (feeder < 0)
		return;
	say("  still there: %s", result(read(fd, buf, sizeof(buf))));
	set_nonblock(fd, true);
	say("  nothing else: %s", result(read(fd, buf, sizeof(buf))));
}

static void unseekable(void)
{
	uint64_t one = 1;
	int fd[2], master, slave;

	for (int kind = 0; kind < CHANNELS; kind++) {
		make_channel(kind, fd);
		keeps(channel_name[kind], fd[0], fd[1], "stay", 4);
		keeps("its other end", fd[1], -1, "stay", 4);
		close_channel(fd);
	}
	make_sockets(S_DGRAM, fd);
	keeps("dgram", fd[0], fd[1], "stay", 4);
	close_channel(fd);
	fd[0] = eventfd(0, 0);
	keeps("eventfd", fd[0], fd[0], &one, 8);
	CHECK(close(fd[0]) == 0);
	CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	keeps("tty", slave, master, "stay\n", 5);
	CHECK(close(master) == 0 && close(slave) == 0);
	CHECK(mkfifo("fifo", 0600) == 0);
	fd[0] = open("fifo", O_RDWR);
	keeps("fifo", fd[0], fd[0], "stay", 4);
	CHECK(close(fd[0]) == 0 && unlink("fifo") == 0);
}

static void wrong_ones(void)
{
	static const struct {
		const char *name, *path;
		int flags;
	} table[] = {
		{ "read only", "modes", O_RDONLY },
		{ "write only", "modes", O_WRONLY },
		{ "neither", "modes", O_ACCMODE },
		{ "path", "modes", O_PATH },
		{ "directory", ".", O_RDONLY },
		{ "directory, path", ".", O_PATH },
		{ "null", "/dev/null", O_RDWR },
		{ "zero", "/dev/zero", O_RDWR },
		{ "full", "/dev/full", O_RDWR },
	};

	CHECK(close(open("modes", O_WRONLY | O_CREAT, 0600)) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int fd = open(table[i].path, table[i].flags);

		keeps(table[i].name, fd, -1, "text", 4);
		CHECK(close(fd) == 0);
	}
	CHECK(unlink("modes") == 0);
	keeps("closed", 900, -1, "text", 4);
	keeps("-1", -1, -1, "text", 4);
}

static void appending(void)
{
	int fd = open("append", O_RDWR | O_CREAT | O_APPEND, 0600);
	char buf[64];

	CHECK(write(fd, "first", 5) == 5);
	say("append: %s", result(pwrite(fd, "second", 6, 0)));
	position(fd);
	say("  at -1: %s", result(pwrite(fd, "third", 5, -1)));
	say("  now '%s'", as_text(buf, pread(fd, buf, 64, 0)));
	CHECK(close(fd) == 0 && unlink("append") == 0);
}

static void direct(void)
{
	char *buf = mmap(NULL, 16384, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0600);
	ssize_t n;

	CHECK(fd >= 0);
	memset(buf, 'd', 8192);
	say("direct: %s", result(pwrite(fd, buf, 8192, 0)));
	memset(buf, FILLER, 8192);
	n = pread(fd, buf, 4096, 4096);
	say("  aligned: %s '%s'", result(n), as_text(buf, 8));
	say("  offset: %s %s", result(pread(fd, buf, 4096, 1)),
	    result(pwrite(fd, buf, 4096, 1)));
	say("  length: %s %s", result(pread(fd, buf, 100, 0)),
	    result(pwrite(fd, buf, 100, 0)));
	say("  buffer: %s %s", result(pread(fd, buf + 1, 4096, 0)),
	    result(pwrite(fd, buf + 1, 4096, 0)));
	say("  past the end: %s %s", result(pread(fd, buf, 4096, 8192)),
	    result(pread(fd, buf, 8192, 4096)));
	CHECK(close(fd) == 0 && unlink("direct") == 0);
}

/* Eight threads and a child, one descriptor: nobody moves a position. */
static int shared;

static void *read_records(void *arg)
{
	uint32_t seed = 17 + (uintptr_t)arg, record[4];

	for (int i = 0; i < 3000; i++) {
		uint32_t at = next_random(&seed) % 4096;

		CHECK(pread(shared, record, 16, at * 16) == 16);
		for (int k = 0; k < 4; k++)
			CHECK(record[k] == at);
		if (i % 16 == 0)
			CHECK(pwrite(shared, record, 16, at * 16) == 16);
	}
	return NULL;
}

static void together(void)
{
	pthread_t threads[8];
	uint32_t record[4];
	int status;
	pid_t child;

	shared = open("records", O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (uint32_t i = 0; i < 4096; i++) {
		for (int k = 0; k < 4; k++)
			record[k] = i;
		CHECK(write(shared, record, 16) == 16);
	}
	CHECK(lseek(shared, 160, SEEK_SET) == 160);
	child = fork();
	CHECK(child >= 0);
	if (!child)
		_exit(read_records((void *)99) ? 1 : 0);
	for (uintptr_t i = 0; i < 8; i++)
		threads[i] = start(read_records, (void *)i);
	for (int i = 0; i < 8; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(read(shared, record, 16) == 16);
	say("together: record %u", record[0]);
	position(shared);
	CHECK(close(shared) == 0 && unlink("records") == 0);
}

int main(void)
{
	int fd;

	alarm(25);
	edge = edge_after(65536, PROT_NONE);
	regular("file", open("file", O_RDWR | O_CREAT, 0600));
	holes(open("file", O_RDWR));
	CHECK(unlink("file") == 0);
	regular("memory", memfd_create("memory", 0));
	holes(memfd_create("memory", 0));
	fd = open("/dev/shm", O_RDWR | O_TMPFILE, 0600);
	if (fd >= 0)
		regular("tmpfs", fd);
	unseekable();
	wrong_ones();
	appending();
	direct();
	together();
	return 0;
}
