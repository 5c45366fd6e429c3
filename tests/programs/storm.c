// SPDX-License-Identifier: MIT
/*
 * storm [seconds [seed]]: everything at once.  Threads pass numbered bytes
 * through pipes, unix and TCP sockets while others shoot signals at them:
 * handlers return, jump out of the call or end the thread; threads are
 * cancelled and replaced; the process forks.  No byte is lost, none comes
 * twice, nothing hangs, and the fds, tasks and mappings are in the end what
 * they were.
 *
 * Natively, too, a jump, a cancellation or an exit may lose the return value
 * of a call that has completed, so the accounts do not rely on it:
 *
 * - a reader fills its buffer with a byte that never occurs in the data, and
 *   counts what has come by looking there.  A buffer that has been counted is
 *   filled with a canary, checked before it is used again.
 * - a writer that cannot know whether its record was written repeats it with
 *   the mark "perhaps again".  A record that comes twice without the mark, or
 *   after its successor, is somebody's stale write.  Records are never split:
 *   they are short, and only on pipes and unix sockets.
 * - bulk writers are only interrupted by handlers that return.
 *
 * A thread is either jumped, or ended, or cancelled: glibc 2.36 leaves a
 * thread that jumps out of a cancellation point in asynchronous type.
 *
 * Ring: read write
 * Timeout: 60
 */
#include <setjmp.h>

#include "common.h"

#define EMPTY 0xff
#define CANARY 0xfe
#define BUFFERS 4
#define SIZE 3000
#define RECORD 64
#define BULK 40000

enum { BULK_LANE, RECORD_LANE };
enum { JUMPER, EXITER, CANCELLABLE, FLAVOURS };
enum { READER, WRITER };

struct lane;

struct end {
	struct lane *lane;
	int role;
	int flavour;
	pthread_t thread;
	volatile pid_t tid;
	volatile sig_atomic_t armed;
	sigjmp_buf env;
	volatile int dead;	/* ended before its work was done */
	volatile int done;
	bool joined;
	uint32_t seed;
};

struct lane {
	int kind, type, number;
	int fd[2];
	struct end end[2];
	/* The writer's state: it survives the writer. */
	volatile uint64_t written;	/* bytes, or complete records */
	volatile int unsure;
	unsigned char bulk[BULK];
	/* The reader's. */
	volatile uint64_t received;
	unsigned int buffer;
	unsigned char buffers[BUFFERS][SIZE];
	unsigned char record[RECORD];
	unsigned int have;
};

static struct lane lanes[] = {
	{ .kind = PIPE, .type = BULK_LANE },
	{ .kind = UNIX, .type = BULK_LANE },
	{ .kind = TCP, .type = BULK_LANE },
	{ .kind = PIPE, .type = RECORD_LANE },
	{ .kind = UNIX, .type = RECORD_LANE },
	{ .kind = PIPE, .type = RECORD_LANE },
};

#define LANES ARRAY_SIZE(lanes)

static __thread struct end *self;
static volatile int stop, all_done;
static volatile uint64_t forks, turns;
static const int harmless[] = { SIGUSR1, SIGUSR2 };

/* ---- the handlers ---- */

static void handler(int sig)
{
	(void)sig;
}

static void out_handler(int sig)
{
	struct end *end = self;

	(void)sig;
	if (!end || !end->armed || end->flavour == CANCELLABLE)
		return;
	end->armed = 0;
	if (end->flavour == JUMPER)
		siglongjmp(end->env, 1);
	pthread_exit(NULL);
}

static int random_signal(uint32_t *seed)
{
	uint32_t n = next_random(seed) % 4;

	return n < 2 ? harmless[n] : n == 2 ? SIGRTMIN : SIGRTMIN + 1;
}

/* ---- the reader's account ---- */

static void check_canary(const unsigned char *buf)
{
	for (int i = 0; i < SIZE; i++)
		if (buf[i] != CANARY)
			fail("a buffer was written to after its time");
}

static void take_bulk(struct lane *lane, const unsigned char *buf, size_t n)
{
	uint64_t at = lane->received;

	for (size_t i = 0; i < n; i++, at++)
		if (buf[i] != (at * 7 + lane->number) % 251)
			fail("lane %d: wrong byte at %llu", lane->number,
			     (unsigned long long)at);
	lane->received = at;
}

