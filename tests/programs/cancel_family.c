// SPDX-License-Identifier: MIT
/*
 * pthread_cancel of a thread blocked in each of the calls that receive, send
 * and take arrays: the clean-up handlers run, and can use the very socket; what
 * arrives afterwards is there for the next one, nothing is sent later, no
 * buffer is touched.  A cancellation that is pending when such a call is entered
 * acts before anything is moved; one that is disabled does not act at all.
 *
 * Ring: recvfrom recvmsg readv
 */
#include "family.h"

enum { PENDING, BLOCKED, DISABLED, ASYNC, WAYS };

static const char *const way_name[WAYS] = {
	"pending at entry", "blocked", "disabled", "asynchronous",
};

static int channel[2], kind, way;
static const struct getter *get;
static const struct putter *put;
static volatile pid_t tid;
static volatile int go;
static char buf[2000];
static long filled;

/* The socket is usable while the thread unwinds, and nobody else is on it. */
static void cleanup(void *arg)
{
	char text[8];

	(void)arg;
	if (get) {
		feed(channel, "abc");
		say("    cleanup receives %s",
		    result(get->get(channel[0], text, 2, 0)));
	} else {
		say("    cleanup");
	}
}

static noinline long call(void)
{
	return get ? get->get(channel[0], buf, 100, 0) :
	       put->put(channel[1], buf, 900, 0);
}

static void *thread_main(void *arg)
{
	if (way == DISABLED)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (way == ASYNC)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	tid = my_tid();
	pthread_cleanup_push(cleanup, NULL);
	while (way == PENDING && !go)
		sched_yield();
	say("    returns %s", result(call()));
	pthread_cleanup_pop(0);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	return arg;
}

static void untouched(void)
{
	for (size_t i = 0; i < sizeof(buf); i++)
		CHECK(buf[i] == 'x');
}

static void make_room(void)
{
	static char sink[65536];

	while (filled > 0) {
		long n = syscall(SYS_read, channel[0], sink,
				 filled < 65536 ? filled : 65536L);

		CHECK(n > 0);
		filled -= n;
	}
}

static void end_it(const char *text)
{
	pthread_t thread;
	void *ret;

	memset(buf, 'x', sizeof(buf));
	tid = go = 0;
	thread = start(thread_main, NULL);
	while (!tid)
		nap_us(100);
	if (way != PENDING)
		CHECK(wait_until_blocked(getpid(), tid));
	CHECK(pthread_cancel(thread) == 0);
	go = 1;
	if (way == DISABLED) {
		CHECK(wait_until_blocked(getpid(), tid));
		if (text)
			CHECK(syscall(SYS_write, channel[1], text, 4L) == 4);
		else
			make_room();
	}
	CHECK(pthread_join(thread, &ret) == 0);
	say("    %s", ret == PTHREAD_CANCELED ? "cancelled" : "not cancelled");
}

static void receiving(void)
{
	say("  %s %s, %s", socket_name[kind], get->name, way_name[way]);
	make_sockets(kind, channel);
	if (way == PENDING)
		feed(channel, "first");
	end_it("data");
	if (way != DISABLED)
		untouched();
	feed(channel, "next");
	say_left(channel[0]);
	CHECK(close(channel[0]) == 0);
	CHECK(!is_stream(kind) ||
	      poll_fd(channel[1], POLLRDHUP, 5000) & POLLRDHUP);
	CHECK(close(channel[1]) == 0);
}

static void sending(void)
{
	static char sink[65536];
	long n, total = 0, ours = 0;

	say("  %s %s, %s", socket_name[kind], put->name, way_name[way]);
	make_sockets(kind, channel);
	filled = 0;
	if (way != PENDING)
		filled = fill_up(channel[1], 'f');
	end_it(NULL);
	untouched();
	set_nonblock(channel[0], true);
	while ((n = syscall(SYS_read, channel[0], sink, sizeof(sink))) > 0) {
		for (long i = 0; i < n; i++)
			ours += sink[i] == 'x';
		total += n;
	}
	say("    received others %ld, ours %ld", total - ours - filled, ours);
	close_channel(channel);
}

static void pipes(void)
{
	size_t n = 3;

	for (size_t i = 1; i < n; i++) {
		get = &getters[i];
		say("  pipe %s, %s", get->name, way_name[way]);
		CHECK(pipe(channel) == 0);
		if (way == PENDING)
			feed(channel, "first");
		end_it("data");
		feed(channel, "next");
		set_nonblock(channel[0], true);
		say("    left %s", result(read(channel[0], buf, 100)));
		CHECK(close(channel[0]) == 0);
		say("    peer %s", result(write(channel[1], "x", 1)));
		CHECK(close(channel[1]) == 0);
	}
}

int main(void)
{
	static const int kinds[] = { S_TCP, S_UNIX, S_UDP, S_DGRAM };
	int fds = count_fds();

	alarm(25);
	signal(SIGPIPE, SIG_IGN);
	for (way = 0; way < WAYS; way++) {
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			kind = kinds[k];
			for (size_t i = 1; i < ARRAY_SIZE(getters); i++) {
				get = &getters[i];
				receiving();
			}
		}
		get = NULL;
		kind = S_UNIX;
		for (size_t i = 1; i < ARRAY_SIZE(putters); i++) {
			put = &putters[i];
			sending();
		}
		pipes();
	}
	say("fds %d, tasks %d", count_fds() - fds, settled_tasks(1));
	return 0;
}
