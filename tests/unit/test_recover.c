// SPDX-License-Identifier: MIT
/*
 * The call in progress has been left for good, at whatever moment: recovery
 * finds what the kernel holds, ends it, and drops what the event owned once,
 * after the CQE.  Bytes that nobody received stay where they are.
 */
#include "support.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static struct rig rig;
static int p[2];
static char buf[16];
static struct fds fds_before;
static unsigned released;
static bool may_release;
static sigjmp_buf env;

static void setup(enum shim_ring_form form)
{
	limit_fds(1024);
	rig_open(&rig, form);
	make_pipe(p);
	list_fds(&fds_before);
}

static void release(void *what)
{
	CHECK(what == buf);
	CHECK(may_release);
	released++;
}

static struct shim_slot *owned_read(void)
{
	return take_owned_read(&rig, p[0], buf, sizeof(buf), release);
}

/* Recover; then all is as if the call had never been. */
static void recover(unsigned abandoned)
{
	struct fds now;

	may_release = true;
	shim_driver_recover(&rig.d);
	CHECK_EQ(rig.d.phase, SHIM_PHASE_IDLE);
	CHECK_EQ(rig.notes[SHIM_NOTE_ABANDON], abandoned);
	list_fds(&now);
	CHECK(same_fds(&fds_before, &now));
	check_at_rest(&rig);
}

static void check_data_stays(void)
{
	static const char zeros[sizeof(buf)];

	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK(shim_ring_enter(&rig.d.ring, 0, IORING_ENTER_GETEVENTS) >= 0);
	CHECK(!memcmp(buf, zeros, sizeof(buf)));
	check_pipe_holds(p[0], "abc");
	check_works(&rig);
}

static void idle(enum shim_ring_form form)
{
	setup(form);
	recover(0);
	recover(0);
	check_data_stays();
}

/* Between taking a slot and filling the queue. */
/* The slot has been taken, and its event is not in it yet. */
static void no_event(enum shim_ring_form form)
{
	setup(form);
	take(&rig);
	recover(1);
	/* The one before is still there, and owns nothing any more. */
	owned_read();
	recover(2);
	CHECK_EQ(released, 1);
	take(&rig);
	recover(3);
	CHECK_EQ(released, 1);
}

static void never_queued(enum shim_ring_form form)
{
	setup(form);
	owned_read();
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(1);
	CHECK_EQ(released, 1);
	check_data_stays();
}

/* Between filling the queue and entering. */
static void never_submitted(enum shim_ring_form form)
{
	setup(form);
	queue_by_hand(&rig, owned_read());
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(write(p[1], "abc", 3), 3);
	recover(1);
	CHECK_EQ(released, 1);
	check_pipe_holds(p[0], "abc");
	check_data_stays();
}

/* An SQE that is half made, and not published. */
static void half_made(enum shim_ring_form form)
{
	struct shim_slot *slot;
	struct io_uring_sqe *sqe;

	setup(form);
	slot = owned_read();
	sqe = shim_ring_sqe(&rig.d.ring);
	slot->event.ev.ops->prepare(&slot->event.ev, sqe);
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(1);
	CHECK_EQ(released, 1);
	check_data_stays();
}

static void pending(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	slot = owned_read();
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(released, 0);
	recover(1);
	CHECK_EQ(released, 1);
	check_data_stays();
	CHECK_EQ(released, 1);
}

static void pending_with_data(enum shim_ring_form form)
{
	setup(form);
	CHECK_EQ(shim_driver_submit(&rig.d, owned_read()), SHIM_PENDING);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(1);
	CHECK_EQ(released, 1);
	check_pipe_holds(p[0], "abc");
	check_data_stays();
}

/* A cancel is queued already when its caller is left as well. */
static void cancel_queued(enum shim_ring_form form)
{
	struct shim_cancel_event cancel;
	struct io_uring_sqe *sqe;
	struct shim_slot *slot;

	setup(form);
	slot = owned_read();
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	sqe = shim_ring_sqe(&rig.d.ring);
	shim_cancel_event(&cancel, shim_slot_user_data(slot));
	cancel.ev.ops->prepare(&cancel.ev, sqe);
	shim_ring_push(&rig.d.ring);
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(1);
	CHECK_EQ(released, 1);
	check_data_stays();
}

