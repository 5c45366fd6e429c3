// SPDX-License-Identifier: MIT
/*
 * A unix datagram (or seqpacket) socket whose receiver's queue is full: a send
 * waits for room, or says EAGAIN, or gives up at SO_SNDTIMEO - and what arrives
 * in the end is the payload, whole, once, in order.  On a ring a send that had
 * to wait delivers an empty datagram and says so with a result of 0.
 *
 * Timeout: 60
 */
#include "family.h"

enum { CONNECTED, ADDRESSED, PACKETS, WAYS };

static const char *const way_name[WAYS] = {
	"connected", "with an address", "seqpacket",
};

static struct sockaddr_un address;
static int receiver, sender, way;

static void set_up(void)
{
	unix_address(&address, "full");
	if (way == PACKETS) {
		int fd[2];

		make_sockets(S_SEQ, fd);
		receiver = fd[0];
		sender = fd[1];
		return;
	}
	receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(bind(receiver, (void *)&address, sizeof(address)) == 0);
	sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (way == CONNECTED)
		CHECK(connect(sender, (void *)&address, sizeof(address)) == 0);
}

static void tear_down(void)
{
	CHECK(close(receiver) == 0 && close(sender) == 0);
	if (way != PACKETS)
		CHECK(unlink("full") == 0);
}

static ssize_t to_address(int fd, const void *buf, size_t len, int flags)
{
	return sendto(fd, buf, len, flags, (void *)&address, sizeof(address));
}

static ssize_t msg_to_address(int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov[2];
	struct msghdr msg = {
		.msg_name = &address, .msg_namelen = sizeof(address),
		.msg_iov = iov, .msg_iovlen = 2,
	};

	in_two(iov, buf, len);
	return sendmsg(fd, &msg, flags);
}

static const struct putter addressed[] = {
	{ "sendto", to_address, true },
	{ "sendmsg", msg_to_address, true },
};

static const struct putter *putter_of(size_t i)
{
	if (way != ADDRESSED)
		return i < ARRAY_SIZE(putters) ? &putters[i] : NULL;
	return i < ARRAY_SIZE(addressed) ? &addressed[i] : NULL;
}

/* Fill the queue with numbered datagrams; how many fitted. */
static int fill_queue(const struct putter *p)
{
	char text[32];
	int n = 0;

	set_nonblock(sender, true);
	do {
		snprintf(text, sizeof(text), "datagram %04d", n);
	} while (p->put(sender, text, 13, 0) == 13 && ++n < 9999);
	CHECK(errno == EAGAIN);
	set_nonblock(sender, false);
	return n;
}

struct job {
	const struct putter *p;
	int from, count, flags;
	ssize_t bad;
	int eintr;
	char last[48];
	volatile pid_t tid;
};

static void *send_more(void *arg)
{
	struct job *job = arg;
	char text[32];

	job->tid = my_tid();
	for (int i = 0; i < job->count; i++) {
		ssize_t n;

		snprintf(text, sizeof(text), "datagram %04d", job->from + i);
		n = job->p->put(sender, text, 13, job->flags);
		job->bad += n != 13;
	}
	return NULL;
}

/* Every one of them arrives as it was sent. */
static void receive_all(int count, bool slowly)
{
	char text[32], buf[64];
	int empty = 0, wrong = 0;

	for (int i = 0; i < count; i++) {
		ssize_t n = recv(receiver, buf, sizeof(buf), 0);

		snprintf(text, sizeof(text), "datagram %04d", i);
		empty += n == 0;
		wrong += n != 13 || memcmp(buf, text, 13) != 0;
		if (slowly && i % 8 == 0)
			nap_us(300);
	}
	say("    received: empty %d, wrong %d", empty, wrong);
}

static void waiting(const struct putter *p, bool slowly)
{
	struct job job = { .p = p, .count = 60 };
	pthread_t thread;

	set_up();
	job.from = fill_queue(p);
	thread = start(send_more, &job);
	while (!job.tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), job.tid));
	receive_all(job.from + job.count, slowly);
	CHECK(pthread_join(thread, NULL) == 0);
	say("    not sent %zd", job.bad);
	say_left(receiver);
	tear_down();
}

static void not_waiting(const struct putter *p)
{
	set_up();
	fill_queue(p);
	set_nonblock(sender, true);
	say("    O_NONBLOCK: %s", result(p->put(sender, "lost", 4, 0)));
	set_nonblock(sender, false);
	if (p->flags)
		say("    DONTWAIT: %s", result(p->put(sender, "lost", 4,
						      MSG_DONTWAIT)));
	set_timeout(sender, SO_SNDTIMEO, 30);
	say("    SO_SNDTIMEO: %s", result(p->put(sender, "lost", 4, 0)));
	set_timeout(sender, SO_SNDTIMEO, 0);
	tear_down();
}

static volatile int handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void *one_more(void *arg)
{
	struct job *job = arg;
	ssize_t n;

	job->tid = my_tid();
	do {
		n = job->p->put(sender, "the last one", 12, job->flags);
	} while (n < 0 && errno == EINTR && ++job->eintr);
	strcpy(job->last, result(n));
	return NULL;
}

/* A handler interrupts the wait; nothing has been sent so far. */
static void interrupted(const struct putter *p, int sa_flags)
{
	struct job job = { .p = p };
	pthread_t thread;
	int n;

	set_up();
	on_signal(SIGUSR1, handler, sa_flags);
	handled = 0;
	n = fill_queue(p);
	thread = start(one_more, &job);
	while (!job.tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), job.tid));
	CHECK(pthread_kill(thread, SIGUSR1) == 0);
	while (!handled)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), job.tid));
	receive_all(n, false);
	CHECK(pthread_join(thread, NULL) == 0);
	say("    EINTR %d, then %s", job.eintr, job.last);
	say_left(receiver);
	tear_down();
}

static void *cancelled(void *arg)
{
	struct job *job = arg;

	job->tid = my_tid();
	job->p->put(sender, "never", 5, job->flags);
	return NULL;
}

static void cancel(const struct putter *p)
{
	struct job job = { .p = p };
	pthread_t thread;
	void *ret;
	int n;

	set_up();
	n = fill_queue(p);
	thread = start(cancelled, &job);
	while (!job.tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), job.tid));
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &ret) == 0);
	CHECK(ret == PTHREAD_CANCELED);
	receive_all(n, false);
	say_left(receiver);
	tear_down();
}

/* The receiver goes away while a send waits. */
static void deserted(const struct putter *p)
{
	struct job job = { .p = p, .flags = p->flags ? MSG_NOSIGNAL : 0 };
	pthread_t thread;

	set_up();
	fill_queue(p);
	thread = start(one_more, &job);
	while (!job.tid)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), job.tid));
	CHECK(close(receiver) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	say("    deserted: %s", job.last);
	receiver = dup(1);
	tear_down();
}

int main(void)
{
	const struct putter *p;

	alarm(55);
	signal(SIGPIPE, SIG_IGN);
	for (way = 0; way < WAYS; way++) {
		for (size_t i = 0; (p = putter_of(i)); i++) {
			say("  %s: %s", way_name[way], p->name);
			waiting(p, false);
			waiting(p, true);
			not_waiting(p);
			interrupted(p, 0);
			interrupted(p, SA_RESTART);
			cancel(p);
			deserted(p);
		}
	}
	return 0;
}
