// SPDX-License-Identifier: MIT
/*
 * The loop that reads a recording while it is written; see trace_run.h.
 *
 * A second thread moves the beat: the first may have to wait for whoever reads the
 * trace, and then the program has to wait, but must not take us for dead.
 */
#include "trace_run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "fd_paths.h"
#include "shim.h"
#include "trace_strays.h"

#define MS 1000000ULL
#define BEAT_NS 20000000L
#define SLEEP_LEAST (100 * 1000ULL)
#define SLEEP_MOST (4 * MS)
#define BATCH 4096

void trace_defaults(struct trace_options *o)
{
	*o = (struct trace_options){
		.string_max = 32, .column = 40, .status = TRACE_ANY,
	};
}

struct beat {
	struct shim_trace_header *header;
	pthread_t thread;
	sem_t stop;
};

static void *move(void *arg)
{
	struct beat *b = arg;
	struct timespec until;

	do {
		__atomic_add_fetch(&b->header->beat, 1, __ATOMIC_RELAXED);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += BEAT_NS;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
	} while (sem_clockwait(&b->stop, CLOCK_MONOTONIC, &until));
	return NULL;
}

/* Signals are for the first thread. */
static int start_beat(struct beat *b, struct recording *r)
{
	sigset_t all, mask;
	int ret;

	b->header = recording_header(r);
	sem_init(&b->stop, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &mask);
	ret = pthread_create(&b->thread, NULL, move, b);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return -ret;
}

/*
 * Not by pthread_cancel(3), which changes what is done with a signal: a program
 * that is run later would not have it as the first one had it.
 */
static void stop_beat(struct beat *b)
{
	sem_post(&b->stop);
	pthread_join(b->thread, NULL);
	sem_destroy(&b->stop);
}

static int make(const struct trace_options *o, struct recording **r, int *fd)
{
	struct recording_setup setup = { .string_max = o->string_max };
	int ret;

	memcpy(setup.numbers, o->numbers, sizeof(setup.numbers));
	if (o->follow)
		setup.flags |= SHIM_TRACE_FOLLOW;
	if (o->paths)
		setup.flags |= SHIM_TRACE_FDS;
	if (o->stamp != STAMP_NONE || o->relative || o->durations ||
	    o->format != TRACE_TEXT)
		setup.flags |= SHIM_TRACE_TIMES;
	ret = recording_make(r, &setup, fd);
	if (ret)
		say("memory for the trace: %s", strerror(-ret));
	return ret;
}

/* Where the library finds it: the descriptor stays open, and is ours alone. */
static int set_variable(int fd)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)getpid(), fd);
	return setenv("SHIM_TRACE", name, 1) ? -errno : 0;
}

struct before {
	const struct trace_program *program;
	struct recording *recording;
};

/* In the child, which is the thread to be traced. */
static int before_exec(void *arg)
{
	const struct before *b = arg;

	recording_header(b->recording)->root = (uint32_t)getpid();
	return b->program->prepare ? b->program->prepare(b->program->arg) : 0;
}

/* What is changed for as long as a program is traced. */
struct before_trace {
	struct sigaction pipe;
	struct rlimit limit;
};

/*
 * An output that nobody reads is no reason to die; and a descriptor is needed for
 * each process.
 */
static void change(struct before_trace *was)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct rlimit most;

	sigaction(SIGPIPE, &ignore, &was->pipe);
	if (getrlimit(RLIMIT_NOFILE, &was->limit))
		return;
	most = (struct rlimit){ was->limit.rlim_max, was->limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &most);
}

static void change_back(const struct before_trace *was)
{
	sigaction(SIGPIPE, &was->pipe, NULL);
	setrlimit(RLIMIT_NOFILE, &was->limit);
}

static int add_root(struct tracer *t, pid_t pid)
{
	struct process *p = process_add(&t->tracees, (uint32_t)pid);

	if (!p || !tracee_add(&t->tracees, p, (uint32_t)pid))
		return -ENOMEM;
	p->ours = true;
	if (t->options->format == TRACE_JSON)
		p->paths = fd_paths_new();
	return 0;
}

static bool is_watching(const struct tracees *all)
{
	const struct process *p = all->processes;

	while (p && p->stranger)
		p = p->next;
	return p != NULL;
}

