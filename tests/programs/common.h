/* SPDX-License-Identifier: MIT */
/*
 * What the differential test programs share.  A program prints results, error
 * names, counts and orders with say(), never an address, a pid or a time, and
 * fails by itself with CHECK() where it can know the answer.
 *
 * Nothing here goes through the calls under test: say() and the /proc readers
 * use a system call instruction of their own, which no library sees, so that
 * "Ring: read" is never satisfied by the test's own housekeeping.  say(), fail() and CHECK() may be used in handlers.
 */
#ifndef TESTS_COMMON_H
#define TESTS_COMMON_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define noinline __attribute__((noinline))
#define maybe_unused __attribute__((unused))

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			fail("%s:%d: %s (errno %s)", __FILE__, __LINE__, \
			     #cond, err_name(errno)); \
	} while (0)

static inline long raw_call(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory", "r10");
	return ret;
}

static inline const char *err_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "0";

	return name ? name : "?";
}

static inline void put_line(int fd, const char *fmt, va_list args)
{
	int saved = errno;
	char line[4096];
	int len = vsnprintf(line, sizeof(line) - 1, fmt, args);

	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (raw_call(SYS_write, fd, (long)line, len) < 0)
		_exit(3);
	errno = saved;
}

/* One line on stdout, in one write. */
__attribute__((format(printf, 1, 2)))
static inline void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line(1, fmt, args);
	va_end(args);
}

__attribute__((format(printf, 1, 2), noreturn))
static inline void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line(2, fmt, args);
	va_end(args);
	_exit(1);
}

/* "5" or "-1 EINTR"; the last four answers of a thread stay valid. */
static inline const char *result(long ret)
{
	static __thread char text[4][48];
	static __thread unsigned int turn;
	char *out = text[turn++ % 4];

	if (ret < 0)
		snprintf(out, sizeof(text[0]), "%ld %s", ret, err_name(errno));
	else
		snprintf(out, sizeof(text[0]), "%ld", ret);
	return out;
}

static inline pid_t my_tid(void)
{
	return syscall(SYS_gettid);
}

static inline void nap_us(long us)
{
	struct timespec left = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* A file's beginning as a string; its length, or -1. */
static inline long slurp(const char *path, char *buf, size_t size)
{
	long fd = raw_call(SYS_open, (long)path, O_RDONLY | O_CLOEXEC, 0);
	size_t have = 0;
	long n = 0;

	if (fd < 0)
		return -1;
	while (have < size - 1) {
		n = raw_call(SYS_read, fd, (long)(buf + have),
			     (long)(size - 1 - have));
		if (n <= 0)
			break;
		have += n;
	}
	raw_call(SYS_close, fd, 0, 0);
	buf[have] = 0;
	return n < 0 ? -1 : (long)have;
}

/* Scheduler state of a task and its number of voluntary switches. */
static inline char task_state(pid_t pid, pid_t tid, long *switches)
{
	char path[64], text[4096];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	if (slurp(path, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	*switches = at ? atol(at + 25) : -1;
	at = strstr(text, "\nState:\t");
	return at ? at[8] : 0;
}

/*
 * Wait until a task sleeps: state S with the same number of switches in six
 * samples, a third of a millisecond apart.  False after 20 s or if it is gone.
 */
static inline bool wait_until_blocked(pid_t pid, pid_t tid)
{
	long before = -1, now = -1;
	int same = 0;

	for (int i = 0; i < 60000 && same < 6; i++) {
		char state = task_state(pid, tid, &now);

		if (!state || state == 'Z')
			return false;
		same = state == 'S' && now == before ? same + 1 : 0;
		before = now;
		nap_us(330);
	}
	return same >= 6;
}

/* Wait until a task is stopped; false after 20 s or if it is gone. */
static inline bool wait_until_state(pid_t pid, pid_t tid, char want)
{
	long switches;

	for (int i = 0; i < 60000; i++) {
		char state = task_state(pid, tid, &switches);

		if (state == want)
			return true;
		if (!state)
			return false;
		nap_us(330);
	}
	return false;
}

static inline int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* How many fds this process has. */
static inline int count_fds(void)
{
	return count_entries("/proc/self/fd") - 1;
}

static inline int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The fd numbers of a process, "0 1 2 5"; pid 0 is the caller. */
static inline const char *list_fds(pid_t pid, char *out, size_t size)
{
	int fds[512], count = 0, self = -1;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid ? pid : getpid());
	dir = opendir(path);
	if (!dir)
		return "?";
	if (!pid || pid == getpid())
		self = dirfd(dir);
	while ((entry = readdir(dir)) && count < 512) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != self)
			fds[count++] = fd;
	}
	closedir(dir);
	qsort(fds, count, sizeof(fds[0]), by_value);
	*out = 0;
	for (int i = 0, at = 0; i < count && at < (int)size - 16; i++)
		at += snprintf(out + at, size - at, "%s%d", i ? " " : "",
			       fds[i]);
	return out;
}

