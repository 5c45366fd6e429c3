// SPDX-License-Identifier: MIT
/*
 * Broken and half-broken connections: end of file, EPIPE with SIGPIPE in every
 * disposition and with the native siginfo, a reset seen exactly once, sockets
 * that were never connected, that listen, that are half closed. A send on a
 * ring never raises SIGPIPE, a repeated call raises it twice, and a repeated
 * read swallows the ECONNRESET of the first.
 *
 * Ring: read write
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include "life.h"

static volatile sig_atomic_t hits, code, tid_ok, pid_ok;
static char buf[64];

static void on_pipe(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	hits++;
	code = si->si_code;
	pid_ok = si->si_pid == getpid() && si->si_uid == getuid();
	tid_ok = gettid() == getpid();
}

static struct sockaddr_in addr;

static int listener(void)
{
	socklen_t len = sizeof(addr);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(l, (void *)&addr, len) == 0 && listen(l, 4) == 0);
	NEED(getsockname(l, (void *)&addr, &len) == 0);
	return l;
}

static void tcp_pair(int *s)
{
	int l = listener();

	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	NEED(connect(s[0], (void *)&addr, sizeof(addr)) == 0);
	s[1] = accept(l, NULL, NULL);
	NEED(s[1] >= 0);
	close(l);
}

static void made(int which, int *fd)
{
	if (which == 0)
		NEED(pipe(fd) == 0);
	else if (which == 1)
		NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	else
		NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0);
}

static const char *const names[] = { "pipe", "stream", "seqpacket" };

static int dies(void *arg)
{
	int fd[2];

	made(*(int *)arg, fd);
	close(fd[0]);
	show(write(fd[1], "x", 1), "not reached");
	return 0;
}

static void sigpipe(int which)
{
	int fd[2];

	made(which, fd);
	show(write(fd[1], "abc", 3), "%s: write", names[which]);
	close(fd[0]);
	hits = 0;
	show(write(fd[1], "x", 1), "\twrite, nobody reads");
	printf("\tsignals %d code %d pid %d tid %d\n", hits, code, pid_ok,
	       tid_ok);
	show(write(fd[1], "x", 1), "\tagain");
	show(write(fd[1], "x", 0), "\tempty");
	show(hits, "\tsignals");
	signal(SIGPIPE, SIG_IGN);
	show(write(fd[1], "x", 1), "\tignored");
	close(fd[1]);
	signal(SIGPIPE, SIG_DFL);
	run_child("\tdefault", dies, &which);
}

static void blocked_sigpipe(void)
{
	sigset_t set, pend;
	int fd[2];

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	made(0, fd);
	close(fd[0]);
	hits = 0;
	show(write(fd[1], "x", 1), "blocked: write");
	sigpending(&pend);
	show(sigismember(&pend, SIGPIPE), "\tpending");
	show(hits, "\tsignals");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	show(hits, "\tsignals");
	close(fd[1]);
}

static void ends_of_file(void)
{
	int fd[2];

	for (int i = 0; i < 3; i++) {
		made(i, fd);
		NEED(write(fd[1], "abc", 3) == 3);
		close(fd[1]);
		show(read(fd[0], buf, 2), "%s: read", names[i]);
		show(read(fd[0], buf, 64), "\tread");
		show(read(fd[0], buf, 64), "\tread");
		show(read(fd[0], buf, 64), "\tread");
		close(fd[0]);
	}
}

static void *close_late(void *arg)
{
	settle(getpid());
	close(*(int *)arg);
	return NULL;
}

static void end_while_waiting(void)
{
	int fd[2];
	pthread_t t;

	for (int i = 0; i < 3; i++) {
		made(i, fd);
		NEED(pthread_create(&t, NULL, close_late, &fd[1]) == 0);
		show(read(fd[0], buf, 64), "%s: closed while waiting",
		     names[i]);
		NEED(pthread_join(t, NULL) == 0);
		close(fd[0]);
	}
	tcp_pair(fd);
	NEED(pthread_create(&t, NULL, close_late, &fd[1]) == 0);
	show(read(fd[0], buf, 64), "tcp: closed while waiting");
	NEED(pthread_join(t, NULL) == 0);
	close(fd[0]);
}

static void half_closed(void)
{
	int s[2];

	for (int i = 0; i < 2; i++) {
		if (i)
			tcp_pair(s);
		else
			made(1, s);
		NEED(write(s[1], "rest", 4) == 4);
		NEED(shutdown(s[1], SHUT_WR) == 0);
		show(read(s[0], buf, 64), "%s: half closed, read",
		     i ? "tcp" : "unix");
		show(read(s[0], buf, 64), "\tread");
		show(write(s[0], "back", 4), "\twrite");
		show(read(s[1], buf, 64), "\tread");
		show(write(s[1], "x", 1), "\twrite on the closed side");
		NEED(shutdown(s[0], SHUT_RD) == 0);
		show(read(s[0], buf, 64), "\tread");
		close(s[0]);
		close(s[1]);
	}
}

static void reset(bool waiting)
{
	struct linger lg = { 1, 0 };
	pthread_t t;
	int s[2];

	tcp_pair(s);
	NEED(!setsockopt(s[1], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)));
	if (waiting)
		NEED(pthread_create(&t, NULL, close_late, &s[1]) == 0);
	else
		close(s[1]);
	hits = 0;
	show(read(s[0], buf, 64), "reset: read");
	show(read(s[0], buf, 64), "\tread");
	show(write(s[0], buf, 4), "\twrite");
	show(hits, "\tsignals");
	show(read(s[0], buf, 64), "\tread");
	if (waiting)
		NEED(pthread_join(t, NULL) == 0);
	close(s[0]);
	tcp_pair(s);
	NEED(!setsockopt(s[1], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)));
	close(s[1]);
	hits = 0;
	show(write(s[0], buf, 4), "reset: write");
	show(write(s[0], buf, 4), "\twrite");
	show(hits, "\tsignals");
	close(s[0]);
}

/* Closing a socket with unread data resets the other side. */
static void unread(void)
{
	int s[2];

	for (int i = 0; i < 2; i++) {
		if (i)
			tcp_pair(s);
		else
			made(1, s);
		NEED(write(s[0], "never read", 10) == 10);
		NEED(write(s[1], "answer", 6) == 6);
		close(s[1]);
		show(read(s[0], buf, 64), "%s: unread, read",
		     i ? "tcp" : "unix");
		show(read(s[0], buf, 64), "\tread");
		show(read(s[0], buf, 64), "\tread");
		close(s[0]);
	}
}