/* Is nobody left who could make a call that is traced? */
static bool is_over(struct tracer *t, int fd)
{
	return !is_watching(&t->tracees) &&
		!(t->options->follow && add_strays(&t->tracees, fd));
}

/*
 * Until the last process that is traced has gone; @fd is the recording.  Between
 * two looks records gather: to read each one as it is written would take the
 * memory that it is in away from its writer, every time.
 */
static void collect(struct tracer *t, int fd)
{
	uint64_t sleep = 0;
	unsigned found;

	while (!is_over(t, fd)) {
		/* From then on signals are meant for us. */
		if (t->root_known)
			child_gone();
		found = tracer_drain(t, BATCH);
		if (found >= BATCH)
			continue;
		if (!found)
			sink_flush(&t->sink);
		sleep = found ? SLEEP_LEAST : sleep * 2;
		if (sleep > SLEEP_MOST)
			sleep = SLEEP_MOST;
		tracer_look(t, sleep);
	}
}

static void warn_of_nothing(struct trace_program *p, const struct tracer *t)
{
	p->empty = !t->records;
	if (p->empty && !p->launch->quiet)
		say("%s: nothing was recorded: the library was not loaded",
		    p->argv[0]);
}

static int watch(struct tracer *t, pid_t pid, int fd)
{
	struct beat beat;
	int ret = start_beat(&beat, t->recording);

	if (ret)
		return ret;
	ret = add_root(t, pid);
	if (!ret)
		collect(t, fd);
	stop_beat(&beat);
	return ret;
}

static int run(struct trace_program *p, struct tracer *t, int fd,
	       struct before_trace *was)
{
	struct before before = { p, t->recording };
	struct child child;
	int ret = child_start(&child, p->argv, before_exec, &before);

	if (ret)
		return ret;
	change(was);
	t->live = true;
	ret = watch(t, child.pid, fd);
	if (ret)
		say("%s: the program is not traced", strerror(-ret));
	__atomic_or_fetch(&recording_header(t->recording)->flags,
			  SHIM_TRACE_GONE, __ATOMIC_RELEASE);
	/* Its end may be known by now, and not to be asked for twice. */
	if (t->root_known)
		p->status = t->root_status;
	else
		child_wait(&child, &p->status, 0);
	return child_failed(&child);
}

static int prepare(const struct trace_program *p, int fd)
{
	int ret = set_variable(fd);

	if (ret) {
		say("environment: %s", strerror(-ret));
		return EXIT_CANNOT_RUN;
	}
	return launch_prepare(p->launch, p->argv[0], NULL);
}

int trace_program(struct trace_program *p)
{
	struct before_trace was = { .limit = { 0, 0 } };
	struct recording *recording;
	struct tracer t;
	int ret, fd;

	if (make(p->options, &recording, &fd))
		return EXIT_CANNOT_RUN;
	/* What the output is piped to must not be traced: before it. */
	ret = tracer_begin(&t, p->options, recording);
	if (!ret) {
		ret = prepare(p, fd);
		if (!ret)
			ret = run(p, &t, fd, &was);
		p->incomplete = tracer_end(&t) != 0;
		if (was.limit.rlim_max)
			change_back(&was);
		if (!ret)
			warn_of_nothing(p, &t);
	}
	close(fd);
	recording_free(recording);
	return ret;
}

/* A recording that is over. */

static int show(const struct trace_options *o, struct recording *recording)
{
	struct tracer t;
	int ret = tracer_begin(&t, o, recording);

	if (ret)
		return ret;
	if (recording_header(recording)->flags & SHIM_TRACE_WAIT)
		say("this recording has, or had, a reader: not all is in it");
	return tracer_end(&t) ? EXIT_TROUBLE : 0;
}

int trace_recording(const struct trace_options *o, const char *file)
{
	struct recording *recording;
	int ret, fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		say("%s: %s", file, strerror(errno));
		return EXIT_TROUBLE;
	}
	ret = recording_open(&recording, fd);
	close(fd);
	if (ret) {
		say("%s: %s", file, ret == -EBADMSG ? "no recording of calls" :
		    strerror(-ret));
		return EXIT_TROUBLE;
	}
	ret = show(o, recording);
	recording_free(recording);
	return ret;
}
