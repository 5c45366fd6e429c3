// SPDX-License-Identifier: MIT
/*
 * open: flags times kinds of files, the fd number that comes out and what
 * F_GETFL and F_GETFD say about it. OPENAT2, which a ring would use, refuses
 * unknown flag bits and modes that open(2) ignores, and an open on a ring knows
 * nothing of the lowest-fd and EMFILE-before-ENOENT rules unless it is done at
 * once. Each path is opened twice: the first miss goes through the file system,
 * the second comes from the cache.
 *
 * Ring: open
 */
#include <sys/sysmacros.h>
#include "life.h"

struct flag {
	const char *name;
	int val;
};

static const struct flag flags[] = {
	{ "RDONLY", O_RDONLY },
	{ "WRONLY", O_WRONLY },
	{ "RDWR", O_RDWR },
	{ "3", O_ACCMODE },
	{ "CREAT", O_CREAT | O_WRONLY },
	{ "CREAT|EXCL", O_CREAT | O_EXCL | O_RDWR },
	{ "EXCL", O_EXCL | O_RDONLY },
	{ "TRUNC|WRONLY", O_TRUNC | O_WRONLY },
	{ "DIRECTORY", O_DIRECTORY },
	{ "DIRECTORY|RDWR", O_DIRECTORY | O_RDWR },
	{ "DIRECTORY|CREAT", O_DIRECTORY | O_CREAT },
	{ "NOFOLLOW", O_NOFOLLOW },
	{ "PATH", O_PATH },
	{ "PATH|NOFOLLOW", O_PATH | O_NOFOLLOW },
	{ "PATH|RDWR|CREAT", O_PATH | O_RDWR | O_CREAT },
	{ "CLOEXEC", O_CLOEXEC },
	{ "APPEND|RDWR", O_APPEND | O_RDWR },
	{ "NONBLOCK", O_NONBLOCK },
	{ "NONBLOCK|WRONLY", O_NONBLOCK | O_WRONLY },
	{ "NOATIME", O_NOATIME },
	{ "NOCTTY|SYNC|RDWR", O_NOCTTY | O_SYNC | O_RDWR },
	{ "DSYNC|WRONLY", O_DSYNC | O_WRONLY },
	{ "ASYNC", O_ASYNC },
	{ "LARGEFILE", 0100000 },
	{ "TMPFILE|RDWR", O_TMPFILE | O_RDWR },
	{ "TMPFILE", O_TMPFILE },
	{ "TMPFILE|EXCL|WRONLY", O_TMPFILE | O_EXCL | O_WRONLY },
	{ "bit 24", 1 << 24 },
	{ "bit 31", INT_MIN },
	{ "bits 25-30|RDWR", 0x7e000000 | O_RDWR },
	{ "bit 2", 4 },
};

static const char *const paths[] = {
	"file", "dir", "link", "dirlink", "dangling", "loop", "missing",
	"file/", "dir/", "link/", "missing/", "file/x", "dir/..", ".", "..",
	"/", "", "dir/missing", "missing/x", "fifo", "socket", "./dir//file",
	"dir/../link", "/dev/null", "noperm",
};

static void set_up(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	put_file("file", "contents", 8);
	NEED(mkdir("dir", 0755) == 0);
	put_file("dir/file", "inner", 5);
	NEED(symlink("file", "link") == 0);
	NEED(symlink("dir", "dirlink") == 0);
	NEED(symlink("nowhere", "dangling") == 0);
	NEED(symlink("loop", "loop") == 0);
	NEED(mkfifo("fifo", 0644) == 0);
	NEED(bind(s, (void *)&un, sizeof(un)) == 0);
	put_file("noperm", "secret", 6);
	NEED(chmod("noperm", 0) == 0);
	close(s);
}

/* These wait for a partner; open_fifo.c has them. */
static bool waits(const char *path, int flag)
{
	return !strcmp(path, "fifo") && !(flag & (O_NONBLOCK | O_PATH)) &&
	       (flag & O_ACCMODE) != O_RDWR;
}

