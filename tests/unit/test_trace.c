// SPDX-License-Identifier: MIT
/*
 * Recordings: whatever interrupts a record, or leaves it in the middle, the reader
 * finds whole records only, in order, and every one that the writer was told was
 * written.
 */
#include "support.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "thread.h"
#include "trace.h"

#define DATA 16384 /* bytes of records in a lane: they wrap around often */
#define LANES 4

static struct shim_trace_header *header;

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A recording in memory, as a reader makes it, and opened as the library does. */
static void make_recording(uint32_t flags)
{
	size_t size = SHIM_TRACE_LANES + LANES * (SHIM_TRACE_PAGE + DATA);
	char name[64];
	int fd = memfd_create("recording", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (off_t)size), 0);
	header = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(header != MAP_FAILED);
	memcpy(header->magic, SHIM_TRACE_MAGIC, sizeof(header->magic));
	header->version = SHIM_TRACE_VERSION;
	header->flags = flags;
	header->lanes = LANES;
	header->lane_size = SHIM_TRACE_PAGE + DATA;
	header->string_max = 32;
	header->seq = 1;
	memset(header->numbers, 0xff, sizeof(header->numbers));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK_EQ(shim_trace_open(name, clock_ns), 0);
	CHECK(shim_tracing);
}

static struct shim_trace_lane *lane_at(unsigned i)
{
	return (void *)((char *)header + SHIM_TRACE_LANES +
			i * (SHIM_TRACE_PAGE + DATA));
}

/* What a reader is called with. */
typedef void visitor(const struct shim_trace_record *r);

/* Consume what there is in a lane; returns the number of records. */
static unsigned consume(struct shim_trace_lane *lane, visitor *visit)
{
	struct shim_trace_record *r;
	uint32_t mark, size;
	unsigned n = 0;

	for (;;) {
		if (__atomic_load_n(&lane->head, __ATOMIC_ACQUIRE) ==
		    lane->tail)
			return n;
		r = (void *)((char *)lane + SHIM_TRACE_PAGE +
			     lane->tail % DATA);
		mark = __atomic_load_n(&r->mark, __ATOMIC_ACQUIRE);
		size = mark & SHIM_TRACE_SIZE;
		if (!(mark & (SHIM_TRACE_DONE | SHIM_TRACE_SKIP)))
			return n;
		CHECK(size && size % 8 == 0);
		CHECK(lane->tail % DATA + size <= DATA);
		if (mark & SHIM_TRACE_DONE) {
			visit(r);
			n++;
		}
		memset(r, 0, size);
		__atomic_store_n(&lane->tail, lane->tail + size,
				 __ATOMIC_RELEASE);
	}
}

/* Records whose content tells whether it is whole. */

static bool write_pattern(uint64_t number, bool in_handler)
{
	char bytes[256];
	struct shim_trace_parts parts = { .n = 0 };
	struct shim_trace_data *data;
	struct shim_trace_record r = {
		.kind = SHIM_TRACE_EXIT, .data = number,
	};

	memset(bytes, (int)(number & 0xff), sizeof(bytes));
	data = shim_trace_add(&parts, SHIM_TRACE_BYTES, 0, bytes,
			      number % sizeof(bytes));
	data->total = number;
	data->index = in_handler;
	return shim_trace_write(&r, sizeof(r), &parts) != 0;
}

static atomic_ulong seen[2], last_seq;
static uint64_t last_number;

static void check_pattern(const struct shim_trace_record *r)
{
	const struct shim_trace_part *p = (const void *)(r + 1);
	const unsigned char *bytes = (const void *)(p + 1);
	uint32_t i, padded = (p->size + 7) & ~7U;

	if (r->kind == SHIM_TRACE_THREAD)
		return;
	CHECK_EQ(r->kind, SHIM_TRACE_EXIT);
	CHECK_EQ(r->parts, 1);
	CHECK_EQ(p->total, r->data);
	CHECK_EQ(p->size, r->data % 256);
	CHECK_EQ(r->mark & SHIM_TRACE_SIZE, sizeof(*r) + sizeof(*p) + padded);
	for (i = 0; i < p->size; i++)
		CHECK_EQ(bytes[i], r->data & 0xff);
	/* Those of the thread itself are in order. */
	if (!p->index) {
		CHECK(r->data > last_number);
		last_number = r->data;
	}
	atomic_fetch_add(&seen[p->index], 1);
	atomic_store(&last_seq, r->seq);
}

