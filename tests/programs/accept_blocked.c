// SPDX-License-Identifier: MIT
/*
 * accept that waits: several processes and threads on one listener, where each
 * connection is accepted exactly once; signals; cancellation; stop and
 * continue; the number that is reserved meanwhile.  An accept left pending on
 * a ring swallows the wake-up of another process, which sleeps on although a
 * connection is queued; and one taken by an accept that nobody waits for any
 * more is lost.
 *
 * Timeout: 60
 */
#include "signals.h"
#include "family.h"

#define CONNECTIONS 60

static int listener;
static struct sockaddr_in address;
static volatile int *taken;	/* by connection: how often accepted */
static bool use_accept4;

static int accept_one(int fd)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	return use_accept4 ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) :
	       accept(fd, (void *)&addr, &len);
}

static int knock(int number)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(connect(fd, (void *)&address, sizeof(address)) == 0);
	CHECK(send(fd, &number, sizeof(number), 0) == sizeof(number));
	return fd;
}

/* Accept until the connection with number -1 comes. */
static void serve(void)
{
	int number;

	do {
		int fd = accept_one(listener);

		CHECK(fd >= 0);
		CHECK(recv(fd, &number, sizeof(number), MSG_WAITALL) ==
		      sizeof(number));
		if (number >= 0)
			__atomic_fetch_add(&taken[number], 1, __ATOMIC_RELAXED);
		CHECK(send(fd, "k", 1, 0) == 1);
		CHECK(close(fd) == 0);
	} while (number >= 0);
}

static void *serving_thread(void *arg)
{
	serve();
	return arg;
}

static void each_once(const char *what)
{
	int wrong = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		wrong += taken[i] != 1;
	say("%s: %d connections, not accepted exactly once %d", what,
	    CONNECTIONS, wrong);
	memset((void *)taken, 0, sizeof(int) * CONNECTIONS);
}

/* One after the other, then all at once, then as many ends as servers. */
static void knock_for_all(int servers)
{
	int fds[CONNECTIONS];
	char byte;

	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = knock(i);
		if (i < CONNECTIONS / 2)
			CHECK(recv(fds[i], &byte, 1, 0) == 1);
	}
	for (int i = CONNECTIONS / 2; i < CONNECTIONS; i++)
		CHECK(recv(fds[i], &byte, 1, 0) == 1);
	for (int i = 0; i < CONNECTIONS; i++)
		CHECK(close(fds[i]) == 0);
	for (int i = 0; i < servers; i++)
		fds[i] = knock(-1);
	for (int i = 0; i < servers; i++) {
		CHECK(recv(fds[i], &byte, 1, 0) == 1);
		CHECK(close(fds[i]) == 0);
	}
}

static void processes(void)
{
	pid_t children[5];

	listener = tcp_listener(CONNECTIONS, &address);
	for (int i = 0; i < 5; i++) {
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (!children[i]) {
			serve();
			_exit(0);
		}
	}
	for (int i = 0; i < 5; i++)
		CHECK(wait_until_blocked(children[i], children[i]));
	knock_for_all(5);
	for (int i = 0; i < 5; i++)
		wait_child(children[i]);
	each_once("processes");
	CHECK(close(listener) == 0);
}

