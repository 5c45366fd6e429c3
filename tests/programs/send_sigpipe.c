// SPDX-License-Identifier: MIT
/*
 * Writing to nobody by every call: EPIPE, and the signal, to the thread that
 * made the call, before it returns, once - or not, with MSG_NOSIGNAL.  A send
 * on a ring never raises it, and a write on a ring that is then repeated
 * natively raises it twice.  By default it kills.
 *
 * Ring: sendto
 */
#include "family.h"

static volatile int caught, code_ok, tid_ok;
static volatile pid_t expected;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	caught++;
	code_ok += info->si_code == SI_USER && info->si_pid == getpid() &&
		   info->si_uid == getuid();
	tid_ok += my_tid() == expected;
}

static void catch(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = handler;
	sigemptyset(&action.sa_mask);
	CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
}

/* The ways a stream can have no reader. */
enum { CLOSED, READ_SHUT, WRITE_SHUT, RESET, FULL_CLOSED, STATES };

static const char *const state_name[STATES] = {
	"closed", "peer shut down reading", "shut down writing", "reset",
	"full, closed",
};

static void make_state(int kind, int state, int fd[2])
{
	char buf[8];

	make_sockets(kind, fd);
	/* Seen in good times first. */
	CHECK(send(fd[1], "abc", 3, 0) == 3);
	CHECK(recv(fd[0], buf, 3, MSG_WAITALL) == 3);
	if (state == RESET)
		CHECK(send(fd[1], "unread", 6, 0) == 6);
	if (state == RESET)
		wait_arrived(fd[0], 6);
	if (state == FULL_CLOSED)
		fill_once(fd[1], 'f');
	if (state == WRITE_SHUT)
		CHECK(shutdown(fd[1], SHUT_WR) == 0);
	else if (state == READ_SHUT)
		CHECK(shutdown(fd[0], SHUT_RD) == 0);
	else
		CHECK(close(fd[0]) == 0);
	if (state == RESET || state == FULL_CLOSED)
		CHECK(poll_fd(fd[1], POLLRDHUP, 5000));
	if (state == WRITE_SHUT || state == READ_SHUT)
		return;
	fd[0] = -1;
	/* A closed tcp peer answers the first bytes with a reset. */
	if (kind == S_TCP && state == CLOSED) {
		CHECK(send(fd[1], "abc", 3, 0) == 3);
		CHECK(poll_fd(fd[1], POLLERR, 5000) & POLLERR);
	}
}

static void one(int kind, int state, const struct putter *p, int flags)
{
	int fd[2];

	/* tcp has no way to say that it does not read. */
	if (kind == S_TCP && state == READ_SHUT)
		return;
	make_state(kind, state, fd);
	say("%s %s: %s%s%s", socket_name[kind], state_name[state], p->name,
	    flags & MSG_NOSIGNAL ? " NOSIGNAL" : "",
	    flags & MSG_DONTWAIT ? " DONTWAIT" : "");
	expected = my_tid();
	for (int i = 0; i < 3; i++) {
		ssize_t n;

		caught = code_ok = tid_ok = 0;
		n = p->put(fd[1], "abcdef", 6, flags);
		say("  %s, caught %d %d %d", result(n), caught, code_ok,
		    tid_ok);
	}
	if (fd[0] >= 0)
		CHECK(close(fd[0]) == 0);
	CHECK(close(fd[1]) == 0);
}

static void never_connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int un = socket(AF_UNIX, SOCK_STREAM, 0);

	for (size_t p = 0; p < ARRAY_SIZE(putters); p++) {
		caught = 0;
		say("unconnected: %s %s",
		    result(putters[p].put(fd, "x", 1, 0)),
		    result(putters[p].put(un, "x", 1, 0)));
		say("  caught %d", caught);
	}
	close(fd);
	close(un);
}

static void pipes(void)
{
	int fd[2];

	for (size_t p = 0; p < 3; p++) {
		CHECK(pipe(fd) == 0);
		CHECK(close(fd[0]) == 0);
		caught = code_ok = tid_ok = 0;
		say("pipe: %s %s", putters[p].name,
		    result(putters[p].put(fd[1], "x", 1, 0)));
		say("  nothing: %s", result(putters[p].put(fd[1], "", 0, 0)));
		say("  caught %d %d %d", caught, code_ok, tid_ok);
		CHECK(close(fd[1]) == 0);
	}
}

