// SPDX-License-Identifier: MIT
/*
 * Each event type, completed inline on a ring, beside the system call that does
 * the same: results, errors, bytes, positions.  And their operations tables.
 */
#include "support.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

static struct rig rig;
static char buf[64], other[64];

/*
 * Submit what is in @slot.  None of these waits, but the kernel posts the CQE
 * of some failed writes, and of a connect, only when it is asked for events.
 */
static int result(struct shim_slot *slot)
{
	int ret = submit_inline(&rig.d, slot);

	if (ret == SHIM_PENDING)
		shim_driver_finish(&rig.d, slot);
	return ret < 0 ? ret : slot->res;
}

static int ring_open(int dirfd, const char *path, unsigned flags)
{
	struct open_how how = { .flags = flags, .resolve = RESOLVE_CACHED };
	struct shim_slot *slot = take(&rig);

	shim_openat_event(&slot->event.openat, dirfd, path, &how);
	return result(slot);
}

static int ring_read(int fd, void *to, size_t len, uint64_t off, int flags)
{
	struct shim_slot *slot = take(&rig);

	shim_read_event(&slot->event.rw, fd, to, (uint32_t)len, off, flags);
	return result(slot);
}

static int ring_write(int fd, const void *from, size_t len)
{
	struct shim_slot *slot = take(&rig);

	shim_write_event(&slot->event.rw, fd, from, (uint32_t)len,
			 (uint64_t)-1, RWF_NOWAIT);
	return result(slot);
}

static int ring_send(int fd, const void *from, size_t len, int flags)
{
	struct shim_slot *slot = take(&rig);

	shim_send_event(&slot->event.rw, fd, from, (uint32_t)len, flags);
	return result(slot);
}

static int ring_close(int fd)
{
	struct shim_slot *slot = take(&rig);

	shim_close_event(&slot->event.close, fd);
	return result(slot);
}

static int ring_connect(int fd, const void *addr, socklen_t len)
{
	struct shim_slot *slot = take(&rig);

	shim_connect_event(&slot->event.connect, fd, addr, len);
	return result(slot);
}

/* What a system call returned, as the core would say it. */
static int native(long ret)
{
	return ret < 0 ? -errno : (int)ret;
}

/* openat */

static void open_same(enum shim_ring_form form)
{
	static const struct {
		const char *path;
		unsigned flags;
	} t[] = {
		{ "/", O_RDONLY }, { "/", O_RDONLY | O_DIRECTORY },
		{ "/etc/passwd", O_RDONLY | O_CLOEXEC },
		{ "/etc/passwd", O_RDONLY | O_DIRECTORY },
		{ "/etc/passwd/x", O_RDONLY }, { "/", O_RDWR },
		{ "/etc/passwd", O_PATH }, { "", O_RDONLY },
		{ "/no/such/file", O_RDONLY },
	};
	int want, got, flags = 0;
	unsigned i;

	rig_open(&rig, form);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		want = native(open(t[i].path, (int)t[i].flags));
		if (want >= 0) {
			flags = fcntl(want, F_GETFD);
			close(want);
		}
		got = ring_open(AT_FDCWD, t[i].path, t[i].flags);
		/* Not decided by the cache alone: nothing has happened. */
		if (got == -EAGAIN && want < 0)
			continue;
		CHECK_EQ(got, want);
		if (got >= 0) {
			CHECK_EQ(fcntl(got, F_GETFD), flags);
			close(got);
		}
	}
	CHECK_EQ(ring_open(999, "x", O_RDONLY), -EBADF);
	CHECK_EQ(ring_open(AT_FDCWD, (char *)8, O_RDONLY), -EFAULT);
	check_works(&rig);
}

static void open_relative(enum shim_ring_form form)
{
	int dir, fd;

	rig_open(&rig, form);
	dir = open("/etc", O_RDONLY | O_DIRECTORY);
	close(openat(dir, "passwd", O_RDONLY));
	fd = ring_open(dir, "passwd", O_RDONLY);
	CHECK(fd >= 0);
	CHECK(read(fd, buf, 8) > 0);
}

