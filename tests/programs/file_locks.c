// SPDX-License-Identifier: MIT
/*
 * Locks of a file and close(2): the record locks of a process are gone when it
 * closes any descriptor of the file, from any thread, but not when a child does;
 * those of an open file (F_OFD_SETLK, flock) are gone with its last descriptor.
 *
 * Ring: read close
 */
#include <sys/file.h>

#include "common.h"

enum { RECORD, OPEN_FILE, WHOLE, KINDS };

static const char *const kind_name[KINDS] = { "F_SETLK", "F_OFD_SETLK", "flock" };

/* A descriptor that has been read, so that its file is known. */
static int open_read(int flags)
{
	int fd = open("locked", flags);
	char c;

	CHECK(fd >= 0 && read(fd, &c, 1) == 1);
	return fd;
}

static int lock(int kind, int fd)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 10 };

	if (kind == WHOLE)
		return flock(fd, LOCK_EX | LOCK_NB);
	return fcntl(fd, kind == RECORD ? F_SETLK : F_OFD_SETLK, &l);
}

/* Could another process have it? */
static void is_held(int kind, const char *when)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid)
		_exit(lock(kind, open("locked", O_RDWR)) ? errno : 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	say("%s, %s: %s", kind_name[kind], when, err_name(WEXITSTATUS(status)));
}

static void *close_it(void *fd)
{
	CHECK(close(*(int *)fd) == 0);
	return NULL;
}

static void close_in_child(int fd)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		char c;

		CHECK(read(fd, &c, 1) == 1);
		_exit(close(fd) ? 1 : 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void one(int kind)
{
	int fd = open_read(O_RDWR), other = open_read(O_RDONLY), copy;

	CHECK(lock(kind, fd) == 0);
	is_held(kind, "locked");
	close_in_child(fd);
	is_held(kind, "closed by a child");
	CHECK(close(other) == 0);
	is_held(kind, "another one closed");
	CHECK(lock(kind, fd) == 0);
	other = open_read(O_RDONLY);
	CHECK(pthread_join(start(close_it, &other), NULL) == 0);
	is_held(kind, "another one closed by a thread");
	CHECK(lock(kind, fd) == 0);
	copy = dup(fd);
	CHECK(close(fd) == 0);
	is_held(kind, "a duplicate is left");
	CHECK(close(copy) == 0);
	is_held(kind, "none is left");
}

/* Who waits for a lock gets it from a close, in the order of asking. */
static void in_order(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 10 };
	int fd = open_read(O_RDWR), other = open_read(O_RDONLY);
	pid_t pid[3];

	CHECK(lock(RECORD, fd) == 0);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			int mine = open_read(O_RDWR);

			CHECK(fcntl(mine, F_SETLKW, &l) == 0);
			say("waiter %d has it", i);
			_exit(close(mine));
		}
		CHECK(wait_until_blocked(pid[i], pid[i]));
	}
	CHECK(close(other) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(waitpid(pid[i], NULL, 0) == pid[i]);
	CHECK(close(fd) == 0);
}

int main(void)
{
	FILE *f = fopen("locked", "w");

	CHECK(f && fputs("what is locked\n", f) >= 0 && fclose(f) == 0);
	for (int kind = 0; kind < KINDS; kind++)
		one(kind);
	in_order();
	return 0;
}
