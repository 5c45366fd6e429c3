// SPDX-License-Identifier: MIT
/*
 * Descriptors as few programs use them: numbers above 65535, standard ones that
 * were closed and are something else now, pipes that splice(2) and tee(2) have
 * emptied between two reads, descriptors that are on their way to oneself while
 * they are used, buffers whose pages come and go.
 *
 * Ring: read write close
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "common.h"

#define HIGH 70000

static void high_numbers(void)
{
	struct rlimit limit;
	char buf[8] = "";
	int fds[2];

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_max < HIGH + 16)
		limit.rlim_max = HIGH + 16;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit)) {
		say("  not allowed to have numbers that high");
		return;
	}
	make_channel(PIPE, fds);
	say("  high %d %d", fcntl(fds[0], F_DUPFD, HIGH),
	    dup2(fds[1], HIGH + 1));
	for (int i = 0; i < 5; i++) {
		CHECK(write(HIGH + 1, "high", 4) == 4);
		CHECK(read(HIGH, buf, 8) == 4 && !strcmp(buf, "high"));
	}
	close_channel(fds);
	say("  closed %s %s %s", result(close(HIGH + 1)),
	    result(read(HIGH, buf, 8)), result(close(HIGH)));
	say("  then %s", result(close(HIGH)));
}

/* 0 is a pipe's end, then a file, then nothing. */
static void standard_ones(void)
{
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 100), fds[2];
	char buf[16] = "";

	for (int i = 0; i < 4; i++) {
		CHECK(close(0) == 0);
		CHECK(pipe(fds) == 0 && fds[0] == 0);
		CHECK(write(fds[1], "zero", 4) == 4);
		CHECK(read(0, buf, sizeof(buf)) == 4);
		CHECK(close(0) == 0 && close(fds[1]) == 0);
		CHECK(open("/etc/passwd", O_RDONLY) == 0);
		CHECK(read(0, buf, 4) == 4 && !memcmp(buf, "root", 4));
		CHECK(lseek(0, 0, SEEK_CUR) == 4);
		CHECK(close(0) == 0);
		say("  standard %s", result(read(0, buf, 1)));
		CHECK(dup2(saved, 0) == 0);
	}
	close(saved);
}

static void spliced(void)
{
	int a[2], b[2];
	char buf[32];

	CHECK(pipe(a) == 0 && pipe(b) == 0);
	for (int i = 0; i < 3; i++) {
		memset(buf, 0, sizeof(buf));
		CHECK(write(a[1], "0123456789", 10) == 10);
		CHECK(read(a[0], buf, 2) == 2);
		say("  tee %s splice %s", result(tee(a[0], b[1], 5, 0)),
		    result(splice(a[0], NULL, b[1], NULL, 3, 0)));
		say("  rest %s", result(read(a[0], buf, sizeof(buf))));
		say("  there %s %s", result(read(b[0], buf, sizeof(buf))), buf);
		set_nonblock(a[0], true);
		say("  empty %s", result(read(a[0], buf, 1)));
		set_nonblock(a[0], false);
	}
	close_channel(a);
	close_channel(b);
}

/* To oneself, in use on both sides of the journey. */
static void sent(void)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 'b', buf[16] = "";
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int way[2], pair[2], file, fd;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, way) == 0);
	CHECK(pipe(pair) == 0);
	file = open("/etc/passwd", O_RDONLY);
	CHECK(read(file, buf, 4) == 4);
	for (int i = 0; i < 2; i++) {
		fd = i ? pair[0] : file;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
		CHECK(sendmsg(way[0], &msg, 0) == 1);
		CHECK(close(fd) == 0);
		CHECK(write(pair[1], "pair", 4) == 4);
		msg.msg_controllen = sizeof(control);
		CHECK(recvmsg(way[1], &msg, 0) == 1);
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(int));
		memset(buf, 0, sizeof(buf));
		say("  sent %s at %s", result(read(fd, buf, 4)),
		    result(lseek(fd, 0, SEEK_CUR)));
		CHECK(close(fd) == 0);
	}
	CHECK(close(pair[1]) == 0);
	close_channel(way);
}

static char *page;
static volatile bool done;

static void *protector(void *arg)
{
	(void)arg;
	while (!done) {
		mprotect(page, 4096, PROT_NONE);
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* EFAULT, or all of it: never a byte that is gone and was not delivered. */
static void protected(void)
{
	unsigned lost = 0, faults = 0;
	pthread_t thread;
	int fds[2], n;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	make_channel(PIPE, fds);
	thread = start(protector, NULL);
	for (int i = 0; i < 4000; i++) {
		CHECK(raw_call(SYS_write, fds[1], (long)"12345678", 8) == 8);
		do {
			n = (int)read(fds[0], page + i % 512 * 8, 8);
			faults += n < 0;
			lost += n < 0 ? errno != EFAULT : n != 8;
		} while (n < 0);
	}
	done = true;
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(faults < 4000000);
	say("  protected: %u lost", lost);
	CHECK(poll_fd(fds[0], POLLIN, 0) == 0);
	close_channel(fds);
}

int main(void)
{
	char list[512];

	high_numbers();
	standard_ones();
	spliced();
	sent();
	protected();
	say("fds %s", list_fds(0, list, sizeof(list)));
	return 0;
}