/* The structure is copied: the caller's may go. */
static void open_copies_how(enum shim_ring_form form)
{
	struct open_how how = { .flags = O_RDONLY };
	struct shim_slot *slot;

	rig_open(&rig, form);
	slot = take(&rig);
	shim_openat_event(&slot->event.openat, AT_FDCWD, "/", &how);
	memset(&how, 0xff, sizeof(how));
	CHECK(result(slot) >= 0);
}

/* read and write */

static int scratch_file(const char *text)
{
	char name[] = "/tmp/shim-unit-XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	CHECK_EQ(unlink(name), 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void read_moves_the_position(enum shim_ring_form form)
{
	int fd;

	rig_open(&rig, form);
	fd = scratch_file("0123456789");
	CHECK_EQ(ring_read(fd, buf, 4, (uint64_t)-1, 0), 4);
	CHECK(!memcmp(buf, "0123", 4));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(ring_read(fd, buf, 4, 8, 0), 2);
	CHECK(!memcmp(buf, "89", 2));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(ring_read(fd, buf, 64, (uint64_t)-1, 0), 6);
	CHECK_EQ(ring_read(fd, buf, 64, (uint64_t)-1, 0), 0);
}

static void read_errors(enum shim_ring_form form)
{
	int p[2], fd;

	rig_open(&rig, form);
	make_pipe(p);
	CHECK_EQ(ring_read(999, buf, 1, (uint64_t)-1, RWF_NOWAIT), -EBADF);
	CHECK_EQ(ring_read(p[1], buf, 1, (uint64_t)-1, RWF_NOWAIT), -EBADF);
	CHECK_EQ(ring_read(p[0], buf, 1, (uint64_t)-1, RWF_NOWAIT), -EAGAIN);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(ring_read(p[0], (void *)8, 3, (uint64_t)-1, RWF_NOWAIT),
		 native(syscall(SYS_read, p[0], 8, 3)));
	check_pipe_holds(p[0], "abc");
	CHECK_EQ(close(p[1]), 0);
	CHECK_EQ(ring_read(p[0], buf, 1, (uint64_t)-1, RWF_NOWAIT), 0);
	fd = open("/etc/passwd", O_PATH);
	CHECK_EQ(ring_read(fd, buf, 1, (uint64_t)-1, RWF_NOWAIT), -EBADF);
	check_works(&rig);
}

static void write_same(enum shim_ring_form form)
{
	int p[2], n;

	rig_open(&rig, form);
	make_pipe(p);
	CHECK_EQ(ring_write(p[1], "hello", 5), 5);
	check_pipe_holds(p[0], "hello");
	CHECK_EQ(ring_write(p[0], "x", 1), -EBADF);
	while ((n = ring_write(p[1], buf, sizeof(buf))) > 0)
		;
	CHECK_EQ(n, -EAGAIN);
	CHECK_EQ(readable(p[0]), 65536);
}

static _Atomic int pipes;

static void on_sigpipe(int sig)
{
	(void)sig;
	atomic_fetch_add(&pipes, 1);
}

static void write_raises_sigpipe(enum shim_ring_form form)
{
	int p[2], s[2];

	rig_open(&rig, form);
	catch_signal(SIGPIPE, on_sigpipe, SA_RESTART);
	make_pipe(p);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	close(p[0]);
	close(s[0]);
	CHECK_EQ(ring_write(p[1], "x", 1), -EPIPE);
	CHECK_EQ(atomic_load(&pipes), 1);
	/* A send on the ring never does. */
	CHECK_EQ(ring_send(s[1], "x", 1, 0), -EPIPE);
	CHECK_EQ(atomic_load(&pipes), 1);
}

static void send_same(enum shim_ring_form form)
{
	int s[2], n;

	rig_open(&rig, form);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	CHECK_EQ(ring_send(s[1], "hello", 5, MSG_NOSIGNAL | MSG_DONTWAIT), 5);
	CHECK_EQ(recv(s[0], buf, sizeof(buf), 0), 5);
	CHECK(!memcmp(buf, "hello", 5));
	CHECK_EQ(ring_send(1000, "x", 1, 0), -EBADF);
	CHECK_EQ(ring_send(0, "x", 1, 0) == -ENOTSOCK ||
		 fcntl(0, F_GETFD) < 0, true);
	while ((n = ring_send(s[1], buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		;
	CHECK_EQ(n, -EAGAIN);
}

/* connect */

static int listener(struct sockaddr_in *in)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*in);

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(fd, (struct sockaddr *)in, len), 0);
	CHECK_EQ(listen(fd, 8), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)in, &len), 0);
	return fd;
}

