// SPDX-License-Identifier: MIT
/*
 * Every call that receives, blocked, and every kind of signal: goes on
 * invisibly, or EINTR, by the rules of the kernel; with SO_RCVTIMEO a socket
 * call is EINTR even when the handler restarts.  Then handlers that receive
 * and send on the socket that the blocked call waits for.
 *
 * Ring: recvfrom recvmsg readv
 * Timeout: 90
 */
#include "signals.h"
#include "family.h"

struct setting {
	const char *name;
	int kind;
	int flags;
	bool timeout;
};

static const struct setting settings[] = {
	{ "unix", S_UNIX, 0, false },
	{ "tcp", S_TCP, 0, false },
	{ "udp", S_UDP, 0, false },
	{ "tcp with a timeout", S_TCP, 0, true },
	{ "unix with a timeout", S_UNIX, 0, true },
	{ "tcp WAITALL", S_TCP, MSG_WAITALL, false },
	{ "unix PEEK", S_UNIX, MSG_PEEK, false },
};

static bool fits(const struct getter *g, const struct setting *set)
{
	return g->flags || !set->flags;
}

static void child_receives(const struct scenario *s, const struct getter *g,
			   int flags, int fd)
{
	char buf[32];
	ssize_t n;

	set_up(s);
	board->ready = 1;
	do {
		memset(buf, FILLER, sizeof(buf));
		n = g->get(fd, buf, 8, flags);
		say("    %s '%s'", result(n), as_text(buf, 10));
	} while (n < 0 && errno == EINTR);
	say_left(fd);
	say("    handlers %d", board->handlers);
	_exit(0);
}

static void one(const struct setting *set, const struct getter *g,
		const struct scenario *s)
{
	pid_t child;
	int fd[2];

	say("  %s, %s: %s", set->name, g->name, s->name);
	make_sockets(set->kind, fd);
	if (set->timeout)
		set_timeout(fd[0], SO_RCVTIMEO, 60000);
	memset(board, 0, sizeof(*board));
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_receives(s, g, set->flags, fd[0]);
	wait_ready(1);
	disturb(child, s);
	CHECK(syscall(SYS_write, fd[1], "ABCDEFGH", 8L) == 8);
	wait_child(child);
	close_channel(fd);
}

/* MSG_WAITALL has three of eight bytes when the handler runs. */
static void partly(int kind, const struct getter *g, int flags)
{
	static const struct scenario part = {
		"partly", { { SIGUSR1, RESTARTED } }, { SIGUSR1 }, false,
	};
	pid_t child;
	int fd[2];

	say("  %s, %s, partly there, flags %#x", socket_name[kind], g->name,
	    flags);
	make_sockets(kind, fd);
	memset(board, 0, sizeof(*board));
	feed(fd, "abc");
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_receives(&part, g, flags, fd[0]);
	wait_ready(1);
	disturb(child, &part);
	CHECK(syscall(SYS_write, fd[1], "DEFGH", 5L) == 5);
	wait_child(child);
	say_left(fd[0]);
	close_channel(fd);
}

/* Handlers that use the very socket. */
enum { TAKE, TAKE_PART, GIVE, EMPTY, STEALS };

static const char *const steal_name[STEALS] = {
	"takes everything", "takes a part", "sends", "finds nothing",
};

static int channel[2], steal;
static const struct getter *inner;

static void steal_handler(int sig)
{
	char buf[8];
	ssize_t n;

	(void)sig;
	memset(buf, FILLER, sizeof(buf));
	if (steal == TAKE || steal == TAKE_PART) {
		feed(channel, "inout");
		n = inner->get(channel[0], buf, steal == TAKE ? 5 : 2, 0);
		say("    handler %s '%s'", result(n), as_text(buf, 8));
	} else if (steal == GIVE) {
		say("    handler sends %s", result(send(channel[1], "given", 5,
							0)));
		wait_arrived(channel[0], 5);
	} else {
		say("    handler finds %s",
		    result(recv(channel[0], buf, 8, MSG_DONTWAIT)));
	}
}

static void *disturber(void *arg)
{
	pid_t tid = *(pid_t *)arg;

	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(syscall(SYS_tgkill, getpid(), tid, SIGUSR2) == 0);
	CHECK(wait_until_blocked(getpid(), tid));
	if (steal == TAKE || steal == EMPTY)
		CHECK(syscall(SYS_write, channel[1], "later", 5L) == 5);
	return NULL;
}

static void nested(int kind, const struct getter *g, int sa_flags)
{
	pid_t tid = my_tid();
	pthread_t thread;
	char buf[16];
	ssize_t n;

	say("  %s, %s in %s, handler %s%s", socket_name[kind], inner->name,
	    g->name, steal_name[steal], sa_flags ? ", SA_RESTART" : "");
	make_sockets(kind, channel);
	on_signal(SIGUSR2, steal_handler, sa_flags);
	set_mask(SIG_BLOCK, SIGUSR2);
	thread = start(disturber, &tid);
	set_mask(SIG_UNBLOCK, SIGUSR2);
	do {
		memset(buf, FILLER, sizeof(buf));
		n = g->get(channel[0], buf, 8, 0);
		say("    %s '%s'", result(n), as_text(buf, 10));
	} while (n < 0);
	CHECK(pthread_join(thread, NULL) == 0);
	if (!is_stream(kind) || steal != TAKE_PART)
		say_left(channel[0]);
	close_channel(channel);
}

static void all_nested(void)
{
	for (steal = 0; steal < STEALS; steal++)
		for (size_t i = 0; i < ARRAY_SIZE(getters); i++) {
			inner = &getters[(i + 3) % ARRAY_SIZE(getters)];
			for (int kind = 0; kind < S_SEQ; kind++) {
				nested(kind, &getters[i], 0);
				nested(kind, &getters[i], SA_RESTART);
			}
		}
}

static void interrupted(const struct setting *set, size_t n_scenarios)
{
	for (size_t g = 1; g < ARRAY_SIZE(getters); g++)
		for (size_t s = 0; s < n_scenarios; s++)
			if (fits(&getters[g], set))
				one(set, &getters[g], &scenarios[s]);
}

int main(void)
{
	alarm(85);
	make_board();
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		interrupted(&settings[i], i ? 9 : ARRAY_SIZE(scenarios));
	for (size_t g = 3; g < ARRAY_SIZE(getters); g++) {
		partly(S_TCP, &getters[g], MSG_WAITALL);
		partly(S_UNIX, &getters[g], MSG_WAITALL);
		partly(S_TCP, &getters[g], MSG_WAITALL | MSG_PEEK);
	}
	all_nested();
	return 0;
}