/* Left between the cancellation's enter and the reaping of its two CQEs. */
static void cancelled_not_reaped(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	rig.d.phase = SHIM_PHASE_PARKED;
	shim_driver_retire(&rig.d);
	CHECK_EQ(rig.d.phase, SHIM_PHASE_PARKED);
	recover(0);
	check_data_stays();
}

static void completed_not_reaped(void)
{
	struct shim_slot *slot = owned_read();

	CHECK_EQ(write(p[1], "abc", 3), 3);
	queue_by_hand(&rig, slot);
	CHECK_EQ(shim_ring_enter(&rig.d.ring, 0, 0), 1);
	CHECK_EQ(readable(p[0]), 0);
	rig.d.phase = SHIM_PHASE_BUSY;
}

/* The kernel has done with it, its caller has gone: who frees the buffer? */
static void completed_owned(enum shim_ring_form form)
{
	setup(form);
	completed_not_reaped();
	may_release = true;
	shim_driver_recover(&rig.d);
	check_at_rest(&rig);
	CHECK_EQ(released, 1);
	check_works(&rig);
}

static void done_not_taken(enum shim_ring_form form)
{
	struct shim_slot *slot;

	setup(form);
	slot = take_read(&rig, p[0], buf, sizeof(buf));
	slot->state = SHIM_SLOT_DONE;
	slot->res = 3;
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(0);
	check_data_stays();
}

/* A descriptor that has arrived, and nobody has seen its number. */
static void completed_open(enum shim_ring_form form)
{
	struct open_how how = { .flags = O_RDONLY };
	struct shim_slot *slot;
	struct fds now;

	setup(form);
	slot = take(&rig);
	shim_openat_event(&slot->event.openat, AT_FDCWD, "/", &how);
	queue_by_hand(&rig, slot);
	CHECK_EQ(shim_ring_enter(&rig.d.ring, 0, 0), 1);
	rig.d.phase = SHIM_PHASE_BUSY;
	shim_driver_recover(&rig.d);
	list_fds(&now);
	CHECK(same_fds(&fds_before, &now));
	check_works(&rig);
}

/* Several slots at once, each left at another moment. */
static void mixed(enum shim_ring_form form)
{
	struct shim_slot *slot;
	int q[2];

	setup(form);
	make_pipe(q);
	list_fds(&fds_before);
	CHECK_EQ(shim_driver_submit(&rig.d, owned_read()), SHIM_PENDING);
	slot = take_read(&rig, q[0], buf, sizeof(buf));
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	shim_slot_abandon(slot);
	queue_by_hand(&rig, owned_read());
	rig.d.phase = SHIM_PHASE_BUSY;
	CHECK_EQ(write(q[1], "abc", 3), 3);
	may_release = true;
	shim_driver_cancel(&rig.d, slot);
	check_pipe_holds(q[0], "");
	recover(2);
	CHECK_EQ(released, 2);
}

static void all_pending(enum shim_ring_form form)
{
	unsigned i;

	setup(form);
	for (i = 0; i < SHIM_SLOTS; i++)
		CHECK_EQ(shim_driver_submit(&rig.d, owned_read()),
			 SHIM_PENDING);
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(SHIM_SLOTS);
	CHECK_EQ(released, SHIM_SLOTS);
	check_data_stays();
}

/* More than one event that the kernel has never seen. */
static void two_never_queued(enum shim_ring_form form)
{
	setup(form);
	alarm(2);
	owned_read();
	owned_read();
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(2);
	CHECK_EQ(released, 2);
	check_data_stays();
}

static void two_never_submitted(enum shim_ring_form form)
{
	setup(form);
	alarm(2);
	queue_by_hand(&rig, owned_read());
	queue_by_hand(&rig, owned_read());
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(2);
	CHECK_EQ(released, 2);
	check_data_stays();
}

/* jumps out of a wait */

static void jump(int sig)
{
	(void)sig;
	siglongjmp(env, 1);
}

