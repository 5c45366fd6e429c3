// SPDX-License-Identifier: MIT
/*
 * What the programs about file kinds, threads and process life share: printing
 * a result with the name of its errno, checking, waiting for a child or for
 * somebody to fall asleep, listing descriptors. Nothing here prints an address,
 * a pid or a time, so that two runs of a program compare byte for byte.
 */
#ifndef LIFE_H
#define LIFE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIFE __attribute__((unused)) static
#define PRINTF(a, b) __attribute__((format(printf, a, b)))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A violation: say so and leave at once, without exit handlers. */
#define FAIL(...) life_fail(__FILE__, __LINE__, __VA_ARGS__)
#define NEED(cond) ((cond) ? (void)0 : FAIL("%s: %s", #cond, name_of(errno)))

LIFE const char *name_of(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "E?";
}

PRINTF(3, 4)
LIFE void life_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	printf("FAIL %s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

/* Line by line, so that a fork never doubles what was printed before it. */
LIFE void begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(022);
}

/* "what = 5" or "what = -1 EAGAIN"; hands the result back. */
PRINTF(2, 3)
LIFE long long show(long long ret, const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	if (ret < 0)
		printf(" = %lld %s\n", ret, name_of(err));
	else
		printf(" = %lld\n", ret);
	errno = err;
	return ret;
}

LIFE void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

LIFE uint32_t sum_of(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

/* A pattern in which every position differs from its neighbours. */
LIFE void fill(void *data, size_t len, unsigned int seed)
{
	unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)(seed + i * 7 + (i >> 8) * 13);
}

LIFE void put_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	NEED(fd >= 0);
	NEED(write(fd, data, len) == (ssize_t)len);
	NEED(close(fd) == 0);
}

/* Reads until len or the end; the number of bytes, -1 on an error. */
LIFE ssize_t read_full(int fd, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += n;
	}
	return (ssize_t)done;
}

LIFE void set_nonblock(int fd, bool on)
{
	int fl = fcntl(fd, F_GETFL);

	NEED(fl >= 0);
	fl = on ? fl | O_NONBLOCK : fl & ~O_NONBLOCK;
	NEED(fcntl(fd, F_SETFL, fl) == 0);
}

LIFE void on_signal(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	NEED(sigaction(sig, &sa, NULL) == 0);
}

/* The state letter of a process or thread, 0 when it is gone. */
LIFE char state_of(int tid)
{
	char path[64], text[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	p = strrchr(text, ')');
	return p && p[1] == ' ' ? p[2] : 0;
}

/*
 * Waits until tid has been seen asleep several times in a row. Only a nudge:
 * no result may depend on it.
 */
LIFE void settle(int tid)
{
	int seen = 0;

	for (int i = 0; i < 2000 && seen < 4; i++) {
		char c = state_of(tid);

		seen = c == 'S' || c == 'T' || c == 'Z' ? seen + 1 : 0;
		if (!c)
			return;
		sleep_ms(2);
	}
}

/* How a child ended, in words. */
LIFE void show_status(const char *what, int st)
{
	if (WIFEXITED(st))
		printf("%s: exit %d\n", what, WEXITSTATUS(st));
	else if (WIFSIGNALED(st))
		printf("%s: killed by %s\n", what, sigabbrev_np(WTERMSIG(st)));
	else if (WIFSTOPPED(st))
		printf("%s: stopped by %s\n", what, sigabbrev_np(WSTOPSIG(st)));
	else
		printf("%s: continued\n", what);
}

LIFE int reap(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, 0) < 0)
		NEED(errno == EINTR);
	return st;
}

/* Runs fn in a forked child; its return value is the exit status. */
LIFE pid_t start(int (*fn)(void *), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		int ret = fn(arg);

		fflush(stdout);
		_exit(ret);
	}
	return pid;
}

LIFE void run_child(const char *what, int (*fn)(void *), void *arg)
{
	show_status(what, reap(start(fn, arg)));
}

LIFE int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* What descriptor fd is, without inode numbers. */
LIFE void kind_of(int fd, char *out, size_t len)
{
	char path[64], link[PATH_MAX], *p;
	struct stat st, out_st;
	ssize_t n;

	/* A capture file has a name of the harness's choice. */
	if (fstat(fd, &st) == 0 && fstat(1, &out_st) == 0 &&
	    st.st_dev == out_st.st_dev && st.st_ino == out_st.st_ino) {
		snprintf(out, len, "stdout");
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0) {
		snprintf(out, len, "?");
		return;
	}
	link[n] = 0;
	p = strchr(link, '[');
	if (p && link[0] != '/')
		*p = 0;
	p = link[0] == '/' ? strrchr(link, '/') + 1 : link;
	snprintf(out, len, "%.200s", *p ? p : "/");
}

LIFE int open_fds(int *fds, int max)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *de;
	int n = 0;

	NEED(dir);
	while ((de = readdir(dir)) && n < max) {
		int fd = atoi(de->d_name);

		if (de->d_name[0] != '.' && fd != dirfd(dir))
			fds[n++] = fd;
	}
	closedir(dir);
	qsort(fds, n, sizeof(*fds), by_number);
	return n;
}

/* The open descriptors from 3 on, and what each of them is. */
LIFE void list_fds(const char *what)
{
	static int fds[4096];
	int n = open_fds(fds, COUNT(fds));
	char kind[256];

	printf("%s:", what);
	for (int i = 0; i < n; i++) {
		if (fds[i] < 3)
			continue;
		kind_of(fds[i], kind, sizeof(kind));
		printf(" %d=%s", fds[i], kind);
	}
	printf("\n");
}

LIFE int tasks_now(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *de;
	int n = 0;

	NEED(dir);
	while ((de = readdir(dir)))
		n += de->d_name[0] != '.';
	closedir(dir);
	return n;
}

/*
 * How many threads the kernel shows for this process.  One that was joined is
 * there a moment longer, natively too; a kernel worker would stay.
 */
LIFE int count_tasks(void)
{
	int n = tasks_now();

	for (int i = 0; n > 1 && i < 100; i++) {
		usleep(2000);
		n = tasks_now();
	}
	return n;
}

/* The number behind a name in /proc/self/status. */
LIFE long status_of(const char *name)
{
	char line[256];
	long val = -1;
	FILE *f = fopen("/proc/self/status", "r");

	NEED(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			val = atol(line + strlen(name) + 1);
	fclose(f);
	return val;
}

#endif
