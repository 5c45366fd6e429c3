// SPDX-License-Identifier: MIT
/*
 * signals WAY: what a blocked read is left by, or by what a process ends.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;
static int ends[2];
static char buffer[16];

static void jump(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void nothing(int sig)
{
	(void)sig;
}

static void feed(int sig)
{
	(void)sig;
	write(ends[1], "fed", 3);
}

static void arm(void (*handler)(int), int flags)
{
	struct itimerval soon = { .it_value = { 0, 50000 } };
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

static void *block(void *arg)
{
	read(ends[0], buffer, sizeof(buffer));
	return arg;
}

static void exec_chain(const char *self, int n)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", n - 1);
	write(1, "link\n", 5);
	if (n > 1)
		execl(self, self, "chain", number, (char *)NULL);
}

static int play(const char *way)
{
	pthread_t thread;
	int fd;

	if (!strcmp(way, "jump")) {
		arm(jump, 0);
		if (!sigsetjmp(back, 1))
			read(ends[0], buffer, sizeof(buffer));
	} else if (!strcmp(way, "eintr")) {
		arm(nothing, 0);
		read(ends[0], buffer, sizeof(buffer));
	} else if (!strcmp(way, "restart")) {
		arm(feed, SA_RESTART);
		read(ends[0], buffer, sizeof(buffer));
	} else if (!strcmp(way, "blocked")) {
		pthread_create(&thread, NULL, block, NULL);
		usleep(50000);
		_exit(5);
	} else if (!strcmp(way, "killed")) {
		pthread_create(&thread, NULL, block, NULL);
		usleep(50000);
		kill(getpid(), SIGKILL);
	} else if (!strcmp(way, "segv")) {
		write(1, "now\n", 4);
		raise(SIGSEGV);
	} else if (!strcmp(way, "closed")) {
		syscall(SYS_close_range, 0, ~0U, 0);
		fd = open("/dev/null", O_WRONLY);
		write(fd, "after", 5);
	} else if (!strcmp(way, "strict")) {
		write(1, "before\n", 7);
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
		write(1, "inside\n", 7);
		syscall(SYS_exit, 6);
	} else if (!strcmp(way, "nobody")) {
		write(1, "before\n", 7);
		if (setgid(65534) || setuid(65534))
			return 1;
		write(1, "after\n", 6);
	}
	write(1, "end\n", 4);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2 || pipe(ends))
		return 2;
	if (!strcmp(argv[1], "chain")) {
		exec_chain(argv[0], argc > 2 ? atoi(argv[2]) : 20);
		return 9;
	}
	return play(argv[1]);
}