static void one(const char *path, const struct flag *f)
{
	struct stat st;
	int fd;

	if (waits(path, f->val))
		return;
	fd = open(path, f->val, 0640);
	show(fd, "open(%s, %s)", path, f->name);
	if (fd < 0)
		return;
	printf("\tfl %o fd %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	NEED(fstat(fd, &st) == 0);
	printf(" mode %o", st.st_mode);
	if (S_ISREG(st.st_mode))
		printf(" size %lld", (long long)st.st_size);
	printf("\n");
	NEED(close(fd) == 0);
}

static void created(void)
{
	struct stat st;

	umask(027);
	NEED(close(open("masked", O_CREAT | O_WRONLY, 0777)) == 0);
	NEED(stat("masked", &st) == 0);
	printf("umask: %o\n", st.st_mode);
	umask(0);
	NEED(close(open("bits", O_CREAT | O_WRONLY, 07777)) == 0);
	NEED(stat("bits", &st) == 0);
	printf("all bits: %o\n", st.st_mode);
	NEED(close(open("more", O_CREAT | O_WRONLY, 0xfffff000 | 0600)) == 0);
	NEED(stat("more", &st) == 0);
	printf("more bits: %o\n", st.st_mode);
	NEED(open("zeromode", O_CREAT | O_RDWR, 0) >= 0);
	NEED(stat("zeromode", &st) == 0);
	printf("no bits: %o\n", st.st_mode);
	NEED(close(3) == 0);
	umask(022);
}

static void dirfds(void)
{
	int dir = open("dir", O_RDONLY | O_DIRECTORY);
	int path = open("dir", O_PATH);
	int file = open("file", O_RDONLY);

	show(openat(dir, "file", O_RDONLY), "at dir");
	show(openat(path, "file", O_RDONLY), "at O_PATH");
	show(openat(file, "file", O_RDONLY), "at a file");
	show(openat(file, "/dev/null", O_RDONLY), "at a file, absolute");
	show(openat(-1, "file", O_RDONLY), "at -1");
	show(openat(-1, "/dev/null", O_RDONLY), "at -1, absolute");
	show(openat(900, "", O_RDONLY), "at 900, empty");
	show(openat(dir, "../file", O_RDONLY), "at dir, up");
	show(openat(dir, "new", O_CREAT | O_WRONLY, 0600), "at dir, new");
	show(openat(dir, ".", O_TMPFILE | O_RDWR, 0600), "at dir, temporary");
	NEED(rename("dir", "moved") == 0);
	show(openat(dir, "file", O_RDONLY), "at the moved dir");
	NEED(rename("moved", "dir") == 0);
	for (int fd = 3; fd < 20; fd++)
		close(fd);
}

static void names(void)
{
	static char path[5000];
	volatile uintptr_t bad = 1;

	memset(path, 'n', 255);
	show(open(path, O_RDONLY), "name of 255");
	memset(path, 'n', 256);
	show(open(path, O_RDONLY), "name of 256");
	for (int i = 0; i < 4094; i += 2)
		memcpy(path + i, "./", 2);
	path[4094] = '.';
	path[4095] = 0;
	show(open(path, O_RDONLY), "path of 4095");
	path[4095] = '.';
	path[4096] = 0;
	show(open(path, O_RDONLY), "path of 4096");
	show(open((char *)bad, O_RDONLY), "bad pointer");
	show(openat(-1, (char *)bad, O_RDONLY), "bad pointer, bad dirfd");
	show(open((char *)bad, O_CREAT | O_WRONLY, 0600), "bad, create");
	close(3);
}

static int as_nobody(void *arg)
{
	(void)arg;
	if (getuid() == 0)
		NEED(setgid(65534) == 0 && setuid(65534) == 0);
	for (int i = 0; i < 2; i++) {
		show(open("noperm", O_RDONLY), "nobody: noperm");
		show(open("shut/file", O_RDONLY), "nobody: shut/file");
		show(open("shut/none", O_RDONLY), "nobody: shut/none");
		show(open("shut/new", O_CREAT | O_RDWR, 0600), "nobody: new");
		show(open("noperm", O_PATH), "nobody: O_PATH");
	}
	show(open("/etc/passwd", O_RDWR), "nobody: write passwd");
	show(open("/etc/passwd", O_RDONLY | O_NOATIME), "nobody: O_NOATIME");
	return 0;
}

static void busy(void)
{
	char *line = NULL;
	size_t len = 0;
	FILE *in = fopen("/proc/self/exe", "r"), *out = fopen("prog", "w");
	int fd;

	while (getdelim(&line, &len, 0, in) > 0) {
		fputs(line, out);
		fputc(0, out);
	}
	free(line);
	fclose(in);
	fclose(out);
	show(open("/proc/self/exe", O_WRONLY), "running program, write");
	show(open("/proc/self/exe", O_RDONLY), "running program, read");
	show(open("/proc/self/exe", O_RDWR | O_TRUNC), "running, truncate");
	NEED(chmod("prog", 0755) == 0);
	fd = open("prog", O_WRONLY);
	NEED(fd >= 0);
	execl("./prog", "prog", "x", NULL);
	show(-1, "exec of a file open for writing");
	close(fd);
	close(3);
}

static int emfile(void *arg)
{
	struct rlimit rl = { 5, 5 };

	(void)arg;
	NEED(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	show(open("file", O_RDONLY), "limit 5");
	show(open("file", O_RDONLY), "limit 5");
	show(open("file", O_RDONLY), "limit 5, full");
	show(open("missing", O_RDONLY), "limit 5, missing");
	show(open("", O_RDONLY), "limit 5, empty");
	show(open("newfile", O_CREAT | O_WRONLY, 0600), "limit 5, create");
	show(access("newfile", F_OK), "\texists");
	show(open("file", O_TMPFILE), "limit 5, invalid");
	show(close(4), "close");
	show(open("missing", O_RDONLY), "limit 5, missing");
	show(open("file", O_RDONLY), "limit 5");
	return 0;
}

static void devfd(void)
{
	char a[8] = "", b[8] = "";
	int fd, again;

	put_file("file", "contents", 8);
	fd = open("file", O_RDONLY);

	NEED(read(fd, a, 4) == 4);
	again = show(open("/dev/fd/3", O_RDONLY), "/dev/fd/3");
	NEED(read(again, b, 4) == 4);
	printf("\t%s %s\n", a, b);
	show(open("/dev/fd/77", O_RDONLY), "/dev/fd/77");
	show(open("/proc/self/fd/3", O_WRONLY), "/proc/self/fd/3 for writing");
	show(open("/proc/thread-self/fd/3", O_RDONLY), "thread-self");
	show(open("/proc/self/fd/3", O_NOFOLLOW), "not followed");
	show(open("/proc/self/fd/3", O_NOFOLLOW | O_PATH), "the link itself");
	for (fd = 3; fd < 12; fd++)
		close(fd);
}

/* The lowest free number, always. */
static void numbers(void)
{
	int fds[20];

	for (int i = 0; i < 20; i++)
		NEED((fds[i] = open("file", O_RDONLY)) == 3 + i);
	for (int i = 0; i < 20; i += 3)
		NEED(close(fds[i]) == 0);
	for (int i = 0; i < 20; i += 3)
		show(open("file", O_RDONLY), "hole");
	for (int i = 0; i < 20; i++)
		NEED(close(fds[i]) == 0);
}

int main(int argc, char **argv)
{
	(void)argv;
	begin();
	if (argc > 1)
		FAIL("a file open for writing was executed");
	set_up();
	NEED(chmod(".", 0755) == 0);
	for (int round = 0; round < 2; round++)
		for (size_t p = 0; p < COUNT(paths); p++)
			for (size_t f = 0; f < COUNT(flags); f++)
				one(paths[p], &flags[f]);
	created();
	dirfds();
	names();
	NEED(mkdir("shut", 0700) == 0);
	put_file("shut/file", "x", 1);
	if (getuid() == 0)
		run_child("nobody", as_nobody, NULL);
	busy();
	run_child("limit", emfile, NULL);
	devfd();
	numbers();
	list_fds("left open");
	return 0;
}
