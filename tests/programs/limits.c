// SPDX-License-Identifier: MIT
/*
 * Programs that look at or take away what a library would like to have: every
 * descriptor closed, the standard ones too, the number limit down to what is
 * open, no processes, hardly any address space or stack. The numbers that come
 * out must be the native ones, and what worked without a ring works with one.
 *
 * Ring: read write
 */
#include "life.h"

static void transfer(const char *what, int in, int out)
{
	char buf[32];
	int ok = 0;

	for (int i = 0; i < 20; i++)
		ok += write(out, "limited", 7) == 7 && read(in, buf, 32) == 7;
	show(ok, "%s: transfers", what);
}

static int close_all(void *arg)
{
	int p[2], out = dup(1), good = 0;

	(void)arg;
	NEED(pipe(p) == 0);
	transfer("before", p[0], p[1]);
	NEED(fcntl(out, F_DUPFD, 1500) == 1500);
	for (int fd = 0; fd < 1024; fd++)
		good += close(fd) == 0;
	/* Descriptors are handed out from 0 again. */
	for (int i = 0; i < 4; i++)
		NEED(open("/dev/null", O_RDWR) == i);
	NEED(pipe(p) == 0 && p[0] == 4 && p[1] == 5);
	NEED(dup2(1500, 1) == 1);
	show(good, "closed");
	show(p[0], "pipe");
	transfer("after", p[0], p[1]);
	list_fds("open");
	return 0;
}

