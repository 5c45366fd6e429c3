// SPDX-License-Identifier: MIT
/*
 * Every call that sends, blocked on a full pipe or socket, and every kind of
 * signal; one that has moved a part of its bytes when the handler runs; one
 * that is larger than any buffer and has a slow reader; a time-out.  The count
 * is the whole, or what was moved, and the reader gets just that.
 *
 * Ring: writev
 * Timeout: 60
 */
#include "signals.h"
#include "family.h"

/* More than any buffer of its kind takes; tcp's grow to several megabytes. */
#define BIGGEST (16 << 20)

static char big[BIGGEST];

static long big_for(int kind)
{
	return kind == S_TCP ? BIGGEST : 900000;
}

static void make(int kind, int fd[2])
{
	if (kind == SOCKETS)
		CHECK(pipe(fd) == 0);
	else
		make_sockets(kind, fd);
}

static const char *kind_name(int kind)
{
	return kind == SOCKETS ? "pipe" : socket_name[kind];
}

static bool fits(const struct putter *p, int kind)
{
	/* To fill a tcp connection takes its time: two of them will do. */
	if (kind == S_TCP)
		return p->put == put_send || p->put == put_sendmsg;
	return kind != SOCKETS || !p->flags;
}

/* Read so much, slowly or not, and check that it is the pattern from @at on. */
static void take(int fd, long count, long at, bool slowly)
{
	static char sink[65536];

	for (int i = 0; count > 0; i++) {
		long n = syscall(SYS_read, fd, sink, count < 65536 ? count :
				 65536L);

		CHECK(n > 0);
		CHECK(at < 0 || !memcmp(sink, big + at, n));
		at += at < 0 ? 0 : n;
		count -= n;
		if (slowly && i % 4 == 0)
			nap_us(500);
	}
}

static void child_sends(const struct scenario *s, const struct putter *p,
			int fd)
{
	ssize_t n;

	set_up(s);
	board->ready = 1;
	do {
		n = p->put(fd, big, 900, 0);
		say("    %s", result(n));
	} while (n < 0 && errno == EINTR);
	say("    handlers %d", board->handlers);
	_exit(0);
}

static void interrupted(int kind, const struct putter *p,
			const struct scenario *s, bool timeout)
{
	long filled;
	pid_t child;
	int fd[2];

	say("  %s, %s: %s%s", kind_name(kind), p->name, s->name,
	    timeout ? ", with a timeout" : "");
	make(kind, fd);
	filled = fill_up(fd[1], 'f');
	if (timeout)
		set_timeout(fd[1], SO_SNDTIMEO, 60000);
	memset(board, 0, sizeof(*board));
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_sends(s, p, fd[1]);
	wait_ready(1);
	disturb(child, s);
	take(fd[0], filled, -1, false);
	take(fd[0], 900, 0, false);
	wait_child(child);
	CHECK(poll_fd(fd[0], POLLIN, 0) == 0);
	close_channel(fd);
}

static void handler(int sig)
{
	(void)sig;
	board->handlers++;
}

/* More than fits: the part that went is told, even with SA_RESTART. */
static void partly(int kind, const struct putter *p, int sa_flags)
{
	pid_t child;
	int fd[2];
	ssize_t n;

	make(kind, fd);
	memset(board, 0, sizeof(*board));
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		on_signal(SIGUSR1, handler, sa_flags);
		board->ready = 1;
		n = p->put(fd[1], big, big_for(kind), 0);
		board->total = n;
		_exit(0);
	}
	wait_ready(1);
	CHECK(wait_until_blocked(child, child));
	CHECK(kill(child, SIGUSR1) == 0);
	wait_child(child);
	CHECK(board->handlers == 1);
	n = board->total;
	say("  %s, %s: a part%s", kind_name(kind), p->name,
	    n > 0 && n < big_for(kind) ? "" : " - not");
	take(fd[0], n, 0, false);
	CHECK(poll_fd(fd[0], POLLIN, 0) == 0);
	close_channel(fd);
}

struct reader {
	int fd;
	long count;
};

static void *drain_slowly(void *arg)
{
	const struct reader *r = arg;

	take(r->fd, r->count, 0, true);
	return NULL;
}