static void take_record(struct lane *lane)
{
	const char *text = (char *)lane->record;
	unsigned long number = strtoul(text + 1, NULL, 10);
	int fill = 'a' + number % 26;

	for (int i = 14; i < RECORD; i++)
		if (text[i] != fill)
			fail("lane %d: torn record", lane->number);
	if (number == lane->received)
		lane->received++;
	else if (number + 1 != lane->received || text[0] != '?')
		fail("lane %d: record %c%lu instead of %llu", lane->number,
		     text[0], number, (unsigned long long)lane->received);
}

static void take_records(struct lane *lane, const unsigned char *buf,
			 size_t n)
{
	for (size_t i = 0; i < n; i++) {
		lane->record[lane->have++] = buf[i];
		if (lane->have == RECORD) {
			lane->have = 0;
			take_record(lane);
		}
	}
}

/* Count what is in the current buffer, and take the next one. */
static size_t account(struct lane *lane)
{
	unsigned char *buf = lane->buffers[lane->buffer];
	size_t n = 0;

	while (n < SIZE && buf[n] != EMPTY)
		n++;
	for (size_t i = n; i < SIZE; i++)
		if (buf[i] != EMPTY)
			fail("lane %d: a hole in the buffer", lane->number);
	if (lane->type == BULK_LANE)
		take_bulk(lane, buf, n);
	else
		take_records(lane, buf, n);
	memset(buf, CANARY, SIZE);
	lane->buffer = (lane->buffer + 1) % BUFFERS;
	buf = lane->buffers[lane->buffer];
	check_canary(buf);
	memset(buf, EMPTY, SIZE);
	return n;
}

/* One read; -1 after a jump, otherwise what read returned. */
static noinline ssize_t read_once(struct end *end, size_t size)
{
	struct lane *lane = end->lane;
	ssize_t n;

	if (sigsetjmp(end->env, 1))
		return -1;
	end->armed = 1;
	n = read(lane->fd[0], lane->buffers[lane->buffer], size);
	end->armed = 0;
	if (n < 0 && errno != EINTR)
		fail("lane %d: read %s", lane->number, result(n));
	return n;
}

static void reader(struct end *end)
{
	for (;;) {
		size_t size = 1 + next_random(&end->seed) % SIZE;
		ssize_t n = read_once(end, size);
		size_t came = account(end->lane);

		if (n >= 0 && (size_t)n != came)
			fail("lane %d: read said %zd, %zu came",
			     end->lane->number, n, came);
		if (n == 0)
			return;
		if (next_random(&end->seed) % 8 == 0)
			nap_us(next_random(&end->seed) % 300);
	}
}

/* ---- the writers ---- */

static void bulk_writer(struct end *end)
{
	struct lane *lane = end->lane;

	while (!stop) {
		size_t size = 1 + next_random(&end->seed) % 300;
		uint64_t at = lane->written;
		ssize_t n;

		if (next_random(&end->seed) % 8 == 0)
			size = 1 + next_random(&end->seed) % BULK;
		for (size_t i = 0; i < size; i++)
			lane->bulk[i] = ((at + i) * 7 + lane->number) % 251;
		n = write(lane->fd[1], lane->bulk, size);
		if (n < 0 && errno != EINTR)
			fail("lane %d: write %s", lane->number, result(n));
		memset(lane->bulk, CANARY, size);
		if (n > 0)
			lane->written += n;
		if (next_random(&end->seed) % 16 == 0)
			nap_us(next_random(&end->seed) % 300);
	}
}

static noinline void write_record(struct end *end)
{
	static __thread char record[RECORD + 1];
	struct lane *lane = end->lane;
	ssize_t n;

	snprintf(record, 15, "%c%013llu", lane->unsure ? '?' : '=',
		 (unsigned long long)lane->written);
	memset(record + 14, 'a' + lane->written % 26, RECORD - 14);
	if (sigsetjmp(end->env, 1)) {
		memset(record, CANARY, RECORD);
		return;
	}
	lane->unsure++;
	end->armed = 1;
	n = write(lane->fd[1], record, RECORD);
	end->armed = 0;
	if (n == RECORD) {
		lane->written++;
		lane->unsure = 0;
	} else if (n < 0 && errno == EINTR) {
		lane->unsure--;
	} else {
		fail("lane %d: write %s", lane->number, result(n));
	}
}