static atomic_bool stop_reader;

static void *reader(void *arg)
{
	bool last = false;

	(void)arg;
	while (!last) {
		last = atomic_load(&stop_reader);
		header->beat++;
		if (!consume(lane_at(0), check_pattern))
			sched_yield();
	}
	return NULL;
}

static void in_order_with_wrap(enum shim_ring_form form)
{
	uint64_t i;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	for (i = 1; i <= 20000; i++) {
		CHECK(write_pattern(i, false));
		if (i % 13 == 0)
			consume(lane_at(0), check_pattern);
	}
	consume(lane_at(0), check_pattern);
	CHECK_EQ(atomic_load(&seen[0]), 20000);
	CHECK_EQ(atomic_load(&last_seq), 20000);
	CHECK_EQ(lane_at(0)->lost, 0);
	CHECK_EQ(lane_at(0)->tid, gettid());
}

/* Handlers that write, and half of which never return. */

static sigjmp_buf back;
static volatile sig_atomic_t may_jump;
static atomic_ulong from_handlers, jumps;

static void storm_handler(int sig)
{
	static atomic_ulong n;
	unsigned long i = atomic_fetch_add(&n, 1) + 1;

	(void)sig;
	if (write_pattern(i, true))
		atomic_fetch_add(&from_handlers, 1);
	if (may_jump && i % 2) {
		atomic_fetch_add(&jumps, 1);
		siglongjmp(back, 1);
	}
}

/*
 * A jump may come after the record was written and before that was counted: of
 * each jump one more record may have been seen than was counted.
 */
static void storm(enum shim_ring_form form)
{
	struct sigaction sa = { .sa_handler = storm_handler };
	struct itimerval every = { { 0, 70 }, { 0, 70 } }, never = { 0 };
	static volatile uint64_t i, written;
	uint64_t end = clock_ns() + 1500000000;
	pthread_t t;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	CHECK(write_pattern(i = 1, false));
	written = 1;
	sigaddset(&sa.sa_mask, SIGALRM);
	sigaction(SIGALRM, &sa, NULL);
	pthread_sigmask(SIG_BLOCK, &sa.sa_mask, NULL);
	CHECK_EQ(pthread_create(&t, NULL, reader, NULL), 0);
	pthread_sigmask(SIG_UNBLOCK, &sa.sa_mask, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	sigsetjmp(back, 1);
	may_jump = 1;
	while (clock_ns() < end) {
		i++;
		if (write_pattern(i, false))
			written++;
	}
	may_jump = 0;
	setitimer(ITIMER_REAL, &never, NULL);
	atomic_store(&stop_reader, true);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK(jumps > 100 && written > 1000);
	CHECK(seen[0] >= written && seen[0] <= written + jumps);
	CHECK_EQ(seen[1], from_handlers);
	/* Some had interrupted one that waited; they are counted. */
	CHECK(lane_at(0)->lost < written);
	/* Nothing is left that the reader could not pass. */
	CHECK_EQ(lane_at(0)->head, lane_at(0)->tail);
}

static void reader_has_gone(enum shim_ring_form form)
{
	unsigned i, written = 0;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	for (i = 1; i < 300; i++)
		written += write_pattern(i, false);
	CHECK(header->flags & SHIM_TRACE_GONE);
	CHECK_EQ(consume(lane_at(0), check_pattern), written);
	CHECK_EQ(written + lane_at(0)->lost, 299);
}

static void oldest_give_way(enum shim_ring_form form)
{
	unsigned left;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW);
	for (uint64_t i = 1; i < 5000; i++)
		CHECK(write_pattern(i, false));
	left = consume(lane_at(0), check_pattern);
	CHECK_EQ(last_number, 4999);
	CHECK(left > DATA / 400);
	CHECK_EQ(left + lane_at(0)->lost, 4999);
}

static void *write_one(void *arg)
{
	CHECK_EQ(write_pattern(7, false), arg != NULL);
	return NULL;
}

