// SPDX-License-Identifier: MIT
/*
 * Blocked reads: pingpong N [free|same|split]
 *
 * Two processes pass 64 bytes to and fro over a socket pair, so that each read
 * has to wait for the other process.  Prints the median over batches of 100, in
 * ns per round trip.  free: the scheduler decides where they run; same, split:
 * both on one processor, or on one each.
 */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "bench.h"

#define SIZE 64
#define BATCH 100

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

	while (read(fd, buf, SIZE) == SIZE) {
		if (write(fd, buf, SIZE) != SIZE)
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
		if (write(fd, buf, SIZE) != SIZE || read(fd, buf, SIZE) != SIZE)
			die("ping-pong", errno);
	}
	return (double)(now_ns() - from) / BATCH;
}

int main(int argc, char **argv)
{
	const char *where = argc > 2 ? argv[2] : "free";
	size_t i, batches;
	double *each;
	int fds[2];
	pid_t pid;

	if (argc < 2 || (strcmp(where, "free") && strcmp(where, "same") &&
			 strcmp(where, "split"))) {
		fprintf(stderr, "usage: pingpong N [free|same|split]\n");
		return 2;
	}
	batches = (size_t)number(argv[1], 1) / BATCH + 1;
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
	batch(fds[0]);
	for (i = 0; i < batches; i++)
		each[i] = batch(fds[0]);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	printf("%.1f\n", median(each, batches));
	return 0;
}