static void connect_same(enum shim_ring_form form)
{
	struct sockaddr_in in, peer;
	socklen_t len = sizeof(peer);
	int l, fd, refused;

	rig_open(&rig, form);
	l = listener(&in);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(ring_connect(fd, &in, sizeof(in)), 0);
	CHECK_EQ(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
	CHECK_EQ(peer.sin_port, in.sin_port);
	CHECK_EQ(ring_connect(fd, &in, sizeof(in)), -EISCONN);
	CHECK_EQ(ring_connect(999, &in, sizeof(in)), -EBADF);
	CHECK_EQ(ring_connect(fd, &in, 1), -EINVAL);
	CHECK_EQ(ring_connect(fd, (void *)8, sizeof(in)), -EFAULT);
	CHECK_EQ(ring_connect(0, &in, sizeof(in)) == -ENOTSOCK ||
		 fcntl(0, F_GETFD) < 0, true);
	CHECK_EQ(close(l), 0);
	refused = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(ring_connect(refused, &in, sizeof(in)), -ECONNREFUSED);
	check_works(&rig);
}

/* close */

static void close_same(enum shim_ring_form form)
{
	int p[2], fd;

	rig_open(&rig, form);
	make_pipe(p);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(ring_close(p[1]), 0);
	CHECK_EQ(fcntl(p[1], F_GETFD), -1);
	/* It is closed, not only gone: the reader sees the end. */
	CHECK_EQ(read(p[0], buf, 8), 1);
	CHECK_EQ(read(p[0], buf, 8), 0);
	CHECK_EQ(ring_close(p[1]), -EBADF);
	CHECK_EQ(ring_close(999), -EBADF);
	CHECK_EQ(ring_close(-1), -EBADF);
	fd = open("/", O_PATH);
	CHECK_EQ(ring_close(fd), 0);
	CHECK_EQ(dup(0), p[1] < fd ? p[1] : fd);
}

/* the tables */

#define OPENAT 0
#define ACCEPT 11
#define CANCEL 12
#define TYPES 13

static const struct shim_event_ops *ops_of(unsigned i, union shim_any_event *e)
{
	struct open_how how = { 0 };

	switch (i) {
	case OPENAT:
		shim_openat_event(&e->openat, AT_FDCWD, "/", &how);
		break;
	case 1:
		shim_read_event(&e->rw, 0, buf, 1, 0, 0);
		break;
	case 2:
		shim_write_event(&e->rw, 0, buf, 1, 0, 0);
		break;
	case 3:
		shim_send_event(&e->rw, 0, buf, 1, 0);
		break;
	case 4:
		shim_connect_event(&e->connect, 0, NULL, 0);
		break;
	case 5:
		shim_close_event(&e->close, 0);
		break;
	case 6:
		shim_recv_event(&e->rw, 0, buf, 1, 0);
		break;
	case 7:
		shim_readv_event(&e->vector, 0, NULL, 1, 0, 0);
		break;
	case 8:
		shim_writev_event(&e->vector, 0, NULL, 1, 0, 0);
		break;
	case 9:
		shim_recvmsg_event(&e->msg, 0, NULL, 0);
		break;
	case 10:
		shim_sendmsg_event(&e->msg, 0, NULL, 0);
		break;
	case ACCEPT:
		shim_accept_event(&e->accept, 0, NULL, NULL, 0);
		break;
	default:
		shim_cancel_event(&e->cancel, 1);
	}
	return e->ev.ops;
}

static void tables(enum shim_ring_form form)
{
	const struct shim_event_ops *ops[TYPES];
	union shim_any_event e;
	unsigned i, j;

	(void)form;
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		memset(&e, 0xa5, sizeof(e));
		ops[i] = ops_of(i, &e);
		CHECK(ops[i]->name && ops[i]->prepare && ops[i]->cancel);
		for (j = 0; j < i; j++)
			CHECK(strcmp(ops[i]->name, ops[j]->name));
		/* Only what cancels another may wait for company. */
		CHECK_EQ(ops[i]->is_eager(&e.ev), i != CANCEL);
	}
}