static void unconnected(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "l" };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	hits = 0;
	show(read(fd, buf, 4), "tcp: unconnected, read");
	show(write(fd, buf, 4), "\twrite");
	close(fd);
	fd = listener();
	show(read(fd, buf, 4), "tcp: listening, read");
	show(write(fd, buf, 4), "\twrite");
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	show(read(fd, buf, 4), "unix: unconnected, read");
	show(write(fd, buf, 4), "\twrite");
	NEED(bind(fd, (void *)&un, sizeof(un)) == 0 && listen(fd, 1) == 0);
	show(read(fd, buf, 4), "unix: listening, read");
	show(write(fd, buf, 4), "\twrite");
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	show(write(fd, buf, 4), "udp: unconnected, write");
	set_nonblock(fd, true);
	show(read(fd, buf, 4), "\tread");
	close(fd);
	show(hits, "signals");
}

int main(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_pipe, .sa_flags = SA_SIGINFO
	};

	begin();
	for (int i = 0; i < 3; i++) {
		NEED(sigaction(SIGPIPE, &sa, NULL) == 0);
		sigpipe(i);
	}
	NEED(sigaction(SIGPIPE, &sa, NULL) == 0);
	blocked_sigpipe();
	ends_of_file();
	end_while_waiting();
	half_closed();
	reset(false);
	reset(true);
	unread();
	unconnected();
	list_fds("left open");
	return 0;
}