static inline int count_tasks(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid ? pid : getpid());
	return count_entries(path);
}

/* A joined thread leaves /proc a moment later: wait for it, up to 5 s. */
static inline int settled_tasks(int want)
{
	int now = -1;

	for (int i = 0; i < 5000 && (now = count_tasks(0)) != want; i++)
		nap_us(1000);
	return now;
}

static inline void on_signal(int sig, void (*handler)(int), int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = flags;
	sigemptyset(&action.sa_mask);
	CHECK(sigaction(sig, &action, NULL) == 0);
}

static inline void set_mask(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK(pthread_sigmask(how, &set, NULL) == 0);
}

static inline void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	CHECK(fcntl(fd, F_SETFL, flags) == 0);
}

/* What poll(2) reports on an fd within so many milliseconds, 0 if nothing. */
static inline int poll_fd(int fd, int events, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = (short)events };
	int n;

	do {
		n = poll(&pfd, 1, ms);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? pfd.revents : 0;
}

/* A channel of bytes: end 0 is read, end 1 is written. */
enum { PIPE, UNIX, TCP, CHANNELS };

static const char *const channel_name[CHANNELS] maybe_unused = {
	"pipe", "unix", "tcp",
};

static inline int tcp_listener(int backlog, struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*addr);

	*addr = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)addr, len) == 0);
	CHECK(listen(fd, backlog) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)addr, &len) == 0);
	return fd;
}

static inline void tcp_pair(int fd[2])
{
	struct sockaddr_in addr;
	int listener = tcp_listener(1, &addr);

	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(fd[1] >= 0);
	CHECK(connect(fd[1], (struct sockaddr *)&addr, sizeof(addr)) == 0);
	fd[0] = accept(listener, NULL, NULL);
	CHECK(fd[0] >= 0);
	close(listener);
}

static inline void make_channel(int kind, int fd[2])
{
	if (kind == PIPE)
		CHECK(pipe(fd) == 0);
	else if (kind == UNIX)
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	else
		tcp_pair(fd);
}

static inline void close_channel(int fd[2])
{
	CHECK(close(fd[0]) == 0);
	CHECK(close(fd[1]) == 0);
}

/* Write until it would block, big pieces first; the number of bytes. */
static inline long fill_once(int fd, char byte)
{
	static char block[65536];
	long total = 0;
	ssize_t n;

	memset(block, byte, sizeof(block));
	set_nonblock(fd, true);
	for (size_t size = sizeof(block); size; size /= 2)
		while ((n = write(fd, block, size)) > 0)
			total += n;
	set_nonblock(fd, false);
	return total;
}

/* A full tcp connection finds more room when it sends again, 200 ms later. */
static inline bool fills_slowly(int fd)
{
	socklen_t len = sizeof(int);
	int protocol = 0;

	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	return protocol == IPPROTO_TCP;
}

/* Fill it so that it stays full. */
static inline long fill_up(int fd, char byte)
{
	long total = fill_once(fd, byte), more = fills_slowly(fd);

	while (more) {
		nap_us(300000);
		more = fill_once(fd, byte);
		total += more;
	}
	return total;
}

/* Small reproducible numbers: xorshift. */
static inline uint32_t next_random(uint32_t *state)
{
	uint32_t x = *state ? *state : 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

static inline pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, fn, arg) == 0);
	return thread;
}

#endif
