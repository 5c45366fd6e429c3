// SPDX-License-Identifier: MIT
/*
 * One run of a program; see trial_run.h.
 *
 * The program has a session of its own: without a terminal, at which it would be
 * stopped in the background.  What outlives it becomes our child, so that whatever
 * a run has started can be found, counted and ended before the next one begins.
 */
#include "trial_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "shim.h"
#include "trial_input.h"

#define PIECE (64UL << 10)
#define NAP_MS 5

enum { WATCH_END, WATCH_FEED, WATCH_OUT, WATCH_ERR, WATCHED };

struct job {
	struct run *run;
	pid_t pid;
	/* The pidfd, where the input goes, where the output comes; or -1. */
	struct pollfd fds[WATCHED];
	const struct input *input;
	off_t fed;
	XXH3_state_t *digests[STREAMS];
	double began;
	double limit; /* when to end it, on our clock; 0: never */
	bool ended;
};

static const int stopping[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static volatile sig_atomic_t stopped;
static struct {
	sigset_t mask;
	bool pipe; /* was SIGPIPE not ignored? */
} inherited;

double run_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void stop(int sig)
{
	stopped = sig;
}

int run_stopped(void)
{
	return stopped;
}

void run_obey(void)
{
	fflush(NULL);
	signal(stopped, SIG_DFL);
	raise(stopped);
}

/*
 * No descriptor of ours gets the number of one that was closed.  Writing to it
 * fails as before.
 */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void run_begin(void)
{
	struct sigaction act = { .sa_handler = stop }, was;
	size_t i;

	open_standard();
	sigprocmask(SIG_SETMASK, NULL, &inherited.mask);
	for (i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++) {
		/* As nohup(1) and the shell have it, for us and for the runs. */
		if (!sigaction(stopping[i], NULL, &was) &&
		    was.sa_handler != SIG_IGN)
			sigaction(stopping[i], &act, NULL);
	}
	/* An ignored SIGCHLD would lose the status. */
	signal(SIGCHLD, SIG_DFL);
	inherited.pipe = signal(SIGPIPE, SIG_IGN) != SIG_IGN;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The signals that stop us wait until we are asleep in ppoll(2). */
static void block_signals(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++)
		sigaddset(&set, stopping[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* In the child: the status of a failed exec goes through @tell. */
static void execute(char **argv, char **environment, const int *fds, int tell)
{
	unsigned char status;
	int fd;

	setsid();
	for (fd = 0; fd < 3; fd++)
		dup2(fds[fd], fd);
	if (inherited.pipe)
		signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &inherited.mask, NULL);
	environ = environment;
	/* Its message would be taken for the program's. */
	execvp(argv[0], argv);
	status = (unsigned char)errno;
	if (write(tell, &status, 1) < 0)
		status = 0;
	_exit(EXIT_NOT_EXEC);
}

static int cannot_run(const char *name, int error)
{
	say("%s: %s", name, strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
}

/* 0 once the program has been executed, or a status after a message. */
static int start(struct job *job, const struct setting *setting,
		 char **environment, const int *fds)
{
	unsigned char error = 0;
	int tell[2];

	if (pipe2(tell, O_CLOEXEC)) {
		say("pipe: %s", strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	job->began = run_clock();
	job->pid = fork();
	if (!job->pid)
		execute(setting->argv, environment, fds, tell[1]);
	close(tell[1]);
	if (job->pid > 0 && read(tell[0], &error, 1) < 0)
		error = 0;
	close(tell[0]);
	if (job->pid < 0) {
		say("fork: %s", strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	if (!error)
		return 0;
	waitpid(job->pid, NULL, 0);
	job->pid = 0;
	return cannot_run(setting->argv[0], error);
}

static void close_watched(struct job *job, int which)
{
	if (job->fds[which].fd >= 0)
		close(job->fds[which].fd);
	job->fds[which].fd = -1;
}

/* Pipes for the output, and the input.  @fds: the program's ends, or -1. */
static int make_pipes(struct job *job, int *fds)
{
	int i, two[2];

	fds[0] = input_start(job->input, &job->fds[WATCH_FEED].fd);
	if (fds[0] < 0)
		return fds[0];
	for (i = 0; i < STREAMS; i++) {
		if (pipe2(two, O_CLOEXEC))
			return -errno;
		job->fds[WATCH_OUT + i].fd = two[0];
		fds[1 + i] = two[1];
	}
	return 0;
}

static int start_job(struct job *job, const struct setting *setting,
		     char **environment)
{
	int fds[3] = { -1, -1, -1 }, i;
	int ret = make_pipes(job, fds);

	if (ret) {
		say("pipe: %s", strerror(-ret));
		ret = EXIT_CANNOT_RUN;
	} else {
		ret = start(job, setting, environment, fds);
	}
	for (i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (ret)
		return ret;
	/* A pidfd is closed on exec in any case (5.3). */
	job->fds[WATCH_END].fd = pidfd_open(job->pid, 0);
	if (job->fds[WATCH_END].fd >= 0)
		return 0;
	say("pidfd_open: %s", strerror(errno));
	return EXIT_CANNOT_RUN;
}

static void keep_head(struct captured *captured, const char *data, size_t size)
{
	size_t n = CAPTURED_HEAD - captured->kept;

	if (n > size)
		n = size;
	memcpy(captured->head + captured->kept, data, n);
	captured->kept += n;
}

static void take_output(struct job *job, enum stream stream)
{
	struct captured *captured = &job->run->captured[stream];
	char data[PIECE];
	ssize_t n = read(job->fds[WATCH_OUT + stream].fd, data, sizeof(data));

	if (n <= 0) {
		close_watched(job, WATCH_OUT + (int)stream);
		return;
	}
	XXH3_128bits_update(job->digests[stream], data, (size_t)n);
	captured->bytes += (uint64_t)n;
	keep_head(captured, data, (size_t)n);
}

/* The program has ended; those that it has started have a little longer. */
static void note_end(struct job *job)
{
	double now = run_clock();

	job->run->wall = now - job->began;
	job->ended = true;
	close_watched(job, WATCH_END);
	close_watched(job, WATCH_FEED);
	job->limit = now + RUN_GRACE;
}

static void handle(struct job *job)
{
	int i;

	if (job->fds[WATCH_END].revents)
		note_end(job);
	else if (job->fds[WATCH_FEED].revents &&
		 input_feed(job->input, job->fds[WATCH_FEED].fd, &job->fed) <= 0)
		close_watched(job, WATCH_FEED);
	for (i = 0; i < STREAMS; i++) {
		if (job->fds[WATCH_OUT + i].revents)
			take_output(job, i);
	}
}

static bool is_over(const struct job *job)
{
	return job->ended && job->fds[WATCH_OUT].fd < 0 &&
	       job->fds[WATCH_ERR].fd < 0;
}

/* Until the program has ended and its output as well, or the limit. */
static void attend(struct job *job)
{
	struct timespec left;
	double seconds;
	int i, n;

	while (!is_over(job) && !stopped) {
		seconds = job->limit ? job->limit - run_clock() : 0;
		if (job->limit && seconds <= 0)
			break;
		left.tv_sec = (time_t)seconds;
		left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
		/* An entry that is not looked at keeps what it had. */
		for (i = 0; i < WATCHED; i++)
			job->fds[i].revents = 0;
		n = ppoll(job->fds, WATCHED, job->limit ? &left : NULL,
			  &inherited.mask);
		if (n > 0)
			handle(job);
	}
	if (!job->ended) {
		job->run->wall = run_clock() - job->began;
		job->run->late = true;
	}
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* What the kernel says that @pid and those it has waited for have taken. */
static bool reap(struct run *run, pid_t pid, int *status, int flags)
{
	struct rusage ru;
	pid_t ret;

	do
		ret = wait4(pid, status, flags, &ru);
	while (ret < 0 && errno == EINTR);
	if (ret <= 0)
		return ret < 0;
	run->user += seconds_of(ru.ru_utime);
	run->sys += seconds_of(ru.ru_stime);
	run->minor += (double)ru.ru_minflt;
	run->major += (double)ru.ru_majflt;
	run->read += (double)ru.ru_inblock * 512;
	return true;
}

/* How many of our children but the program go on?  @end: not any more. */
static unsigned tend_others(struct job *job, bool end)
{
	char name[64];
	unsigned alive = 0;
	int status, pid;
	FILE *list;

	/* Of a kernel without this file the orphans go unnoticed. */
	snprintf(name, sizeof(name), "/proc/self/task/%d/children", getpid());
	list = fopen(name, "re");
	while (list && fscanf(list, "%d", &pid) == 1) {
		if (pid == job->pid || reap(job->run, pid, &status, WNOHANG))
			continue;
		alive++;
		if (end)
			kill(pid, SIGKILL);
	}
	if (list)
		fclose(list);
	return alive;
}

static void nap(void)
{
	struct timespec time = { 0, NAP_MS * 1000000L };

	nanosleep(&time, NULL);
}

/* Nothing of a run goes on after it; its numbers are complete then. */
static void settle(struct job *job)
{
	double until = run_clock() + RUN_GRACE;
	bool end = !is_over(job);

	/* Not reaped yet, so this number is still that of its group. */
	if (end) {
		kill(-job->pid, SIGKILL);
		kill(job->pid, SIGKILL);
		job->run->left = job->ended;
	}
	reap(job->run, job->pid, &job->run->status, 0);
	job->pid = -1;
	while (tend_others(job, end)) {
		if (!end && run_clock() > until) {
			end = true;
			job->run->left = true;
		} else if (end && run_clock() > until + RUN_GRACE) {
			break; /* not even killed: asleep in the kernel */
		}
		nap();
	}
}

static void finish_digests(struct job *job)
{
	XXH128_hash_t hash;
	int i;

	for (i = 0; i < STREAMS; i++) {
		hash = XXH3_128bits_digest(job->digests[i]);
		job->run->captured[i].digest[0] = hash.low64;
		job->run->captured[i].digest[1] = hash.high64;
	}
}

static int prepare(struct job *job)
{
	int i;

	for (i = 0; i < WATCHED; i++)
		job->fds[i] = (struct pollfd){ .fd = -1, .events =
			i == WATCH_FEED ? POLLOUT : POLLIN };
	for (i = 0; i < STREAMS; i++) {
		job->digests[i] = XXH3_createState();
		job->run->captured[i].head = malloc(CAPTURED_HEAD);
		if (!job->digests[i] || !job->run->captured[i].head) {
			say("%s", strerror(ENOMEM));
			return EXIT_CANNOT_RUN;
		}
		XXH3_128bits_reset(job->digests[i]);
	}
	return 0;
}

static void clean_up(struct job *job)
{
	int i;

	for (i = 0; i < WATCHED; i++)
		close_watched(job, i);
	for (i = 0; i < STREAMS; i++)
		XXH3_freeState(job->digests[i]);
	sigprocmask(SIG_SETMASK, &inherited.mask, NULL);
}

int run_once(const struct setting *setting, char **environment,
	     struct run *run)
{
	struct job job = { .run = run, .input = setting->input };
	int ret;

	*run = (struct run){ .status = 0 };
	block_signals();
	ret = prepare(&job);
	if (!ret)
		ret = start_job(&job, setting, environment);
	if (!ret) {
		if (setting->limit > 0)
			job.limit = job.began + setting->limit;
		attend(&job);
		finish_digests(&job);
	}
	if (job.pid > 0)
		settle(&job);
	clean_up(&job);
	if (ret || stopped)
		run_release(run);
	return stopped ? -EINTR : ret;
}

void run_release(struct run *run)
{
	int i;

	for (i = 0; i < STREAMS; i++) {
		free(run->captured[i].head);
		run->captured[i].head = NULL;
	}
}