static void threads(void)
{
	pthread_t thread[5];

	listener = tcp_listener(CONNECTIONS, &address);
	for (int i = 0; i < 5; i++)
		thread[i] = start(serving_thread, NULL);
	nap_us(5000);
	knock_for_all(5);
	for (int i = 0; i < 5; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	each_once("threads");
	CHECK(close(listener) == 0);
}

static void long_handler(int sig)
{
	(void)sig;
	board->ready = 2;
	while (board->ready != 3)
		nap_us(200);
}

/*
 * One is blocked in accept and runs a long handler; the other, blocked in
 * accept as well, gets the connection that comes now.
 */
static void in_a_handler(int sa_flags)
{
	pid_t first, second;
	int fd;

	listener = tcp_listener(4, &address);
	memset(board, 0, sizeof(*board));
	first = fork();
	CHECK(first >= 0);
	if (!first) {
		on_signal(SIGUSR1, long_handler, sa_flags);
		fd = accept_one(listener);
		_exit(fd >= 0 ? 1 : errno == EINTR ? 2 : 3);
	}
	CHECK(wait_until_blocked(first, first));
	CHECK(kill(first, SIGUSR1) == 0);
	wait_ready(2);
	second = fork();
	CHECK(second >= 0);
	if (!second) {
		fd = accept_one(listener);
		_exit(fd >= 0 ? 0 : 3);
	}
	CHECK(wait_until_blocked(second, second));
	fd = knock(0);
	wait_child(second);
	say("long handler: the other one got it");
	board->ready = 3;
	if (sa_flags) {
		CHECK(wait_until_blocked(first, first));
		CHECK(close(fd) == 0);
		fd = knock(0);
	}
	wait_child(first);
	CHECK(close(fd) == 0 && close(listener) == 0);
}

static void child_accepts(const struct scenario *s, bool timeout)
{
	int fd;

	set_up(s);
	if (timeout)
		set_timeout(listener, SO_RCVTIMEO, 60000);
	board->ready = 1;
	do {
		fd = accept_one(listener);
		say("    %s", fd < 0 ? result(fd) : "accepted");
	} while (fd < 0 && errno == EINTR);
	say("    handlers %d", board->handlers);
	_exit(0);
}

static void interrupted(const struct scenario *s, bool timeout)
{
	pid_t child;
	int fd;

	say("  %s%s", s->name, timeout ? ", with a timeout" : "");
	listener = tcp_listener(4, &address);
	memset(board, 0, sizeof(*board));
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_accepts(s, timeout);
	wait_ready(1);
	disturb(child, s);
	fd = knock(0);
	wait_child(child);
	CHECK(close(fd) == 0 && close(listener) == 0);
}

static volatile pid_t tid;

static void at_the_end(void *arg)
{
	say("    cleanup %s", (const char *)arg);
}

static void *cancelled(void *arg)
{
	tid = my_tid();
	pthread_cleanup_push(at_the_end, (void *)"runs");
	accept_one(listener);
	pthread_cleanup_pop(0);
	return arg;
}

static void cancel(void)
{
	pthread_t thread;
	void *ret;
	int fd, fds;

	listener = tcp_listener(4, &address);
	fds = count_fds();
	tid = 0;
	thread = start(cancelled, NULL);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &ret) == 0);
	CHECK(ret == PTHREAD_CANCELED);
	fd = knock(0);
	ret = (void *)(long)accept_one(listener);
	say("  cancelled, then %s", (long)ret < 0 ? result((long)ret) : "ok");
	CHECK(close((long)ret) == 0 && close(fd) == 0);
	say("    fds %d", count_fds() - fds);
	CHECK(close(listener) == 0);
}

static void *accepting(void *arg)
{
	tid = my_tid();
	*(int *)arg = accept_one(listener);
	return NULL;
}

/* By somebody who looks with descriptors of his own. */
static void watch_from_outside(pid_t who)
{
	pid_t pid = getpid(), child = fork();
	int status;

	CHECK(child >= 0);
	if (!child)
		_exit(wait_until_blocked(pid, who) ? 0 : 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* While accept waits, its number is taken: another one gets the next. */
static void reserved(void)
{
	int first, other, got, client;
	pthread_t thread;

	listener = tcp_listener(4, &address);
	first = dup(1);
	CHECK(close(first) == 0);
	tid = 0;
	thread = start(accepting, &got);
	while (!tid)
		nap_us(100);
	watch_from_outside(tid);
	other = dup(1);
	client = knock(0);
	CHECK(pthread_join(thread, NULL) == 0);
	say("reserved: other +%d, accepted +%d", other - first, got - first);
	CHECK(close(got) == 0 && close(other) == 0 && close(client) == 0);
	CHECK(close(listener) == 0);
}

/* shutdown and close of the listener while accept waits. */
static void shut_down(void)
{
	pthread_t thread;
	int got = 0;

	listener = tcp_listener(4, &address);
	tid = 0;
	thread = start(accepting, &got);
	while (!tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(shutdown(listener, SHUT_RD) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	say("shut down: %d", got);
	CHECK(close(listener) == 0);
}

int main(void)
{
	alarm(55);
	make_board();
	taken = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++) {
		use_accept4 = i;
		say("%s", i ? "accept4" : "accept");
		processes();
		threads();
		in_a_handler(0);
		in_a_handler(SA_RESTART);
		for (size_t s = 0; s < ARRAY_SIZE(scenarios); s++) {
			interrupted(&scenarios[s], false);
			if (s < 4)
				interrupted(&scenarios[s], true);
		}
		cancel();
		reserved();
		shut_down();
	}
	return 0;
}
