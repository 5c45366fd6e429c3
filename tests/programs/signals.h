/* SPDX-License-Identifier: MIT */
/*
 * The ways of disturbing a blocked call with signals: a child blocks, its
 * parent sends, and the kernel's rules decide between going on and EINTR.
 * Signals that are sent while the child is stopped are delivered together: the
 * first one taken (lowest number) decides, the last one taken runs first.
 */
#ifndef TESTS_SIGNALS_H
#define TESTS_SIGNALS_H

#include <sys/mman.h>

#include "common.h"

enum { UNCHANGED, IGNORED, DEFAULT, HANDLED, RESTARTED, ONE_SHOT, MASKING };

struct scenario {
	const char *name;
	struct {
		int sig;
		int how;
	} setup[3];
	int send[4];
	bool stopped;
};

/* SIGRTMIN is not a constant; 40 is a real-time signal that is nobody's. */
static const struct scenario scenarios[] = {
	{ "handler",
	  { { SIGUSR1, HANDLED } }, { SIGUSR1 }, false },
	{ "handler, SA_RESTART",
	  { { SIGUSR1, RESTARTED } }, { SIGUSR1 }, false },
	{ "handler, SA_RESTART|SA_RESETHAND",
	  { { SIGUSR1, ONE_SHOT } }, { SIGUSR1 }, false },
	{ "ignored",
	  { { SIGUSR1, IGNORED } }, { SIGUSR1 }, false },
	{ "SIGCHLD by default",
	  { { SIGCHLD, DEFAULT } }, { SIGCHLD }, false },
	{ "SIGWINCH and SIGURG by default",
	  { { SIGWINCH, DEFAULT } }, { SIGWINCH, SIGURG }, false },
	{ "stop and continue",
	  { { 0, 0 } }, { 0 }, true },
	{ "stop and continue, SIGCONT handler",
	  { { SIGCONT, HANDLED } }, { 0 }, true },
	{ "stop and continue, SIGCONT handler, SA_RESTART",
	  { { SIGCONT, RESTARTED } }, { 0 }, true },
	{ "ignored signal while stopped",
	  { { SIGUSR1, IGNORED } }, { SIGUSR1 }, true },
	{ "USR1 restarts, USR2 does not",
	  { { SIGUSR1, RESTARTED }, { SIGUSR2, HANDLED } },
	  { SIGUSR1, SIGUSR2 }, true },
	{ "USR1 restarts, USR2 does not, sent the other way round",
	  { { SIGUSR1, RESTARTED }, { SIGUSR2, HANDLED } },
	  { SIGUSR2, SIGUSR1 }, true },
	{ "USR1 does not restart, USR2 does",
	  { { SIGUSR1, HANDLED }, { SIGUSR2, RESTARTED } },
	  { SIGUSR1, SIGUSR2 }, true },
	{ "USR1 does not restart, USR2 does, sent the other way round",
	  { { SIGUSR1, HANDLED }, { SIGUSR2, RESTARTED } },
	  { SIGUSR2, SIGUSR1 }, true },
	{ "USR1 restarts and masks USR2, which does not",
	  { { SIGUSR1, MASKING }, { SIGUSR2, HANDLED } },
	  { SIGUSR1, SIGUSR2 }, true },
	{ "one real-time signal three times, SA_RESTART",
	  { { 40, RESTARTED } }, { 40, 40, 40 }, true },
	{ "ignored and restarting together",
	  { { SIGUSR1, IGNORED }, { SIGUSR2, RESTARTED } },
	  { SIGUSR1, SIGUSR2 }, true },
};

/* What parent and child tell each other. */
struct board {
	volatile int ready;
	volatile int handlers;
	volatile long total;
};

static struct board *board;

static const char *signal_name(int sig)
{
	return sig == 40 ? "RT" : sigabbrev_np(sig);
}

/* By write(2), which nests in the call that was interrupted. */
static void count_handler(int sig)
{
	char line[64];
	int saved = errno;
	int len = snprintf(line, sizeof(line), "    handler %s\n",
			   signal_name(sig));

	board->handlers++;
	if (write(1, line, (size_t)len) != len)
		_exit(3);
	errno = saved;
}

static void set_up_one(int sig, int how)
{
	struct sigaction action = { .sa_handler = count_handler };

	if (how == IGNORED)
		action.sa_handler = SIG_IGN;
	if (how == DEFAULT)
		action.sa_handler = SIG_DFL;
	if (how == RESTARTED || how == ONE_SHOT || how == MASKING)
		action.sa_flags = SA_RESTART;
	if (how == ONE_SHOT)
		action.sa_flags |= SA_RESETHAND;
	sigemptyset(&action.sa_mask);
	if (how == MASKING)
		sigaddset(&action.sa_mask, SIGUSR2);
	CHECK(sigaction(sig, &action, NULL) == 0);
}

static inline void set_up(const struct scenario *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->setup); i++)
		if (s->setup[i].sig)
			set_up_one(s->setup[i].sig, s->setup[i].how);
}

static inline void make_board(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(board != MAP_FAILED);
}

static inline void wait_ready(int phase)
{
	for (int i = 0; i < 100000 && board->ready < phase; i++)
		nap_us(200);
	CHECK(board->ready >= phase);
}

/* The child is blocked (or has ended) before and after. */
static inline void disturb(pid_t child, const struct scenario *s)
{
	int status;

	CHECK(wait_until_blocked(child, child));
	if (s->stopped) {
		CHECK(kill(child, SIGSTOP) == 0);
		CHECK(waitpid(child, &status, WUNTRACED) == child);
		CHECK(WIFSTOPPED(status));
	}
	for (size_t i = 0; i < ARRAY_SIZE(s->send) && s->send[i]; i++)
		CHECK(kill(child, s->send[i]) == 0);
	if (s->stopped)
		CHECK(kill(child, SIGCONT) == 0);
	wait_until_blocked(child, child);
}

static inline void wait_child(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	if (status)
		say("    child ended with status %#x", status);
}

#endif