/* Blocked by the signal mask: it is pending, of this thread, once. */
static void masked(const struct putter *p)
{
	sigset_t set;
	int fd[2];

	make_state(S_UNIX, CLOSED, fd);
	set_mask(SIG_BLOCK, SIGPIPE);
	expected = my_tid();
	caught = tid_ok = 0;
	say("masked: %s %s", p->name, result(p->put(fd[1], "x", 1, 0)));
	say("  %s", result(p->put(fd[1], "x", 1, 0)));
	CHECK(sigpending(&set) == 0);
	say("  pending %d, caught %d", sigismember(&set, SIGPIPE), caught);
	set_mask(SIG_UNBLOCK, SIGPIPE);
	say("  caught %d %d", caught, tid_ok);
	CHECK(close(fd[1]) == 0);
}

static void *in_thread(void *arg)
{
	int fd[2];

	for (size_t p = 0; p < ARRAY_SIZE(putters); p++) {
		make_state(S_UNIX, CLOSED, fd);
		expected = my_tid();
		caught = code_ok = tid_ok = 0;
		say("thread: %s %s", putters[p].name,
		    result(putters[p].put(fd[1], "x", 1, 0)));
		say("  caught %d %d %d", caught, code_ok, tid_ok);
		CHECK(close(fd[1]) == 0);
	}
	return arg;
}

/* By default, it kills; ignored, it does not. */
static void unhandled(const struct putter *p, void (*how)(int), int flags)
{
	int fd[2], status;
	pid_t child = fork();

	CHECK(child >= 0);
	if (!child) {
		signal(SIGPIPE, how);
		make_state(S_UNIX, CLOSED, fd);
		_exit(p->put(fd[1], "x", 1, flags) < 0 && errno == EPIPE ?
		      42 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child);
	say("%s, %s: status %#x", p->name, how == SIG_IGN ? "ignored" :
	    flags ? "default, NOSIGNAL" : "default", status);
}

struct waiting {
	int fd;
	const struct putter *p;
	ssize_t ret;
	int err, caught;
	volatile pid_t tid;
};

static void *wait_for_room(void *arg)
{
	struct waiting *w = arg;

	w->tid = expected = my_tid();
	w->ret = w->p->put(w->fd, "abcdef", 6, 0);
	w->err = errno;
	return NULL;
}

/* The reader goes, or only stops reading, while the call waits for room. */
static void while_waiting(int kind, const struct putter *p, bool stays)
{
	struct waiting w = { .p = p };
	pthread_t thread;
	int fd[2];

	make_sockets(kind, fd);
	fill_up(fd[1], 'f');
	w.fd = fd[1];
	caught = tid_ok = 0;
	thread = start(wait_for_room, &w);
	while (!w.tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), w.tid));
	CHECK((stays ? shutdown(fd[0], SHUT_RD) : close(fd[0])) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	errno = w.err;
	say("%s, waiting: %s %s, caught %d %d", socket_name[kind], p->name,
	    result(w.ret), caught, tid_ok);
	if (stays)
		CHECK(close(fd[0]) == 0);
	CHECK(close(fd[1]) == 0);
}

int main(void)
{
	static const int flags[] = {
		0, MSG_NOSIGNAL, MSG_DONTWAIT, MSG_NOSIGNAL | MSG_DONTWAIT,
	};

	alarm(25);
	catch();
	for (int state = 0; state < STATES; state++)
		for (int kind = 0; kind < S_DGRAM; kind++)
			for (size_t p = 0; p < ARRAY_SIZE(putters); p++)
				for (size_t f = 0; f < ARRAY_SIZE(flags); f++)
					if (!f || putters[p].flags)
						one(kind, state, &putters[p],
						    flags[f]);
	never_connected();
	pipes();
	for (size_t p = 0; p < ARRAY_SIZE(putters); p++) {
		masked(&putters[p]);
		unhandled(&putters[p], SIG_DFL, 0);
		unhandled(&putters[p], SIG_IGN, 0);
		if (putters[p].flags)
			unhandled(&putters[p], SIG_DFL, MSG_NOSIGNAL);
		while_waiting(S_UNIX, &putters[p], false);
		while_waiting(S_UNIX, &putters[p], true);
	}
	CHECK(pthread_join(start(in_thread, NULL), NULL) == 0);
	while_waiting(S_TCP, &putters[3], false);
	return 0;
}
