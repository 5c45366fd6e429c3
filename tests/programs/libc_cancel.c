// SPDX-License-Identifier: MIT
/*
 * Which of libc's functions are cancellation points is decided inside libc: some
 * of them call read and write, some call entries of their own that never cancel,
 * some turn cancellation off. A thread with a cancellation waiting calls each of
 * them (returned, or cancelled, and what it has left open); then threads that
 * sleep inside one are cancelled. Each in a process of its own.
 *
 * Timeout: 60
 * Libc: read
 */
#include <dlfcn.h>
#include <ftw.h>
#include <glob.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <netdb.h>
#include <nl_types.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <syslog.h>
#include <utmp.h>
#include <wordexp.h>
#include "common.h"

extern char **environ;

/* Made before the cancellation; @p is a pipe with something to read in it. */
static FILE *reader, *c_reader, *writer, *pipe_reader, *pipe_c_reader, *popened;
static DIR *dir;
static int p[2], fd;
static char buf[64];
static volatile int stage;

enum { RUNNING = 1, RETURNED, UNWOUND };

static int visit(const char *path, const struct stat *st, int flag)
{
	(void)path;
	(void)st;
	(void)flag;
	return 0;
}

static void spawn_true(void)
{
	posix_spawn_file_actions_t fa;
	char *argv[] = { (char *)"true", NULL };
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "file", O_RDONLY, 0);
	posix_spawn_file_actions_addclose(&fa, 8);
	if (!posix_spawn(&pid, "/bin/true", &fa, NULL, argv, environ))
		syscall(SYS_wait4, pid, NULL, 0, NULL);
}

static void look_up(const char *host)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICSERV }, *list;

	if (getaddrinfo(host, "80", &hints, &list) == 0)
		freeaddrinfo(list);
}

static void list_glob(void)
{
	glob_t g;

	if (glob("*", 0, NULL, &g) == 0)
		globfree(&g);
}

static void expand(const char *words)
{
	wordexp_t w;

	if (wordexp(words, &w, 0) == 0)
		wordfree(&w);
}

static void scan(void)
{
	struct dirent **list;
	int n = scandir(".", &list, NULL, alphasort);

	while (n > 0)
		free(list[--n]);
}

/* Whatever it gives: what counts is whether it comes back. */
#define USE(what) used((long)(what))

static void used(long value)
{
	(void)value;
}

static char template[] = "tmp.XXXXXX";
static struct iovec iov = { buf, 1 };
static struct sockaddr_in nowhere;
static struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

