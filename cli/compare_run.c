// SPDX-License-Identifier: MIT
/*
 * A program, natively and with its calls on the ring; see compare_run.h.  What it
 * prints goes to files without names, because nobody could tell two outputs apart;
 * it cannot tell them from what a shell would give it.
 */
#include "compare_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "scratch.h"
#include "shim.h"
#include "trace_births.h"
#include "trace_filter.h"
#include "trace_run.h"
#include "trial_input.h"

#define STRING_MAX 128

struct streams {
	int fds[3];
	pid_t feeder; /* writes what comes through a pipe; 0: none */
};

/* In the child. */
static int redirect(void *arg)
{
	const struct streams *s = arg;
	int i;

	for (i = 0; i < 3; i++) {
		if (dup2(s->fds[i], i) < 0)
			return EXIT_CANNOT_RUN;
	}
	return 0;
}

static void close_streams(struct streams *s)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (s->fds[i] >= 0)
			close(s->fds[i]);
		s->fds[i] = -1;
	}
}

static int unnamed_file(void)
{
	char name[PATH_MAX];
	int fd = scratch_file("output", name, sizeof(name));

	if (fd >= 0)
		unlink(name);
	return fd;
}

/* A process, because the program is to be attended by this one. */
static void feed_and_exit(const struct input *input, int feed)
{
	off_t done = 0;

	signal(SIGPIPE, SIG_DFL);
	fcntl(feed, F_SETFL, 0);
	while (input_feed(input, feed, &done) > 0)
		;
	_exit(0);
}

static int open_input(struct streams *s, const struct input *input)
{
	int feed;

	s->fds[0] = input_start(input, &feed);
	if (s->fds[0] < 0 || feed < 0)
		return s->fds[0] < 0 ? s->fds[0] : 0;
	s->feeder = fork();
	if (!s->feeder) {
		close(s->fds[0]);
		feed_and_exit(input, feed);
	}
	close(feed);
	return s->feeder < 0 ? -errno : 0;
}

static int open_streams(struct streams *s, const struct input *input)
{
	int i, ret;

	*s = (struct streams){ .fds = { -1, -1, -1 } };
	for (i = 1; i < 3; i++) {
		s->fds[i] = unnamed_file();
		if (s->fds[i] < 0)
			return s->fds[i];
	}
	ret = open_input(s, input);
	return ret < 0 ? ret : 0;
}

static int digest(int fd, struct run_output *output)
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_hash_t hash;
	char data[16384];
	ssize_t n = -1;

	if (!state)
		return -ENOMEM;
	XXH3_128bits_reset(state);
	while ((n = pread(fd, data, sizeof(data), (off_t)output->bytes)) > 0) {
		XXH3_128bits_update(state, data, (size_t)n);
		output->bytes += (uint64_t)n;
	}
	hash = XXH3_128bits_digest(state);
	output->digest[0] = hash.low64;
	output->digest[1] = hash.high64;
	XXH3_freeState(state);
	return n < 0 ? -errno : 0;
}

