// SPDX-License-Identifier: MIT
/*
 * The cost of one call: percall OP native|uring N [FILE]
 *
 * native calls libc, so that under LD_PRELOAD this measures the library; uring
 * is what a program written for io_uring does for one operation at a time: one
 * SQE, io_uring_submit_and_wait(1), one CQE, on a ring with the same set-up
 * flags and size as libshim's, registered ring descriptor, plain file
 * descriptors.
 *
 * OP: pipe-write, pipe-read, send, recv (64 bytes; unix stream sockets), read-4k,
 * read-64k (the next bytes of FILE, which is read once before), pread-4k (its
 * first), open-close (FILE).  Makes at least N calls,
 * in batches, and prints the median over the batches, in ns per call (per pair
 * for open-close).  Draining and filling the pipe and rewinding the file are
 * outside of the timed part, and hidden from the library.
 */
#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define SMALL 64
#define MOST 500    /* calls in a batch */

struct bench {
	struct io_uring ring;
	const char *file;
	int fd, other;      /* what is read or written; a pipe's other end */
	size_t len;
	int batch;          /* calls in one */
	char *buf;
};

static inline int reaped(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit_and_wait(ring, 1);

	if (ret < 0)
		return ret;
	ret = io_uring_peek_cqe(ring, &cqe);
	if (ret < 0)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static inline long uring_read(struct bench *b)
{
	io_uring_prep_read(io_uring_get_sqe(&b->ring), b->fd, b->buf,
			   (unsigned)b->len, (uint64_t)-1);
	return reaped(&b->ring);
}

static inline long uring_write(struct bench *b)
{
	io_uring_prep_write(io_uring_get_sqe(&b->ring), b->fd, b->buf,
			    (unsigned)b->len, (uint64_t)-1);
	return reaped(&b->ring);
}

static inline long uring_pread(struct bench *b)
{
	io_uring_prep_read(io_uring_get_sqe(&b->ring), b->fd, b->buf,
			   (unsigned)b->len, 0);
	return reaped(&b->ring);
}

static inline long uring_send(struct bench *b)
{
	io_uring_prep_send(io_uring_get_sqe(&b->ring), b->fd, b->buf, b->len,
			   0);
	return reaped(&b->ring);
}

static inline long uring_recv(struct bench *b)
{
	io_uring_prep_recv(io_uring_get_sqe(&b->ring), b->fd, b->buf, b->len,
			   0);
	return reaped(&b->ring);
}

static inline int uring_open(struct bench *b)
{
	io_uring_prep_openat(io_uring_get_sqe(&b->ring), AT_FDCWD, b->file,
			     O_RDONLY, 0);
	return reaped(&b->ring);
}

static inline int uring_close(struct bench *b, int fd)
{
	io_uring_prep_close(io_uring_get_sqe(&b->ring), fd);
	return reaped(&b->ring);
}

static void check(long got, size_t want)
{
	if (got != (long)want)
		die("a call moved less than it should", got < 0 ? -got : errno);
}

#define TIMED(call) \
	do { \
		for (int i_ = 0; i_ < b->batch; i_++) \
			check((call), b->len); \
	} while (0)

static void native_reads(struct bench *b)
{
	TIMED(read(b->fd, b->buf, b->len));
}

static void native_writes(struct bench *b)
{
	TIMED(write(b->fd, b->buf, b->len));
}

static void uring_reads(struct bench *b)
{
	TIMED(uring_read(b));
}

static void uring_writes(struct bench *b)
{
	TIMED(uring_write(b));
}

static void native_preads(struct bench *b)
{
	TIMED(pread(b->fd, b->buf, b->len, 0));
}

static void native_sends(struct bench *b)
{
	TIMED(send(b->fd, b->buf, b->len, 0));
}

static void native_recvs(struct bench *b)
{
	TIMED(recv(b->fd, b->buf, b->len, 0));
}

static void uring_preads(struct bench *b)
{
	TIMED(uring_pread(b));
}

static void uring_sends(struct bench *b)
{
	TIMED(uring_send(b));
}

static void uring_recvs(struct bench *b)
{
	TIMED(uring_recv(b));
}

static void native_opens(struct bench *b)
{
	int i, fd;

	for (i = 0; i < b->batch; i++) {
		fd = open(b->file, O_RDONLY);
		if (fd < 0 || close(fd))
			die("open, close", errno);
	}
}

static void uring_opens(struct bench *b)
{
	int i, fd, ret;

	for (i = 0; i < b->batch; i++) {
		fd = uring_open(b);
		if (fd < 0)
			die("open", fd);
		ret = uring_close(b, fd);
		if (ret)
			die("close", ret);
	}
}

/* Around a batch, outside of the timed part. */

static void nothing(struct bench *b)
{
	(void)b;
}

static void drain(struct bench *b)
{
	long n, left = b->batch * SMALL;
	static char sink[MOST * SMALL];

	for (; left; left -= n) {
		n = raw(SYS_read, b->other, (long)sink, left);
		if (n <= 0)
			die("draining the pipe", n);
	}
}

static void fill(struct bench *b)
{
	static char source[MOST * SMALL];

	size_t n = (size_t)b->batch * SMALL;

	check(raw(SYS_write, b->other, (long)source, (long)n), n);
}

/* Back to the start when there is not enough left for a batch. */
static void rewind_file(struct bench *b)
{
	long at = raw(SYS_lseek, b->fd, 0, SEEK_CUR);
	long end = raw(SYS_lseek, b->fd, 0, SEEK_END);

	if (at + (long)b->len * b->batch > end)
		at = 0;
	if ((long)b->len * b->batch > end)
		die("the file is too short", EINVAL);
	raw(SYS_lseek, b->fd, at, SEEK_SET);
}

static void make_pipe(struct bench *b, int end)
{
	int fds[2];

	if (pipe(fds))
		die("pipe", errno);
	b->fd = fds[end];
	b->other = fds[!end];
}

static void set_up_write(struct bench *b)
{
	make_pipe(b, 1);
}

static void set_up_read(struct bench *b)
{
	make_pipe(b, 0);
}

static void set_up_sockets(struct bench *b)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair", errno);
	b->fd = fds[0];
	b->other = fds[1];
}

