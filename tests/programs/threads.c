// SPDX-License-Identifier: MIT
/*
 * Threads in numbers: two that play ping-pong, a thousand at once, thousands
 * that come and go, threads that libc knows nothing of and that leave with the
 * raw system call. Each thread may have a ring of its own; neither mappings nor
 * memory nor descriptors may grow with the number of threads that ever lived,
 * and nothing that a thread waits for may keep a file open when it is gone.
 *
 * Ring: read write
 * Rings: many
 * Timeout: 60
 */
#include "life.h"

#define CROWD 1000
#define COMING 3000

static pthread_barrier_t gate;

static void *pong(void *arg)
{
	int *s = arg;
	char c;

	while (read(s[1], &c, 1) == 1)
		NEED(write(s[1], &c, 1) == 1);
	return NULL;
}

static void ping_pong(void)
{
	int s[2], ok = 0;
	pthread_t t;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	NEED(pthread_create(&t, NULL, pong, s) == 0);
	for (int i = 0; i < 2000; i++) {
		char c = (char)i, d = 0;

		NEED(write(s[0], &c, 1) == 1);
		NEED(read(s[0], &d, 1) == 1);
		ok += c == d;
	}
	NEED(shutdown(s[0], SHUT_WR) == 0);
	NEED(pthread_join(t, NULL) == 0);
	close(s[0]);
	close(s[1]);
	show(ok, "ping-pong");
}

static void *member(void *arg)
{
	long ok = 0;
	char buf[16];
	int p[2];

	(void)arg;
	NEED(pipe(p) == 0);
	pthread_barrier_wait(&gate);
	for (int i = 0; i < 5; i++) {
		ok += write(p[1], "member", 6) == 6;
		ok += read(p[0], buf, 16) == 6;
	}
	pthread_barrier_wait(&gate);
	close(p[0]);
	close(p[1]);
	return (void *)ok;
}

static void crowd(int n)
{
	static pthread_t t[CROWD];
	pthread_attr_t attr;
	long total = 0;
	void *ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_barrier_init(&gate, NULL, n);
	for (int i = 0; i < n; i++)
		NEED(pthread_create(&t[i], &attr, member, NULL) == 0);
	for (int i = 0; i < n; i++) {
		NEED(pthread_join(t[i], &ret) == 0);
		total += (long)ret;
	}
	show(total, "crowd of %d", n);
}

static long maps(void)
{
	static char line[4096];
	FILE *f = fopen("/proc/self/maps", "r");
	long n = 0;

	while (fgets(line, sizeof(line), f))
		n++;
	fclose(f);
	return n;
}

static void *visitor(void *arg)
{
	int *p = arg;
	char buf[16];

	NEED(write(p[1], "visit", 5) == 5);
	NEED(read(p[0], buf, 5) == 5);
	return NULL;
}

static void visit(int *p, int n)
{
	for (int i = 0; i < n; i++) {
		pthread_t t;

		NEED(pthread_create(&t, NULL, visitor, p) == 0);
		NEED(pthread_join(t, NULL) == 0);
	}
}

static void *detached(void *arg)
{
	visitor(arg);
	pthread_barrier_wait(&gate);
	return NULL;
}

static void coming_and_going(void)
{
	long map, rss;
	int p[2];

	NEED(pipe(p) == 0);
	visit(p, 200);
	map = maps();
	rss = status_of("VmRSS:");
	visit(p, COMING);
	NEED(maps() - map <= 4);
	NEED(status_of("VmRSS:") - rss < 2048);
	printf("coming and going: no growth\n");
	pthread_barrier_init(&gate, NULL, 2);
	for (int i = 0; i < 200; i++) {
		pthread_t t;

		NEED(pthread_create(&t, NULL, detached, p) == 0);
		NEED(pthread_detach(t) == 0);
		pthread_barrier_wait(&gate);
	}
	close(p[0]);
	close(p[1]);
}

/* Four readers, one pipe: every byte goes to one of them. */
static void *consumer(void *arg)
{
	int *p = arg;
	char buf[64];
	long sum = 0;
	ssize_t n;

	while ((n = read(p[0], buf, sizeof(buf))) > 0)
		for (int i = 0; i < n; i++)
			sum += (unsigned char)buf[i];
	NEED(n == 0);
	return (void *)sum;
}

static void consumers(void)
{
	pthread_t t[4];
	long sent = 0, got = 0;
	void *ret;
	int p[2];

	NEED(pipe(p) == 0);
	for (int i = 0; i < 4; i++)
		NEED(pthread_create(&t[i], NULL, consumer, p) == 0);
	for (int i = 0; i < 5000; i++) {
		unsigned char c = i * 7;

		sent += c;
		NEED(write(p[1], &c, 1) == 1);
	}
	close(p[1]);
	for (int i = 0; i < 4; i++) {
		NEED(pthread_join(t[i], &ret) == 0);
		got += (long)ret;
	}
	close(p[0]);
	NEED(sent == got);
	show(got, "consumers");
}

/* Gone in the middle of its life, without a word to libc. */
static void *raw_exit(void *arg)
{
	int *p = arg;

	visitor(p);
	NEED(write(p[1], "gone", 4) == 4);
	syscall(SYS_exit, 0);
	return NULL;
}

static void raw_exits(void)
{
	char buf[8];
	int p[2];

	NEED(pipe(p) == 0);
	for (int i = 0; i < 50; i++) {
		pthread_t t;

		NEED(pthread_create(&t, NULL, raw_exit, p) == 0);
		NEED(pthread_join(t, NULL) == 0);
		NEED(read(p[0], buf, 8) == 4);
	}
	close(p[1]);
	show(read(p[0], buf, 8), "after raw exits");
	close(p[0]);
}

/* Cancelled while it waits: the peer sees the end as soon as we close. */
static void *victim(void *arg)
{
	int *p = arg;
	char c;

	p[3] = gettid();
	read(p[0], &c, 1);
	return NULL;
}

static void victims(void)
{
	int epipe = 0, kept = 0;
	char c;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 20; i++) {
		volatile int p[4] = { 0 };
		int q[2];
		pthread_t t;
		void *ret;

		NEED(pipe(q) == 0);
		p[0] = q[0];
		NEED(pthread_create(&t, NULL, victim, (void *)p) == 0);
		while (!p[3])
			sched_yield();
		settle(p[3]);
		NEED(pthread_cancel(t) == 0);
		NEED(pthread_join(t, &ret) == 0 && ret == PTHREAD_CANCELED);
		NEED(write(q[1], "k", 1) == 1);
		kept += read(q[0], &c, 1) == 1;
		close(q[0]);
		epipe += write(q[1], "x", 1) < 0 && errno == EPIPE;
		close(q[1]);
	}
	printf("cancelled: kept %d EPIPE %d\n", kept, epipe);
}

int main(void)
{
	begin();
	ping_pong();
	crowd(2);
	crowd(CROWD);
	coming_and_going();
	consumers();
	raw_exits();
	victims();
	show(count_tasks(), "tasks");
	show(status_of("Threads:"), "Threads");
	list_fds("left open");
	return 0;
}
