/* SPDX-License-Identifier: MIT */
/*
 * locked: programs that lock their memory.  Threads and children come and go, so
 * that each gets what another one has left, in memory that madvise(2) does not
 * empty as it does elsewhere, while the kernel may still write there.
 *
 * Ring: read write
 * Requires: root
 */
#include <sys/mman.h>

#include "common.h"

#define THREADS 8
#define ROUNDS 50

static void pass_bytes(void)
{
	int fd[2], file;
	char byte = 0;

	CHECK(pipe(fd) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(write(fd[1], "0123456789" + i, 1) == 1);
		CHECK(read(fd[0], &byte, 1) == 1);
		CHECK(byte == '0' + i);
	}
	close_channel(fd);
	file = open("/etc/passwd", O_RDONLY);
	CHECK(file >= 0);
	CHECK(read(file, &byte, 1) == 1);
	CHECK(close(file) == 0);
}

static void *thread_main(void *arg)
{
	pass_bytes();
	return arg;
}

static void some_threads(int count)
{
	pthread_t thread[THREADS];
	pthread_attr_t attr;

	/* What is locked is there in full. */
	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, 64 << 10) == 0);
	for (int i = 0; i < count; i++)
		CHECK(pthread_create(&thread[i], &attr, thread_main,
				     NULL) == 0);
	for (int i = 0; i < count; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
}

static void one_child(void)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		pass_bytes();
		some_threads(1);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

/* In a process of its own, whose memory nobody has used yet. */
static void with_lock(const char *name, int flags)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid) {
		CHECK(waitpid(pid, &status, 0) == pid);
		say("%s: status %d", name, status);
		return;
	}
	say("%s: mlockall %s", name, result(mlockall(flags)));
	pass_bytes();
	for (int round = 0; round < ROUNDS; round++) {
		some_threads(THREADS);
		one_child();
	}
	CHECK(munlockall() == 0);
	some_threads(THREADS);
	_exit(0);
}

int main(void)
{
	with_lock("current", MCL_CURRENT);
	with_lock("future", MCL_FUTURE);
	with_lock("both", MCL_CURRENT | MCL_FUTURE);
	with_lock("both again", MCL_CURRENT | MCL_FUTURE);
	with_lock("on fault", MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
	return 0;
}