/* In front of the trace: who created whom. */
static int put_births(struct births *births, const char *name)
{
	char data[65536];
	struct text head = { .n = 0 };
	int fd = open(name, O_RDWR | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	births_put(births, &head);
	while ((n = read(fd, data, sizeof(data))) > 0)
		text_put(&head, data, (size_t)n);
	if (n == 0 && !head.failed && !lseek(fd, 0, SEEK_SET))
		n = write(fd, head.s ? head.s : "", head.n);
	close(fd);
	n = n == (ssize_t)head.n && !head.failed ? 0 : -EIO;
	free(head.s);
	return (int)n;
}

static void set_options(struct trace_options *o, const struct launch *launch,
			const char *output, struct births *births)
{
	trace_defaults(o);
	filter_all(o);
	o->follow = !launch->values[OPT_NO_FOLLOW - OPT_MODE];
	o->output = output;
	o->string_max = STRING_MAX;
	o->births = births;
}

/* It has been said that not everything is in the trace. */
static int trace(struct runs *runs, int side, struct trace_program *program,
		 struct births *births)
{
	int ret = trace_program(program);

	runs->status[side] = program->status;
	/* What the child has said is where its standard error went. */
	if (ret == EXIT_NOT_FOUND || ret == EXIT_NOT_EXEC)
		say("%s: %s", program->argv[0], ret == EXIT_NOT_FOUND ?
		    strerror(ENOENT) : "cannot be executed");
	if (!ret && (program->incomplete || program->empty))
		ret = EXIT_TROUBLE;
	if (!ret && put_births(births, runs->trace[side])) {
		say("%s: %s", runs->trace[side], strerror(EIO));
		ret = EXIT_TROUBLE;
	}
	if (!ret && WIFSIGNALED(program->status) &&
	    (WTERMSIG(program->status) == SIGINT ||
	     WTERMSIG(program->status) == SIGQUIT)) {
		say("interrupted");
		ret = EXIT_TROUBLE;
	}
	return ret;
}

static int run_streams(struct runs *runs, int side, struct launch *launch,
		       char **argv, struct streams *streams)
{
	struct births births = { .number = 0 };
	struct trace_options options;
	struct trace_program program = {
		.options = &options, .launch = launch, .argv = argv,
		.prepare = redirect, .arg = streams,
	};
	int ret;

	launch->values[0] = runs->mode[side];
	set_options(&options, launch, runs->trace[side], &births);
	ret = trace(runs, side, &program, &births);
	free(births.all);
	if (!ret && (digest(streams->fds[1], &runs->output[side][0]) ||
		     digest(streams->fds[2], &runs->output[side][1]))) {
		say("what the program has written cannot be read");
		ret = EXIT_TROUBLE;
	}
	return ret;
}

static int run(struct runs *runs, int side, struct launch *launch, char **argv,
	       const struct input *input)
{
	struct streams streams;
	int fd, ret;

	fd = scratch_file("compare", runs->trace[side],
			  sizeof(runs->trace[side]));
	if (fd < 0) {
		*runs->trace[side] = '\0';
		say("temporary file: %s", strerror(-fd));
		return EXIT_TROUBLE;
	}
	close(fd);
	ret = open_streams(&streams, input);
	if (ret) {
		say("files for the program: %s", strerror(-ret));
		ret = EXIT_TROUBLE;
	} else {
		ret = run_streams(runs, side, launch, argv, &streams);
	}
	close_streams(&streams);
	if (streams.feeder > 0)
		waitpid(streams.feeder, NULL, 0);
	return ret;
}

int runs_make(struct runs *runs, const struct launch *launch, char **argv)
{
	struct launch copy = *launch;
	struct input input;
	int ret = input_open(&input);

	*runs = (struct runs){ .mode = { "off", launch->values[0] ?
					 launch->values[0] : "ring" } };
	if (ret) {
		say("standard input: %s", strerror(-ret));
		return EXIT_TROUBLE;
	}
	ret = run(runs, 0, &copy, argv, &input);
	/* What had to be said has been said. */
	copy.quiet = true;
	if (!ret)
		ret = run(runs, 1, &copy, argv, &input);
	input_close(&input);
	return ret;
}

void runs_remove(struct runs *runs)
{
	int side;

	for (side = 0; side < 2; side++) {
		if (*runs->trace[side])
			unlink(runs->trace[side]);
	}
}

bool runs_end_alike(const struct runs *runs)
{
	return runs->status[0] == runs->status[1];
}

bool runs_write_alike(const struct runs *runs, int stream)
{
	return !memcmp(&runs->output[0][stream], &runs->output[1][stream],
		       sizeof(runs->output[0][stream]));
}

void run_end(const struct runs *runs, int side, char text[64])
{
	int status = runs->status[side];

	if (WIFSIGNALED(status))
		snprintf(text, 64, "killed by SIG%s",
			 sigabbrev_np(WTERMSIG(status)) ?
			 sigabbrev_np(WTERMSIG(status)) : "?");
	else
		snprintf(text, 64, "exit %d", WEXITSTATUS(status));
}
