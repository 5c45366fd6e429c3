/* SPDX-License-Identifier: MIT */
/*
 * Events: what is to be done on a ring, and who owns what while it is done.
 *
 * An event is made by filling one of the structures below with its
 * shim_*_event() function, prepared into one SQE, and from then on belongs to
 * the kernel until its CQE has been seen.  It ends in one of two ways:
 *
 *   completed   the caller is there and takes the result;
 *   cancelled   the caller has gone (siglongjmp, pthread_cancel, exception):
 *               the event gives up, as a cancellation, everything that must
 *               live until the CQE, and is never touched again.
 *
 * The operations table of an event type:
 *
 *   prepare     Fill @sqe but for user_data.  Called exactly once for each
 *               submission, with an SQE that the ring has given.  What the SQE
 *               points at must stay valid until the CQE, or until the kernel
 *               has taken the SQE where the event says so.
 *   cancel      Give up what must live until the CQE.  @c is zero on entry; an
 *               event that owns nothing leaves it so.  Called at most once, and
 *               only between submission and CQE.
 *   is_eager    true: submit at once.  false: queue the SQE and let it ride in
 *               front of the next submission.
 *
 * Nothing here allocates, locks or sets errno; all is async-signal-safe.
 * Results are those of the CQE: >= 0, or -errno.
 */
#ifndef SHIM_EVENT_H
#define SHIM_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/openat2.h>
#include <liburing.h>

struct iovec;
struct msghdr;
struct sockaddr;

/*
 * What outlives an event whose caller has gone.  @drop is called exactly once,
 * after the CQE, never before, with the result that nobody waited for.
 */
struct shim_cancellation {
	void *data;
	uint64_t metadata;
	void (*drop)(struct shim_cancellation *c, int res);
};

struct shim_event;

struct shim_event_ops {
	const char *name;
	void (*prepare)(struct shim_event *ev, struct io_uring_sqe *sqe);
	void (*cancel)(struct shim_event *ev, struct shim_cancellation *c);
	bool (*is_eager)(const struct shim_event *ev);
};

struct shim_event {
	const struct shim_event_ops *ops;
};

/*
 * openat2(2).  @path and @how are read by the kernel when it takes the SQE.
 * A cancelled OpenAt owns the descriptor that may still arrive: its
 * cancellation closes it.
 */
struct shim_openat_event {
	struct shim_event ev;
	int dirfd;
	const char *path;
	struct open_how how;
};

/*
 * read(2) and write(2).  @len in bytes, at most 0x7ffff000.  @off is -1 for the
 * file position.  @rw_flags as preadv2(2).
 *
 * The buffer is *borrowed* when @release is NULL: the caller keeps it, and the
 * event may be left pending only on a ring whose pending operations are frozen
 * (ring.h) and only while that ring is not entered.  Otherwise it is *owned*:
 * @release frees it, at completion by the caller, after a cancellation by the
 * driver once the kernel has finished with it.
 */
struct shim_rw_event {
	struct shim_event ev;
	int fd;
	void *buf;
	uint32_t len;
	int rw_flags;
	uint64_t off;
	void (*release)(void *buf);
};

/*
 * preadv2(2) and pwritev2(2); @off -1 is the file position.  The segments are
 * copied by the kernel when it takes the SQE; the buffers are borrowed.
 */
struct shim_vector_event {
	struct shim_event ev;
	int fd;
	const struct iovec *iov;
	unsigned count;
	int rw_flags;
	uint64_t off;
};

/* recvmsg(2) and sendmsg(2); @msg and what it points at are borrowed. */
struct shim_msg_event {
	struct shim_event ev;
	int fd;
	struct msghdr *msg;
	unsigned flags;
};

/*
 * accept4(2) that does not wait (IORING_ACCEPT_DONTWAIT, 6.10).  A cancelled
 * Accept owns the descriptor that may still arrive: its cancellation closes it.
 */
struct shim_accept_event {
	struct shim_event ev;
	int fd;
	struct sockaddr *addr;
	unsigned *addrlen;
	int flags;
};

/* connect(2).  The address is copied by the kernel when it takes the SQE. */
struct shim_connect_event {
	struct shim_event ev;
	int fd;
	const struct sockaddr *addr;
	socklen_t addrlen;
};

/* close(2). */
struct shim_close_event {
	struct shim_event ev;
	int fd;
};

/* Cancellation of the event that was submitted with @target; never eager. */
struct shim_cancel_event {
	struct shim_event ev;
	uint64_t target;
};

union shim_any_event {
	struct shim_event ev;
	struct shim_openat_event openat;
	struct shim_rw_event rw;
	struct shim_vector_event vector;
	struct shim_msg_event msg;
	struct shim_accept_event accept;
	struct shim_connect_event connect;
	struct shim_close_event close;
	struct shim_cancel_event cancel;
};

void shim_openat_event(struct shim_openat_event *e, int dirfd, const char *path,
		       const struct open_how *how);
void shim_read_event(struct shim_rw_event *e, int fd, void *buf, uint32_t len,
		     uint64_t off, int rw_flags);
void shim_write_event(struct shim_rw_event *e, int fd, const void *buf,
		      uint32_t len, uint64_t off, int rw_flags);
/* recv(2), and send(2), which raises no SIGPIPE; @flags as there. */
void shim_recv_event(struct shim_rw_event *e, int fd, void *buf, uint32_t len,
		     int flags);
void shim_send_event(struct shim_rw_event *e, int fd, const void *buf,
		     uint32_t len, int flags);
void shim_readv_event(struct shim_vector_event *e, int fd,
		      const struct iovec *iov, unsigned count, uint64_t off,
		      int rw_flags);
void shim_writev_event(struct shim_vector_event *e, int fd,
		       const struct iovec *iov, unsigned count, uint64_t off,
		       int rw_flags);
/* No SIGPIPE either. */
void shim_recvmsg_event(struct shim_msg_event *e, int fd, struct msghdr *msg,
			unsigned flags);
void shim_sendmsg_event(struct shim_msg_event *e, int fd,
			const struct msghdr *msg, unsigned flags);
void shim_accept_event(struct shim_accept_event *e, int fd,
		       struct sockaddr *addr, unsigned *addrlen, int flags);
void shim_connect_event(struct shim_connect_event *e, int fd,
			const struct sockaddr *addr, socklen_t addrlen);
void shim_close_event(struct shim_close_event *e, int fd);
void shim_cancel_event(struct shim_cancel_event *e, uint64_t target);

#endif
