// SPDX-License-Identifier: MIT
/*
 * Terminals and job control: a background read stops its process and goes on
 * in the foreground, is EIO for orphans and for those who ignore SIGTTIN; a
 * background write with TOSTOP stops, too; VMIN and VTIME, lines, ^C, ^D, hang
 * up. All of that lives in the blocking path of the terminal's own read and
 * write, which an operation on a ring never enters.
 *
 * Ring: read
 * Timeout: 60
 */
#include <pty.h>
#include <termios.h>
#include <utmp.h>
#include "life.h"

static int master, slave;
static volatile sig_atomic_t hits;

static void count(int sig)
{
	(void)sig;
	hits++;
}

static void no_echo(int fd)
{
	struct termios t;

	NEED(tcgetattr(fd, &t) == 0);
	t.c_lflag &= ~(ECHO | TOSTOP);
	t.c_oflag &= ~OPOST;
	NEED(tcsetattr(fd, TCSANOW, &t) == 0);
}

static void raw_mode(int min, int time)
{
	struct termios t;

	NEED(tcgetattr(slave, &t) == 0);
	cfmakeraw(&t);
	t.c_cc[VMIN] = min;
	t.c_cc[VTIME] = time;
	NEED(tcsetattr(slave, TCSANOW, &t) == 0);
}

static void fresh_pty(void)
{
	NEED(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	no_echo(slave);
}

static void type(const char *text)
{
	NEED(write(master, text, strlen(text)) == (ssize_t)strlen(text));
}

static int leader(int (*fn)(void))
{
	NEED(setsid() > 0);
	NEED(ioctl(slave, TIOCSCTTY, 0) == 0);
	signal(SIGTTOU, SIG_IGN);
	return fn();
}

/* Runs fn as the leader of a session on a terminal of its own. */
static void session(const char *what, int (*fn)(void))
{
	pid_t pid;

	fresh_pty();
	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0)
		_exit(leader(fn));
	show_status(what, reap(pid));
	close(master);
	close(slave);
}

/* A job in a process group of its own. */
static pid_t job(int (*fn)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		int ret;

		signal(SIGTTOU, SIG_DFL);
		setpgid(0, 0);
		ret = fn();
		fflush(stdout);
		_exit(ret);
	}
	setpgid(pid, pid);
	return pid;
}

static int changed(const char *what, pid_t pid)
{
	int st;

	NEED(waitpid(pid, &st, WUNTRACED) == pid);
	show_status(what, st);
	return st;
}

static void foreground(pid_t pid)
{
	NEED(tcsetpgrp(slave, pid) == 0);
}

static int reads(void)
{
	char buf[32] = "";

	show(read(slave, buf, 32), "\tjob: read");
	printf("\tjob: %s\n", strtok(buf, "\n") ? buf : "nothing");
	return 4;
}

static int background_read(void)
{
	pid_t pid = job(reads);

	changed("\tjob", pid);
	foreground(pid);
	kill(-pid, SIGCONT);
	type("line\n");
	changed("\tjob", pid);
	foreground(getpid());
	/* Typed first: it is not the job's as long as it is in the back. */
	type("mine\n");
	pid = job(reads);
	changed("\tjob", pid);
	kill(-pid, SIGCONT);
	changed("\tjob, still in the background", pid);
	foreground(pid);
	kill(-pid, SIGCONT);
	changed("\tjob", pid);
	foreground(getpid());
	return 0;
}