static void set_up_file(struct bench *b)
{
	long n;

	b->fd = open(b->file, O_RDONLY);
	if (b->fd < 0)
		die(b->file, errno);
	do {
		n = raw(SYS_read, b->fd, (long)b->buf, 65536);
	} while (n > 0);
	raw(SYS_lseek, b->fd, 0, SEEK_SET);
}

/* A batch takes some 0.3 ms, so that most are not disturbed by anybody else. */
static const struct op {
	const char *name;
	size_t len;
	int batch;
	void (*set_up)(struct bench *b);
	void (*before)(struct bench *b);
	void (*run[2])(struct bench *b);
	void (*after)(struct bench *b);
} ops[] = {
	{ "pipe-write", SMALL, MOST, set_up_write, nothing,
	  { native_writes, uring_writes }, drain },
	{ "pipe-read", SMALL, MOST, set_up_read, fill,
	  { native_reads, uring_reads }, nothing },
	{ "read-4k", 4096, 200, set_up_file, rewind_file,
	  { native_reads, uring_reads }, nothing },
	{ "read-64k", 65536, 50, set_up_file, rewind_file,
	  { native_reads, uring_reads }, nothing },
	{ "pread-4k", 4096, 200, set_up_file, nothing,
	  { native_preads, uring_preads }, nothing },
	{ "send", SMALL, 200, set_up_sockets, nothing,
	  { native_sends, uring_sends }, drain },
	{ "recv", SMALL, 200, set_up_sockets, fill,
	  { native_recvs, uring_recvs }, nothing },
	{ "open-close", 0, 100, nothing, nothing,
	  { native_opens, uring_opens }, nothing },
};

static void make_ring(struct io_uring *ring)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN,
	};
	int ret;

	ret = io_uring_queue_init_params(8, ring, &p);
	if (ret)
		die("io_uring_queue_init_params", ret);
	ret = io_uring_register_ring_fd(ring);
	if (ret != 1)
		die("io_uring_register_ring_fd", ret);
}

static double one_batch(const struct op *op, struct bench *b, int how)
{
	int64_t from;

	op->before(b);
	from = now_ns();
	op->run[how](b);
	from = now_ns() - from;
	op->after(b);
	return (double)from / b->batch;
}

int main(int argc, char **argv)
{
	static struct bench b;
	size_t i, batches;
	const struct op *op = NULL;
	double *each;
	int how;

	for (i = 0; argc > 3 && i < sizeof(ops) / sizeof(*ops); i++) {
		if (!strcmp(argv[1], ops[i].name))
			op = &ops[i];
	}
	if (!op || (strcmp(argv[2], "native") && strcmp(argv[2], "uring")) ||
	    (argc < 5 && (op->set_up == set_up_file ||
			  op->set_up == nothing))) {
		fprintf(stderr, "usage: percall pipe-write|pipe-read|send|recv|"
			"read-4k|read-64k|pread-4k|open-close native|uring N "
			"[FILE]\n");
		return 2;
	}
	how = !strcmp(argv[2], "uring");
	batches = (size_t)number(argv[3], 1) / (size_t)op->batch + 1;
	each = calloc(batches, sizeof(*each));
	b.buf = aligned_alloc(4096, 65536);
	if (!each || !b.buf)
		die("memory", ENOMEM);
	memset(b.buf, 'x', 65536);
	b.file = argc > 4 ? argv[4] : NULL;
	b.len = op->len;
	b.batch = op->batch;
	op->set_up(&b);
	if (how)
		make_ring(&b.ring);
	one_batch(op, &b, how);
	for (i = 0; i < batches; i++)
		each[i] = one_batch(op, &b, how);
	printf("%.1f\n", median(each, batches));
	return 0;
}
