// SPDX-License-Identifier: MIT
/*
 * Every run of a trial reads the same.  A pipe stays a pipe, because programs
 * (and the library) treat a file otherwise; see trial_input.h.
 */
#include "trial_input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

#define PIECE (64UL << 10)

static int write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, data, size);
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* A copy of what is left of the standard input, in a file without a name. */
static int copy_input(void)
{
	char name[PATH_MAX], data[4096];
	int fd = scratch_file("input", name, sizeof(name)), ret = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	unlink(name);
	while (n > 0 && !ret) {
		n = read(STDIN_FILENO, data, sizeof(data));
		if (n < 0)
			ret = -errno;
		else
			ret = write_all(fd, data, (size_t)n);
	}
	if (ret)
		close(fd);
	return ret ? ret : fd;
}

static int open_again(void)
{
	return open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

int input_open(struct input *input)
{
	struct stat st;
	int fd;

	*input = (struct input){ .kind = INPUT_NONE, .copy = -1 };
	if (fstat(STDIN_FILENO, &st) ||
	    (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)))
		return 0;
	if (S_ISREG(st.st_mode)) {
		input->position = lseek(STDIN_FILENO, 0, SEEK_CUR);
		fd = open_again();
		if (fd >= 0 && input->position >= 0) {
			input->kind = INPUT_FILE;
			return close(fd);
		}
	}
	/* Also a file that only who gave it to us may open. */
	input->kind = INPUT_PIPE;
	input->copy = copy_input();
	return input->copy < 0 ? input->copy : 0;
}

void input_close(struct input *input)
{
	if (input->copy >= 0)
		close(input->copy);
	input->copy = -1;
}

static int start_pipe(int *feed)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	/* Ours alone must not wait: the flag is that of this end. */
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	*feed = fds[1];
	return fds[0];
}

int input_start(const struct input *input, int *feed)
{
	int fd;

	*feed = -1;
	if (input->kind == INPUT_PIPE)
		return start_pipe(feed);
	fd = input->kind == INPUT_FILE ? open_again() :
		open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (input->kind == INPUT_FILE &&
	    lseek(fd, input->position, SEEK_SET) < 0) {
		close(fd);
		return -ESPIPE;
	}
	return fd;
}

int input_feed(const struct input *input, int feed, off_t *done)
{
	char data[PIECE];
	ssize_t n = pread(input->copy, data, sizeof(data), *done);

	if (n <= 0)
		return n ? -errno : 0;
	n = write(feed, data, (size_t)n);
	if (n < 0)
		return errno == EAGAIN ? 1 : -errno;
	*done += n;
	return 1;
}