static int reads_ignoring(void)
{
	char buf[8];
	sigset_t set;

	signal(SIGTTIN, SIG_IGN);
	show(read(slave, buf, 8), "\tignored: read");
	signal(SIGTTIN, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGTTIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	show(read(slave, buf, 8), "\tblocked: read");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	on_signal(SIGTTIN, count, 0);
	show(read(slave, buf, 8), "\thandled: read");
	show(hits, "\tsignals");
	return 5;
}

static int background_others(void)
{
	pid_t pid = job(reads_ignoring);

	changed("\tjob", pid);
	return 0;
}

static int report[2];

static int orphan(void)
{
	pid_t parent = getpid();
	char text[64], buf[8];
	ssize_t n;

	fflush(stdout);
	if (fork())
		return 6;
	while (getppid() == parent)
		sleep_ms(1);
	n = read(slave, buf, 8);
	snprintf(text, 64, "%zd %s", n, n < 0 ? name_of(errno) : "");
	NEED(write(report[1], text, strlen(text)) > 0);
	_exit(0);
}

static int orphaned(void)
{
	char buf[64] = "";

	NEED(pipe(report) == 0);
	changed("\tjob", job(orphan));
	close(report[1]);
	NEED(read_full(report[0], buf, 63) > 0);
	printf("\torphan: read = %s\n", buf);
	return 0;
}

static int writes(void)
{
	show(write(slave, "abc", 3), "\tjob: write");
	return 7;
}

static int background_write(void)
{
	struct termios t;
	char buf[16];
	pid_t pid;

	changed("\tjob, free", job(writes));
	NEED(tcgetattr(slave, &t) == 0);
	t.c_lflag |= TOSTOP;
	NEED(tcsetattr(slave, TCSANOW, &t) == 0);
	pid = job(writes);
	changed("\tjob", pid);
	foreground(pid);
	kill(-pid, SIGCONT);
	changed("\tjob", pid);
	foreground(getpid());
	show(read_full(master, buf, 6), "\tmaster: read");
	return 0;
}

static void wait_for_front(void)
{
	while (tcgetpgrp(slave) != getpid())
		sleep_ms(1);
}

static int reads_in_front(void)
{
	wait_for_front();
	printf("\tjob: in front\n");
	return reads();
}

static int reads_twice(void)
{
	char buf[8];

	wait_for_front();
	on_signal(SIGINT, count, 0);
	show(read(slave, buf, 8), "\tjob: read");
	show(hits, "\tsignals");
	on_signal(SIGINT, count, SA_RESTART);
	NEED(write(slave, "1", 1) == 1);
	show(read(slave, buf, 8), "\tjob: read");
	show(hits, "\tsignals");
	return 8;
}

static int interrupts(void)
{
	pid_t pid = job(reads_in_front);
	char c;

	foreground(pid);
	settle(pid);
	type("\003");
	changed("\tjob", pid);
	foreground(getpid());
	pid = job(reads_twice);
	foreground(pid);
	settle(pid);
	type("\003");
	NEED(read(master, &c, 1) == 1 && c == '1');
	settle(pid);
	type("\003");
	settle(pid);
	type("ok\n");
	changed("\tjob", pid);
	foreground(getpid());
	return 0;
}

static int dev_tty(void)
{
	int fd = open("/dev/tty", O_RDWR);
	char buf[16];

	NEED(fd >= 0);
	type("through\n");
	show(read(fd, buf, 16), "\t/dev/tty: read");
	show(write(fd, "out", 3), "\t/dev/tty: write");
	show(read(master, buf, 16), "\tmaster: read");
	close(fd);
	return 0;
}

static void *type_late(void *arg)
{
	const char *const *text = arg;

	for (; *text; text++) {
		sleep_ms(20);
		type(*text);
	}
	return NULL;
}

static void read_raw(int min, int time, const char *const *text)
{
	char buf[16];
	pthread_t t;

	raw_mode(min, time);
	NEED(pthread_create(&t, NULL, type_late, (void *)text) == 0);
	show(read(slave, buf, 16), "VMIN %d VTIME %d: read", min, time);
	NEED(pthread_join(t, NULL) == 0);
	tcflush(slave, TCIFLUSH);
}

static void raw_reads(void)
{
	static const char *const none[] = { NULL };
	static const char *const two[] = { "ab", "cd", NULL };
	static const char *const one[] = { "ab", NULL };
	char buf[16];

	fresh_pty();
	read_raw(0, 0, none);
	read_raw(0, 1, none);
	read_raw(0, 9, one);
	read_raw(1, 0, one);
	read_raw(4, 0, two);
	read_raw(4, 1, one);
	read_raw(3, 0, two);
	type("xyz");
	raw_mode(0, 0);
	show(read(slave, buf, 2), "typed before: read");
	show(read(slave, buf, 2), "\tread");
	show(read(slave, buf, 2), "\tread");
	set_nonblock(slave, true);
	raw_mode(1, 0);
	show(read(slave, buf, 2), "nonblocking: read");
	set_nonblock(slave, false);
	close(master);
	close(slave);
}

static void lines(void)
{
	static const char *const parts[] = { "ab", "c\n", NULL };
	char buf[16];
	pthread_t t;

	fresh_pty();
	NEED(pthread_create(&t, NULL, type_late, (void *)parts) == 0);
	show(read(slave, buf, 16), "line in parts: read");
	NEED(pthread_join(t, NULL) == 0);
	type("abc\ndef\n");
	show(read(slave, buf, 2), "two lines: read");
	show(read(slave, buf, 16), "\tread");
	show(read(slave, buf, 16), "\tread");
	type("abx\177c\n");
	show(read(slave, buf, 16), "erased: read");
	type("no newline\004");
	show(read(slave, buf, 16), "^D: read");
	type("\004");
	show(read(slave, buf, 16), "^D alone: read");
	type("after\n");
	show(read(slave, buf, 16), "\tread");
	show(read(slave, buf, 0), "empty read");
	show(write(slave, "out\n", 4), "write");
	show(read(master, buf, 16), "\tmaster: read");
	close(slave);
	show(read(master, buf, 16), "slave closed: read");
	show(write(master, "x", 1), "\twrite");
	close(master);
}

static void *hang_up(void *arg)
{
	settle(*(int *)arg);
	close(master);
	return NULL;
}

static void hang_ups(void)
{
	int tid = gettid();
	char buf[16];
	pthread_t t;

	fresh_pty();
	NEED(pthread_create(&t, NULL, hang_up, &tid) == 0);
	show(read(slave, buf, 16), "hung up while waiting: read");
	NEED(pthread_join(t, NULL) == 0);
	show(read(slave, buf, 16), "\tread");
	show(write(slave, buf, 1), "\twrite");
	close(slave);
}

static void forked(void)
{
	char buf[64] = "";
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	NEED(pid >= 0);
	if (pid == 0) {
		no_echo(0);
		NEED(write(1, "ready\n", 6) == 6);
		NEED(read(0, buf, 64) == 6);
		NEED(write(1, buf, 6) == 6);
		/* What is on its way would be lost if we went first. */
		NEED(read(0, buf, 64) == 4);
		_exit(9);
	}
	NEED(read_full(master, buf, 6) == 6);
	type("typed\n");
	NEED(read_full(master, buf, 6) == 6);
	printf("forkpty: %s", buf);
	type("end\n");
	show_status("\tchild", reap(pid));
	show(read(master, buf, 64), "\tread");
	close(master);
}

static void pipes(void)
{
	char buf[8];
	int p[2];

	NEED(pipe(p) == 0);
	show(write(p[1], "pipe", 4), "pipe: write");
	show(read(p[0], buf, 8), "pipe: read");
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	begin();
	pipes();
	session("background read", background_read);
	session("background, others", background_others);
	session("orphaned", orphaned);
	session("background write", background_write);
	session("interrupts", interrupts);
	session("/dev/tty", dev_tty);
	raw_reads();
	lines();
	hang_ups();
	forked();
	pipes();
	list_fds("left open");
	return 0;
}
