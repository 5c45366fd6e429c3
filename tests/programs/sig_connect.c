// SPDX-License-Identifier: MIT
/*
 * A connect that waits for an answer to its SYN (the listener's queue is full)
 * and every kind of signal: goes on, or EINTR with the attempt going on in the
 * background, then EALREADY.  Once the listener accepts, the connection comes
 * up, whether the call was interrupted or not, and only once.
 *
 * Ring: connect
 * Timeout: 60
 */
#include "signals.h"

static struct sockaddr_in addr;
static int listener, first;

static void fill_queue(void)
{
	listener = tcp_listener(0, &addr);
	first = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(first, (void *)&addr, sizeof(addr)) == 0);
	CHECK(poll_fd(listener, POLLIN, 5000) == POLLIN);
}

static int try(int fd)
{
	int ret = connect(fd, (void *)&addr, sizeof(addr));

	say("    connect %s", result(ret));
	return ret;
}

/* After EINTR: the state of the socket, then wait for the background. */
static void after_interrupt(int fd)
{
	int err = -1;
	socklen_t len = sizeof(err);

	set_nonblock(fd, true);
	try(fd);
	set_nonblock(fd, false);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0);
	say("    SO_ERROR %s", err_name(err));
	board->ready = 2;
	CHECK(poll_fd(fd, POLLOUT, 15000) == POLLOUT);
	try(fd);
}

static void child_connects(const struct scenario *s)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	set_up(s);
	board->ready = 1;
	if (try(fd) < 0 && errno == EINTR)
		after_interrupt(fd);
	try(fd);
	CHECK(write(fd, "hello", 5) == 5);
	say("    handlers %d", board->handlers);
	_exit(0);
}

static void look(pid_t child)
{
	int status;

	if (waitpid(child, &status, WNOHANG))
		fail("child ended with %#x", status);
	say("    %s", board->ready == 2 ? "interrupted" : "waits");
}

/* Let it through: it comes with the next repetition of the SYN. */
static void accept_both(void)
{
	char text[8] = "";
	int fd = accept(listener, NULL, NULL);

	CHECK(fd >= 0);
	CHECK(close(fd) == 0);
	fd = accept(listener, NULL, NULL);
	CHECK(fd >= 0);
	CHECK(recv(fd, text, 5, MSG_WAITALL) == 5 && !strcmp(text, "hello"));
	CHECK(recv(fd, text, 5, 0) == 0);
	CHECK(close(fd) == 0);
}

static void one(const struct scenario *s, bool finish)
{
	pid_t child;

	say("  %s", s->name);
	memset(board, 0, sizeof(*board));
	fill_queue();
	child = fork();
	CHECK(child >= 0);
	if (!child)
		child_connects(s);
	wait_ready(1);
	disturb(child, s);
	look(child);
	if (finish)
		accept_both();
	else
		kill(child, SIGKILL);
	wait_child(child);
	CHECK(close(first) == 0);
	CHECK(close(listener) == 0);
}

int main(void)
{
	make_board();
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		one(&scenarios[i], i < 2);
	return 0;
}