/* In groups: by name, streams, directories and files, the rest. */
#define POINTS \
	X("open", fd = open("file", O_RDONLY)) \
	X("openat", fd = openat(AT_FDCWD, "file", O_RDONLY)) \
	X("open of nothing", fd = open("missing", O_RDONLY)) \
	X("creat", fd = creat("created", 0600)) \
	X("read", USE(read(p[0], buf, 1))) \
	X("read of nothing", USE(read(-1, buf, 1))) \
	X("write", USE(write(p[1], buf, 1))) \
	X("pread", USE(pread(fd, buf, 1, 0))) \
	X("pwrite", USE(pwrite(fd, buf, 1, 0))) \
	X("readv", USE(readv(p[0], &iov, 1))) \
	X("writev", USE(writev(p[1], &iov, 1))) \
	X("preadv", USE(preadv(fd, &iov, 1, 0))) \
	X("preadv2", USE(preadv2(fd, &iov, 1, 0, 0))) \
	X("recv", USE(recv(p[0], buf, 1, 0))) \
	X("recvmsg", USE(recvmsg(p[0], &msg, 0))) \
	X("send", USE(send(p[0], buf, 1, 0))) \
	X("sendmsg", USE(sendmsg(p[0], &msg, 0))) \
	X("accept", USE(accept(p[0], NULL, NULL))) \
	X("connect", USE(connect(p[0], (void *)&nowhere, sizeof(nowhere)))) \
	X("close", USE(close(fd))) \
	X("close of nothing", USE(close(-1))) \
	X("dup2", USE(dup2(fd, 50))) \
	X("fcntl, F_GETFL", USE(fcntl(fd, F_GETFL))) \
	X("fcntl, F_SETLKW", USE(fcntl(fd, F_SETLKW, &(struct flock){ .l_type = F_RDLCK }))) \
	X("flock", USE(flock(fd, LOCK_SH))) \
	X("fsync", USE(fsync(fd))) \
	X("pipe2", USE(pipe2(p, 0))) \
	X("poll", USE(poll_fd(p[0], POLLIN, 1))) \
	X("usleep", usleep(1)) \
	X("wait4", USE(wait4(-1, NULL, 0, NULL))) \
	X("getrandom", USE(getrandom(buf, 4, 0))) \
	X("arc4random", USE(arc4random())) \
	X("fopen", USE(fopen("file", "r"))) \
	X("fopen, c", USE(fopen("file", "rc"))) \
	X("fopen, new", USE(fopen("new", "w"))) \
	X("fgets", USE(fgets(buf, 8, reader))) \
	X("fgets, c", USE(fgets(buf, 8, c_reader))) \
	X("fgets of a pipe", USE(fgets(buf, 8, pipe_reader))) \
	X("fgets of a pipe, c", USE(fgets(buf, 8, pipe_c_reader))) \
	X("fgetc twice", USE(fgetc(reader) + fgetc(reader))) \
	X("fread", USE(fread(buf, 1, 8, reader))) \
	X("fscanf", USE(fscanf(reader, "%s", buf))) \
	X("getline", USE(getline(&(char *){ NULL }, &(size_t){ 0 }, reader))) \
	X("fputs", USE(fputs("a line\n", writer))) \
	X("fputs and fflush", USE(fputs("a", writer) >= 0 && !fflush(writer))) \
	X("fflush of nothing", USE(fflush(writer))) \
	X("fflush of all", USE(fflush(NULL))) \
	X("fprintf", USE(fprintf(writer, "%d\n", 5))) \
	X("dprintf", USE(dprintf(p[1], "%d\n", 5))) \
	X("perror", perror("")) \
	X("fseek", USE(fseek(reader, 3, SEEK_SET))) \
	X("rewind", rewind(reader)) \
	X("fclose", USE(fclose(reader))) \
	X("fclose, c", USE(fclose(c_reader))) \
	X("fclose with something in it", USE(fputs("a", writer) >= 0 && !fclose(writer))) \
	X("freopen", USE(freopen("file", "r", reader))) \
	X("freopen, c", USE(freopen("file", "rc", c_reader))) \
	X("fdopen", USE(fdopen(fd, "r"))) \
	X("tmpfile", USE(tmpfile())) \
	X("popen", USE(popen("exit 3", "r"))) \
	X("pclose", USE(pclose(popened))) \
	X("system", USE(system("exit 3"))) \
	X("posix_spawn", spawn_true()) \
	X("opendir", USE(opendir("."))) \
	X("opendir of nothing", USE(opendir("missing"))) \
	X("readdir", USE(readdir(dir))) \
	X("closedir", USE(closedir(dir))) \
	X("fdopendir", USE(fdopendir(fd))) \
	X("scandir", scan()) \
	X("ftw", USE(ftw(".", visit, 4))) \
	X("nftw", USE(nftw(".", (void *)visit, 4, FTW_PHYS))) \
	X("glob", list_glob()) \
	X("wordexp", expand("$HOME *")) \
	X("wordexp of a command", expand("$(echo a)")) \
	X("realpath", USE(realpath(".", NULL))) \
	X("getcwd", USE(getcwd(NULL, 0))) \
	X("mkstemp", USE(mkstemp(template))) \
	X("setlocale", USE(setlocale(LC_ALL, "C.UTF-8"))) \
	X("setlocale to nothing", USE(setlocale(LC_ALL, "xx_YY"))) \
	X("iconv_open", USE(iconv_open("UTF-16", "KOI8-R"))) \
	X("catopen", USE(catopen("nothing", 0))) \
	X("getpwnam", USE(getpwnam("root"))) \
	X("getaddrinfo", look_up("127.0.0.1")) \
	X("getaddrinfo of a name", look_up("localhost")) \
	X("gethostbyname", USE(gethostbyname("localhost"))) \
	X("getservbyname", USE(getservbyname("no-service", "tcp"))) \
	X("getutent", getutent()) \
	X("syslog", syslog(LOG_DEBUG, "a test")) \
	X("sysconf", USE(sysconf(_SC_NPROCESSORS_ONLN))) \
	X("dlopen", USE(dlopen("libutil.so.1", RTLD_NOW))) \
	X("malloc", USE(malloc(300000))) \
	X("pthread_create", USE(pthread_create(&(pthread_t){ 0 }, NULL, (void *)getpid, NULL))) \
	X("syscall", USE(syscall(SYS_read, p[0], buf, 1)))

