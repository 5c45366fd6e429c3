// SPDX-License-Identifier: MIT
/*
 * siglongjmp out of a handler that interrupted each of the calls that wait:
 * receiving, sending, accepting.  What arrived while the handler ran is still
 * there, what was not sent is not sent later, the connection goes to the next
 * accept, nothing writes into the frame that has gone, and a close is seen by
 * the peer at once.
 *
 * Then a timer jumps at every possible instruction, while a writer feeds the
 * stream: no byte is lost and none comes twice.
 *
 * Ring: recvfrom recvmsg readv
 * Timeout: 60
 */
#include <setjmp.h>
#include <sys/time.h>

#include "family.h"

#define EMPTY 0xff
#define SIZE 200
#define TOTAL 20000

enum { BY_HANDLER, DURING_HANDLER, AFTER_JUMP, ARRIVALS };

static const char *const arrival_name[] = {
	"by the handler", "during the handler", "after the jump",
};

static sigjmp_buf saved;
static int channel[2], arrival;
static void (*arrive)(void);
static volatile sig_atomic_t in_handler, arrived, armed;

static void handler(int sig)
{
	(void)sig;
	in_handler = 1;
	if (arrival == BY_HANDLER)
		arrive();
	while (arrival == DURING_HANDLER && !arrived)
		nap_us(200);
	siglongjmp(saved, 1);
}

static void *disturb(void *arg)
{
	pid_t tid = *(pid_t *)arg;

	CHECK(wait_until_blocked(getpid(), tid));
	CHECK(syscall(SYS_tgkill, getpid(), tid, SIGUSR1) == 0);
	while (!in_handler)
		nap_us(100);
	if (arrival == DURING_HANDLER) {
		arrive();
		arrived = 1;
	}
	return NULL;
}

static pthread_t start_disturber(void)
{
	static pid_t tid;
	pthread_t thread;

	tid = my_tid();
	in_handler = arrived = 0;
	set_mask(SIG_BLOCK, SIGUSR1);
	thread = start(disturb, &tid);
	set_mask(SIG_UNBLOCK, SIGUSR1);
	return thread;
}

static void bytes_arrive(void)
{
	CHECK(syscall(SYS_write, channel[1], "0123456789", 10L) == 10);
	wait_arrived(channel[0], 10);
}

/* The frame of the call, whose place others take after the jump. */
static noinline void blocked_get(const struct getter *g, int flags)
{
	char buf[1000];

	memset(buf, FILLER, sizeof(buf));
	say("    returned %s", result(g->get(channel[0], buf, sizeof(buf),
					     flags)));
}

static noinline void other_owner(const struct getter *g)
{
	char canary[2000], buf[16];
	ssize_t n;

	memset(canary, 'c', sizeof(canary));
	memset(buf, FILLER, sizeof(buf));
	if (arrival == AFTER_JUMP)
		bytes_arrive();
	n = g->get(channel[0], buf, 4, 0);
	say("    next %s '%s'", result(n), as_text(buf, 8));
	for (size_t i = 0; i < sizeof(canary); i++)
		CHECK(((volatile char *)canary)[i] == 'c');
}

static void receiving(int kind, const struct getter *g, int flags)
{
	pthread_t thread;

	say("  %s %s, flags %#x, data %s", socket_name[kind], g->name, flags,
	    arrival_name[arrival]);
	make_sockets(kind, channel);
	arrive = bytes_arrive;
	thread = start_disturber();
	if (!sigsetjmp(saved, 1))
		blocked_get(g, flags);
	CHECK(pthread_join(thread, NULL) == 0);
	other_owner(g);
	say_left(channel[0]);
	CHECK(close(channel[0]) == 0);
	CHECK(!is_stream(kind) ||
	      poll_fd(channel[1], POLLRDHUP, 5000) & POLLRDHUP);
	CHECK(close(channel[1]) == 0);
}

/* Room comes: what was to be sent must not be sent any more. */
static void room_comes(void)
{
	static char sink[65536];

	set_nonblock(channel[0], true);
	while (syscall(SYS_read, channel[0], sink, sizeof(sink)) > 0)
		;
	set_nonblock(channel[0], false);
}

static noinline void blocked_put(const struct putter *p)
{
	char buf[1000];

	memset(buf, 'j', sizeof(buf));
	say("    returned %s", result(p->put(channel[1], buf, sizeof(buf),
					     0)));
}

static void sending(int kind, const struct putter *p)
{
	pthread_t thread;

	say("  %s %s, room %s", socket_name[kind], p->name,
	    arrival_name[arrival]);
	make_sockets(kind, channel);
	fill_up(channel[1], 'f');
	arrive = room_comes;
	thread = start_disturber();
	if (!sigsetjmp(saved, 1))
		blocked_put(p);
	CHECK(pthread_join(thread, NULL) == 0);
	if (arrival == AFTER_JUMP)
		room_comes();
	CHECK(poll_fd(channel[0], POLLIN, 5) == 0);
	say("    next %s", result(p->put(channel[1], "next", 4, 0)));
	wait_arrived(channel[0], 4);
	say_left(channel[0]);
	close_channel(channel);
}

