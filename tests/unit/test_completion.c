// SPDX-License-Identifier: MIT
/*
 * The slot table by itself, with CQEs made up by the test: the states, the
 * generations, and that what an abandoned event owns is dropped exactly once,
 * after the CQE.  Then the same with what a real ring answers.
 */
#include "support.h"

#include <sys/socket.h>

static struct shim_completions table;
static unsigned released;
static void *released_buf;
static char owned[16];

static void release(void *buf)
{
	released++;
	released_buf = buf;
}

static struct shim_slot *take_from_table(void)
{
	struct shim_slot *slot = shim_slot_take(&table);

	CHECK(slot);
	shim_read_event(&slot->event.rw, 0, owned, sizeof(owned), 0, 0);
	return slot;
}

static struct shim_slot *take_owned(void)
{
	struct shim_slot *slot = take_from_table();

	slot->event.rw.release = release;
	return slot;
}

static void states(enum shim_ring_form form)
{
	struct shim_slot *slot = take_from_table();
	uint64_t user_data = shim_slot_user_data(slot);

	(void)form;
	CHECK_EQ(slot->state, SHIM_SLOT_SUBMITTED);
	CHECK_EQ(shim_slots_in(&table, SHIM_SLOT_SUBMITTED), 1);
	CHECK(user_data != SHIM_NOBODY);
	CHECK(shim_slot_complete(&table, user_data, 42));
	CHECK_EQ(slot->state, SHIM_SLOT_DONE);
	CHECK_EQ(slot->res, 42);
	/* A second CQE for the same event is nobody's. */
	CHECK(!shim_slot_complete(&table, user_data, 43));
	CHECK_EQ(slot->res, 42);
	shim_slot_release(slot);
	CHECK(!shim_slot_complete(&table, user_data, 44));
	CHECK_EQ(slot->state, SHIM_SLOT_FREE);
	CHECK_EQ(slot->res, 42);
}

static void exhausted(enum shim_ring_form form)
{
	struct shim_slot *slots[SHIM_SLOTS];
	unsigned i, j;

	(void)form;
	for (i = 0; i < SHIM_SLOTS; i++) {
		slots[i] = take_from_table();
		for (j = 0; j < i; j++)
			CHECK(shim_slot_user_data(slots[i]) !=
			      shim_slot_user_data(slots[j]));
	}
	CHECK(!shim_slot_take(&table));
	CHECK_EQ(shim_slots_in(&table, SHIM_SLOT_SUBMITTED), SHIM_SLOTS);
	/* Neither done nor cancelled is free. */
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slots[1]), 0));
	shim_slot_abandon(slots[2]);
	CHECK(!shim_slot_take(&table));
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slots[2]), 0));
	CHECK(shim_slot_take(&table) == slots[2]);
	shim_slot_release(slots[1]);
	CHECK(shim_slot_take(&table) == slots[1]);
	CHECK(!shim_slot_take(&table));
}

static void late_cqe(enum shim_ring_form form)
{
	struct shim_slot *first = take_from_table(), *second;
	uint64_t old = shim_slot_user_data(first), fresh;

	(void)form;
	shim_slot_release(first);
	second = take_from_table();
	fresh = shim_slot_user_data(second);
	CHECK(second == first);
	CHECK(fresh != old);
	CHECK(!shim_slot_complete(&table, old, 1));
	CHECK_EQ(second->state, SHIM_SLOT_SUBMITTED);
	shim_slot_abandon(second);
	CHECK(!shim_slot_complete(&table, old, 1));
	CHECK_EQ(second->state, SHIM_SLOT_CANCELLED);
	CHECK(shim_slot_complete(&table, fresh, 1));
	CHECK_EQ(second->state, SHIM_SLOT_FREE);
}

