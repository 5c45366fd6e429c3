// SPDX-License-Identifier: MIT
/*
 * A C++ exception thrown by a signal handler leaves the call that the handler
 * has interrupted, as code built with -fnon-call-exceptions may do, and so does
 * pthread_exit in a handler: both unwind through frames that are not the
 * program's own.  Natively nothing has happened to the file, nothing is written
 * to the old buffer any more, destructors on the way may do I/O themselves, and
 * later calls work as ever from however deep a frame.
 *
 * Ring: read write
 * Timeout: 60
 */
#include <stdexcept>
#include <sys/uio.h>

#include "common.h"

#define CANARY 0x5a

enum call { READ, READV, RECV, WRITE, ACCEPT, OPEN, CALLS };
enum way { THROW, THROW_FROM_OTHER_STACK, EXIT, WAYS };

static const char *const call_name[] = {
	"read", "readv", "recv", "write", "accept", "open",
};
static const char *const way_name[] = {
	"exception", "exception, other stack", "pthread_exit",
};

static int channel[2], other[2], way;
static pid_t victim;
static char alt_stack[65536];

/* Does I/O while the stack is unwound, in the handler and above the call. */
struct Witness {
	const char *where;

	~Witness()
	{
		char buf[8] = "";

		CHECK(write(other[1], "unwind", 6) == 6);
		CHECK(read(other[0], buf, sizeof(buf)) == 6);
		CHECK(!strcmp(buf, "unwind"));
		say("    destructor %s", where);
	}
};

static void handler(int)
{
	Witness witness = { "in the handler" };

	if (way == EXIT)
		pthread_exit(NULL);
	throw std::runtime_error("from the handler");
}

/* It stays inside: the call below goes on. */
static void catches_itself(int)
{
	try {
		Witness witness = { "inside" };

		throw std::runtime_error("inside");
	} catch (const std::runtime_error &) {
		CHECK(write(other[1], "in", 2) == 2);
	}
}

static void *interrupter(void *)
{
	CHECK(wait_until_blocked(getpid(), victim));
	CHECK(syscall(SYS_tgkill, getpid(), victim, SIGUSR1) == 0);
	return NULL;
}

static noinline long blocked_call(int call)
{
	volatile char frame[4096];
	struct iovec iov[2] = {
		{ (void *)frame, 100 }, { (void *)(frame + 200), 100 },
	};

	memset((void *)frame, 'x', sizeof(frame));
	switch (call) {
	case READ:
		return read(channel[0], (void *)frame, 100);
	case READV:
		return readv(channel[0], iov, 2);
	case RECV:
		return recv(channel[0], (void *)frame, 100, 0);
	case WRITE:
		return write(channel[1], (const void *)frame, 1000);
	case ACCEPT:
		return accept(channel[0], NULL, NULL);
	default:
		return open("fifo", O_RDONLY);
	}
}

static void prepare(int call)
{
	struct sockaddr_in addr;

	if (call == ACCEPT) {
		channel[0] = tcp_listener(1, &addr);
		channel[1] = dup(channel[0]);
	} else {
		make_channel(call == RECV ? UNIX : PIPE, channel);
	}
	if (call == WRITE)
		fill_up(channel[1], 'f');
}

/* Own the frame of the call, whatever arrives, and look from deep below. */
static noinline void deeper(int call)
{
	volatile char frame[16384];
	char buf[16] = "";

	memset((void *)frame, CANARY, sizeof(frame));
	if (call <= RECV) {
		CHECK(write(channel[1], "kept", 4) == 4);
		nap_us(500);
		CHECK(read(channel[0], buf, sizeof(buf)) == 4);
		CHECK(!strcmp(buf, "kept"));
	}
	for (size_t i = 0; i < sizeof(frame); i++)
		CHECK(frame[i] == CANARY);
}

static void try_call(int call)
{
	Witness witness = { "above the call" };

	say("    returned %s", result(blocked_call(call)));
}

static void *leave_it(void *arg)
{
	int call = *(int *)arg;
	stack_t stack = {};

	stack.ss_sp = alt_stack;
	stack.ss_size = sizeof(alt_stack);
	CHECK(sigaltstack(&stack, NULL) == 0);
	on_signal(SIGUSR1, handler, way == THROW_FROM_OTHER_STACK ?
		  SA_ONSTACK | SA_NODEFER : SA_NODEFER);
	victim = my_tid();
	pthread_t thread = start(interrupter, NULL);
	pthread_detach(thread);
	try {
		try_call(call);
	} catch (const std::runtime_error &e) {
		say("    caught: %s", e.what());
		deeper(call);
	}
	return NULL;
}

static void one(int call)
{
	char list[1024];

	say("  %s, %s", call_name[call], way_name[way]);
	prepare(call);
	CHECK(pthread_join(start(leave_it, &call), NULL) == 0);
	say("    fds %s", list_fds(0, list, sizeof(list)));
	CHECK(close(channel[0]) == 0);
	if (call <= RECV)
		say("    peer sees %s", result(write(channel[1], "y", 1)));
	CHECK(close(channel[1]) == 0);
	deeper(CALLS);
}

static void *interrupt_then_write(void *)
{
	interrupter(NULL);
	CHECK(wait_until_blocked(getpid(), victim));
	CHECK(write(channel[1], "late", 4) == 4);
	return NULL;
}

static void stays_inside(int flags)
{
	char buf[8] = "";

	say("  stays inside, %s", flags ? "SA_RESTART" : "no restart");
	make_channel(PIPE, channel);
	on_signal(SIGUSR1, catches_itself, flags);
	victim = my_tid();
	pthread_t thread = start(interrupt_then_write, NULL);
	say("    read %s", result(read(channel[0], buf, sizeof(buf))));
	say("    other %s", result(read(other[0], buf, sizeof(buf))));
	if (!flags)
		say("    read %s", result(read(channel[0], buf, sizeof(buf))));
	CHECK(pthread_join(thread, NULL) == 0);
	close_channel(channel);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	make_channel(PIPE, other);
	CHECK(mkfifo("fifo", 0600) == 0);
	for (int call = 0; call < CALLS; call++)
		for (way = 0; way < WAYS; way++)
			one(call);
	stays_inside(0);
	stays_inside(SA_RESTART);
	say("tasks %d", settled_tasks(1));
	return 0;
}