static int close_ranges(void *arg)
{
	int p[2];

	NEED(pipe(p) == 0);
	transfer("before", p[0], p[1]);
	if (arg)
		closefrom(3);
	else
		NEED(close_range(3, ~0U, 0) == 0);
	list_fds("open");
	NEED(pipe(p) == 0);
	show(p[0], "pipe");
	transfer("after", p[0], p[1]);
	NEED(close_range(3, ~0U, CLOSE_RANGE_UNSHARE) == 0);
	show(read(p[0], &p, 1), "read");
	NEED(pipe(p) == 0);
	transfer("unshared", p[0], p[1]);
	NEED(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
	show(fcntl(p[0], F_GETFD), "cloexec");
	transfer("still", p[0], p[1]);
	return 0;
}

static int no_std(void *arg)
{
	int out = dup(1), p[2];

	(void)arg;
	NEED(out == 3);
	for (int fd = 0; fd < 3; fd++)
		NEED(close(fd) == 0);
	NEED(pipe(p) == 0 && p[0] == 0 && p[1] == 1);
	NEED(open("file", O_RDONLY) == 2);
	for (int i = 0; i < 20; i++) {
		char buf[8];

		NEED(write(1, "std", 3) == 3 && read(0, buf, 8) == 3);
	}
	NEED(read(2, p, 8) == 8);
	NEED(dup2(out, 1) == 1);
	printf("without standard descriptors: held\n");
	list_fds("open");
	return 0;
}

/* The limit is where the open ones end: nothing can be opened any more. */
static int few(void *arg)
{
	int limit = *(int *)arg, p[2], out, ok = 0;
	struct rlimit rl = { limit, limit };
	char buf[64];

	out = fcntl(1, F_DUPFD, 100);
	NEED(close(0) == 0 && close(1) == 0);
	NEED(pipe(p) == 0 && p[0] == 0 && p[1] == 1);
	NEED(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	for (int i = 0; i < 20; i++)
		ok += write(1, "few", 3) == 3 && read(0, buf, 64) == 3;
	for (int fd = 3; fd < limit; fd++)
		NEED(open("file", O_RDONLY) == fd);
	NEED(open("file", O_RDONLY) == -1 && errno == EMFILE);
	for (int i = 0; i < 20; i++)
		ok += write(1, "few", 3) == 3 && read(0, buf, 64) == 3;
	dup2(out, 1);
	syscall(SYS_write, out, buf,
		snprintf(buf, 64, "limit %d: transfers %d\n", limit, ok));
	return 0;
}

/* A read that has to wait, with no number to spare. */
struct late {
	int out;
	int tid;
};

static void *late_write(void *arg)
{
	struct late *l = arg;

	/* No /proc here: no descriptor is left to open it with. */
	sleep_ms(30);
	NEED(write(l->out, "late", 4) == 4);
	return NULL;
}

static int waits_at_limit(void *arg)
{
	struct rlimit rl = { 0, 20000 };
	struct late l;
	char buf[16];
	pthread_t t;
	int p[2], s[2];

	(void)arg;
	NEED(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	NEED(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	l.out = p[1];
	NEED(pthread_create(&t, NULL, late_write, &l) == 0);
	show(read(p[0], buf, 16), "limit 0: waiting read of a pipe");
	NEED(pthread_join(t, NULL) == 0);
	l.out = s[1];
	NEED(pthread_create(&t, NULL, late_write, &l) == 0);
	show(read(s[0], buf, 16), "limit 0: waiting read of a socket");
	NEED(pthread_join(t, NULL) == 0);
	return 0;
}

static void *in_thread(void *arg)
{
	int *p = arg;

	transfer("thread", p[0], p[1]);
	return NULL;
}

static int no_processes(void *arg)
{
	struct rlimit rl = { 0, 0 };
	char buf[8];
	int p[2], fd;

	(void)arg;
	NEED(pipe(p) == 0);
	NEED(setrlimit(RLIMIT_NPROC, &rl) == 0);
	if (getuid() == 0)
		NEED(setuid(64321) == 0);
	show(fork(), "RLIMIT_NPROC: fork");
	transfer("RLIMIT_NPROC", p[0], p[1]);
	fd = open("file", O_RDONLY);
	show(read(fd, buf, 8), "\tread");
	show(close(fd), "\tclose");
	fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	show(write(fd, buf, 8), "\twrite");
	return 0;
}

static long address_space(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	NEED(fscanf(f, "%ld", &pages) == 1);
	fclose(f);
	return pages * 4096;
}

static int no_memory(void *arg)
{
	struct rlimit rl;
	int p[2];

	NEED(pipe(p) == 0);
	if (arg)
		transfer("warm", p[0], p[1]);
	rl.rlim_cur = rl.rlim_max = address_space() + 4096;
	NEED(setrlimit(RLIMIT_AS, &rl) == 0);
	NEED(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		  0) == MAP_FAILED);
	transfer("RLIMIT_AS", p[0], p[1]);
	return 0;
}

static int no_locked(void *arg)
{
	struct rlimit rl = { 0, 0 };
	pthread_t t;
	int p[2];

	NEED(pipe(p) == 0);
	NEED(setrlimit(RLIMIT_MEMLOCK, &rl) == 0);
	if (getuid() == 0)
		NEED(setuid(64321) == 0);
	transfer("RLIMIT_MEMLOCK 0", p[0], p[1]);
	NEED(pthread_create(&t, NULL, in_thread, p) == 0);
	NEED(pthread_join(t, NULL) == 0);
	(void)arg;
	return 0;
}

static int small_stack(void *arg)
{
	struct rlimit rl = { 64 << 10, 64 << 10 };
	pthread_attr_t attr;
	pthread_t t;
	int p[2];

	(void)arg;
	NEED(pipe(p) == 0);
	NEED(setrlimit(RLIMIT_STACK, &rl) == 0);
	transfer("RLIMIT_STACK", p[0], p[1]);
	pthread_attr_init(&attr);
	NEED(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
	NEED(pthread_create(&t, &attr, in_thread, p) == 0);
	NEED(pthread_join(t, NULL) == 0);
	return 0;
}

static int sig_pipe[2];
static volatile sig_atomic_t handled;

static void handler(int sig)
{
	char buf[16];

	(void)sig;
	if (write(sig_pipe[1], "handler", 7) == 7 &&
	    read(sig_pipe[0], buf, 16) == 7)
		handled++;
}

static int small_altstack(void *arg)
{
	size_t size = sysconf(_SC_MINSIGSTKSZ) + 4096;
	stack_t ss = { .ss_size = size };
	struct sigaction sa = {
		.sa_handler = handler, .sa_flags = SA_ONSTACK
	};
	char *map;

	(void)arg;
	NEED(pipe(sig_pipe) == 0);
	size = (size + 4095) & ~4095UL;
	map = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(map != MAP_FAILED && mprotect(map, 4096, PROT_NONE) == 0);
	ss.ss_sp = map + 4096;
	ss.ss_size = size;
	NEED(sigaltstack(&ss, NULL) == 0);
	NEED(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int i = 0; i < 50; i++)
		raise(SIGUSR1);
	show(handled, "handlers on a small stack");
	return 0;
}

static int looks(void *arg)
{
	int p[2];

	(void)arg;
	NEED(pipe(p) == 0);
	show(p[0], "pipe");
	transfer("looks", p[0], p[1]);
	show(count_tasks(), "tasks");
	show(status_of("Threads:"), "Threads");
	show(status_of("Seccomp:"), "Seccomp");
	list_fds("open");
	return 0;
}

int main(void)
{
	int n;

	begin();
	put_file("file", "contents", 8);
	NEED(chmod(".", 0755) == 0);
	run_child("looks", looks, NULL);
	run_child("close all", close_all, NULL);
	run_child("close_range", close_ranges, NULL);
	run_child("closefrom", close_ranges, "");
	run_child("no standard ones", no_std, NULL);
	for (n = 3; n <= 6; n++)
		run_child("few", few, &n);
	run_child("limit 0", waits_at_limit, NULL);
	run_child("no processes", no_processes, NULL);
	run_child("no memory", no_memory, "");
	run_child("no memory, cold", no_memory, NULL);
	run_child("no locked memory", no_locked, NULL);
	run_child("small stack", small_stack, NULL);
	run_child("small alternate stack", small_altstack, NULL);
	return 0;
}