static void foreign_cqe(enum shim_ring_form form)
{
	struct shim_slot *slot = take_from_table();
	uint64_t user_data = shim_slot_user_data(slot);
	unsigned i;

	(void)form;
	CHECK(!shim_slot_complete(&table, SHIM_NOBODY, 0));
	for (i = 0; i < 256; i++) {
		if (i != (user_data & 0xff))
			CHECK(!shim_slot_complete(
				&table, (user_data & ~0xffULL) | i, 0));
	}
	CHECK(!shim_slot_complete(&table, user_data + 0x100, 0));
	CHECK(!shim_slot_complete(&table, user_data - 0x100, 0));
	CHECK(!shim_slot_complete(&table, ~0ULL, 0));
	CHECK_EQ(slot->state, SHIM_SLOT_SUBMITTED);
}

static void generation_wraps(enum shim_ring_form form)
{
	struct shim_slot *slot;
	uint64_t seen[4];
	unsigned i, j;

	(void)form;
	for (i = 0; i < SHIM_SLOTS; i++)
		table.slots[i].generation = UINT32_MAX - 1;
	for (i = 0; i < ARRAY_SIZE(seen); i++) {
		slot = take_from_table();
		seen[i] = shim_slot_user_data(slot);
		CHECK(seen[i] != SHIM_NOBODY);
		/* The top bit belongs to cancels. */
		CHECK(!(seen[i] >> 63));
		for (j = 0; j < i; j++) {
			CHECK(seen[i] != seen[j]);
			CHECK(!shim_slot_complete(&table, seen[j], 0));
		}
		CHECK(shim_slot_complete(&table, seen[i], (int)i));
		CHECK_EQ(slot->res, i);
		shim_slot_release(slot);
	}
	CHECK_EQ(slot->generation, 2);
}

/* drop */

static void owned_buffer(enum shim_ring_form form)
{
	struct shim_slot *slot = take_owned();
	uint64_t user_data = shim_slot_user_data(slot);

	(void)form;
	shim_slot_abandon(slot);
	CHECK_EQ(slot->state, SHIM_SLOT_CANCELLED);
	CHECK_EQ(released, 0);
	/* Not by somebody else's CQE. */
	CHECK(!shim_slot_complete(&table, user_data + 0x100, 0));
	CHECK_EQ(released, 0);
	CHECK(shim_slot_complete(&table, user_data, -ECANCELED));
	CHECK_EQ(released, 1);
	CHECK(released_buf == owned);
	CHECK_EQ(slot->state, SHIM_SLOT_FREE);
	CHECK(!shim_slot_complete(&table, user_data, -ECANCELED));
	CHECK_EQ(released, 1);
}

/* The event is not touched after its cancellation has been moved out. */
static void owned_by_the_cancellation(enum shim_ring_form form)
{
	struct shim_slot *slot = take_owned();

	(void)form;
	shim_slot_abandon(slot);
	memset(&slot->event, 0xa5, sizeof(slot->event));
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slot), 7));
	CHECK_EQ(released, 1);
	CHECK(released_buf == owned);
}

static void completed_owner_keeps(enum shim_ring_form form)
{
	struct shim_slot *slot = take_owned();

	(void)form;
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slot), 3));
	shim_slot_release(slot);
	CHECK_EQ(released, 0);
}

static void borrowed_buffer(enum shim_ring_form form)
{
	struct shim_slot *slot = take_owned();

	(void)form;
	/* Left by an earlier use of the slot; must not be dropped. */
	shim_slot_abandon(slot);
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slot), 3));
	CHECK_EQ(released, 1);
	CHECK(take_from_table() == slot);
	shim_slot_abandon(slot);
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slot), 3));
	CHECK_EQ(released, 1);
}

static struct shim_slot *taken_in_drop;

static void take_in_drop(struct shim_cancellation *c, int res)
{
	(void)c;
	(void)res;
	taken_in_drop = shim_slot_take(&table);
}

