// SPDX-License-Identifier: MIT
/*
 * O_NONBLOCK belongs to the open file, not to the descriptor and not to the
 * process: a child, a dup and a peer's passed descriptor change it between two
 * calls of ours. On a ring an operation on an O_NONBLOCK file waits for ever
 * unless it is asked not to, and a remembered flag is wrong at the next call.
 *
 * Ring: read write
 */
#include <pty.h>
#include <sys/eventfd.h>
#include "life.h"

static char big[1 << 18];

struct pair {
	const char *name;
	int in, out;
};

static struct pair pairs[8];
static int n_pairs;

static void make_pairs(void)
{
	int fd[2];

	NEED(pipe(fd) == 0);
	pairs[n_pairs++] = (struct pair){ "pipe", fd[0], fd[1] };
	NEED(mkfifo("fifo", 0600) == 0);
	fd[0] = open("fifo", O_RDONLY | O_NONBLOCK);
	fd[1] = open("fifo", O_WRONLY);
	set_nonblock(fd[0], false);
	pairs[n_pairs++] = (struct pair){ "fifo", fd[0], fd[1] };
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	pairs[n_pairs++] = (struct pair){ "stream", fd[0], fd[1] };
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) == 0);
	pairs[n_pairs++] = (struct pair){ "dgram", fd[0], fd[1] };
	NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0);
	pairs[n_pairs++] = (struct pair){ "seqpacket", fd[0], fd[1] };
	NEED(pipe2(fd, O_DIRECT) == 0);
	pairs[n_pairs++] = (struct pair){ "packets", fd[0], fd[1] };
}

static void fill_up(struct pair *p)
{
	size_t len = p->name[0] == 's' && p->name[1] == 't' ? 4096 : 1000;
	long total = 0, got = 0;
	ssize_t n;

	set_nonblock(p->out, true);
	while ((n = write(p->out, big, len)) > 0)
		total += n;
	show(n, "%s: write when full", p->name);
	show(total > 1000, "\tsome written");
	set_nonblock(p->in, true);
	while ((n = read(p->in, big, 4096)) > 0)
		got += n;
	show(n, "\tread when empty");
	show(got == total, "\tall read");
	set_nonblock(p->out, false);
	set_nonblock(p->in, false);
}

static int set_in_child(void *arg)
{
	set_nonblock(*(int *)arg, true);
	return 0;
}

static int clear_and_feed(void *arg)
{
	struct pair *p = arg;

	set_nonblock(p->in, false);
	settle(getppid());
	NEED(write(p->out, "fed", 3) == 3);
	return 0;
}

static void by_others(struct pair *p)
{
	char buf[16];
	pid_t pid;

	/* Seen as a blocking one first. */
	NEED(write(p->out, "one", 3) == 3);
	show(read(p->in, buf, 16), "%s: read", p->name);
	NEED(reap(start(set_in_child, &p->in)) == 0);
	show(read(p->in, buf, 16), "\tflag set by the child, read");
	NEED(write(p->out, "two", 3) == 3);
	show(read(p->in, buf, 16), "\tread");
	/*
	 * The flag is off before we read: the child clears it at once, and
	 * only feeds when we sleep.
	 */
	pid = start(clear_and_feed, p);
	while (fcntl(p->in, F_GETFL) & O_NONBLOCK)
		sleep_ms(1);
	show(read(p->in, buf, 16), "\tflag cleared by the child, read");
	NEED(reap(pid) == 0);
}

static void toggled(struct pair *p)
{
	int again = 0, ok = 0;
	char buf[16];

	for (int i = 0; i < 200; i++) {
		set_nonblock(p->in, true);
		again += read(p->in, buf, 16) < 0 && errno == EAGAIN;
		set_nonblock(p->in, false);
		NEED(write(p->out, "x", 1) == 1);
		ok += read(p->in, buf, 16) == 1;
	}
	printf("%s: toggled %d %d\n", p->name, again, ok);
}

static void by_dup(struct pair *p)
{
	int other = dup(p->in);
	int on = 1, off = 0;
	char buf[16];

	NEED(ioctl(other, FIONBIO, &on) == 0);
	show(read(p->in, buf, 16), "%s: FIONBIO on a dup, read", p->name);
	NEED(ioctl(other, FIONBIO, &off) == 0);
	close(other);
	NEED(write(p->out, "y", 1) == 1);
	show(read(p->in, buf, 16), "\tread");
}

static void reopened(void)
{
	char path[64], buf[16];
	int p[2], fd;

	NEED(pipe(p) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	show(read(fd, buf, 16), "reopened pipe, nonblocking: read");
	NEED(write(p[1], "abcdef", 6) == 6);
	show(read(fd, buf, 3), "\tread");
	show(read(p[0], buf, 16), "\tthe blocking one");
	for (int i = 0; i < 2; i++)
		close(p[i]);
	show(read(fd, buf, 16), "\tat the end");
	close(fd);
}

static void others(void)
{
	int master, slave, fd = eventfd(0, 0);
	uint64_t v;
	char buf[16];

	set_nonblock(fd, true);
	show(read(fd, &v, 8), "eventfd: read");
	NEED(reap(start(set_in_child, &fd)) == 0);
	show(read(fd, &v, 8), "eventfd: read");
	close(fd);
	NEED(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	set_nonblock(slave, true);
	set_nonblock(master, true);
	show(read(slave, buf, 16), "tty: read");
	show(read(master, buf, 16), "master: read");
	NEED(write(master, "line\n", 5) == 5);
	show(read(slave, buf, 16), "tty: read");
	close(master);
	close(slave);
	fd = open("regular", O_RDWR | O_CREAT | O_NONBLOCK, 0600);
	show(write(fd, "data", 4), "regular: write");
	show(read(fd, buf, 16), "regular: read");
	close(fd);
}

/* More than fits: part of it for a stream, all or nothing for PIPE_BUF. */
static void partial(void)
{
	int p[2], n;

	NEED(pipe(p) == 0);
	set_nonblock(p[1], true);
	show(write(p[1], big, sizeof(big)), "pipe: nonblocking write");
	show(write(p[1], big, 1), "pipe: full");
	NEED(read(p[0], big, 4096) == 4096);
	show(write(p[1], big, 4097), "pipe: one page free, 4097");
	NEED(read_full(p[0], big, 4000) == 4000);
	show(write(p[1], big, 4096), "pipe: no page free");
	NEED(ioctl(p[0], FIONREAD, &n) == 0);
	show(n, "\tqueued");
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	begin();
	make_pairs();
	for (int i = 0; i < n_pairs; i++) {
		fill_up(&pairs[i]);
		by_others(&pairs[i]);
		toggled(&pairs[i]);
		by_dup(&pairs[i]);
	}
	reopened();
	others();
	partial();
	return 0;
}