static int listener;
static struct sockaddr_in address;

static void connection_comes(void)
{
	channel[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(channel[1], (void *)&address, sizeof(address)) == 0);
	/* After the jump there is somebody who takes it. */
	if (arrival != AFTER_JUMP)
		CHECK(poll_fd(listener, POLLIN, 5000) == POLLIN);
}

static noinline void blocked_accept(bool four)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd;

	if (four)
		fd = accept4(listener, (void *)&addr, &len, SOCK_CLOEXEC);
	else
		fd = accept(listener, (void *)&addr, &len);
	say("    returned %s", fd < 0 ? result(fd) : "ok");
}

static void accepting(bool four)
{
	int fds = count_fds(), status;
	pthread_t thread;
	pid_t child;

	say("  accept%s, connection %s", four ? "4" : "",
	    arrival_name[arrival]);
	listener = tcp_listener(4, &address);
	arrive = connection_comes;
	thread = start_disturber();
	if (!sigsetjmp(saved, 1))
		blocked_accept(four);
	CHECK(pthread_join(thread, NULL) == 0);
	/* It may be somebody else who accepts next. */
	child = fork();
	CHECK(child >= 0);
	if (!child)
		_exit(accept(listener, NULL, NULL) >= 0 ? 0 : 1);
	if (arrival == AFTER_JUMP)
		connection_comes();
	CHECK(waitpid(child, &status, 0) == child);
	say("    the other one %#x", status);
	CHECK(close(channel[1]) == 0 && close(listener) == 0);
	say("    fds %d", count_fds() - fds);
}

static void *feed_stream(void *arg)
{
	unsigned char piece[150];
	uint32_t seed = 4711;
	unsigned int at = 0;

	while (at < TOTAL) {
		unsigned int n = 1 + next_random(&seed) % sizeof(piece);

		n = n < TOTAL - at ? n : TOTAL - at;
		for (unsigned int i = 0; i < n; i++)
			piece[i] = (at + i) % 251;
		CHECK(syscall(SYS_write, channel[1], piece, n) == (long)n);
		at += n;
		if (next_random(&seed) % 4)
			nap_us(next_random(&seed) % 150);
	}
	return arg;
}

static void jump_now(int sig)
{
	(void)sig;
	if (!armed)
		return;
	armed = 0;
	siglongjmp(saved, 1);
}

static noinline void attempt(const struct getter *g, unsigned char *buf,
			     uint32_t *seed)
{
	struct itimerval timer = { 0 };
	ssize_t n;

	timer.it_value.tv_usec = 1 + next_random(seed) % 150;
	memset(buf, EMPTY, SIZE);
	if (sigsetjmp(saved, 1))
		return;
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	armed = 1;
	n = g->get(channel[0], buf, 1 + next_random(seed) % SIZE, 0);
	armed = 0;
	CHECK(n > 0 && buf[n - 1] != EMPTY && (n == SIZE || buf[n] == EMPTY));
}

static void race(int kind, const struct getter *g)
{
	static unsigned char buf[SIZE];
	struct itimerval off = { 0 };
	unsigned int at = 0;
	uint32_t seed = 42;
	pthread_t thread;

	make_sockets(kind, channel);
	on_signal(SIGALRM, jump_now, 0);
	set_mask(SIG_BLOCK, SIGALRM);
	thread = start(feed_stream, NULL);
	set_mask(SIG_UNBLOCK, SIGALRM);
	while (at < TOTAL) {
		unsigned int n = 0;

		attempt(g, buf, &seed);
		for (; n < SIZE && buf[n] != EMPTY; n++)
			CHECK(buf[n] == (at + n) % 251);
		at += n;
	}
	CHECK(at == TOTAL);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	close_channel(channel);
	say("  %s %s: %d bytes, none lost, none twice", socket_name[kind],
	    g->name, TOTAL);
}

int main(void)
{
	on_signal(SIGUSR1, handler, 0);
	for (arrival = 0; arrival < ARRIVALS; arrival++) {
		for (size_t g = 0; g < ARRAY_SIZE(getters); g++)
			for (int kind = 0; kind < SOCKETS; kind++)
				receiving(kind, &getters[g], 0);
		for (size_t g = 3; g < ARRAY_SIZE(getters); g++) {
			receiving(S_TCP, &getters[g], MSG_PEEK);
			receiving(S_UNIX, &getters[g], MSG_PEEK);
		}
		for (size_t p = 0; p < ARRAY_SIZE(putters); p++)
			sending(S_UNIX, &putters[p]);
		accepting(false);
		accepting(true);
	}
	for (size_t g = 1; g < ARRAY_SIZE(getters); g++) {
		race(S_UNIX, &getters[g]);
		race(S_TCP, &getters[g]);
	}
	return 0;
}
