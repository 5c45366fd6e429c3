// SPDX-License-Identifier: MIT
/*
 * Descriptors and credentials in control messages: numbers and flags of what
 * arrives, a control buffer that is too small, several messages in a row, a
 * descriptor limit.  A file whose descriptor was given away has a position that
 * two processes move; a library that took it for private would write over it.
 *
 * Ring: sendmsg recvmsg read
 */
#include <sys/resource.h>

#include "family.h"

#define ROOM 512

static ssize_t send_fds(int sock, const int *fds, int n, const char *text)
{
	struct iovec iov = { (void *)text, strlen(text) };
	union {
		char buf[ROOM];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	memset(&control, 0, sizeof(control));
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(head), fds, n * sizeof(int));
	return sendmsg(sock, &msg, 0);
}

static void take_rights(const struct cmsghdr *head)
{
	int n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int), fds[64];

	memcpy(fds, CMSG_DATA(head), n * sizeof(int));
	for (int i = 0; i < n; i++) {
		say("    descriptor %d, flags %s", fds[i],
		    result(fcntl(fds[i], F_GETFD)));
		CHECK(close(fds[i]) == 0);
	}
}

static void take_credentials(const struct cmsghdr *head)
{
	struct ucred cred;

	memcpy(&cred, CMSG_DATA(head), sizeof(cred));
	say("    credentials: %s %s %s", cred.pid == getpid() ? "pid" : "?",
	    cred.uid == getuid() ? "uid" : "?",
	    cred.gid == getgid() ? "gid" : "?");
}

static ssize_t receive(int sock, size_t room, int flags)
{
	union {
		char buf[ROOM];
		struct cmsghdr align;
	} control;
	char buf[16];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room ? &control : NULL, .msg_controllen = room,
	};
	ssize_t n = recvmsg(sock, &msg, flags);

	say("  recvmsg, room %zu: %s '%s' flags %#x, control %zu", room,
	    result(n), as_text(buf, n), msg.msg_flags,
	    (size_t)msg.msg_controllen);
	if (n < 0)
		return n;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&msg); head;
	     head = CMSG_NXTHDR(&msg, head)) {
		say("    level %d type %d length %zu", head->cmsg_level,
		    head->cmsg_type, (size_t)head->cmsg_len);
		if (head->cmsg_type == SCM_RIGHTS)
			take_rights(head);
		else if (head->cmsg_type == SCM_CREDENTIALS)
			take_credentials(head);
	}
	return n;
}

static void rights(int kind)
{
	int fd[2], fds[4];

	say("%s rights", socket_name[kind]);
	make_sockets(kind, fd);
	for (int i = 0; i < 4; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	for (size_t room = 0; room <= 64; room += 4) {
		CHECK(send_fds(fd[1], fds, 4, "text") == 4);
		receive(fd[0], room, 0);
		CHECK(send_fds(fd[1], fds, 4, "text") == 4);
		receive(fd[0], room, MSG_CMSG_CLOEXEC);
	}
	CHECK(send_fds(fd[1], fds, 1, "text") == 4);
	receive(fd[0], 64, MSG_PEEK);
	receive(fd[0], 64, MSG_DONTWAIT);
	receive(fd[0], 64, MSG_DONTWAIT);
	/* Taken by calls that cannot give them: they are closed. */
	CHECK(send_fds(fd[1], fds, 2, "text") == 4);
	say("  recv %s", result(recv(fd[0], (char[8]){ 0 }, 8, 0)));
	CHECK(send_fds(fd[1], fds, 2, "text") == 4);
	say("  readv %s", result(get_readv(fd[0], (char[8]){ 0 }, 8, 0)));
	/* Two messages with descriptors are never one read. */
	CHECK(send_fds(fd[1], fds, 1, "one") == 3);
	CHECK(send_fds(fd[1], fds, 2, "two") == 3);
	feed(fd, "three");
	for (int i = 0; i < 3; i++)
		receive(fd[0], 64, MSG_DONTWAIT);
	fds[1] = 900;
	say("  a closed one: %s", result(send_fds(fd[1], fds, 2, "text")));
	say("  none: %s", result(send_fds(fd[1], fds, 0, "text")));
	receive(fd[0], 64, MSG_DONTWAIT);
	close(fds[0]);
	close(fds[2]);
	close(fds[3]);
	say("fds %d", count_fds());
	close_channel(fd);
}

static void limited(void)
{
	struct rlimit was, few = { 0, 0 };
	int fd[2], fds[3];

	make_sockets(S_UNIX, fd);
	for (int i = 0; i < 3; i++)
		fds[i] = dup(1);
	CHECK(getrlimit(RLIMIT_NOFILE, &was) == 0);
	few.rlim_max = was.rlim_max;
	few.rlim_cur = fds[2] + 2;
	say("limited to one more");
	CHECK(send_fds(fd[1], fds, 3, "text") == 4);
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	receive(fd[0], 64, 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &was) == 0);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close_channel(fd);
}

