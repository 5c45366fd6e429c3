// SPDX-License-Identifier: MIT
/*
 * A FIFO's two ends meet in open: whoever comes first waits, in whichever
 * order, is interrupted by a signal, and holds the rendezvous even when its
 * partner closes again at once. A ring opens without waiting: a reader would
 * see the end of the file before anybody has written, a writer would get ENXIO
 * or die of SIGPIPE.
 */
#include "life.h"

static const char *path;
static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static int writer(void *arg)
{
	int fd;

	if (arg)
		settle(getppid());
	fd = open(path, O_WRONLY);
	NEED(fd >= 0);
	NEED(write(fd, "hello", 5) == 5);
	NEED(close(fd) == 0);
	return 0;
}

/* Lets the waiting writer in, then reads what it has: never EPIPE. */
static int reader(void *arg)
{
	char buf[16] = "";
	int fd;

	if (arg)
		settle(getppid());
	fd = open(path, O_RDONLY);
	NEED(fd >= 0);
	NEED(read_full(fd, buf, sizeof(buf)) == 5);
	NEED(!memcmp(buf, "hello", 5));
	NEED(close(fd) == 0);
	return 0;
}

static void read_side(bool first)
{
	char buf[16] = "";
	pid_t pid = start(writer, first ? "" : NULL);
	int fd;

	if (!first)
		settle(pid);
	fd = show(open(path, O_RDONLY), "reader %s", first ? "first" : "last");
	printf("\tfl %o\n", fcntl(fd, F_GETFL));
	show(read_full(fd, buf, sizeof(buf)), "\tread %s", "all");
	printf("\t%s\n", buf);
	close(fd);
	show_status("\twriter", reap(pid));
}

static void write_side(bool first)
{
	pid_t pid = start(reader, first ? "" : NULL);
	int fd;

	if (!first)
		settle(pid);
	fd = show(open(path, O_WRONLY), "writer %s", first ? "first" : "last");
	printf("\tfl %o\n", fcntl(fd, F_GETFL));
	show(write(fd, "hello", 5), "\twrite");
	close(fd);
	show_status("\treader", reap(pid));
}

static void alone(void)
{
	char buf[16];
	int fd, out;

	show(open(path, O_WRONLY | O_NONBLOCK), "nonblocking writer alone");
	fd = show(open(path, O_RDONLY | O_NONBLOCK), "nonblocking reader");
	show(read(fd, buf, 16), "\tread without a writer");
	out = show(open(path, O_WRONLY | O_NONBLOCK), "nonblocking writer");
	show(read(fd, buf, 16), "\tread without data");
	show(write(out, "abc", 3), "\twrite");
	show(read(fd, buf, 16), "\tread");
	set_nonblock(fd, false);
	show(write(out, "abcd", 4), "\twrite");
	show(read(fd, buf, 16), "\tread");
	close(out);
	show(read(fd, buf, 16), "\tread after the writer");
	out = show(open(path, O_WRONLY), "writer, the reader is there");
	show(write(out, "ab", 2), "\twrite");
	show(read(fd, buf, 16), "\tread");
	close(fd);
	show(write(out, "ab", 2), "\twrite without a reader");
	close(out);
	fd = show(open(path, O_RDWR), "both at once");
	show(write(fd, "xyz", 3), "\twrite");
	show(read(fd, buf, 16), "\tread");
	out = show(open(path, O_WRONLY), "\tanother writer");
	close(out);
	close(fd);
}

static int poke(void *arg)
{
	pid_t ppid = getppid();

	(void)arg;
	settle(ppid);
	kill(ppid, SIGUSR1);
	return 0;
}

static int poke_then_write(void *arg)
{
	poke(arg);
	return writer("");
}

static void interrupted(void)
{
	char buf[16];
	pid_t pid;
	int fd;

	on_signal(SIGUSR1, on_alarm, 0);
	pid = start(poke, NULL);
	show(open(path, O_RDONLY), "interrupted reader");
	reap(pid);
	pid = start(poke, NULL);
	show(open(path, O_WRONLY), "interrupted writer");
	reap(pid);
	on_signal(SIGUSR1, on_alarm, SA_RESTART);
	pid = start(poke_then_write, NULL);
	fd = show(open(path, O_RDONLY), "restarted reader");
	show(read_full(fd, buf, sizeof(buf)), "\tread %s", "all");
	close(fd);
	reap(pid);
	show(alarms, "signals");
	alarms = 0;
}

/* A reader lets the waiting writer in and leaves without a word. */
static void *hasty(void *arg)
{
	int fd = open(path, O_RDONLY);

	NEED(fd >= 0);
	close(fd);
	return arg;
}

static void writer_gets_in(void)
{
	int in = 0;

	for (int i = 0; i < 30; i++) {
		pthread_t t;
		int fd;

		NEED(pthread_create(&t, NULL, hasty, NULL) == 0);
		fd = open(path, O_WRONLY);
		in += fd >= 0;
		NEED(pthread_join(t, NULL) == 0);
		close(fd);
	}
	show(in, "writers let in");
}

/* While an open waits, its number is taken. */
struct wait_open {
	volatile int tid;
	int fd;
};

static void *wait_open(void *arg)
{
	struct wait_open *w = arg;

	w->tid = gettid();
	w->fd = open(path, O_RDONLY);
	return NULL;
}

static void reserved(void)
{
	struct wait_open w = { 0 };
	pthread_t t;
	int other, out;

	NEED(pthread_create(&t, NULL, wait_open, &w) == 0);
	while (!w.tid)
		sleep_ms(1);
	settle(w.tid);
	other = open("/dev/null", O_RDONLY);
	out = open(path, O_WRONLY);
	NEED(pthread_join(t, NULL) == 0);
	show(w.fd, "waiting open got");
	show(other, "the other one got");
	show(out, "the partner got");
	close(w.fd);
	close(other);
	close(out);
}

static void all(const char *where)
{
	path = where;
	unlink(path);
	NEED(mkfifo(path, 0600) == 0);
	printf("== %s\n", where[0] == '/' ? "/dev/shm" : where);
	read_side(true);
	read_side(false);
	write_side(true);
	write_side(false);
	alone();
	interrupted();
	writer_gets_in();
	reserved();
	NEED(unlink(path) == 0);
}

int main(void)
{
	char shm[64];

	begin();
	on_signal(SIGPIPE, SIG_IGN, 0);
	all("fifo");
	NEED(mkdir("sub", 0755) == 0);
	all("sub/../sub/fifo");
	snprintf(shm, sizeof(shm), "/dev/shm/shim-test-%d", getpid());
	all(shm);
	list_fds("left open");
	return 0;
}
