// SPDX-License-Identifier: MIT
/* See sink.h.  No stdio: millions of lines go through here. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

#define MUCH (64UL * 1024)

static int complain(const char *name, int error)
{
	say("%s: %s", name, strerror(error));
	return -1;
}

/* What is in a trace is for its owner's eyes. */
static int make_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	return fchmod(fd, 0600) || ftruncate(fd, 0) ? -errno : 0;
}

static int open_file(struct sink *s, const char *file)
{
	int ret;

	s->fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	ret = s->fd < 0 ? -errno : make_private(s->fd);
	if (ret && s->fd >= 0)
		close(s->fd);
	return ret ? complain(file, -ret) : 0;
}

static int open_command(struct sink *s, const char *command)
{
	s->pipe = popen(command, "we");
	if (!s->pipe)
		return complain(command, errno);
	s->fd = fileno(s->pipe);
	return 0;
}

int sink_open(struct sink *s, const char *file)
{
	*s = (struct sink){ .fd = -1, .name = file ? file : "standard error" };
	if (file)
		return *file == '|' ? open_command(s, file + 1) :
			open_file(s, file);
	/* The program may do to descriptor 2 what it likes: a copy of ours. */
	s->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (s->fd < 0)
		s->error = errno;
	return 0;
}

uint64_t sink_position(const struct sink *s)
{
	return s->written + s->text.n;
}

static void write_all(struct sink *s)
{
	size_t at = 0;
	ssize_t n;

	while (at < s->text.n && !s->error) {
		n = write(s->fd, s->text.s + at, s->text.n - at);
		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			s->error = n ? errno : EIO;
	}
}

void sink_flush(struct sink *s)
{
	if (s->text.failed && !s->error)
		s->error = ENOMEM;
	write_all(s);
	s->written += s->text.n;
	s->text.n = 0;
	s->text.failed = false;
}

void sink_trim(struct sink *s)
{
	if (s->text.n >= MUCH || s->text.failed)
		sink_flush(s);
}

int sink_close(struct sink *s)
{
	sink_flush(s);
	free(s->text.s);
	if (s->pipe)
		pclose(s->pipe);
	else if (s->fd >= 0 && close(s->fd) && !s->error)
		s->error = errno;
	return s->error ? complain(s->name, s->error) : 0;
}
