// SPDX-License-Identifier: MIT
/*
 * The ring of one thread: that it takes no descriptor in either form, what its
 * queues do at their ends, and that a task it does not belong to can neither
 * use it nor spoil it.
 */
#include "support.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

static struct shim_ring ring;
static struct fds fds_before;

static void setup(enum shim_ring_form form)
{
	list_fds(&fds_before);
	CHECK_EQ(shim_ring_setup(&ring, map_memory(SHIM_RING_MEMORY), form), 0);
}

static void check_fds(void)
{
	struct fds now;

	list_fds(&now);
	CHECK(same_fds(&fds_before, &now));
}

static void push_nop(uint64_t user_data)
{
	struct io_uring_sqe *sqe = shim_ring_sqe(&ring);

	CHECK(sqe);
	io_uring_prep_nop(sqe);
	sqe->user_data = user_data;
	shim_ring_push(&ring);
}

static void check_reaps(uint64_t user_data)
{
	struct io_uring_cqe cqe;

	CHECK(shim_ring_reap(&ring, &cqe));
	CHECK_EQ(cqe.user_data, user_data);
}

static void check_empty(void)
{
	struct io_uring_cqe cqe;

	CHECK(!shim_ring_reap(&ring, &cqe));
}

static void check_ring_works(void)
{
	static uint64_t n = 1000;

	check_empty();
	push_nop(++n);
	CHECK_EQ(shim_ring_enter(&ring, 0, 0), 1);
	check_reaps(n);
	check_empty();
}

/* Has this process a mapping of an io_uring? */
static bool ring_is_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool found = false;
	char line[512];

	CHECK(maps);
	while (fgets(line, sizeof(line), maps))
		found |= strstr(line, "io_uring") != NULL;
	fclose(maps);
	return found;
}

/* setup */