static void credentials(int kind)
{
	int fd[2], on = 1, file = dup(1);

	say("%s credentials", socket_name[kind]);
	make_sockets(kind, fd);
	CHECK(!setsockopt(fd[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	for (size_t p = 0; p < ARRAY_SIZE(putters); p++) {
		CHECK(putters[p].put(fd[1], "cred", 4, 0) == 4);
		receive(fd[0], 64, 0);
	}
	CHECK(send_fds(fd[1], &file, 1, "both") == 4);
	receive(fd[0], 128, 0);
	CHECK(send_fds(fd[1], &file, 1, "both") == 4);
	receive(fd[0], 30, 0);
	close(file);
	close_channel(fd);
}

/* What is in the control buffer of a sender. */
static void bad_control(void)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 20, 24, 32, 4096 };
	struct iovec iov = { (void *)"text", 4 };
	char space[64] __attribute__((aligned(8)));
	struct cmsghdr *head = (void *)space;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd[2];

	make_sockets(S_UNIX, fd);
	say("bad control");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(space, 0, sizeof(space));
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = lengths[i];
		msg.msg_control = space;
		msg.msg_controllen = 24;
		say("  length %zu: %s", lengths[i],
		    result(sendmsg(fd[1], &msg, 0)));
		say_left(fd[0]);
		head->cmsg_len = 20;
		memcpy(CMSG_DATA(head), &fd[0], sizeof(int));
		msg.msg_controllen = lengths[i] > 64 ? SIZE_MAX : lengths[i];
		say("  room %zx: %s", (size_t)msg.msg_controllen,
		    result(sendmsg(fd[1], &msg, 0)));
		say_left(fd[0]);
	}
	msg.msg_control = edge_after(16, PROT_NONE);
	msg.msg_controllen = 24;
	say("  bad pointer: %s", result(sendmsg(fd[1], &msg, 0)));
	head->cmsg_type = 77;
	msg.msg_control = space;
	say("  unknown type: %s", result(sendmsg(fd[1], &msg, 0)));
	say_left(fd[0]);
	close_channel(fd);
}

static int take_one(int sock)
{
	char buf[8], space[64] __attribute__((aligned(8)));
	struct iovec iov = { buf, 8 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	int fd;

	CHECK(recvmsg(sock, &msg, 0) > 0);
	memcpy(&fd, CMSG_DATA((struct cmsghdr *)space), sizeof(fd));
	return fd;
}

static void other_process(int sock)
{
	int fd = take_one(sock);
	char buf[8];

	CHECK(read(fd, buf, 3) == 3);
	CHECK(send(sock, buf, 3, 0) == 3);
	CHECK(recv(sock, buf, 1, 0) == 1);
	CHECK(read(fd, buf, 3) == 3);
	CHECK(send(sock, buf, 3, 0) == 3);
	CHECK(recv(sock, buf, 1, 0) == 1);
	CHECK(write(fd, "XY", 2) == 2);
	_exit(0);
}

/* Passed to a child that lives already: from then on both move one position. */
static void shared_position(void)
{
	int fd[2], file, status;
	char buf[16];
	pid_t child;

	say("shared position");
	make_sockets(S_UNIX, fd);
	child = fork();
	CHECK(child >= 0);
	if (!child)
		other_process(fd[0]);
	file = open("shared", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(write(file, "0123456789abcdefghij", 20) == 20);
	CHECK(lseek(file, 0, SEEK_SET) == 0);
	say("  %.*s", (int)read(file, buf, 2), buf);
	CHECK(send_fds(fd[1], &file, 1, "file") == 4);
	CHECK(recv(fd[1], buf, 16, 0) == 3);
	say("  other %.3s", buf);
	say("  %.*s", (int)read(file, buf, 3), buf);
	CHECK(send(fd[1], "g", 1, 0) == 1);
	CHECK(recv(fd[1], buf, 16, 0) == 3);
	say("  other %.3s", buf);
	say("  %.*s", (int)get_readv(file, buf, 2, 0), buf);
	CHECK(send(fd[1], "g", 1, 0) == 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(write(file, "Z", 1) == 1);
	say("  position %s", result(lseek(file, 0, SEEK_CUR)));
	CHECK(pread(file, buf, 16, 8) == 12);
	say("  %.12s", buf);
	close(file);
	CHECK(unlink("shared") == 0);
	close_channel(fd);
}

/* The number of a closed pipe becomes, by recvmsg, another kind of file. */
static void number_again(void)
{
	int fd[2], p[2], file = open("/proc/self/status", O_RDONLY), got;
	char buf[8];

	say("number again");
	make_sockets(S_UNIX, fd);
	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "pipe", 4) == 4);
	CHECK(read(p[0], buf, 8) == 4);
	CHECK(send_fds(fd[1], &file, 1, "file") == 4);
	CHECK(close(p[0]) == 0);
	got = take_one(fd[0]);
	CHECK(got == p[0]);
	CHECK(read(got, buf, 5) == 5);
	say("  %.5s", buf);
	CHECK(close(got) == 0);
	CHECK(send_fds(fd[1], &p[1], 1, "pipe") == 4);
	CHECK(close(p[1]) == 0);
	got = take_one(fd[0]);
	say("  write %s", result(write(got, "x", 1)));
	CHECK(close(got) == 0);
	CHECK(close(file) == 0);
	close_channel(fd);
}

int main(void)
{
	alarm(25);
	signal(SIGPIPE, SIG_IGN);
	rights(S_UNIX);
	rights(S_SEQ);
	rights(S_DGRAM);
	limited();
	credentials(S_UNIX);
	credentials(S_DGRAM);
	bad_control();
	shared_position();
	number_again();
	say("fds %d", count_fds());
	return 0;
}
