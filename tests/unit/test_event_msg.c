// SPDX-License-Identifier: MIT
/*
 * The events of vectors, messages and accept, each beside its system call, and
 * what becomes of a connection whose Accept was left by its caller.  What the
 * other events do, and the tables of all, are in test_event.c.
 */
#include "calls.h"

#include <netinet/in.h>

static struct rig rig;
static char buf[64];

/* Submit what is in @slot; see test_event.c. */
static int result(struct shim_slot *slot)
{
	int ret = submit_inline(&rig.d, slot);

	if (ret == SHIM_PENDING)
		shim_driver_finish(&rig.d, slot);
	return ret < 0 ? ret : slot->res;
}

static int ring_readv(int fd, const struct iovec *iov, unsigned n, uint64_t off,
		      int flags)
{
	struct shim_slot *slot = take(&rig);

	shim_readv_event(&slot->event.vector, fd, iov, n, off, flags);
	return result(slot);
}

static int ring_writev(int fd, const struct iovec *iov, unsigned n,
		       uint64_t off, int flags)
{
	struct shim_slot *slot = take(&rig);

	shim_writev_event(&slot->event.vector, fd, iov, n, off, flags);
	return result(slot);
}

static int ring_recv(int fd, void *to, size_t len, int flags)
{
	struct shim_slot *slot = take(&rig);

	shim_recv_event(&slot->event.rw, fd, to, (uint32_t)len, flags);
	return result(slot);
}

static int ring_recvmsg(int fd, struct msghdr *m, unsigned flags)
{
	struct shim_slot *slot = take(&rig);

	shim_recvmsg_event(&slot->event.msg, fd, m, flags);
	return result(slot);
}

static int ring_sendmsg(int fd, const struct msghdr *m, unsigned flags)
{
	struct shim_slot *slot = take(&rig);

	shim_sendmsg_event(&slot->event.msg, fd, m, flags);
	return result(slot);
}

static struct shim_slot *take_accept(int fd)
{
	struct shim_slot *slot = take(&rig);

	shim_accept_event(&slot->event.accept, fd, NULL, NULL, SOCK_CLOEXEC);
	return slot;
}

/* vectors */

