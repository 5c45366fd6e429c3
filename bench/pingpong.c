// SPDX-License-Identifier: MIT
/*
 * Blocked reads: pingpong native|uring N free|same|split
 *
 * Two processes pass 64 bytes to and fro over a socket pair, so that each read
 * has to wait for the other process.  Prints the median over batches of 100, in
 * ns per round trip.  free: the scheduler decides where they run; same, split:
 * both on one processor, or on one each.  native and uring as in percall: what
 * libc does, and one SQE, io_uring_submit_and_wait(1), one CQE.
 */
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define SIZE 64
#define BATCH 100

static bool with_ring;
static struct io_uring ring;

static void make_ring(void)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN,
	};
	int ret;

	ret = io_uring_queue_init_params(8, &ring, &p);
	if (ret)
		die("io_uring_queue_init_params", ret);
	ret = io_uring_register_ring_fd(&ring);
	if (ret != 1)
		die("io_uring_register_ring_fd", ret);
}

static long reaped(void)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit_and_wait(&ring, 1);

	if (ret < 0 || io_uring_peek_cqe(&ring, &cqe))
		die("io_uring_submit_and_wait", ret);
	ret = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return ret;
}

static long get(int fd, char *buf)
{
	if (!with_ring)
		return read(fd, buf, SIZE);
	io_uring_prep_read(io_uring_get_sqe(&ring), fd, buf, SIZE, 0);
	return reaped();
}

static long put(int fd, const char *buf)
{
	if (!with_ring)
		return write(fd, buf, SIZE);
	io_uring_prep_write(io_uring_get_sqe(&ring), fd, buf, SIZE, 0);
	return reaped();
}

static void pin(int nth)
{
	cpu_set_t may, set;
	int cpu;

	if (sched_getaffinity(0, sizeof(may), &may))
		die("sched_getaffinity", errno);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &may) && nth-- == 0)
			break;
	}
	if (cpu == CPU_SETSIZE)
		die("not enough processors", EINVAL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity", errno);
}

static void echo(int fd)
{
	char buf[SIZE];

	if (with_ring)
		make_ring();
	while (get(fd, buf) == SIZE) {
		if (put(fd, buf) != SIZE)
			break;
	}
	_exit(0);
}

static double batch(int fd)
{
	char buf[SIZE] = "ping";
	int64_t from = now_ns();
	int i;

	for (i = 0; i < BATCH; i++) {
		if (put(fd, buf) != SIZE || get(fd, buf) != SIZE)
			die("ping-pong", errno);
	}
	return (double)(now_ns() - from) / BATCH;
}

int main(int argc, char **argv)
{
	const char *where = argc > 3 ? argv[3] : "";
	size_t i, batches;
	double *each;
	int fds[2];
	pid_t pid;

	if (argc < 4 || (strcmp(argv[1], "native") && strcmp(argv[1], "uring")) ||
	    (strcmp(where, "free") && strcmp(where, "same") &&
	     strcmp(where, "split"))) {
		fprintf(stderr, "usage: pingpong native|uring N "
			"free|same|split\n");
		return 2;
	}
	with_ring = !strcmp(argv[1], "uring");
	batches = (size_t)number(argv[2], 1) / BATCH + 1;
	each = calloc(batches, sizeof(*each));
	if (!each)
		die("memory", ENOMEM);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair", errno);
	pid = fork();
	if (pid < 0)
		die("fork", errno);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (strcmp(where, "free"))
			pin(!strcmp(where, "split"));
		close(fds[0]);
		echo(fds[1]);
	}
	if (strcmp(where, "free"))
		pin(0);
	close(fds[1]);
	if (with_ring)
		make_ring();
	batch(fds[0]);
	for (i = 0; i < batches; i++)
		each[i] = batch(fds[0]);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	printf("%.1f\n", median(each, batches));
	return 0;
}
