// SPDX-License-Identifier: MIT
/*
 * Streams that fail: what a read, a write or a close inside libc gives must reach
 * the caller as it does natively, with errno, the error and end marks of the
 * stream, and what stays in its buffer; interrupted by handlers with and without
 * SA_RESTART; and copied by fork with something in the buffer.
 *
 * Libc: read write
 */
#include <stdio_ext.h>
#include "life.h"

static void mark(FILE *f, const char *what)
{
	int err = errno;

	printf("  %s: errno %s, end %d, error %d, pending %zu\n", what,
	       name_of(err), feof(f) != 0, ferror(f) != 0, __fpending(f));
	errno = 0;
	clearerr(f);
}

/* The descriptor is closed, or is another, below the stream. */
static void closed_below(void)
{
	char buf[16];
	FILE *f;

	put_file("file", "contents\n", 9);
	f = fopen("file", "r");
	close(fileno(f));
	errno = 0;
	show(fread(buf, 1, 9, f), "  fread");
	mark(f, "read from nothing");
	show(fseek(f, 0, SEEK_SET), "  fseek");
	show(fclose(f), "  fclose");
	mark(stdout, "fclose");
	f = fopen("file", "w");
	close(fileno(f));
	show(fputs("lost", f) >= 0, "  fputs");
	show(fflush(f), "  fflush");
	mark(f, "write to nothing");
	show(fclose(f), "  fclose");
	errno = 0;
	show(fdopen(99, "r") ? 0 : -1, "  fdopen of a closed one");
	show(fdopen(1, "q") ? 0 : -1, "  fdopen, bad mode");
}

static void wrong_way(void)
{
	char c;
	FILE *f = fopen("file", "r");

	errno = 0;
	show(fputs("no", f), "  fputs");
	mark(f, "write to a reader");
	fclose(f);
	f = fopen("file", "a");
	show(fread(&c, 1, 1, f), "  fread");
	mark(f, "read from a writer");
	fclose(f);
	/* libc does not know: the kernel says it. */
	f = fdopen(open("file", O_PATH), "r");
	if (f) {
		errno = 0;
		show(fgetc(f), "  fgetc");
		mark(f, "read of a path");
		fclose(f);
	} else {
		show(-1, "  fdopen of a path");
	}
}

static void not_opened(void)
{
	struct rlimit old, few = { 0, 0 };
	static const char *const path[] = {
		"missing", "file/below", "loop", "", "dir", "/proc/self/mem/x",
	};

	NEED(symlink("loop", "loop") == 0 && mkdir("dir", 0755) == 0);
	for (size_t i = 0; i < COUNT(path); i++) {
		show(fopen(path[i], "r+") ? 0 : -1, "  fopen %s", path[i]);
		show(fopen(path[i], "w") ? 0 : -1, "  fopen %s, w", path[i]);
	}
	unlink("missing");
	show(fopen("file", "wx") ? 0 : -1, "  fopen, x");
	NEED(getrlimit(RLIMIT_NOFILE, &old) == 0);
	few = old;
	few.rlim_cur = 3;
	closefrom(3);
	NEED(setrlimit(RLIMIT_NOFILE, &few) == 0);
	show(fopen("file", "r") ? 0 : -1, "  fopen, too many");
	show(popen("true", "r") ? 0 : -1, "  popen, too many");
	show(tmpfile() ? 0 : -1, "  tmpfile, too many");
	show(opendir(".") ? 0 : -1, "  opendir, too many");
	NEED(setrlimit(RLIMIT_NOFILE, &old) == 0);
}

static void devices(void)
{
	char buf[5000];
	FILE *f = fopen("dir", "r");

	errno = 0;
	show(fgetc(f), "  fgetc");
	mark(f, "read of a directory");
	fclose(f);
	f = fopen("/dev/full", "w");
	show(fputs("no room", f) >= 0, "  fputs");
	show(fflush(f), "  fflush");
	mark(f, "full");
	memset(buf, 'x', sizeof(buf));
	show(fwrite(buf, 1, sizeof(buf), f), "  fwrite");
	mark(f, "full, more");
	fputs("left", f);
	show(fclose(f), "  fclose");
	f = fopen("/dev/zero", "r");
	show(fread(buf, 1, 5000, f), "  zero");
	fclose(f);
	f = fopen("/dev/null", "r+");
	show(fgetc(f), "  null");
	fputs("gone", f);
	show(fclose(f), "  fclose");
	f = fopen("/proc/self/comm", "r");
	NEED(fgets(buf, 64, f));
	printf("  comm %s", buf);
	fclose(f);
}

static void not_waiting(void)
{
	char buf[70000];
	int p[2], n = 0;
	FILE *r, *w;

	NEED(pipe2(p, O_NONBLOCK) == 0);
	r = fdopen(p[0], "r");
	w = fdopen(p[1], "w");
	errno = 0;
	show(fgetc(r), "  fgetc");
	mark(r, "empty pipe");
	fputs("ha", w);
	fflush(w);
	show(fread(buf, 1, 10, r), "  fread");
	mark(r, "two of ten");
	memset(buf, 'x', sizeof(buf));
	show(fwrite(buf, 1, sizeof(buf), w), "  fwrite");
	mark(w, "full pipe");
	show(fflush(w), "  fflush");
	mark(w, "full pipe, flushed");
	while (read(p[0], buf, 4096) > 0)
		n++;
	show(n, "  reads");
	show(fflush(w), "  fflush");
	show(read(p[0], buf, sizeof(buf)), "  rest");
	fclose(r);
	signal(SIGPIPE, SIG_IGN);
	fputs("nobody", w);
	errno = 0;
	show(fflush(w), "  fflush");
	mark(w, "no reader");
	show(fclose(w), "  fclose");
	signal(SIGPIPE, SIG_DFL);
}

