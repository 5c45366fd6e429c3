// SPDX-License-Identifier: MIT
/*
 * What is in the buffers of the streams when a process ends, for every way of
 * ending: exit and return write it out, after all destructors, from inside libc;
 * _exit, abort, quick_exit, exec and signals lose it. Also from other threads,
 * from handlers, from forked and from vforked children, with streams on files,
 * pipes and sockets, and with the position of an input stream given back.
 *
 * Libc: write
 */
#include "life.h"

static FILE *file, *channel, *input;
static int to_parent = -1, shared_fd = -1;

static void add(const char *text)
{
	fprintf(file, "%s;", text);
	fprintf(channel, "%s;", text);
}

static void at_exit(void)
{
	add("atexit");
}

static void on_exit_fn(int status, void *arg)
{
	char text[32];

	(void)arg;
	snprintf(text, sizeof(text), "on_exit %d", status);
	add(text);
}

static void at_quick(void)
{
	add("at_quick_exit");
}

__attribute__((destructor)) static void destructor(void)
{
	if (file)
		add("destructor");
}

static void *exits(void *arg)
{
	add("thread");
	if (arg)
		exit(21);
	return NULL;
}

static void *waits(void *arg)
{
	char c;
	int p[2];

	(void)arg;
	NEED(pipe(p) == 0);
	NEED(read(p[0], &c, 1) == 1);
	return NULL;
}

static void exit_handler(int sig)
{
	(void)sig;
	add("handler");
	exit(22);
}

static void quiet_handler(int sig)
{
	(void)sig;
	_exit(23);
}

enum {
	EXIT, RETURN, UNDER_EXIT, UNDER_EXIT_C, QUICK, ABORT, EXIT_GROUP, TERM, KILL,
	MAIN_THREAD_ENDS, THREAD_EXITS, BESIDE_WAITING, IN_HANDLER, UNDER_IN_HANDLER,
	FORKED, FORKED_EXIT, VFORKED, EXEC, FLUSHED, CLOSED, FULL_BUFFER,
	EXIT_IN_ATEXIT, WAYS
};

static const char *const way_name[] = {
	"exit", "return", "_exit", "_Exit", "quick_exit", "abort", "exit_group",
	"SIGTERM", "SIGKILL", "pthread_exit of main", "exit in a thread",
	"exit beside a waiting thread", "exit in a handler", "_exit in a handler",
	"child with _exit", "child with exit", "vfork child with _exit", "exec",
	"flushed, then _exit", "closed below, then exit", "buffer filled, then _exit",
	"exit in an atexit function",
};

static void exit_again(void)
{
	add("again");
	exit(25);
}

static int leave(int way)
{
	pthread_t t;
	char buf[5000];
	pid_t pid;

	add("main");
	switch (way) {
	case EXIT:
		exit(11);
	case UNDER_EXIT:
		_exit(12);
	case UNDER_EXIT_C:
		_Exit(13);
	case QUICK:
		quick_exit(14);
	case ABORT:
		abort();
	case EXIT_GROUP:
		syscall(SYS_exit_group, 15);
		break;
	case TERM:
		raise(SIGTERM);
		break;
	case KILL:
		raise(SIGKILL);
		break;
	case MAIN_THREAD_ENDS:
		NEED(pthread_create(&t, NULL, exits, NULL) == 0);
		NEED(pthread_join(t, NULL) == 0);
		pthread_exit(NULL);
	case THREAD_EXITS:
		NEED(pthread_create(&t, NULL, exits, "") == 0);
		waits(NULL);
		break;
	case BESIDE_WAITING:
		NEED(pthread_create(&t, NULL, waits, NULL) == 0);
		sleep_ms(20);
		exit(16);
	case IN_HANDLER:
		on_signal(SIGUSR1, exit_handler, 0);
		raise(SIGUSR1);
		break;
	case UNDER_IN_HANDLER:
		on_signal(SIGALRM, quiet_handler, 0);
		ualarm(20000, 0);
		waits(NULL);
		break;
	case FORKED:
	case FORKED_EXIT:
		pid = fork();
		if (pid == 0) {
			add("child");
			if (way == FORKED)
				_exit(17);
			exit(18);
		}
		show_status("    child", reap(pid));
		add("parent");
		break;
	case VFORKED:
		pid = vfork();
		if (pid == 0)
			_exit(19);
		show_status("    vfork child", reap(pid));
		add("parent");
		break;
	case EXEC:
		execl("/bin/true", "true", NULL);
		break;
	case FLUSHED:
		fflush(NULL);
		add("lost");
		_exit(20);
	case CLOSED:
		close(fileno(file));
		close(shared_fd);
		break;
	case FULL_BUFFER:
		memset(buf, 'x', sizeof(buf));
		NEED(fwrite(buf, 1, sizeof(buf), file) == sizeof(buf));
		_exit(24);
	case EXIT_IN_ATEXIT:
		atexit(exit_again);
		break;
	}
	return 26;
}

static int begin_way(int way, int kind)
{
	char line[16];

	file = fopen("out", "w");
	channel = fdopen(to_parent, "w");
	NEED(file && channel);
	if (kind)
		setvbuf(file, NULL, _IOFBF, 100);
	input = fdopen(shared_fd, "r");
	NEED(input && fgets(line, sizeof(line), input));
	atexit(at_exit);
	on_exit(on_exit_fn, NULL);
	at_quick_exit(at_quick);
	return leave(way);
}

static void summary(const char *what, int fd)
{
	char text[8192];
	ssize_t n = read_full(fd, text, sizeof(text) - 1);

	NEED(n >= 0);
	text[n] = 0;
	if (n > 300)
		snprintf(text, sizeof(text), "%zd bytes, %08x", n, sum_of(text, n));
	printf("    %s: %s\n", what, text);
}

int main(int argc, char **argv)
{
	struct rlimit none = { 0, 0 };

	begin();
	if (argc > 1) {
		to_parent = atoi(argv[3]);
		shared_fd = atoi(argv[4]);
		return begin_way(atoi(argv[1]), atoi(argv[2]));
	}
	closefrom(3);
	NEED(setrlimit(RLIMIT_CORE, &none) == 0);
	put_file("in", "line 1\nline 2\n", 14);
	for (int way = 0; way < WAYS; way++) {
		int kind = way % 2, pair[2], in = open("in", O_RDONLY), out;
		char arg[4][16];
		pid_t pid;

		printf("  %s, to a %s\n", way_name[way], kind ? "socket" : "pipe");
		NEED(in >= 0);
		if (kind)
			NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		else
			NEED(pipe(pair) == 0);
		snprintf(arg[0], 16, "%d", way);
		snprintf(arg[1], 16, "%d", kind);
		snprintf(arg[2], 16, "%d", pair[1]);
		snprintf(arg[3], 16, "%d", in);
		pid = fork();
		NEED(pid >= 0);
		if (pid == 0) {
			close(pair[0]);
			execl("/proc/self/exe", "libc_exit", arg[0], arg[1],
			      arg[2], arg[3], NULL);
			_exit(99);
		}
		close(pair[1]);
		summary("channel", pair[0]);
		show_status("    status", reap(pid));
		out = open("out", O_RDONLY);
		summary("file", out);
		show(lseek(in, 0, SEEK_CUR), "    position of the input");
		close(out);
		close(in);
		close(pair[0]);
	}
	list_fds("left open");
	return 0;
}