#define X(name, what) name,
static const char *const point_name[] = { POINTS };
#undef X

static void point(int which)
{
	int line = 0;

#define X(name, what) if (which == line++) { what; return; }
	POINTS
#undef X
}

static void unwound(void *arg)
{
	(void)arg;
	stage = stage == RUNNING ? UNWOUND : stage;
}

static void *with_pending(void *arg)
{
	pthread_cleanup_push(unwound, NULL);
	pthread_cancel(pthread_self());
	stage = RUNNING;
	point((long)arg);
	stage = RETURNED;
	pthread_cleanup_pop(0);
	return NULL;
}

static void tools(void)
{
	static char out[4096];
	int q[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	CHECK(send(p[1], "text\nand more\n", 14, 0) == 14);
	fd = open("file", O_RDWR);
	reader = fopen("file", "r");
	c_reader = fopen("file", "rc");
	writer = fopen("written", "w");
	setvbuf(writer, out, _IOFBF, sizeof(out));
	CHECK(pipe(q) == 0 && write(q[1], "text\n", 5) == 5);
	pipe_reader = fdopen(q[0], "r");
	pipe_c_reader = fdopen(dup(q[0]), "rc");
	popened = popen("true", "r");
	dir = opendir(".");
	CHECK(fd >= 0 && reader && c_reader && writer && popened && dir);
}

static void list_left(char *out, size_t size)
{
	list_fds(0, out, size);
}

static int one_pending(int which)
{
	char before[256], after[256];
	struct stat st;
	void *ret;

	tools();
	freopen("/dev/null", "w", stderr);
	list_left(before, sizeof(before));
	CHECK(pthread_join(start(with_pending, (void *)(long)which), &ret) == 0);
	list_left(after, sizeof(after));
	say("  %s: %s%s%s", point_name[which],
	    stage == RETURNED ? "returned" : "cancelled",
	    (ret == PTHREAD_CANCELED) == (stage == UNWOUND) ? "" : ", oddly",
	    strcmp(before, after) ? ", descriptors changed" : "");
	if (strcmp(before, after))
		say("    %s -> %s", before, after);
	if (stat("written", &st) == 0 && st.st_size)
		say("    written %ld", (long)st.st_size);
	return 0;
}

/* Threads that sleep inside a function of libc. */

static int full[2];
static FILE *full_writer, *empty, *c_empty;
static volatile pid_t tid;

static void full_put(const char *text)
{
	fputs(text, full_writer);
	fflush(full_writer);
}

/* Commands wait at a pipe that is held by the process, and end with it. */
#define HELD "/proc/self/fd/60"

static int held;

#define SLEEPS \
	X("fgets", USE(fgets(buf, 8, empty))) \
	X("fgets, c", USE(fgets(buf, 8, c_empty))) \
	X("fread", USE(fread(buf, 1, 4, empty))) \
	X("getc", USE(getc(empty))) \
	X("getc_unlocked", USE(getc_unlocked(empty))) \
	X("getline", USE(getline(&(char *){ NULL }, &(size_t){ 0 }, empty))) \
	X("fscanf", USE(fscanf(empty, "%s", buf))) \
	X("fputs, fflush", full_put("text")) \
	X("fprintf, unbuffered", USE((setbuf(full_writer, NULL), fprintf(full_writer, "%d", 5)))) \
	X("fclose", USE((fputs("text", full_writer), fclose(full_writer)))) \
	X("fflush of all", USE((fputs("text", full_writer), fflush(NULL)))) \
	X("fopen of a FIFO", USE(fopen("fifo", "r"))) \
	X("fopen of a FIFO, c", USE(fopen("fifo", "rc"))) \
	X("freopen of a FIFO", USE(freopen("fifo", "r", reader))) \
	X("open of a FIFO", USE(open("fifo", O_RDONLY))) \
	X("system", USE(system("read x <" HELD "; exit 3"))) \
	X("pclose", USE(pclose(popen("read x <" HELD, "w")))) \
	X("popen, fgets", USE(fgets(buf, 8, popen("read x <" HELD "; exit 3", "r")))) \
	X("wordexp", expand("$(cat " HELD ")")) \
	X("dprintf", USE(dprintf(full[1], "%d", 7))) \
	X("fgetc after ungetc", USE((ungetc('x', empty), fgetc(empty), fgetc(empty)))) \
	X("syscall", USE(syscall(SYS_read, fileno(empty), buf, 4))) \
	X("read", USE(read(fileno(empty), buf, 4))) \
	X("readv", USE(readv(fileno(empty), &iov, 1))) \
	X("waitpid", USE(waitpid(-1, NULL, 0))) \
	X("flockfile", USE(fgetc(pipe_reader)))

#define X(name, what) name,
static const char *const sleep_name[] = { SLEEPS };
#undef X

static void sleep_in(int which)
{
	int line = 0;

#define X(name, what) if (which == line++) { what; return; }
	SLEEPS
#undef X
}

static void *sleeper(void *arg)
{
	pthread_cleanup_push(unwound, NULL);
	stage = RUNNING;
	tid = my_tid();
	sleep_in((long)arg);
	stage = RETURNED;
	pthread_cleanup_pop(0);
	return NULL;
}

/* What ends its sleep, if the cancellation does not. */
static void release(int which)
{
	char block[4096];
	int fifo = open("fifo", O_WRONLY | O_NONBLOCK);

	CHECK(write(fileno(empty), "", 0) == -1);
	CHECK(write(full[0], "", 0) == -1);
	CHECK(write(p[1], "a\n", 2) == 2);
	CHECK(write(held, "text\n", 5) == 5);
	if (fifo >= 0)
		CHECK(write(fifo, "text\n", 5) == 5);
	set_nonblock(full[0], true);
	while (read(full[0], block, sizeof(block)) > 0)
		;
	if (!strcmp(sleep_name[which], "flockfile"))
		funlockfile(pipe_reader);
	close(fifo);
}

static int one_sleeping(int which)
{
	bool cancelled = false, locked = !strcmp(sleep_name[which], "flockfile");
	int q[2], h[2], feed, child = -1;
	pthread_t thread;
	void *ret;

	alarm(20);
	signal(SIGPIPE, SIG_IGN);
	tools();
	pclose(popened);
	CHECK(pipe(full) == 0 && pipe(q) == 0);
	feed = q[1];
	CHECK(pipe2(h, O_CLOEXEC) == 0 && dup2(h[0], 60) == 60);
	held = h[1];
	empty = fdopen(q[0], "r");
	c_empty = fdopen(q[0], "rc");
	fill_up(full[1], 'f');
	full_writer = fdopen(full[1], "w");
	if (!strcmp(sleep_name[which], "waitpid")) {
		child = fork();
		if (child == 0) {
			pause();
			_exit(0);
		}
	}
	if (locked)
		flockfile(pipe_reader);
	thread = start(sleeper, (void *)(long)which);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(pthread_cancel(thread) == 0);
	/* It is gone, or asleep again (or still). */
	for (;;) {
		if (pthread_tryjoin_np(thread, &ret) == 0) {
			cancelled = true;
			break;
		}
		nap_us(50000);
		if (stage == RUNNING && wait_until_blocked(getpid(), tid))
			break;
	}
	if (!cancelled) {
		say("  %s: not cancelled", sleep_name[which]);
		if (child > 0)
			kill(child, SIGKILL);
		CHECK(write(feed, "text\n", 5) == 5);
		release(which);
		CHECK(pthread_join(thread, &ret) == 0);
		say("    then %s, at stage %d", ret == PTHREAD_CANCELED ?
		    "cancelled" : "returned", stage);
	} else {
		if (child > 0)
			kill(child, SIGKILL);
		say("  %s: cancelled, stage %d", sleep_name[which], stage);
		/* The stream is not left locked. */
		if (which < 7) {
			CHECK(write(feed, "again\n", 6) == 6);
			say("    ftrylockfile %d %d, then %c", ftrylockfile(empty),
			    ftrylockfile(c_empty), fgetc(empty));
		}
	}
	return 0;
}

static void in_child(int (*one)(int), int which)
{
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(one(which));
	CHECK(waitpid(pid, &status, 0) == pid);
	if (status)
		say("  status %x", status);
}

int main(void)
{
	int file;

	closefrom(3);
	setenv("HOME", "/", 1);
	file = open("file", O_WRONLY | O_CREAT, 0644);
	CHECK(file >= 0 && write(file, "line 1\nline 2\n", 14) == 14);
	CHECK(close(file) == 0 && mkfifo("fifo", 0600) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(point_name); i++) {
		in_child(one_pending, i);
		unlink("written");
	}
	for (size_t i = 0; i < ARRAY_SIZE(sleep_name); i++)
		in_child(one_sleeping, i);
	return 0;
}
