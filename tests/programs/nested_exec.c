// SPDX-License-Identifier: MIT
/*
 * A handler calls execve, _exit or exit while a read or a write is blocked.
 * The new program finds the fds and the bytes that it would natively, one
 * task, and its standard streams; the peer of an exited process sees the end
 * of file, and the functions of atexit still do I/O.
 *
 * Ring: read write
 */
#include "common.h"

enum { EXEC, UNDERSCORE_EXIT, EXIT, ABORT, WAYS };

static const char *const way_name[] = { "execve", "_exit", "exit", "abort" };

static int channel[2];
static volatile sig_atomic_t way;
static bool writing;

/* What the new image sees; argv: reading fd, fd that is blocked on. */
static int new_image(char *argv[])
{
	int fd = atoi(argv[1]), write_fd = atoi(argv[2]);
	char text[512] = "";
	sigset_t mask;

	say("    new image: fds %s, tasks %d",
	    list_fds(0, text, sizeof(text)), count_tasks(0));
	sigprocmask(SIG_BLOCK, NULL, &mask);
	say("    SIGUSR1 blocked %d", sigismember(&mask, SIGUSR1));
	if (write_fd >= 0)
		return 11;
	CHECK(write(1, "    ready\n", 10) == 10);
	memset(text, 0, sizeof(text));
	say("    reads %s", result(read(fd, text, 16)));
	CHECK(!strcmp(text, "later"));
	return 10;
}

static void handler(int sig)
{
	char first[16], second[16];
	char *argv[] = { (char *)"new", first, second, NULL };
	char *envp[64] = { NULL };
	extern char **environ;
	int n = 0;

	(void)sig;
	if (way == UNDERSCORE_EXIT)
		_exit(3);
	if (way == EXIT)
		exit(4);
	if (way == ABORT)
		abort();
	snprintf(first, sizeof(first), "%d", channel[0]);
	snprintf(second, sizeof(second), "%d", writing ? channel[1] : -1);
	for (; environ[n] && n < 63; n++)
		envp[n] = environ[n];
	execve("/proc/self/exe", argv, envp);
	fail("execve");
}

static void at_exit(void)
{
	CHECK(write(1, "    atexit\n", 11) == 11);
}

static void child(void)
{
	char buf[256] = "";

	on_signal(SIGUSR1, handler, SA_RESTART);
	atexit(at_exit);
	if (writing) {
		CHECK(close(channel[0]) == 0);
		fail("write %s", result(write(channel[1], buf, 256)));
	} else {
		CHECK(close(channel[1]) == 0);
		fail("read %s", result(read(channel[0], buf, 256)));
	}
}

/* The bytes up to the end of file, which comes within 5 s. */
static long drain(int fd)
{
	static char block[65536];
	long total = 0, n;

	do {
		CHECK(poll_fd(fd, POLLIN, 5000));
		n = read(fd, block, sizeof(block));
		total += n > 0 ? n : 0;
	} while (n > 0);
	CHECK(n == 0);
	return total;
}

static void peer_of_reader(int kind)
{
	CHECK(close(channel[0]) == 0);
	CHECK(poll_fd(channel[1], kind == PIPE ? POLLOUT : POLLRDHUP, 5000));
	for (int i = 0; i < 500; i++) {
		if (write(channel[1], "x", 1) < 0 && errno == EPIPE) {
			say("    peer EPIPE");
			break;
		}
		nap_us(10000);
	}
	CHECK(close(channel[1]) == 0);
}

/* Data that comes earlier may be the old image's: natively, too. */
static void wait_for_new_image(pid_t pid)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	for (int i = 0; i < 10000 && strcmp(text, "new"); i++) {
		nap_us(500);
		CHECK(slurp(path, text, sizeof(text)) >= 0);
	}
	CHECK(wait_until_blocked(pid, pid));
}

static void one(int kind)
{
	long filled = 0;
	int status;
	pid_t pid;

	say("  %s: %s in %s", channel_name[kind], way_name[way],
	    writing ? "write" : "read");
	make_channel(kind, channel);
	if (writing)
		filled = fill_up(channel[1], 'f');
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		child();
	CHECK(wait_until_blocked(pid, pid));
	CHECK(kill(pid, SIGUSR1) == 0);
	if (!writing && way == EXEC) {
		wait_for_new_image(pid);
		CHECK(write(channel[1], "later", 5) == 5);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	say("    status %#x", status & ~0x80);
	if (writing) {
		CHECK(close(channel[1]) == 0);
		CHECK(drain(channel[0]) == filled);
		CHECK(close(channel[0]) == 0);
	} else {
		peer_of_reader(kind);
	}
}

int main(int argc, char *argv[])
{
	if (argc == 3)
		return new_image(argv);
	signal(SIGPIPE, SIG_IGN);
	for (int kind = 0; kind < CHANNELS; kind++) {
		for (int i = 0; i < WAYS; i++) {
			for (int j = 0; j < 2; j++) {
				way = i;
				writing = j;
				one(kind);
			}
		}
	}
	return 0;
}