static void record_writer(struct end *end)
{
	while (!stop || end->lane->unsure) {
		write_record(end);
		if (next_random(&end->seed) % 64 == 0)
			nap_us(next_random(&end->seed) % 300);
	}
}

/* ---- threads ---- */

static void cleanup(void *arg)
{
	struct end *end = arg;

	end->armed = 0;
	end->tid = 0;
	if (end->role == READER)
		account(end->lane);
	end->dead = 1;
}

static void work(struct end *end)
{
	if (end->role == READER)
		reader(end);
	else if (end->lane->type == BULK_LANE)
		bulk_writer(end);
	else
		record_writer(end);
}

static void *thread_main(void *arg)
{
	struct end *end = arg;

	if (end->flavour != CANCELLABLE)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_push(cleanup, end);
	self = end;
	end->tid = my_tid();
	work(end);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	end->tid = 0;
	end->done = 1;
	pthread_cleanup_pop(0);
	return NULL;
}

static void launch(struct end *end, uint32_t *seed)
{
	end->flavour = next_random(seed) % FLAVOURS;
	if (end->role == WRITER && end->lane->type == BULK_LANE)
		end->flavour = JUMPER;	/* never armed */
	end->seed = next_random(seed);
	end->dead = 0;
	end->tid = 0;
	end->thread = start(thread_main, end);
}

static void join(struct end *end)
{
	CHECK(pthread_join(end->thread, NULL) == 0);
}

static struct end *random_end(uint32_t *seed)
{
	uint32_t n = next_random(seed);

	return &lanes[n / 2 % LANES].end[n % 2];
}

/* Those that ended too early are replaced; a finished writer's fd is closed. */
static void look_after(struct end *end, uint32_t *seed)
{
	if (end->joined || (!end->dead && !end->done))
		return;
	join(end);
	if (!end->done) {
		launch(end, seed);
		return;
	}
	end->joined = true;
	if (end->role == WRITER)
		CHECK(close(end->lane->fd[1]) == 0);
}

static void cancel(struct end *end)
{
	if (end->flavour == CANCELLABLE && !end->joined && !end->dead)
		CHECK(pthread_cancel(end->thread) == 0);
}

static void shoot(uint32_t *seed)
{
	pid_t tid = random_end(seed)->tid;

	if (tid)
		syscall(SYS_tgkill, getpid(), tid, random_signal(seed));
}

static void *shooter(void *arg)
{
	uint32_t seed = (uintptr_t)arg;

	while (!all_done) {
		shoot(&seed);
		nap_us(next_random(&seed) % 200);
	}
	return NULL;
}

/* ---- forks ---- */

static void child_main(void)
{
	char text[128], back[128];
	int fd[2];

	CHECK(pipe(fd) == 0);
	for (int i = 0; i < 20; i++) {
		memset(text, 'a' + i, sizeof(text));
		CHECK(write(fd[1], text, sizeof(text)) == sizeof(text));
		CHECK(read(fd[0], back, sizeof(back)) == sizeof(back));
		CHECK(!memcmp(text, back, sizeof(text)));
	}
	CHECK(close(fd[1]) == 0);
	CHECK(read(fd[0], back, 1) == 0);
	_exit(0);
}

static void fork_child(void)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid)
		child_main();
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	forks++;
}

/* ---- the whole ---- */

static uint64_t progress(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < LANES; i++)
		sum += lanes[i].received + lanes[i].written;
	return sum;
}