/* The slot is free by the time of the drop, and stays whose it then is. */
static void drop_may_take_a_slot(enum shim_ring_form form)
{
	struct shim_slot *slot = take_from_table();

	(void)form;
	shim_slot_abandon(slot);
	slot->cancellation.drop = take_in_drop;
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slot), 0));
	CHECK(taken_in_drop == slot);
	CHECK_EQ(slot->state, SHIM_SLOT_SUBMITTED);
}

static void openat_drop(enum shim_ring_form form)
{
	struct open_how how = { 0 };
	struct shim_slot *slot;
	int fd, i;

	(void)form;
	for (i = 0; i < 2; i++) {
		fd = open("/", O_RDONLY | O_DIRECTORY);
		CHECK(fd >= 0);
		slot = take_from_table();
		shim_openat_event(&slot->event.openat, AT_FDCWD, "/", &how);
		shim_slot_abandon(slot);
		CHECK(fcntl(fd, F_GETFD) >= 0);
		CHECK(shim_slot_complete(&table, shim_slot_user_data(slot),
					 i ? -fd : fd));
		/* Only a descriptor that has arrived is closed. */
		CHECK_EQ(fcntl(fd, F_GETFD), i ? 0 : -1);
	}
}

static void owns_nothing(enum shim_ring_form form)
{
	struct sockaddr address = { .sa_family = AF_UNSPEC };
	struct shim_slot *slot;

	(void)form;
	slot = take_from_table();
	shim_connect_event(&slot->event.connect, 0, &address, sizeof(address));
	shim_slot_abandon(slot);
	CHECK(!slot->cancellation.drop);
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slot), 0));
	slot = take_from_table();
	shim_close_event(&slot->event.close, 0);
	shim_slot_abandon(slot);
	CHECK(!slot->cancellation.drop);
	CHECK(shim_slot_complete(&table, shim_slot_user_data(slot), 0));
	CHECK_EQ(fcntl(0, F_GETFD), 0);
}

/* with a ring */

static void real_abandoned_read(enum shim_ring_form form)
{
	struct shim_slot *slot;
	struct rig rig;
	int p[2];

	rig_open(&rig, form);
	make_pipe(p);
	slot = take_owned_read(&rig, p[0], owned, sizeof(owned), release);
	CHECK_EQ(shim_driver_submit(&rig.d, slot), SHIM_PENDING);
	shim_slot_abandon(slot);
	CHECK_EQ(released, 0);
	CHECK(shim_ring_enter(&rig.d.ring, 0, IORING_ENTER_GETEVENTS) >= 0);
	CHECK_EQ(released, 0);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(released, 0);
	/* An owned buffer may be written into until the CQE. */
	shim_driver_finish(&rig.d, slot);
	CHECK_EQ(released, 1);
	check_works(&rig);
	CHECK_EQ(released, 1);
}

static void real_late_open(enum shim_ring_form form)
{
	struct open_how how = { .flags = O_RDONLY };
	struct fds before, now;
	struct shim_slot *slot;
	struct rig rig;

	rig_open(&rig, form);
	list_fds(&before);
	slot = take(&rig);
	shim_openat_event(&slot->event.openat, AT_FDCWD, "/", &how);
	queue_by_hand(&rig, slot);
	CHECK_EQ(shim_ring_enter(&rig.d.ring, 0, 0), 1);
	list_fds(&now);
	CHECK_EQ(count_fds(&now), count_fds(&before) + 1);
	shim_slot_abandon(slot);
	shim_driver_recover(&rig.d);
	list_fds(&now);
	CHECK(same_fds(&now, &before));
	check_works(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(states),
		ONCE(exhausted),
		ONCE(late_cqe),
		ONCE(foreign_cqe),
		ONCE(generation_wraps),
		ONCE(owned_buffer),
		ONCE(owned_by_the_cancellation),
		ONCE(completed_owner_keeps),
		ONCE(borrowed_buffer),
		ONCE(drop_may_take_a_slot),
		ONCE(openat_drop),
		ONCE(owns_nothing),
		BOTH(real_abandoned_read),
		BOTH(real_late_open),
	};

	return RUN_ALL(tests);
}
