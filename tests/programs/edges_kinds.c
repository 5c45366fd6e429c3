// SPDX-License-Identifier: MIT
/*
 * Reads and writes of everything that is not a plain file, pipe or socket:
 * devices, /proc, sealed memory, O_DIRECT, holes, timers, signals, inotify,
 * epoll, pidfds, eventfds. On a ring an epoll fd or a pidfd would wait for
 * ever instead of failing, an O_NONBLOCK inotify fd would hang, and everything
 * without a non-blocking path would be moved to a worker thread, which is
 * somebody else in /proc/thread-self.
 *
 * Ring: read write
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include "life.h"

static char buf[1 << 16] __attribute__((aligned(4096)));

static void devices(void)
{
	int fd = open("/dev/full", O_RDWR);

	show(write(fd, buf, 100), "full: write");
	memset(buf, 'x', 100);
	show(read(fd, buf, 100), "full: read");
	NEED(!buf[0] && !buf[99]);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	show(write(fd, buf, 60000), "null: write");
	show(read(fd, buf, 100), "null: read");
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	show(write(fd, buf, 60000), "zero: write");
	show(read(fd, buf, 60000), "zero: read");
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	show(read(fd, buf, 60000), "urandom: read");
	close(fd);
}

static int no_terminal(void *arg)
{
	(void)arg;
	setsid();
	show(open("/dev/tty", O_RDWR), "open /dev/tty without one");
	return 0;
}

static void proc_files(void)
{
	char comm[32] = "";
	int fd = open("/proc/self/comm", O_RDWR);

	show(write(fd, "other-name", 10), "comm: write");
	NEED(lseek(fd, 0, SEEK_SET) == 0);
	show(read(fd, comm, 5), "comm: read");
	show(read(fd, comm + 5, 20), "comm: rest");
	printf("\t%s", comm);
	show(read(fd, comm, 20), "comm: end");
	close(fd);
	fd = open("/proc/thread-self/comm", O_RDONLY);
	show(read(fd, buf, 100), "thread-self/comm");
	close(fd);
	fd = open("/proc/self/mem", O_RDWR);
	show(pread(fd, comm, 4, (off_t)(uintptr_t)"text"), "mem: pread");
	NEED(lseek(fd, (off_t)(uintptr_t)"deed", SEEK_SET) > 0);
	show(read(fd, comm, 4), "mem: read");
	printf("\t%.4s\n", comm);
	NEED(lseek(fd, 4096, SEEK_SET) == 4096);
	show(read(fd, comm, 4), "mem: read of nothing");
	close(fd);
	fd = open("/proc/version", O_RDONLY);
	show(write(fd, "x", 1), "version: write");
	close(fd);
	show(open("/proc/version", O_WRONLY | O_CREAT | O_EXCL, 0600),
	     "version: create");
	show(open("/proc/self/nothing", O_RDONLY), "nothing");
}

static void *who_am_i(void *arg)
{
	char want[64], got[64];
	ssize_t n = readlink("/proc/thread-self", got, sizeof(got) - 1);
	char line[128] = "";
	int fd = open("/proc/thread-self/stat", O_RDONLY);

	NEED(n > 0 && fd >= 0);
	got[n] = 0;
	snprintf(want, sizeof(want), "%d/task/%d", getpid(), gettid());
	NEED(!strcmp(want, got));
	NEED(read(fd, line, sizeof(line) - 1) > 0);
	NEED(atoi(line) == gettid());
	close(fd);
	return arg;
}

static void seals(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING);

	show(write(fd, "0123456789", 10), "memfd: write");
	NEED(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
	show(write(fd, "more", 4), "grow-sealed: write at the end");
	NEED(lseek(fd, 8, SEEK_SET) == 8);
	show(write(fd, "more", 4), "grow-sealed: write over the end");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	NEED(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
	NEED(lseek(fd, 0, SEEK_SET) == 0);
	show(write(fd, "more", 4), "write-sealed: write");
	show(read(fd, buf, 100), "write-sealed: read");
	close(fd);
}

static void direct(void)
{
	int fd = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0644);

	if (fd < 0) {
		show(fd, "open O_DIRECT");
		return;
	}
	fill(buf, 8192, 1);
	show(write(fd, buf, 8192), "direct: write");
	show(write(fd, buf + 1, 4096), "direct: crooked buffer");
	show(write(fd, buf, 1000), "direct: crooked length");
	NEED(lseek(fd, 0, SEEK_SET) == 0);
	show(read(fd, buf + 16384, 4096), "direct: read");
	NEED(!memcmp(buf, buf + 16384, 4096));
	show(read(fd, buf + 1, 4096), "direct: crooked read");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	show(read(fd, buf, 8192), "direct: up to the end");
	show(read(fd, buf, 4096), "direct: at the end");
	close(fd);
}

static void holes(void)
{
	int fd = open("holes", O_RDWR | O_CREAT, 0644);

	NEED(lseek(fd, 1 << 20, SEEK_SET) == 1 << 20);
	show(read(fd, buf, 10), "beyond the end");
	show(write(fd, "end", 3), "write beyond the end");
	NEED(lseek(fd, (1 << 20) - 10, SEEK_SET) > 0);
	show(read(fd, buf, 100), "over the hole's edge");
	NEED(!buf[9] && !memcmp(buf + 10, "end", 3));
	NEED(lseek(fd, 0, SEEK_SET) == 0);
	show(read(fd, buf, sizeof(buf)), "in the hole");
	NEED(ftruncate(fd, 100) == 0);
	show(read(fd, buf, 10), "after truncation");
	NEED(lseek(fd, 95, SEEK_SET) == 95);
	show(read(fd, buf, 10), "last bytes");
	NEED(lseek(fd, LLONG_MAX - 4, SEEK_SET) < 0 || 1);
	show(lseek(fd, 0, SEEK_CUR) >= 0, "still seekable");
	close(fd);
}

static void timers(void)
{
	struct itimerspec in = { .it_value.tv_nsec = 20000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n = 0;

	NEED(timerfd_settime(fd, 0, &in, NULL) == 0);
	show(read(fd, &n, 4), "timerfd: short buffer");
	show(read(fd, &n, 8), "timerfd: blocking read");
	show((long long)n, "\texpirations");
	set_nonblock(fd, true);
	show(read(fd, &n, 8), "timerfd: again");
	show(write(fd, &n, 8), "timerfd: write");
	close(fd);
}

static void signals(void)
{
	struct signalfd_siginfo si[2];
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	show(read(fd, si, sizeof(si)), "signalfd: none");
	raise(SIGUSR2);
	raise(SIGUSR1);
	show(read(fd, si, 10), "signalfd: short buffer");
	show(read(fd, si, sizeof(si)), "signalfd: two");
	printf("\t%s %s\n", sigabbrev_np(si[0].ssi_signo),
	       sigabbrev_np(si[1].ssi_signo));
	show(read(fd, si, sizeof(si)), "signalfd: none");
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void inotify(void)
{
	struct inotify_event *ev = (struct inotify_event *)buf;
	int fd = inotify_init1(IN_NONBLOCK);

	NEED(mkdir("watched", 0755) == 0);
	NEED(inotify_add_watch(fd, "watched", IN_ALL_EVENTS) == 1);
	show(read(fd, buf, sizeof(buf)), "inotify: none");
	put_file("watched/file", "text", 4);
	show(read(fd, buf, 8), "inotify: short buffer");
	for (ssize_t n = read(fd, buf, sizeof(buf)); n > 0;) {
		ssize_t step = sizeof(*ev) + ev->len;

		printf("\tevent %x %s\n", ev->mask, ev->name);
		ev = (struct inotify_event *)((char *)ev + step);
		n -= step;
	}
	show(write(fd, buf, 8), "inotify: write");
	close(open("watched/file", O_RDONLY));
	show(read(fd, buf, sizeof(buf)), "inotify: open and close");
	close(fd);
}

static void odd_reads(void)
{
	int fd = epoll_create1(0);

	show(read(fd, buf, 8), "epoll: read");
	show(write(fd, buf, 8), "epoll: write");
	close(fd);
	fd = syscall(SYS_pidfd_open, getpid(), 0);
	show(read(fd, buf, 8), "pidfd: read");
	show(write(fd, buf, 8), "pidfd: write");
	close(fd);
	fd = open("/proc/self/ns/net", O_RDONLY);
	show(read(fd, buf, 8), "namespace: read");
	close(fd);
}

static void events(void)
{
	uint64_t v = UINT64_MAX;
	int fd = eventfd(3, EFD_NONBLOCK);

	show(write(fd, &v, 8), "eventfd: write of the maximum");
	v = UINT64_MAX - 1;
	show(write(fd, &v, 8), "eventfd: write that would block");
	show(read(fd, &v, 8), "eventfd: read");
	show((long long)v, "\tvalue");
	show(read(fd, &v, 8), "eventfd: empty");
	show(read(fd, buf, 100), "eventfd: empty, long buffer");
	close(fd);
	fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	for (int i = 0; i < 3; i++)
		show(read(fd, &v, 8), "semaphore: read");
	close(fd);
}

static void *give(void *arg)
{
	uint64_t v = 7;

	sleep_ms(20);
	NEED(write(*(int *)arg, &v, 8) == 8);
	return NULL;
}

static void *take(void *arg)
{
	uint64_t v;

	sleep_ms(20);
	NEED(read(*(int *)arg, &v, 8) == 8);
	return NULL;
}

static void waiting_events(void)
{
	int fd = eventfd(0, 0);
	uint64_t v = 0;
	pthread_t t;

	NEED(pthread_create(&t, NULL, give, &fd) == 0);
	show(read(fd, &v, 8), "eventfd: waiting read");
	show((long long)v, "\tvalue");
	NEED(pthread_join(t, NULL) == 0);
	v = UINT64_MAX - 1;
	NEED(write(fd, &v, 8) == 8);
	NEED(pthread_create(&t, NULL, take, &fd) == 0);
	v = 5;
	show(write(fd, &v, 8), "eventfd: waiting write");
	NEED(pthread_join(t, NULL) == 0);
	show(read(fd, &v, 8), "eventfd: read");
	show((long long)v, "\tvalue");
	close(fd);
}

static void synced(void)
{
	int fd = open("sync", O_RDWR | O_CREAT | O_DSYNC, 0644);

	show(write(fd, "synced", 6), "O_DSYNC write");
	show(lseek(fd, 0, SEEK_SET), "\tat");
	show(read(fd, buf, 100), "\tread");
	close(fd);
	fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		return;
	show(write(fd, "shm", 3), "/dev/shm write");
	show(lseek(fd, 0, SEEK_SET), "\tat");
	show(read(fd, buf, 100), "\tread");
	close(fd);
}

/* The ordinary two, so that the ring has seen this process. */
static void plain(void)
{
	int p[2];

	NEED(pipe(p) == 0);
	show(write(p[1], "pipe", 4), "pipe: write");
	show(read(p[0], buf, 10), "pipe: read");
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	pthread_t t;

	begin();
	plain();
	devices();
	run_child("no terminal", no_terminal, NULL);
	proc_files();
	who_am_i(NULL);
	NEED(pthread_create(&t, NULL, who_am_i, NULL) == 0);
	NEED(pthread_join(t, NULL) == 0);
	seals();
	direct();
	holes();
	timers();
	signals();
	inotify();
	odd_reads();
	events();
	waiting_events();
	synced();
	show(count_tasks(), "tasks");
	list_fds("left open");
	return 0;
}