static void *watchdog(void *arg)
{
	uint64_t before = 0, now;
	int quiet = 0;

	(void)arg;
	while (!all_done) {
		nap_us(100000);
		now = progress();
		quiet = now == before ? quiet + 1 : 0;
		before = now;
		if (quiet < 200)
			continue;
		for (size_t i = 0; i < LANES; i++)
			say("lane %zu: %s, written %llu, received %llu, "
			    "writer done %d, reader done %d", i,
			    channel_name[lanes[i].kind],
			    (unsigned long long)lanes[i].written,
			    (unsigned long long)lanes[i].received,
			    lanes[i].end[1].done, lanes[i].end[0].done);
		fail("no progress for 20 s");
	}
	return NULL;
}

static void set_up(struct lane *lane, int number, uint32_t *seed)
{
	lane->number = number;
	make_channel(lane->kind, lane->fd);
	memset(lane->buffers, CANARY, sizeof(lane->buffers));
	memset(lane->buffers[0], EMPTY, SIZE);
	for (int role = READER; role <= WRITER; role++) {
		lane->end[role].lane = lane;
		lane->end[role].role = role;
		launch(&lane->end[role], seed);
	}
}

static void check_lane(struct lane *lane)
{
	CHECK(lane->received == lane->written);
	CHECK(lane->received > 0);
	CHECK(lane->have == 0);
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (i != lane->buffer)
			check_canary(lane->buffers[i]);
	CHECK(close(lane->fd[0]) == 0);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec + at.tv_nsec / 1e9;
}

static bool still_working(uint32_t *seed)
{
	bool working = false;

	for (size_t i = 0; i < LANES; i++) {
		for (int role = READER; role <= WRITER; role++) {
			look_after(&lanes[i].end[role], seed);
			working |= !lanes[i].end[role].joined;
		}
	}
	return working;
}

static void blow(double seconds, uint32_t *seed)
{
	double end = now() + seconds;

	while (still_working(seed)) {
		uint32_t what = next_random(seed) % 100;

		if (now() > end)
			stop = 1;
		if (what < 2 && !stop)
			fork_child();
		else if (what < 15)
			cancel(random_end(seed));
		else
			shoot(seed);
		nap_us(next_random(seed) % 300);
		turns++;
	}
}

static void count_memory(int *maps, long *rss)
{
	static char text[1 << 20];
	char *at;

	*maps = 0;
	CHECK(slurp("/proc/self/maps", text, sizeof(text)) > 0);
	for (at = text; *at; at++)
		*maps += *at == '\n';
	CHECK(slurp("/proc/self/status", text, sizeof(text)) > 0);
	at = strstr(text, "VmRSS:");
	*rss = at ? atol(at + 6) : 0;
}

int main(int argc, char *argv[])
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	uint32_t seed = argc > 2 ? atoi(argv[2]) : 1;
	int maps, maps_after, fds = count_fds();
	long rss, rss_after;
	pthread_t helper[3];

	on_signal(SIGUSR1, handler, SA_RESTART);
	on_signal(SIGUSR2, handler, 0);
	on_signal(SIGRTMIN, out_handler, SA_RESTART);
	on_signal(SIGRTMIN + 1, out_handler, 0);
	count_memory(&maps, &rss);
	for (size_t i = 0; i < LANES; i++)
		set_up(&lanes[i], i, &seed);
	helper[0] = start(watchdog, NULL);
	helper[1] = start(shooter, (void *)(uintptr_t)(seed ^ 0x1234567));
	helper[2] = start(shooter, (void *)(uintptr_t)(seed ^ 0x89abcde));
	blow(seconds, &seed);
	all_done = 1;
	for (size_t i = 0; i < ARRAY_SIZE(helper); i++)
		CHECK(pthread_join(helper[i], NULL) == 0);
	for (size_t i = 0; i < LANES; i++)
		check_lane(&lanes[i]);
	CHECK(count_fds() == fds);
	CHECK(settled_tasks(1) == 1);
	count_memory(&maps_after, &rss_after);
	CHECK(maps_after <= maps + 100);
	CHECK(rss_after <= rss + 65536);
	if (getenv("STORM_VERBOSE"))
		say("%llu turns, %llu forks, progress %llu, maps %d -> %d, "
		    "rss %ld -> %ld", (unsigned long long)turns,
		    (unsigned long long)forks, (unsigned long long)progress(),
		    maps, maps_after, rss, rss_after);
	say("storm ok");
	return 0;
}
