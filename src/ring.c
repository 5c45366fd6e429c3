// SPDX-License-Identifier: MIT
/*
 * Setup and retirement of a thread's ring; see ring.h for the contract.
 *
 * Two forms exist because 6.5 made a ring possible that takes no descriptor
 * number and no mapping and that the kernel frees with its thread; between 6.1
 * and 6.5 the next best is to register the descriptor and close it, and to
 * keep the mappings out of children.  Before 6.3 such a ring can only be entered:
 * io_uring_register has no way to name it, so no eventfd, and nothing can wait
 * on it.  Without DEFER_TASKRUN (6.1) nothing may be left pending, so older
 * kernels get no ring.
 */
#include "ring.h"

#include <sys/mman.h>

#include "sys.h"

#define SETUP_FLAGS (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

/*
 * The last of the 16 slots: a program that registers rings of its own counts
 * from 0.  The first form leaves no choice, the kernel takes the lowest.
 */
#define REGISTERED_SLOT 15

static void set_pointers(struct shim_ring *ring, const struct io_uring_params *p,
			 char *rings, void *sqes)
{
	unsigned *array = (unsigned *)(rings + p->sq_off.array);
	unsigned i;

	ring->sq_head = (unsigned *)(rings + p->sq_off.head);
	ring->sq_tail = (unsigned *)(rings + p->sq_off.tail);
	ring->cq_head = (unsigned *)(rings + p->cq_off.head);
	ring->cq_tail = (unsigned *)(rings + p->cq_off.tail);
	ring->sq_mask = p->sq_entries - 1;
	ring->cq_mask = p->cq_entries - 1;
	ring->cqes = (struct io_uring_cqe *)(rings + p->cq_off.cqes);
	ring->sqes = sqes;
	for (i = 0; i < p->sq_entries; i++)
		array[i] = i;
	ring->wait_flags = 0;
	if (p->features & IORING_FEAT_NO_IOWAIT)
		ring->wait_flags |= IORING_ENTER_NO_IOWAIT;
	/* There is no bit for it; this one came with the same kernel. */
	ring->accept_dontwait = p->features & IORING_FEAT_RECVSEND_BUNDLE;
	ring->by_index = p->features & IORING_FEAT_REG_REG_RING;
}

static int setup_registered_only(struct shim_ring *ring, char *memory)
{
	struct io_uring_params p = { 0 };
	int ret;

	p.flags = SETUP_FLAGS | IORING_SETUP_NO_MMAP |
		  IORING_SETUP_REGISTERED_FD_ONLY;
	/* cq_off.user_addr and sq_off.user_addr, resv2 in older headers. */
	p.cq_off.resv2 = (uintptr_t)memory;
	p.sq_off.resv2 = (uintptr_t)(memory + SHIM_PAGE);
	ret = io_uring_setup(SHIM_RING_ENTRIES, &p);
	if (ret < 0)
		return ret;
	set_pointers(ring, &p, memory, memory + SHIM_PAGE);
	ring->index = ret;
	ring->form = SHIM_RING_REGISTERED_ONLY;
	return 0;
}

static int map_ring(struct shim_ring *ring, int fd,
		    const struct io_uring_params *p)
{
	static const off_t offset[2] = { IORING_OFF_SQ_RING, IORING_OFF_SQES };
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	long ret;
	int i;

	ring->map_len[0] = sq > cq ? sq : cq;
	ring->map_len[1] = p->sq_entries * sizeof(struct io_uring_sqe);
	for (i = 0; i < 2; i++) {
		ret = shim_sys6(SYS_mmap, 0, (long)ring->map_len[i],
				PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_POPULATE, fd, offset[i]);
		if (ret < 0 && ret > -4096)
			return (int)ret;
		ring->map[i] = (void *)ret;
		ret = shim_sys(SYS_madvise, ret, ring->map_len[i],
			       MADV_DONTFORK);
		if (ret)
			return (int)ret;
	}
	return 0;
}

static int register_fd(struct shim_ring *ring, int fd)
{
	struct io_uring_rsrc_update up = { 0 };
	int ret;

	up.offset = REGISTERED_SLOT;
	up.data = (unsigned)fd;
	ret = io_uring_register((unsigned)fd, IORING_REGISTER_RING_FDS, &up, 1);
	if (ret != 1)
		return ret < 0 ? ret : -EINVAL;
	ring->index = (int)up.offset;
	return 0;
}

/* 5.15; while there is a descriptor, which is the only way before 6.3. */
static int limit_workers(int fd, unsigned workers)
{
	unsigned most[2] = { workers, workers };

	return io_uring_register((unsigned)fd, IORING_REGISTER_IOWQ_MAX_WORKERS,
				 most, 2);
}

int shim_ring_setup_registered(struct shim_ring *ring, unsigned entries,
			       unsigned workers)
{
	struct io_uring_params p = { .flags = SETUP_FLAGS };
	int fd, ret;

	*ring = (struct shim_ring){ 0 };
	fd = io_uring_setup(entries, &p);
	if (fd < 0)
		return fd;
	ret = map_ring(ring, fd, &p);
	if (!ret && workers)
		ret = limit_workers(fd, workers);
	if (!ret)
		ret = register_fd(ring, fd);
	shim_sys_close(fd);
	if (ret) {
		shim_ring_retire(ring);
		return ret;
	}
	set_pointers(ring, &p, ring->map[0], ring->map[1]);
	ring->form = SHIM_RING_REGISTERED;
	return 0;
}

int shim_ring_setup(struct shim_ring *ring, void *memory,
		    enum shim_ring_form form)
{
	int ret;

	*ring = (struct shim_ring){ 0 };
	if (form <= SHIM_RING_REGISTERED_ONLY) {
		ret = setup_registered_only(ring, memory);
		if (ret != -EINVAL)
			return ret;
	}
	return shim_ring_setup_registered(ring, SHIM_RING_ENTRIES, 0);
}

void shim_ring_close(struct shim_ring *ring)
{
	struct io_uring_rsrc_update up = { .offset = (unsigned)ring->index };

	if (ring->form == SHIM_RING_NONE)
		return;
	if (ring->by_index)
		io_uring_register((unsigned)ring->index,
				  IORING_UNREGISTER_RING_FDS |
				  IORING_REGISTER_USE_REGISTERED_RING, &up, 1);
	shim_ring_retire(ring);
}

void shim_ring_retire(struct shim_ring *ring)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (ring->map[i])
			shim_sys(SYS_munmap, ring->map[i], ring->map_len[i], 0);
	}
	*ring = (struct shim_ring){ 0 };
}

int shim_ring_eventfd(struct shim_ring *ring, int fd)
{
	unsigned use = IORING_REGISTER_USE_REGISTERED_RING;
	unsigned index = (unsigned)ring->index;
	int ret;

	if (!ring->by_index)
		return -EOPNOTSUPP;
	ret = io_uring_register(index, IORING_REGISTER_EVENTFD | use, &fd, 1);
	if (ret == -EBUSY) {
		io_uring_register(index, IORING_UNREGISTER_EVENTFD | use, NULL,
				  0);
		ret = io_uring_register(index, IORING_REGISTER_EVENTFD | use,
					&fd, 1);
	}
	return ret;
}