static void vectors(enum shim_ring_form form)
{
	char name[] = "/tmp/shim-unit-XXXXXX", text[] = "hello!";
	struct iovec out[2] = { { text, 4 }, { text + 4, 2 } };
	struct iovec in[2] = { { buf, 1 }, { buf + 8, 8 } };
	int p[2], fd;

	rig_open(&rig, form);
	make_pipe(p);
	CHECK_EQ(ring_readv(p[0], in, 2, (uint64_t)-1, RWF_NOWAIT), -EAGAIN);
	CHECK_EQ(ring_writev(p[1], out, 2, (uint64_t)-1, RWF_NOWAIT), 6);
	CHECK_EQ(ring_readv(p[0], in, 2, (uint64_t)-1, RWF_NOWAIT), 6);
	CHECK(buf[0] == 'h' && !memcmp(buf + 8, "ello!", 5));
	CHECK_EQ(ring_readv(999, in, 2, (uint64_t)-1, 0), -EBADF);
	CHECK_EQ(ring_readv(p[1], in, 2, (uint64_t)-1, 0), -EBADF);
	CHECK_EQ(ring_readv(p[0], (void *)edge(), 1, (uint64_t)-1, 0), -EFAULT);
	CHECK_EQ(ring_readv(p[0], in, 1025, (uint64_t)-1, 0), -EINVAL);
	fd = mkstemp(name);
	unlink(name);
	CHECK_EQ(ring_writev(fd, out, 2, (uint64_t)-1, 0), 6);
	CHECK_EQ(ring_writev(fd, out, 1, 3, 0), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	memset(buf, 0, sizeof(buf));
	CHECK_EQ(ring_readv(fd, in, 2, 2, 0), 5);
	CHECK(buf[0] == 'l' && !memcmp(buf + 8, "hell", 5));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	check_works(&rig);
}

/* The segments are the kernel's by the time it has the SQE. */
static void vector_is_copied(enum shim_ring_form form)
{
	struct iovec one = { buf, 8 };
	struct shim_slot *slot;
	int p[2];

	rig_open(&rig, form);
	make_pipe(p);
	slot = take(&rig);
	shim_readv_event(&slot->event.vector, p[0], &one, 1, (uint64_t)-1, 0);
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	one = (struct iovec){ edge(), 1 };
	CHECK_EQ(write(p[1], "abc", 3), 3);
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(wait_or_skip(&rig.d, slot, true), 0);
	CHECK_EQ(slot->res, 3);
	CHECK(!strcmp(buf, "abc"));
	/* A cancelled one has nothing to give up. */
	one = (struct iovec){ buf, 8 };
	slot = take(&rig);
	shim_readv_event(&slot->event.vector, p[0], &one, 1, (uint64_t)-1, 0);
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	shim_driver_recover(&rig.d);
	CHECK_EQ(write(p[1], "def", 3), 3);
	check_pipe_holds(p[0], "def");
	CHECK(!strcmp(buf, "abc"));
	check_works(&rig);
}

/* messages */

static void receives(enum shim_ring_form form)
{
	int s[2], d[2];

	rig_open(&rig, form);
	make_pair(SOCK_STREAM, s);
	make_pair(SOCK_DGRAM, d);
	CHECK_EQ(ring_recv(s[0], buf, 8, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(write(s[1], "abc", 3), 3);
	CHECK_EQ(ring_recv(s[0], buf, 8, MSG_PEEK | MSG_DONTWAIT), 3);
	CHECK_EQ(ring_recv(s[0], buf, 8, MSG_DONTWAIT), 3);
	CHECK(!strcmp(buf, "abc"));
	CHECK_EQ(write(d[1], "abcdef", 6), 6);
	CHECK_EQ(ring_recv(d[0], buf, 2, MSG_TRUNC | MSG_DONTWAIT), 6);
	CHECK_EQ(ring_recv(999, buf, 2, 0), -EBADF);
	close(s[1]);
	CHECK_EQ(ring_recv(s[0], buf, 8, 0), 0);
	check_works(&rig);
}

static void messages(enum shim_ring_form form)
{
	char text[] = "hello!";
	struct iovec out[2] = { { text, 4 }, { text + 4, 2 } };
	struct iovec in = { buf, 5 };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2 };
	int s[2];

	rig_open(&rig, form);
	count_sigpipe();
	make_pair(SOCK_SEQPACKET, s);
	CHECK_EQ(ring_sendmsg(s[1], &m, MSG_DONTWAIT | MSG_NOSIGNAL), 6);
	CHECK(m.msg_iov == out && m.msg_iovlen == 2);
	m = (struct msghdr){ .msg_iov = &in, .msg_iovlen = 1,
			     .msg_namelen = 9 };
	CHECK_EQ(ring_recvmsg(s[0], &m, MSG_PEEK | MSG_DONTWAIT), 5);
	CHECK_EQ(ring_recvmsg(s[0], &m, MSG_DONTWAIT), 5);
	CHECK(!memcmp(buf, "hello", 6));
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(ring_recvmsg(s[0], &m, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(ring_recvmsg(999, &m, 0), -EBADF);
	CHECK_EQ(ring_sendmsg(999, &m, 0), -EBADF);
	close(s[0]);
	CHECK_EQ(ring_sendmsg(s[1], &m, MSG_NOSIGNAL), -EPIPE);
	CHECK_EQ(sigpipes(), 0);
	check_works(&rig);
}

/* accept */

static struct sockaddr_in at;

static int listener(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(at);

	at = (struct sockaddr_in){ .sin_family = AF_INET };
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(fd, (struct sockaddr *)&at, len), 0);
	CHECK_EQ(listen(fd, 8), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return fd;
}

static int knock(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Does the other end of @fd exist? */
static bool has_peer(int fd)
{
	ssize_t n = recv(fd, buf, 1, MSG_DONTWAIT);

	return n < 0 && errno == EAGAIN;
}

static void accept_same(enum shim_ring_form form)
{
	int l, c, fd;

	rig_open(&rig, form);
	if (!rig.d.ring.accept_dontwait)
		return;
	l = listener();
	/* It does not wait, though the socket would. */
	CHECK_EQ(submit_inline(&rig.d, take_accept(l)), 0);
	CHECK_EQ(rig.d.completions.slots[0].res, -EAGAIN);
	c = knock();
	fd = result(take_accept(l));
	CHECK_EQ(fd, c + 1);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fd, "abc", 3), 3);
	check_pipe_holds(c, "abc");
	CHECK_EQ(result(take_accept(c)), -EINVAL);
	CHECK_EQ(result(take_accept(0)) == -ENOTSOCK ||
		 fcntl(0, F_GETFD) < 0, true);
	CHECK_EQ(result(take_accept(999)), -EBADF);
	check_works(&rig);
}

/*
 * The caller has gone with the answer in the ring: nobody will ever know the
 * descriptor, so it is closed, and the peer is told.
 */
static void accept_left_done(enum shim_ring_form form)
{
	struct fds before, now;
	int c;

	limit_fds(1024);
	rig_open(&rig, form);
	if (!rig.d.ring.accept_dontwait)
		return;
	queue_by_hand(&rig, take_accept(listener()));
	c = knock();
	list_fds(&before);
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK(shim_ring_enter(&rig.d.ring, 0, 0) >= 0);
	list_fds(&now);
	CHECK_EQ(count_fds(&now), count_fds(&before) + 1);
	CHECK(has_peer(c));
	shim_driver_recover(&rig.d);
	list_fds(&now);
	CHECK(same_fds(&before, &now));
	CHECK(!has_peer(c));
	check_works(&rig);
}

/* Gone before the connection comes, as on a kernel that waits all the same. */
static void accept_left_pending(enum shim_ring_form form)
{
	struct shim_slot *slot;
	struct io_uring_cqe cqe;
	struct fds before, now;
	int l, c;

	rig_open(&rig, form);
	l = listener();
	slot = take_accept(l);
	queue_by_hand(&rig, slot);
	rig.d.ring.sqes[(*rig.d.ring.sq_tail - 1) & rig.d.ring.sq_mask].ioprio =
		0;
	CHECK(shim_ring_enter(&rig.d.ring, 0, 0) >= 0);
	CHECK_EQ(shim_ring_queued(&rig.d.ring), 0);
	shim_slot_abandon(slot);
	CHECK_EQ(slot->state, SHIM_SLOT_CANCELLED);
	c = knock();
	list_fds(&before);
	CHECK(shim_ring_enter(&rig.d.ring, 1, IORING_ENTER_GETEVENTS) >= 0);
	list_fds(&now);
	CHECK_EQ(count_fds(&now), count_fds(&before) + 1);
	CHECK(shim_ring_reap(&rig.d.ring, &cqe));
	CHECK(cqe.res > c);
	CHECK(shim_slot_complete(&rig.d.completions, cqe.user_data, cqe.res));
	list_fds(&now);
	CHECK(same_fds(&before, &now));
	CHECK(!has_peer(c));
	/* One that brings nothing has nothing to close. */
	slot = take_accept(l);
	shim_slot_abandon(slot);
	CHECK(shim_slot_complete(&rig.d.completions, shim_slot_user_data(slot),
				 -ECANCELED));
	list_fds(&now);
	CHECK(same_fds(&before, &now));
	check_works(&rig);
}

/* Never submitted: the connection is somebody else's. */
static void accept_never_submitted(enum shim_ring_form form)
{
	int l, c;

	limit_fds(1024);
	rig_open(&rig, form);
	l = listener();
	queue_by_hand(&rig, take_accept(l));
	c = knock();
	rig.d.phase = SHIM_PHASE_BUSY;
	shim_driver_recover(&rig.d);
	CHECK(has_peer(c));
	check_works(&rig);
	CHECK(accept(l, NULL, NULL) > c);
	CHECK(has_peer(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(vectors),
		BOTH(vector_is_copied),
		BOTH(receives),
		BOTH(messages),
		BOTH(accept_same),
		BOTH(accept_left_done),
		BOTH(accept_left_pending),
		BOTH(accept_never_submitted),
	};

	return RUN_ALL(tests);
}