static void whole(int kind, const struct putter *p)
{
	struct reader reader = { .count = big_for(kind) };
	pthread_t thread;
	int fd[2];
	ssize_t n;

	make(kind, fd);
	reader.fd = fd[0];
	thread = start(drain_slowly, &reader);
	n = p->put(fd[1], big, big_for(kind), 0);
	CHECK(pthread_join(thread, NULL) == 0);
	say("  %s, %s, slow reader: %s", kind_name(kind), p->name, result(n));
	CHECK(poll_fd(fd[0], POLLIN, 0) == 0);
	close_channel(fd);
}

/* Not blocking: a part, then EAGAIN. */
static void not_blocking(int kind, const struct putter *p, int flags)
{
	long total = 0, size = big_for(kind);
	ssize_t n;
	int fd[2];

	make(kind, fd);
	if (!flags)
		set_nonblock(fd[1], true);
	n = p->put(fd[1], big, size, flags);
	say("  %s, %s, not blocking, flags %#x: a part %d",
	    kind_name(kind), p->name, flags, n > 0 && n < size);
	/* tcp finds more room while it goes on. */
	for (int i = 0; i < 1000 && n > 0; i++) {
		total += n;
		n = p->put(fd[1], big + total, size - total, flags);
	}
	say("    then %s", result(n));
	take(fd[0], total, 0, false);
	CHECK(poll_fd(fd[0], POLLIN, 0) == 0);
	close_channel(fd);
}

static void timed_out(int kind, const struct putter *p)
{
	ssize_t n;
	int fd[2];

	make(kind, fd);
	set_timeout(fd[1], SO_SNDTIMEO, 60);
	n = p->put(fd[1], big, big_for(kind), 0);
	say("  %s, %s, timed out: a part %d", kind_name(kind), p->name,
	    n > 0 && n < big_for(kind));
	take(fd[0], n, 0, false);
	fill_up(fd[1], 'f');
	say("    full: %s", result(p->put(fd[1], big, 10, 0)));
	close_channel(fd);
}

/* Two processes write records of 4096 bytes in 8 segments: never mixed. */
static void records(void)
{
	static char record[4096], other[4096];
	struct iovec iov[8];
	int fd[2], mixed = 0;
	pid_t child[2];

	CHECK(pipe(fd) == 0);
	for (int c = 0; c < 2; c++) {
		child[c] = fork();
		CHECK(child[c] >= 0);
		if (child[c])
			continue;
		memset(record, 'a' + c, sizeof(record));
		for (int i = 0; i < 8; i++)
			iov[i] = (struct iovec){ record + 512 * i, 512 };
		for (int i = 0; i < 500; i++)
			CHECK(writev(fd[1], iov, 8) == 4096);
		_exit(0);
	}
	for (int i = 0; i < 1000; i++) {
		for (long at = 0; at < 4096;) {
			long n = syscall(SYS_read, fd[0], record + at,
					 4096 - at);

			CHECK(n > 0);
			at += n;
		}
		memset(other, record[0], sizeof(other));
		mixed += memcmp(record, other, sizeof(record)) != 0;
	}
	for (int c = 0; c < 2; c++)
		wait_child(child[c]);
	say("  records mixed %d", mixed);
	close_channel(fd);
}

static void one(int kind, const struct putter *p)
{
	size_t n = kind == S_TCP ? 2 : ARRAY_SIZE(scenarios);

	for (size_t s = 0; s < n; s++)
		interrupted(kind, p, &scenarios[s], false);
	for (size_t s = 0; kind == S_UNIX && s < 3; s++)
		interrupted(kind, p, &scenarios[s], true);
	partly(kind, p, 0);
	partly(kind, p, SA_RESTART);
	whole(kind, p);
	not_blocking(kind, p, 0);
	if (p->flags)
		not_blocking(kind, p, MSG_DONTWAIT);
	if (kind != SOCKETS)
		timed_out(kind, p);
}

int main(void)
{
	static const int kinds[] = { SOCKETS, S_UNIX, S_TCP };

	alarm(55);
	make_board();
	for (size_t i = 0; i < BIGGEST; i++)
		big[i] = 'A' + i * 7 % 57 % 53;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t p = 1; p < ARRAY_SIZE(putters); p++)
			if (fits(&putters[p], kinds[k]))
				one(kinds[k], &putters[p]);
	records();
	return 0;
}