static void no_descriptor(enum shim_ring_form form)
{
	int fd;

	setup(form);
	CHECK_EQ(ring.form, form);
	check_fds();
	/* Nor is one taken that only /proc does not show. */
	fd = open("/", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(dup(0), fd);
	close(fd);
	check_ring_works();
	check_fds();
	CHECK_EQ(ring_is_mapped(), form == SHIM_RING_REGISTERED);
	CHECK_EQ(ring.sq_mask, SHIM_RING_ENTRIES - 1);
	CHECK(ring.cq_mask >= ring.sq_mask);
}

/* Without descriptors to spare only the first form can be had. */
static void no_descriptor_to_spare(enum shim_ring_form form)
{
	int ret;

	list_fds(&fds_before);
	limit_fds(0);
	ret = shim_ring_setup(&ring, map_memory(SHIM_RING_MEMORY), form);
	limit_fds(1024);
	if (form == SHIM_RING_REGISTERED_ONLY) {
		CHECK_EQ(ret, 0);
		check_ring_works();
	} else {
		CHECK_EQ(ret, -EMFILE);
		CHECK_EQ(ring.form, SHIM_RING_NONE);
		CHECK(!ring_is_mapped());
	}
	check_fds();
}

static void best_form(enum shim_ring_form form)
{
	setup(form);
	CHECK(ring.form == SHIM_RING_REGISTERED_ONLY ||
	      ring.form == SHIM_RING_REGISTERED);
	check_ring_works();
}

/* A thread has room for 16 rings; those we cannot have leave nothing behind. */
static void table_full(enum shim_ring_form form)
{
	struct shim_ring others[17];
	int i, ret = 0;

	setup(form);
	for (i = 0; i < 17 && !ret; i++)
		ret = shim_ring_setup(&others[i], map_memory(SHIM_RING_MEMORY),
				      form);
	CHECK_EQ(ret, -EBUSY);
	CHECK_EQ(others[i - 1].form, SHIM_RING_NONE);
	CHECK(!others[i - 1].map[0]);
	CHECK_EQ(i, form == SHIM_RING_REGISTERED ? 1 : 16);
	check_fds();
	check_ring_works();
}

static void close_gives_back(enum shim_ring_form form)
{
	void *memory = map_memory(SHIM_RING_MEMORY);
	int i;

	list_fds(&fds_before);
	for (i = 0; i < 50; i++) {
		CHECK_EQ(shim_ring_setup(&ring, memory, form), 0);
		check_ring_works();
		if (!ring.by_index)
			skip_unit();
		shim_ring_close(&ring);
		CHECK_EQ(ring.form, SHIM_RING_NONE);
		CHECK(!ring.sqes);
		CHECK(!ring_is_mapped());
		CHECK_EQ(madvise(memory, SHIM_RING_MEMORY, MADV_DONTNEED), 0);
	}
	check_fds();
}

static void *make_ring(void *arg)
{
	CHECK_EQ(shim_ring_setup(&ring, map_memory(SHIM_RING_MEMORY),
				 *(enum shim_ring_form *)arg), 0);
	check_ring_works();
	return NULL;
}

/* The thread has ended without a word; what is left is given back. */
static void retire_gives_back(enum shim_ring_form form)
{
	list_fds(&fds_before);
	run_thread(make_ring, &form);
	CHECK_EQ(ring_is_mapped(), form == SHIM_RING_REGISTERED);
	shim_ring_retire(&ring);
	CHECK(!ring_is_mapped());
	CHECK(!ring.sqes);
	shim_ring_retire(&ring);
	check_fds();
}

/* queues */

static void submission_queue_full(enum shim_ring_form form)
{
	unsigned i;

	setup(form);
	for (i = 1; i <= SHIM_RING_ENTRIES; i++) {
		CHECK_EQ(shim_ring_queued(&ring), i - 1);
		push_nop(i);
	}
	CHECK(!shim_ring_sqe(&ring));
	CHECK_EQ(shim_ring_enter(&ring, 0, 0), SHIM_RING_ENTRIES);
	CHECK_EQ(shim_ring_queued(&ring), 0);
	CHECK(shim_ring_sqe(&ring));
	for (i = 1; i <= SHIM_RING_ENTRIES; i++)
		check_reaps(i);
	check_empty();
}

/* Indices go round; each CQE is seen once and in order. */
static void queues_wrap(enum shim_ring_form form)
{
	unsigned i;

	setup(form);
	for (i = 0; i < 100; i++) {
		push_nop(3 * i);
		push_nop(3 * i + 1);
		push_nop(3 * i + 2);
		CHECK_EQ(shim_ring_enter(&ring, 3, IORING_ENTER_GETEVENTS), 3);
		check_reaps(3 * i);
		check_reaps(3 * i + 1);
		check_reaps(3 * i + 2);
		check_empty();
	}
}

/* CQEs that nobody reaps in time are not lost. */
static void completion_queue_overflows(enum shim_ring_form form)
{
	unsigned i, n = 0;
	struct io_uring_cqe cqe;

	setup(form);
	for (i = 0; i < 40; i++) {
		push_nop(i);
		CHECK_EQ(shim_ring_enter(&ring, 0, 0), 1);
	}
	while (n < 40) {
		if (shim_ring_reap(&ring, &cqe))
			CHECK_EQ(cqe.user_data, n++);
		else
			CHECK(shim_ring_enter(&ring, 0,
					      IORING_ENTER_GETEVENTS) >= 0);
	}
	check_ring_works();
}

static void rollback(enum shim_ring_form form)
{
	setup(form);
	push_nop(1);
	push_nop(2);
	shim_ring_rollback(&ring);
	CHECK_EQ(shim_ring_queued(&ring), 0);
	CHECK_EQ(shim_ring_enter(&ring, 0, IORING_ENTER_GETEVENTS), 0);
	check_empty();
	check_ring_works();
	shim_ring_rollback(&ring);
	check_ring_works();
}

/* eventfd */

static uint64_t signalled(int fd)
{
	uint64_t n = 0;

	if (read(fd, &n, sizeof(n)) < 0)
		CHECK_EQ(errno, EAGAIN);
	return n;
}

static void eventfd_replaced(enum shim_ring_form form)
{
	int first = eventfd(0, EFD_NONBLOCK), second = eventfd(0, EFD_NONBLOCK);

	setup(form);
	CHECK_EQ(eventfd_or_skip(&ring, first), 0);
	check_ring_works();
	CHECK_EQ(signalled(first), 1);
	CHECK_EQ(eventfd_or_skip(&ring, second), 0);
	check_ring_works();
	CHECK_EQ(signalled(first), 0);
	CHECK_EQ(signalled(second), 1);
	close(second);
	check_ring_works();
	CHECK_EQ(eventfd_or_skip(&ring, first), 0);
	check_ring_works();
	CHECK_EQ(signalled(first), 1);
}

static void eventfd_refused(enum shim_ring_form form)
{
	int p[2];

	make_pipe(p);
	setup(form);
	CHECK(eventfd_or_skip(&ring, 999) < 0);
	CHECK(eventfd_or_skip(&ring, p[0]) < 0);
	check_ring_works();
}

/* other tasks */

/*
 * What somebody who only shares our memory does: it queues, is refused, and
 * takes back what it has queued.
 */
static int intrude(void *arg)
{
	int ret;

	(void)arg;
	push_nop(77);
	ret = shim_ring_enter(&ring, 0, 0);
	if (ret != -EEXIST && ret != -EBADF && ret != -EINVAL)
		return 1;
	ret = shim_ring_enter(&ring, 0, IORING_ENTER_GETEVENTS);
	if (ret != -EEXIST && ret != -EBADF && ret != -EINVAL)
		return 2;
	if (shim_ring_queued(&ring) != 1)
		return 3;
	shim_ring_rollback(&ring);
	return shim_ring_queued(&ring) ? 4 : 0;
}

static void vfork_child(enum shim_ring_form form)
{
	int i;

	setup(form);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(run_sharing(intrude, NULL), 0);
		check_ring_works();
	}
	check_fds();
}

