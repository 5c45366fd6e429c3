// SPDX-License-Identifier: MIT
/*
 * Every name under which libc hands out the five calls, with the same results
 * under each: a name that the library forgets goes past it unseen, and a cached
 * idea of what an fd is goes stale. The checking variants abort as libc's do,
 * with libc's message and signal.
 *
 * Ring: open read write close
 */
#include "life.h"

extern int __open(const char *, int, ...);
extern int __open64(const char *, int, ...);
extern int __open_2(const char *, int);
extern int __open64_2(const char *, int);
extern int __openat_2(int, const char *, int);
extern int __openat64_2(int, const char *, int);
extern ssize_t __read(int, void *, size_t);
extern ssize_t __write(int, const void *, size_t);
extern int __close(int);
extern int __connect(int, const struct sockaddr *, socklen_t);
extern ssize_t __read_chk(int, void *, size_t, size_t);

typedef int (*opener)(const char *path, int flags, mode_t mode);

static int o_open(const char *p, int f, mode_t m)
{
	return open(p, f, m);
}

static int o_open64(const char *p, int f, mode_t m)
{
	return open64(p, f, m);
}

static int o_openat(const char *p, int f, mode_t m)
{
	return openat(AT_FDCWD, p, f, m);
}

static int o_openat64(const char *p, int f, mode_t m)
{
	return openat64(AT_FDCWD, p, f, m);
}

static int o__open(const char *p, int f, mode_t m)
{
	return __open(p, f, m);
}

static int o__open64(const char *p, int f, mode_t m)
{
	return __open64(p, f, m);
}

static int o_open_2(const char *p, int f, mode_t m)
{
	(void)m;
	return __open_2(p, f);
}

static int o_open64_2(const char *p, int f, mode_t m)
{
	(void)m;
	return __open64_2(p, f);
}

static int o_openat_2(const char *p, int f, mode_t m)
{
	(void)m;
	return __openat_2(AT_FDCWD, p, f);
}

static int o_openat64_2(const char *p, int f, mode_t m)
{
	(void)m;
	return __openat64_2(AT_FDCWD, p, f);
}

static int o_creat(const char *p, int f, mode_t m)
{
	(void)f;
	return creat(p, m);
}

static int o_creat64(const char *p, int f, mode_t m)
{
	(void)f;
	return creat64(p, m);
}

static const struct {
	const char *name;
	opener fn;
	int kind;	/* 0: any, 1: without a mode, 2: always creates */
} openers[] = {
	{ "open", o_open, 0 }, { "open64", o_open64, 0 },
	{ "openat", o_openat, 0 }, { "openat64", o_openat64, 0 },
	{ "__open", o__open, 0 }, { "__open64", o__open64, 0 },
	{ "__open_2", o_open_2, 1 }, { "__open64_2", o_open64_2, 1 },
	{ "__openat_2", o_openat_2, 1 }, { "__openat64_2", o_openat64_2, 1 },
	{ "creat", o_creat, 2 }, { "creat64", o_creat64, 2 },
};

static void use(const char *name, opener fn, int flags)
{
	struct stat st;
	char buf[16];
	int fd = show(fn("target", flags, 0604), "%s(%x)", name, flags);

	if (fd < 0)
		return;
	NEED(fstat(fd, &st) == 0);
	printf("\tfl %o fd %d mode %o size %d\n", fcntl(fd, F_GETFL),
	       fcntl(fd, F_GETFD), st.st_mode, (int)st.st_size);
	show(read(fd, buf, sizeof(buf)), "\tread");
	show(write(fd, "data", 4), "\twrite");
	NEED(close(fd) == 0);
}

static void all_openers(void)
{
	int flags[] = { O_RDONLY, O_RDWR, O_RDWR | O_CLOEXEC, O_PATH,
			O_DIRECTORY, O_RDWR | O_CREAT, O_WRONLY | O_APPEND };

	for (size_t i = 0; i < COUNT(openers); i++) {
		for (size_t f = 0; f < COUNT(flags); f++) {
			if ((flags[f] & O_CREAT) && openers[i].kind == 1)
				continue;
			put_file("target", "original", 8);
			use(openers[i].name, openers[i].fn, flags[f]);
			NEED(unlink("target") == 0);
			use(openers[i].name, openers[i].fn, flags[f]);
			unlink("target");
		}
	}
}

static void underscored(void)
{
	char buf[16] = "";
	int p[2];

	NEED(pipe(p) == 0);
	show(__write(p[1], "abcdef", 6), "__write");
	show(__read(p[0], buf, 3), "__read");
	show(__read_chk(p[0], buf + 3, 3, 13), "__read_chk");
	printf("\t%s\n", buf);
	set_nonblock(p[0], true);
	show(__read(p[0], buf, 3), "__read");
	show(__read_chk(p[0], buf, 3, 16), "__read_chk");
	show(__close(p[1]), "__close");
	show(__read(p[0], buf, 3), "__read");
	show(__close(p[0]), "__close");
	show(__close(p[0]), "__close");
	show(__write(p[1], buf, 3), "__write");
}

static void connecting(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	int c = socket(AF_UNIX, SOCK_STREAM, 0);

	show(__connect(c, (void *)&un, sizeof(un)), "__connect");
	NEED(bind(l, (void *)&un, sizeof(un)) == 0 && listen(l, 1) == 0);
	show(__connect(c, (void *)&un, sizeof(un)), "__connect");
	show(__connect(c, (void *)&un, sizeof(un)), "__connect");
	close(l);
	close(c);
}

static int bad_read(void *arg)
{
	volatile size_t room = 4;
	char buf[16];
	int p[2];

	(void)arg;
	NEED(pipe(p) == 0);
	NEED(write(p[1], "0123456789", 10) == 10);
	show(__read_chk(p[0], buf, 8, room), "not reached");
	return 0;
}

static int bad_mode(void *arg)
{
	volatile int flags = O_CREAT | O_WRONLY;

	switch (*(int *)arg) {
	case 0:
		return __open_2("made", flags);
	case 1:
		return __open64_2("made", flags);
	case 2:
		return __openat_2(AT_FDCWD, "made", flags);
	case 3:
		return __openat64_2(AT_FDCWD, "made", flags);
	case 4:
		return __open_2("made", O_TMPFILE | O_RDWR);
	}
	return 0;
}

static volatile sig_atomic_t aborts;

static void on_abort(int sig)
{
	(void)sig;
	aborts++;
	_exit(40 + aborts);
}

static int caught(void *arg)
{
	signal(SIGABRT, on_abort);
	return bad_read(arg);
}

int main(void)
{
	struct rlimit none = { 0, 0 };

	begin();
	NEED(setrlimit(RLIMIT_CORE, &none) == 0);
	all_openers();
	underscored();
	connecting();
	run_child("__read_chk overflow", bad_read, NULL);
	run_child("__read_chk overflow, caught", caught, NULL);
	for (int i = 0; i < 5; i++)
		run_child("create without mode", bad_mode, &i);
	show(access("made", F_OK), "made");
	list_fds("left open");
	return 0;
}
