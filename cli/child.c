// SPDX-License-Identifier: MIT
/* See child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "shim.h"

/* Signals that others send to a command to make it do something. */
static const int handed_on[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH,
};

#define HANDED_ON (sizeof(handed_on) / sizeof(handed_on[0]))

static volatile pid_t receiver;

/*
 * What the terminal sends it sends to all; what kill(1) sends, to us alone, and so
 * does a timer that was set before.
 */
static void hand_on(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (receiver && (info->si_code <= 0 || sig == SIGALRM))
		kill(receiver, sig);
}

static void catch_signals(void)
{
	struct sigaction act = { .sa_sigaction = hand_on }, was;
	size_t i;

	act.sa_flags = SA_SIGINFO | SA_RESTART;
	for (i = 0; i < HANDED_ON; i++) {
		if (!sigaction(handed_on[i], NULL, &was) &&
		    was.sa_handler != SIG_IGN)
			sigaction(handed_on[i], &act, NULL);
	}
}

struct start {
	char **argv;
	int (*prepare)(void *arg);
	void *arg;
	sigset_t mask;
	struct sigaction chld;
};

/*
 * In the child.  The status of a failed exec goes through the pipe as well: then
 * there is nothing to show.
 */
static void execute(const struct start *start, int tell)
{
	unsigned char status = 0;

	sigaction(SIGCHLD, &start->chld, NULL);
	sigprocmask(SIG_SETMASK, &start->mask, NULL);
	if (start->prepare)
		status = (unsigned char)start->prepare(start->arg);
	if (!status)
		status = (unsigned char)launch_exec(start->argv);
	if (write(tell, &status, 1) < 0)
		status = EXIT_NOT_EXEC;
	_exit(status);
}

/*
 * What the program is to have: our own, before there was a first one.  An ignored
 * SIGCHLD would lose the status; signals that are blocked would wait here.
 */
static void keep_signals(struct start *start)
{
	static struct sigaction chld;
	static sigset_t mask;
	static bool known;
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t all;

	sigfillset(&all);
	sigaction(SIGCHLD, &dfl, known ? NULL : &chld);
	sigprocmask(SIG_BLOCK, &all, known ? NULL : &mask);
	known = true;
	start->chld = chld;
	start->mask = mask;
}

int child_start(struct child *child, char **argv, int (*prepare)(void *arg),
		void *arg)
{
	struct start start = { .argv = argv, .prepare = prepare, .arg = arg };
	sigset_t set;
	int tell[2];

	if (pipe2(tell, O_CLOEXEC)) {
		say("pipe: %s", strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	keep_signals(&start);
	*child = (struct child){ fork(), tell[0] };
	if (child->pid < 0) {
		say("fork: %s", strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	if (!child->pid)
		execute(&start, tell[1]);
	receiver = child->pid;
	catch_signals();
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	close(tell[1]);
	return 0;
}

int child_wait(struct child *child, int *status, int options)
{
	int ret;

	do {
		ret = waitpid(child->pid, status, options);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

void child_gone(void)
{
	struct sigaction was;
	size_t i;

	if (!receiver)
		return;
	for (i = 0; i < HANDED_ON; i++) {
		if (!sigaction(handed_on[i], NULL, &was) &&
		    was.sa_handler != SIG_IGN)
			signal(handed_on[i], SIG_DFL);
	}
	receiver = 0;
}

int child_failed(struct child *child)
{
	unsigned char failed = 0;

	if (read(child->tell, &failed, 1) < 0)
		failed = 0;
	close(child->tell);
	return failed;
}

int child_end_as(int status)
{
	struct rlimit none = { 0, 0 };
	sigset_t one;
	int sig;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	sig = WTERMSIG(status);
	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	fflush(NULL);
	raise(sig);
	return 128 + sig;
}