static void *intruding_thread(void *arg)
{
	(void)arg;
	CHECK_EQ(intrude(NULL), 0);
	return NULL;
}

/* A thread with rings of its own, at the same index or not. */
static void *intruding_owner(void *arg)
{
	struct shim_ring own;

	CHECK_EQ(shim_ring_setup(&own, map_memory(SHIM_RING_MEMORY),
				 *(enum shim_ring_form *)arg), 0);
	own.index = ring.index + 1;
	CHECK_EQ(shim_ring_enter(&own, 0, IORING_ENTER_GETEVENTS) < 0, true);
	return NULL;
}

static void other_thread(enum shim_ring_form form)
{
	setup(form);
	run_thread(intruding_thread, NULL);
	check_ring_works();
	run_thread(intruding_owner, &form);
	check_ring_works();
}

/* A forked child has a copy, or no mapping at all, and neither is a ring. */
static int fork_child(void *arg)
{
	(void)arg;
	if (ring_is_mapped())
		return 1;
	if (ring.form == SHIM_RING_REGISTERED)
		return mincore(ring.map[0], 1, (unsigned char[1]){ 0 }) == -1 &&
		       errno == ENOMEM ? 0 : 2;
	push_nop(77);
	push_nop(78);
	return shim_ring_enter(&ring, 0, 0) < 0 ? 0 : 3;
}

static void forked_child(enum shim_ring_form form)
{
	setup(form);
	CHECK_EQ(run_forked(fork_child, NULL), 0);
	/* What the child wrote into its copy is not in ours. */
	CHECK_EQ(shim_ring_queued(&ring), 0);
	check_ring_works();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(no_descriptor),
		BOTH(no_descriptor_to_spare),
		ONCE(best_form),
		BOTH(table_full),
		BOTH(close_gives_back),
		BOTH(retire_gives_back),
		BOTH(submission_queue_full),
		BOTH(queues_wrap),
		BOTH(completion_queue_overflows),
		BOTH(rollback),
		BOTH(eventfd_replaced),
		BOTH(eventfd_refused),
		BOTH(vfork_child),
		BOTH(other_thread),
		BOTH(forked_child),
	};

	return RUN_ALL(tests);
}