/* prepare fills all of an SQE that an earlier event has used. */
static void prepare_is_complete(enum shim_ring_form form)
{
	struct io_uring_sqe clean, used;
	union shim_any_event e;
	unsigned i;

	(void)form;
	for (i = 0; i < TYPES; i++) {
		memset(&e, 0xa5, sizeof(e));
		ops_of(i, &e);
		memset(&clean, 0, sizeof(clean));
		memset(&used, 0xff, sizeof(used));
		e.ev.ops->prepare(&e.ev, &clean);
		e.ev.ops->prepare(&e.ev, &used);
		clean.user_data = used.user_data = 0;
		if (memcmp(&clean, &used, offsetof(struct io_uring_sqe,
						   __pad2)))
			fail_at(__FILE__, __LINE__, "%s leaves old bits",
				e.ev.ops->name);
	}
}

/* But for those that make a descriptor: it would be nobody's. */
static void events_borrow_by_default(enum shim_ring_form form)
{
	struct shim_cancellation c;
	union shim_any_event e;
	unsigned i;

	(void)form;
	for (i = 0; i < TYPES; i++) {
		memset(&e, 0xa5, sizeof(e));
		memset(&c, 0, sizeof(c));
		ops_of(i, &e)->cancel(&e.ev, &c);
		CHECK_EQ(c.drop != NULL, i == OPENAT || i == ACCEPT);
		CHECK(!c.data && !c.metadata);
	}
}

/* The slot of a finished event is used again by one of another type. */
static void all_through_one_slot(enum shim_ring_form form)
{
	struct fds before, now;
	int p[2], i, fd;

	rig_open(&rig, form);
	make_pipe(p);
	list_fds(&before);
	for (i = 0; i < 200; i++) {
		CHECK_EQ(ring_write(p[1], "abc", 3), 3);
		CHECK_EQ(ring_read(p[0], other, 3, (uint64_t)-1, 0), 3);
		CHECK(!memcmp(other, "abc", 3));
		fd = ring_open(AT_FDCWD, "/", O_RDONLY);
		CHECK(fd >= 0);
		CHECK_EQ(ring_close(fd), 0);
		check_at_rest(&rig);
	}
	list_fds(&now);
	CHECK(same_fds(&before, &now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(open_same),
		BOTH(open_relative),
		BOTH(open_copies_how),
		BOTH(read_moves_the_position),
		BOTH(read_errors),
		BOTH(write_same),
		BOTH(write_raises_sigpipe),
		BOTH(send_same),
		BOTH(connect_same),
		BOTH(close_same),
		ONCE(tables),
		ONCE(prepare_is_complete),
		ONCE(events_borrow_by_default),
		BOTH(all_through_one_slot),
	};

	return RUN_ALL(tests);
}
