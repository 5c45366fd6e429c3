// SPDX-License-Identifier: MIT
/*
 * The beginning and the end of a process: constructors, destructors, atexit,
 * on_exit and at_quick_exit functions, thread-specific destructors and cleanup
 * handlers all open, read, write and close, and every way of leaving runs
 * exactly those that it should; with other threads waiting in read, too.
 *
 * Ring: read write
 */
#include "life.h"

static int pair[2] = { -1, -1 };
static int before_main;

static void use(const char *who)
{
	char buf[16] = "";
	int fd, n;

	if (pair[0] < 0)
		NEED(pipe(pair) == 0);
	NEED(write(pair[1], "in", 2) == 2);
	n = read(pair[0], buf, 16);
	fd = open("/dev/null", O_RDWR);
	NEED(write(fd, buf, n) == 2 && close(fd) == 0);
	printf("\t%s: %d %s\n", who, n, buf);
	fflush(stdout);
}

__attribute__((constructor(150))) static void early(void)
{
	char buf[16];
	int p[2];

	NEED(pipe(p) == 0);
	NEED(write(p[1], "early", 5) == 5);
	NEED(read(p[0], buf, 16) == 5);
	NEED(close(p[0]) == 0 && close(p[1]) == 0);
	before_main++;
}

__attribute__((constructor)) static void late(void)
{
	early();
}

__attribute__((destructor)) static void last(void)
{
	use("destructor");
}

__attribute__((destructor(150))) static void very_last(void)
{
	use("last destructor");
}

static void at_exit(void)
{
	use("atexit");
}

static void on_exit_fn(int status, void *arg)
{
	printf("\ton_exit %d\n", status);
	use(arg);
}

static void at_quick(void)
{
	use("at_quick_exit");
}

static pthread_key_t key;

static void key_gone(void *arg)
{
	use(arg);
}

static void *keyed(void *arg)
{
	NEED(pthread_setspecific(key, "thread key") == 0);
	use("thread");
	return arg;
}

static void cleanup(void *arg)
{
	use(arg);
}

static void *leaving(void *arg)
{
	(void)arg;
	pthread_cleanup_push(cleanup, "cleanup handler");
	use("leaving thread");
	pthread_exit(NULL);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *waiting(void *arg)
{
	int p[2];
	char c;

	(void)arg;
	NEED(pipe(p) == 0);
	show(read(p[0], &c, 1), "not reached");
	return NULL;
}

static void *exits(void *arg)
{
	(void)arg;
	sleep_ms(20);
	exit(12);
}

static int leave(int how)
{
	pthread_t t;

	atexit(at_exit);
	on_exit(on_exit_fn, (void *)"on_exit");
	at_quick_exit(at_quick);
	use("body");
	switch (how) {
	case 0:
		exit(10);
	case 1:
		quick_exit(11);
	case 2:
		_exit(12);
	case 3:
		abort();
	case 4:
		pthread_exit(NULL);
	case 5:
		NEED(pthread_create(&t, NULL, waiting, NULL) == 0);
		sleep_ms(20);
		exit(13);
	case 6:
		NEED(pthread_create(&t, NULL, exits, NULL) == 0);
		waiting(NULL);
		break;
	case 7:
		syscall(SYS_exit_group, 14);
		break;
	case 8:
		raise(SIGTERM);
		break;
	case 9:
		NEED(pthread_create(&t, NULL, keyed, NULL) == 0);
		NEED(pthread_join(t, NULL) == 0);
		NEED(pthread_create(&t, NULL, leaving, NULL) == 0);
		NEED(pthread_join(t, NULL) == 0);
		NEED(pthread_create(&t, NULL, keyed, NULL) == 0);
		pthread_exit(NULL);
	}
	return 15;
}

static const char *const ways[] = {
	"exit", "quick_exit", "_exit", "abort", "pthread_exit",
	"exit beside a waiting thread", "exit while main waits",
	"exit_group", "signal", "threads with destructors", "return",
};

int main(int argc, char **argv)
{
	struct rlimit none = { 0, 0 };

	begin();
	if (argc > 1) {
		NEED(pthread_key_create(&key, key_gone) == 0);
		return leave(atoi(argv[1]));
	}
	NEED(setrlimit(RLIMIT_CORE, &none) == 0);
	show(before_main, "constructors");
	for (size_t i = 0; i < COUNT(ways); i++) {
		char arg[16];
		pid_t pid;

		printf("%s\n", ways[i]);
		fflush(stdout);
		snprintf(arg, sizeof(arg), "%zu", i);
		pid = fork();
		NEED(pid >= 0);
		if (pid == 0) {
			execl("/proc/self/exe", "exits", arg, NULL);
			_exit(99);
		}
		show_status("\tstatus", reap(pid));
	}
	return 0;
}