static void jump_out(enum shim_ring_form form, bool in_the_ring)
{
	struct later l = { .r = &rig, .act = act_kill, .sig = SIGUSR1 };

	setup(form);
	catch_signal(SIGUSR1, jump, SA_RESTART);
	act_later(&l);
	if (!sigsetjmp(env, 1)) {
		rig.d.phase = SHIM_PHASE_BUSY;
		if (in_the_ring)
			shim_driver_wait_interruptible(&rig.d, owned_read());
		else
			wait_or_skip(&rig.d, owned_read(), false);
		CHECK(!"may not return");
	}
	act_done(&l);
	CHECK_EQ(rig.d.phase, SHIM_PHASE_PARKED);
	/* What arrives before anybody recovers stays, too. */
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(readable(p[0]), 3);
	CHECK_EQ(released, 0);
	recover(1);
	CHECK_EQ(released, 1);
	check_pipe_holds(p[0], "abc");
	check_data_stays();
}

static void jump_out_of_wait(enum shim_ring_form form)
{
	jump_out(form, false);
}

static void jump_out_of_interruptible(enum shim_ring_form form)
{
	jump_out(form, true);
}

static void recovering(int sig)
{
	(void)sig;
	may_release = true;
	shim_driver_recover(&rig.d);
}

/* The jump stays inside the handler: the outer call goes on, and must know. */
static void recovered(enum shim_ring_form form, int flags, int result)
{
	struct later l = { .r = &rig, .act = act_kill, .sig = SIGUSR1 };

	setup(form);
	catch_signal(SIGUSR1, recovering, flags);
	rig.d.phase = SHIM_PHASE_BUSY;
	act_later(&l);
	CHECK_EQ(wait_or_skip(&rig.d, owned_read(), false), result);
	act_done(&l);
	CHECK_EQ(released, 1);
	CHECK_EQ(rig.d.phase, SHIM_PHASE_IDLE);
	check_data_stays();
}

static void recovered_interrupted(enum shim_ring_form form)
{
	recovered(form, 0, -ESTALE);
}

static void recovered_restarting(enum shim_ring_form form)
{
	recovered(form, SA_RESTART, -EOWNERDEAD);
}

/* connect */

/* A listening socket whose queue is full: a connect to it stays pending. */
static int full_listener(struct sockaddr_in *in)
{
	socklen_t len = sizeof(*in);
	int fd, other, i;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(fd, (struct sockaddr *)in, sizeof(*in)), 0);
	CHECK_EQ(listen(fd, 0), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)in, &len), 0);
	for (i = 0; i < 4; i++) {
		other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		CHECK(other >= 0);
		connect(other, (struct sockaddr *)in, sizeof(*in));
	}
	return fd;
}

static struct shim_slot *pending_connect(int *fd)
{
	struct sockaddr_in in;
	struct shim_slot *slot;

	full_listener(&in);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	list_fds(&fds_before);
	slot = take(&rig);
	shim_connect_event(&slot->event.connect, *fd, (struct sockaddr *)&in,
			   sizeof(in));
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	/* The kernel has its own copy by now. */
	memset(&in, 0xff, sizeof(in));
	return slot;
}

static void abandoned_connect(enum shim_ring_form form)
{
	int fd;

	setup(form);
	pending_connect(&fd);
	rig.d.phase = SHIM_PHASE_BUSY;
	recover(1);
	check_data_stays();
	CHECK_EQ(close(fd), 0);
}

static void cancelled_connect(enum shim_ring_form form)
{
	struct shim_slot *slot;
	int fd;

	setup(form);
	slot = pending_connect(&fd);
	CHECK_EQ(shim_driver_cancel(&rig.d, slot), -ECANCELED);
	check_data_stays();
	/* It goes on by itself, as after an interrupted connect(2). */
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&(struct sockaddr_in){
			 .sin_family = AF_INET }, sizeof(struct sockaddr_in)),
		 -1);
	CHECK_EQ(errno, EALREADY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(idle),
		BOTH(no_event),
		BOTH(never_queued),
		BOTH(never_submitted),
		BOTH(half_made),
		BOTH(pending),
		BOTH(pending_with_data),
		BOTH(cancel_queued),
		BOTH(cancelled_not_reaped),
		BOTH(completed_owned),
		BOTH(done_not_taken),
		BOTH(completed_open),
		BOTH(mixed),
		BOTH(all_pending),
		BOTH(two_never_queued),
		BOTH(two_never_submitted),
		BOTH(jump_out_of_wait),
		BOTH(jump_out_of_interruptible),
		BOTH(recovered_interrupted),
		BOTH(recovered_restarting),
		BOTH(abandoned_connect),
		BOTH(cancelled_connect),
	};

	return RUN_ALL(tests);
}