static int sigpipe_dies(void *arg)
{
	FILE *f;
	int p[2];

	NEED(pipe(p) == 0);
	f = fdopen(p[1], "w");
	setvbuf(f, NULL, arg ? _IONBF : _IOFBF, 4096);
	close(p[0]);
	fputs("nobody", f);
	printf("  still here\n");
	fflush(f);
	printf("  not reached\n");
	return 3;
}

static void big_file(void)
{
	struct rlimit old, small;
	char buf[3000] = "";
	FILE *f;

	signal(SIGXFSZ, SIG_IGN);
	NEED(getrlimit(RLIMIT_FSIZE, &old) == 0);
	small = old;
	small.rlim_cur = 5000;
	NEED(setrlimit(RLIMIT_FSIZE, &small) == 0);
	f = fopen("large", "w");
	for (int i = 0; i < 4; i++)
		show(fwrite(buf, 1, 3000, f), "  fwrite");
	mark(f, "limit");
	show(fclose(f), "  fclose");
	NEED(setrlimit(RLIMIT_FSIZE, &old) == 0);
	signal(SIGXFSZ, SIG_DFL);
}

static volatile int handled, feed_fd = -1;

/* A handler with I/O of its own, into the very pipe. */
static void handler(int sig)
{
	int err = errno;
	char c[8];
	int p[2];

	(void)sig;
	handled++;
	NEED(pipe(p) == 0 && write(p[1], "in", 2) == 2);
	NEED(read(p[0], c, 8) == 2);
	close(p[0]);
	close(p[1]);
	if (feed_fd >= 0)
		NEED(write(feed_fd, "fed\n", 4) == 4);
	errno = err;
}

struct poke {
	pid_t tid;
	int fd;
};

static void *poke_main(void *arg)
{
	struct poke *poke = arg;

	for (int i = 0; i < 3; i++) {
		int before = handled;

		settle(poke->tid);
		NEED(tgkill(getpid(), poke->tid, SIGUSR1) == 0);
		/* Without SA_RESTART the first one ends it. */
		for (int j = 0; j < 500 && handled == before; j++)
			sleep_ms(1);
		if (poke->fd < 0)
			return NULL;
	}
	settle(poke->tid);
	NEED(write(poke->fd, "at last\n", 8) == 8);
	return NULL;
}

static void interrupted(int flags, int fed)
{
	struct poke poke = { gettid(), -1 };
	char line[32] = "";
	pthread_t t;
	int p[2];
	FILE *f;

	NEED(pipe(p) == 0);
	f = fdopen(p[0], "r");
	on_signal(SIGUSR1, handler, flags);
	handled = 0;
	poke.fd = flags && !fed ? p[1] : -1;
	feed_fd = fed ? p[1] : -1;
	NEED(pthread_create(&t, NULL, poke_main, &poke) == 0);
	errno = 0;
	show(fgets(line, sizeof(line), f) ? 0 : -1, "  fgets");
	mark(f, "interrupted");
	printf("  handlers %d, line %s\n", handled, line);
	NEED(pthread_join(t, NULL) == 0);
	fclose(f);
	close(p[1]);
	feed_fd = -1;
}

/* The same for a flush into a pipe that is full. */
static void interrupted_flush(int flags)
{
	struct poke poke = { gettid(), -1 };
	char buf[4096];
	pthread_t t;
	int p[2];
	FILE *f;

	NEED(pipe2(p, O_NONBLOCK) == 0);
	memset(buf, 'x', sizeof(buf));
	while (write(p[1], buf, sizeof(buf)) > 0)
		;
	set_nonblock(p[1], false);
	f = fdopen(p[1], "w");
	on_signal(SIGUSR1, handler, flags);
	handled = 0;
	fputs("behind a wall", f);
	NEED(pthread_create(&t, NULL, poke_main, &poke) == 0);
	errno = 0;
	show(fflush(f), "  fflush");
	mark(f, "interrupted");
	NEED(pthread_join(t, NULL) == 0);
	while (read(p[0], buf, sizeof(buf)) > 0)
		;
	show(fflush(f), "  fflush");
	show(read(p[0], buf, sizeof(buf)), "  arrived");
	fclose(f);
	close(p[0]);
}

static void forked(void)
{
	char line[64];
	FILE *f = fopen("twice", "w+"), *in;
	pid_t pid;

	fputs("before\n", f);
	put_file("shared", "1\n2\n3\n4\n5\n6\n", 12);
	in = fopen("shared", "r");
	NEED(fgets(line, 64, in));
	pid = fork();
	if (pid == 0) {
		fputs("child\n", f);
		NEED(fgets(line, 64, in) && !strcmp(line, "2\n"));
		/* exit flushes this one, and sets the position of the other. */
		exit(4);
	}
	show_status("  child", reap(pid));
	fputs("parent\n", f);
	rewind(f);
	while (fgets(line, 64, f))
		printf("  twice: %s", line);
	fclose(f);
	show(lseek(fileno(in), 0, SEEK_CUR), "  position, child has exited");
	while (fgets(line, 64, in))
		printf("  shared: %s", line);
	fclose(in);
}

int main(void)
{
	begin();
	closed_below();
	wrong_way();
	not_opened();
	devices();
	not_waiting();
	run_child("SIGPIPE in a flush", sigpipe_dies, NULL);
	run_child("SIGPIPE, unbuffered", sigpipe_dies, "");
	big_file();
	interrupted(0, 0);
	interrupted(SA_RESTART, 0);
	interrupted(SA_RESTART, 1);
	interrupted_flush(0);
	forked();
	list_fds("left open");
	return 0;
}