static void one_lane_each(enum shim_ring_form form)
{
	pthread_t t;
	static int written;
	int i;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	for (i = 0; i < LANES; i++) {
		CHECK_EQ(pthread_create(&t, NULL, write_one, &written), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		CHECK(lane_at((unsigned)i)->ready);
		CHECK_EQ(lane_at((unsigned)i)->pid, getpid());
	}
	/* There are no more; it is told. */
	CHECK_EQ(pthread_create(&t, NULL, write_one, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK(header->lost > 0);
	/* Until the reader gives one back. */
	memset(lane_at(2), 0, SHIM_TRACE_PAGE + DATA);
	CHECK_EQ(pthread_create(&t, NULL, write_one, &written), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK(lane_at(2)->ready);
}

/* Nobody reads: the dead make room for the living. */
static void lanes_of_the_dead(enum shim_ring_form form)
{
	static int written;
	pthread_t t;
	int i;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW);
	for (i = 0; i < 3 * LANES; i++) {
		CHECK_EQ(pthread_create(&t, NULL, write_one, &written), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
	}
	/* Each with a record that says that the thread is there. */
	CHECK_EQ(header->lost, 2 * 2 * LANES);
	for (i = 0; i < LANES; i++) {
		last_number = 0;
		CHECK_EQ(consume(lane_at((unsigned)i), check_pattern), 2);
	}
}

static void *wants(void *arg)
{
	(void)arg;
	return (void *)(uintptr_t)shim_trace_wants(SYS_read);
}

static void one_thread_only(enum shim_ring_form form)
{
	pthread_t t;
	void *ret;

	(void)form;
	make_recording(SHIM_TRACE_WAIT | SHIM_TRACE_FOLLOW);
	header->flags = SHIM_TRACE_WAIT;
	header->root = (uint32_t)gettid();
	header->numbers[0] &= ~(1ULL << SYS_write);
	CHECK(shim_trace_wants(SYS_read));
	CHECK(!shim_trace_wants(SYS_write));
	CHECK_EQ(pthread_create(&t, NULL, wants, NULL), 0);
	CHECK_EQ(pthread_join(t, &ret), 0);
	CHECK(!ret);
}

/* What calls point at */

static unsigned kinds[16], leaves;
static int64_t result;
static char bytes[64];

static void look(const struct shim_trace_record *r)
{
	size_t fixed = r->kind == SHIM_TRACE_ENTER ?
		sizeof(struct shim_trace_enter) :
		sizeof(struct shim_trace_leave);
	const char *at = (const char *)r + fixed;
	const struct shim_trace_part *p;
	unsigned i;

	CHECK(r->kind == SHIM_TRACE_ENTER || r->kind == SHIM_TRACE_LEAVE);
	if (r->kind == SHIM_TRACE_LEAVE) {
		leaves++;
		result = ((const struct shim_trace_leave *)r)->result;
	}
	for (i = 0; i < r->parts; i++) {
		p = (const void *)at;
		kinds[p->kind]++;
		CHECK(p->size <= sizeof(bytes));
		memcpy(bytes, p + 1, p->size);
		at += sizeof(*p) + ((p->size + 7) & ~7U);
	}
	CHECK_EQ(at - (const char *)r, r->mark & SHIM_TRACE_SIZE);
}

static void record(unsigned nr, const uint64_t args[6], int64_t ret)
{
	struct shim_traced t;

	memset(kinds, 0, sizeof(kinds));
	memcpy(t.enter.args, args, sizeof(t.enter.args));
	shim_trace_begin(&t, nr);
	shim_trace_end(&t, ret);
	CHECK_EQ(consume(lane_at(0), look), 2);
	CHECK_EQ(result, ret);
}

/* The last bytes of a page behind which there is nothing. */
static char *at_the_edge(size_t n)
{
	char *p = mmap(NULL, 2 * SHIM_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(munmap(p + SHIM_PAGE, SHIM_PAGE), 0);
	memset(p, 'x', SHIM_PAGE);
	return p + SHIM_PAGE - n;
}

#define U(p) ((uint64_t)(uintptr_t)(p))

static void pointers_to_anywhere(enum shim_ring_form form)
{
	static const uint64_t nowhere[] = { 0, 8, ~0ULL, ~7ULL, 1ULL << 63 };
	static const unsigned all[] = {
		SYS_openat, SYS_read, SYS_write, SYS_readv, SYS_writev,
		SYS_connect, SYS_accept4, SYS_recvfrom, SYS_sendto,
		SYS_recvmsg, SYS_sendmsg, SYS_recvmmsg, SYS_sendmmsg,
		SYS_fcntl, SYS_pipe2, SYS_sendfile, SYS_splice,
	};
	size_t i, j;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	/* With others about, buffers are looked at before the call. */
	for (header->used = 1; header->used < 3; header->used++) {
		for (i = 0; i < ARRAY_SIZE(all); i++) {
			for (j = 0; j < ARRAY_SIZE(nowhere); j++)
				record(all[i], (uint64_t[6]){
				       nowhere[j], nowhere[j], nowhere[j],
				       nowhere[j], nowhere[j], nowhere[j] },
				       j % 2 ? -EFAULT : -EBADF);
		}
	}
}

static void strings_at_the_edge(enum shim_ring_form form)
{
	char *path = at_the_edge(5), *open_end = at_the_edge(3);

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	strcpy(path, "/tmp");
	record(SYS_openat, (uint64_t[6]){ 0, U(path) }, -ENOENT);
	CHECK_EQ(kinds[SHIM_TRACE_STRING], 1);
	CHECK_EQ(memcmp(bytes, "/tmp", 4), 0);
	record(SYS_openat, (uint64_t[6]){ 0, U(open_end) }, -EFAULT);
	CHECK_EQ(kinds[SHIM_TRACE_STRING], 0);
}

static void buffers_at_the_edge(enum shim_ring_form form)
{
	char *buf = at_the_edge(6);
	struct iovec iov[2] = { { buf, 6 }, { buf, 10 } };

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	record(SYS_read, (uint64_t[6]){ 0, U(buf), 100 }, 6);
	CHECK_EQ(kinds[SHIM_TRACE_BYTES], 1);
	record(SYS_read, (uint64_t[6]){ 0, U(buf), 100 }, 0);
	CHECK_EQ(kinds[SHIM_TRACE_BYTES], 1);
	record(SYS_write, (uint64_t[6]){ 0, U(buf), 6 }, 6);
	CHECK_EQ(kinds[SHIM_TRACE_BYTES], 1);
	/* A partial write of what can only in part be read. */
	record(SYS_write, (uint64_t[6]){ 0, U(buf), 20 }, 6);
	CHECK_EQ(kinds[SHIM_TRACE_BYTES], 0);
	record(SYS_readv, (uint64_t[6]){ 0, U(iov), 2 }, 9);
	CHECK_EQ(kinds[SHIM_TRACE_IOVEC], 1);
	CHECK_EQ(kinds[SHIM_TRACE_SEGMENT], 2);
	record(SYS_writev, (uint64_t[6]){ 0, U(iov), 2 }, 9);
	CHECK_EQ(kinds[SHIM_TRACE_SEGMENT], 1);
}

static void forked_child(enum shim_ring_form form)
{
	int status;
	pid_t pid;

	(void)form;
	make_recording(SHIM_TRACE_FOLLOW | SHIM_TRACE_WAIT);
	CHECK(write_pattern(1, false));
	pid = fork();
	if (!pid) {
		shim_trace_fork_child();
		_exit(write_pattern(2, false) ? 0 : 1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(write_pattern(3, false));
	CHECK_EQ(consume(lane_at(0), check_pattern), 2);
	CHECK_EQ(lane_at(1)->pid, pid);
	CHECK_EQ(lane_at(0)->pid, getpid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(in_order_with_wrap),
		ONCE(storm),
		ONCE(reader_has_gone),
		ONCE(oldest_give_way),
		ONCE(one_lane_each),
		ONCE(lanes_of_the_dead),
		ONCE(one_thread_only),
		ONCE(pointers_to_anywhere),
		ONCE(strings_at_the_edge),
		ONCE(buffers_at_the_edge),
		ONCE(forked_child),
	};

	return RUN_ALL(tests);
}
