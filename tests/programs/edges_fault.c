// SPDX-License-Identifier: MIT
/*
 * A buffer whose second half cannot be touched: how many bytes arrive, where
 * the file position is afterwards, and what is still in the pipe. A ring read
 * at "the current position" of a regular file moves the bytes and leaves the
 * position where it was, and a library that copies through a buffer of its own
 * would fault, or lose what it has taken.
 *
 * Ring: read write
 */
#include <sys/eventfd.h>
#include "life.h"

static char *edge;	/* the first byte that nobody may touch */

static void make_edge(int prot)
{
	char *map = mmap(NULL, 12288, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(map != MAP_FAILED);
	memset(map, 'e', 8192);
	if (prot < 0)
		NEED(munmap(map + 8192, 4096) == 0);
	else
		NEED(mprotect(map + 8192, 4096, prot) == 0);
	edge = map + 8192;
}

static void seekable(const char *name, int fd)
{
	char back[64];

	show(lseek(fd, 0, SEEK_SET), "%s: at", name);
	show(read(fd, edge - 4, 64), "\tread over the edge");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	printf("\tbytes %.4s\n", edge - 4);
	show(read(fd, edge, 64), "\tread past the edge");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	show(read(fd, back, 8), "\tread");
	printf("\tbytes %.8s\n", back);
	memcpy(edge - 4, "WXYZ", 4);
	show(write(fd, edge - 4, 64), "\twrite over the edge");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	show(write(fd, edge, 64), "\twrite past the edge");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	show(lseek(fd, 0, SEEK_END), "\tsize");
	NEED(lseek(fd, 0, SEEK_SET) == 0);
	memset(back, '.', sizeof(back));
	show(read(fd, back, sizeof(back)), "\tread");
	printf("\tbytes %.40s\n", back);
}

static void files(void)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCD";
	int fd;

	put_file("plain", text, 40);
	fd = open("plain", O_RDWR);
	seekable("plain", fd);
	close(fd);
	fd = memfd_create("mem", 0);
	NEED(write(fd, text, 40) == 40);
	seekable("memfd", fd);
	close(fd);
	put_file("app", text, 40);
	fd = open("app", O_RDWR | O_APPEND);
	seekable("append", fd);
	close(fd);
}

static void big_file(void)
{
	static char text[20000];
	int fd;

	fill(text, sizeof(text), 3);
	put_file("big", text, sizeof(text));
	fd = open("big", O_RDWR);
	show(read(fd, edge - 8000, 16000), "big: read");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	printf("\tsum %08x\n", sum_of(edge - 8000, 8000));
	show(write(fd, edge - 5000, 9000), "big: write");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	close(fd);
}

static void stream(const char *name, int in, int out)
{
	char back[128];
	ssize_t n;

	NEED(write(out, "abcdefghijklmnopqrstuvwxyz", 26) == 26);
	show(read(in, edge - 4, 10), "%s: read over the edge", name);
	show(read(in, edge, 10), "\tread past the edge");
	n = show(read(in, back, sizeof(back)), "\tread");
	printf("\tbytes %.*s\n", n > 0 ? (int)n : 0, back);
	memcpy(edge - 4, "WXYZ", 4);
	show(write(out, edge, 10), "\twrite past the edge");
	show(write(out, edge - 4, 10), "\twrite over the edge");
	set_nonblock(in, true);
	n = show(read(in, back, sizeof(back)), "\tread");
	set_nonblock(in, false);
	printf("\tbytes %.*s\n", n > 0 ? (int)n : 0, back);
}

/* A read that has to wait, and finds the page gone when the data comes. */
struct late {
	int fd;
	char *buf;
	ssize_t ret;
	int err;
	volatile int tid;
};

static void *late_read(void *arg)
{
	struct late *l = arg;

	l->tid = gettid();
	l->ret = read(l->fd, l->buf, 8);
	l->err = errno;
	return NULL;
}

static void page_goes(const char *name, int in, int out)
{
	struct late l = { .fd = in };
	char back[64];
	pthread_t t;
	ssize_t n;

	l.buf = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(pthread_create(&t, NULL, late_read, &l) == 0);
	while (!l.tid)
		sleep_ms(1);
	settle(l.tid);
	NEED(mprotect(l.buf, 4096, PROT_NONE) == 0);
	NEED(write(out, "12345678", 8) == 8);
	NEED(pthread_join(t, NULL) == 0);
	errno = l.err;
	show(l.ret, "%s: page gone while waiting", name);
	set_nonblock(in, true);
	n = show(read(in, back, sizeof(back)), "\tstill there");
	set_nonblock(in, false);
	printf("\tbytes %.*s\n", n > 0 ? (int)n : 0, back);
	munmap(l.buf, 4096);
}

static void event(void)
{
	int fd = eventfd(5, EFD_NONBLOCK);
	uint64_t v = 0;

	show(read(fd, edge - 4, 8), "eventfd: read over the edge");
	show(read(fd, &v, 8), "\tread");
	show(write(fd, edge - 4, 8), "\twrite over the edge");
	show(read(fd, &v, 4), "\tread 4");
	close(fd);
}

/* One datagram into a buffer that is half there: gone, whatever arrived. */
static void dgram(int type)
{
	char back[64];
	int s[2];

	NEED(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s) == 0);
	NEED(write(s[1], "first-one", 9) == 9);
	NEED(write(s[1], "second", 6) == 6);
	show(read(s[0], edge - 4, 64), "type %d: read over the edge", type);
	show(read(s[0], back, 64), "\tread");
	show(read(s[0], back, 64), "\tread");
	show(write(s[1], edge - 4, 64), "\twrite over the edge");
	show(read(s[0], back, 64), "\tread");
	close(s[0]);
	close(s[1]);
}

static void all(void)
{
	int p[2], s[2];

	files();
	big_file();
	NEED(pipe(p) == 0);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	stream("pipe", p[0], p[1]);
	stream("socket", s[0], s[1]);
	page_goes("pipe", p[0], p[1]);
	page_goes("socket", s[0], s[1]);
	event();
	dgram(SOCK_DGRAM);
	dgram(SOCK_SEQPACKET);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(s[i]);
	}
}

int main(void)
{
	begin();
	printf("== no access\n");
	make_edge(PROT_NONE);
	all();
	printf("== not mapped\n");
	make_edge(-1);
	all();
	printf("== read only\n");
	make_edge(PROT_READ);
	memset(edge - 100, 'q', 100);
	all();
	list_fds("left open");
	return 0;
}
