// SPDX-License-Identifier: MIT
/*
 * A known number of calls of every family, between two getsid(0), and nothing
 * outside: what strace counts between these two in a native run is what the
 * library has to have counted, call by call, however the program ends (argument:
 * exit, _exit, kill, abort). It prints nothing through stdio, whose own calls are
 * made inside libc and would blur the sum.
 *
 * Ring: open read write connect close
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void need(int ok)
{
	if (!ok)
		abort();
}

static void count_opens(void)
{
	int fd = creat("known", 0600);

	need(fd >= 0);
	need(write(fd, "0123456789abcdef", 16) == 16);
	need(close(fd) == 0);
	for (int i = 0; i < 5; i++) {
		fd = open("known", O_RDONLY);
		need(fd >= 0 && close(fd) == 0);
	}
	for (int i = 0; i < 3; i++) {
		fd = openat(AT_FDCWD, "known", O_RDONLY | O_CLOEXEC);
		need(fd >= 0 && close(fd) == 0);
	}
	need(open("absent", O_RDONLY) == -1);
	need(close(-1) == -1);
}

static void count_reads(void)
{
	char buffer[64];
	int fd = open("known", O_RDONLY);

	need(fd >= 0);
	need(read(fd, buffer, 10) == 10);
	need(read(fd, buffer, 10) == 6);
	need(read(fd, buffer, 10) == 0);
	need(close(fd) == 0);
	need(read(fd, buffer, 10) == -1);
}

static void count_pipe(void)
{
	char buffer[100] = "";
	int channel[2];

	need(pipe(channel) == 0);
	for (int i = 0; i < 7; i++) {
		need(write(channel[1], buffer, sizeof(buffer)) == 100);
		need(read(channel[0], buffer, sizeof(buffer)) == 100);
	}
	need(close(channel[0]) == 0 && close(channel[1]) == 0);
}

static void count_connects(void)
{
	struct sockaddr_in where = { .sin_family = AF_INET };
	socklen_t length = sizeof(where);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(bind(listener, (struct sockaddr *)&where, length) == 0);
	need(listen(listener, 8) == 0);
	need(getsockname(listener, (struct sockaddr *)&where, &length) == 0);
	for (int i = 0; i < 4; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		need(connect(fd, (struct sockaddr *)&where, length) == 0);
		need(write(fd, "hello", 5) == 5);
		need(close(fd) == 0);
	}
	need(close(listener) == 0);
	need(connect(listener, (struct sockaddr *)&where, length) == -1);
}

int main(int argc, char **argv)
{
	const char *end = argc > 1 ? argv[1] : "exit";

	getsid(0);
	count_opens();
	count_reads();
	count_pipe();
	count_connects();
	need(write(STDOUT_FILENO, "done\n", 5) == 5);
	getsid(0);

	if (strcmp(end, "_exit") == 0)
		_exit(3);
	if (strcmp(end, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(end, "abort") == 0)
		abort();
	return 0;
}
