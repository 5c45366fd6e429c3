// SPDX-License-Identifier: MIT
/*
 * See support.h.  The waits here are on facts (a thread's state in /proc), not
 * on times, so that a loaded machine makes the tests slower and not unsure.
 */
#include "support.h"

#include <dirent.h>
#include <sched.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>

_Noreturn void fail_at(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int n;

	n = snprintf(text, sizeof(text), "%s:%d: ", file, line);
	va_start(args, fmt);
	n += vsnprintf(text + n, sizeof(text) - 1 - (size_t)n, fmt, args);
	va_end(args);
	if (n > (int)sizeof(text) - 2)
		n = (int)sizeof(text) - 2;
	text[n++] = '\n';
	if (syscall(SYS_write, 2, text, n) < 0)
		_exit(2);
	_exit(1);
}

/* The status of a child whose test needs a newer kernel. */
#define SKIPPED 77

/* The first form of ring came with 6.5. */
static void skip_without(enum shim_ring_form form)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_MMAP |
			IORING_SETUP_REGISTERED_FD_ONLY
	};

	/* Where it is known, it is the lack of memory that is wrong. */
	if (form == SHIM_RING_REGISTERED_ONLY &&
	    io_uring_setup(1, &p) == -EINVAL)
		_exit(SKIPPED);
}

void skip_unit(void)
{
	int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	CHECK_EQ(sscanf(name.release, "%d.%d", &major, &minor), 2);
	CHECK(major < 6 || (major == 6 && minor < 3));
	_exit(SKIPPED);
}

int submit_inline(struct shim_driver *d, struct shim_slot *slot)
{
	int ret = shim_driver_submit(d, slot);

	if (ret != SHIM_PENDING || d->ring.by_index)
		return ret;
	shim_driver_finish(d, slot);
	return slot->state == SHIM_SLOT_FREE ? 0 : -EBUSY;
}

int wait_or_skip(struct shim_driver *d, struct shim_slot *slot, bool pending)
{
	if (!d->ring.by_index)
		skip_unit();
	return shim_driver_wait(d, slot, pending);
}

int eventfd_or_skip(struct shim_ring *ring, int fd)
{
	if (!ring->by_index)
		skip_unit();
	return shim_ring_eventfd(ring, fd);
}

void run_unit(void **state)
{
	const struct unit *u = *state;
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(TEST_SECONDS);
		skip_without(u->form);
		u->body(u->form);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d%s", WTERMSIG(status),
			 WTERMSIG(status) == SIGALRM ? " (hangs)" : "");
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

void sleep_ms(unsigned ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

void *map_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* The host: what interpose/ does with libc, done with system calls. */

static struct rig *rig_of(struct shim_driver *d)
{
	return (struct rig *)(void *)d;
}

/* The wait whose beginning the driver noted last. */
static _Thread_local struct rig *noted;

static int host_sleep(int efd, void (*gone)(void *), void *arg)
{
	struct rig *r = noted;
	uint64_t count;
	long ret;
	int was;

	pthread_cleanup_push(gone, arg);
	if (r && r->before_sleep)
		r->before_sleep(r, efd);
	if (r)
		atomic_fetch_add(&r->sleeps, 1);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	ret = syscall(SYS_read, efd, &count, sizeof(count));
	pthread_setcanceltype(was, &was);
	if (ret < 0)
		ret = -errno;
	pthread_cleanup_pop(0);
	return ret < 0 ? (int)ret : 0;
}

static int host_cancellable(int (*enter)(void *), void (*gone)(void *),
			    void *arg)
{
	struct rig *r = noted;
	int ret, was;

	pthread_cleanup_push(gone, arg);
	if (r->before_sleep)
		r->before_sleep(r, -1);
	atomic_fetch_add(&r->sleeps, 1);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	ret = enter(arg);
	pthread_setcanceltype(was, &was);
	pthread_cleanup_pop(0);
	return ret;
}

static void host_claimed(void *block)
{
	(void)block;
}

static void host_note(struct shim_driver *d, enum shim_note what)
{
	struct rig *r = rig_of(d);

	r->notes[what]++;
	noted = r;
}

const struct shim_host test_host = {
	.sleep = host_sleep,
	.cancellable = host_cancellable,
	.claimed = host_claimed,
	.note = host_note,
};

void rig_open(struct rig *r, enum shim_ring_form form)
{
	memset(r, 0, sizeof(*r));
	r->memory = map_memory(SHIM_RING_MEMORY);
	r->tid = (int)syscall(SYS_gettid);
	CHECK_EQ(shim_driver_init(&r->d, r->memory, form, &test_host), 0);
	if (form != SHIM_RING_NONE)
		CHECK_EQ(r->d.ring.form, form);
}

struct shim_slot *take(struct rig *r)
{
	struct shim_slot *slot = shim_slot_take(&r->d.completions);

	CHECK(slot);
	return slot;
}

struct shim_slot *take_read(struct rig *r, int fd, void *buf, size_t len)
{
	struct shim_slot *slot = take(r);

	shim_read_event(&slot->event.rw, fd, buf, (uint32_t)len, (uint64_t)-1,
			0);
	return slot;
}

struct shim_slot *take_owned_read(struct rig *r, int fd, void *buf, size_t len,
				  void (*release)(void *buf))
{
	struct shim_slot *slot = take_read(r, fd, buf, len);

	slot->event.rw.release = release;
	return slot;
}

void queue_by_hand(struct rig *r, struct shim_slot *slot)
{
	struct io_uring_sqe *sqe = shim_ring_sqe(&r->d.ring);

	CHECK(sqe);
	slot->event.ev.ops->prepare(&slot->event.ev, sqe);
	sqe->user_data = shim_slot_user_data(slot);
	shim_ring_push(&r->d.ring);
}

void check_at_rest(struct rig *r)
{
	CHECK_EQ(shim_slots_in(&r->d.completions, SHIM_SLOT_FREE), SHIM_SLOTS);
	CHECK_EQ(shim_ring_queued(&r->d.ring), 0);
	CHECK_EQ(r->d.efd, -1);
}

/* One event that completes inline, one that is pending and cancelled. */
void check_works(struct rig *r)
{
	struct shim_slot *slot;
	char buf[4] = "";
	int p[2];

	check_at_rest(r);
	make_pipe(p);
	slot = take_read(r, p[0], buf, 3);
	CHECK_EQ(shim_driver_submit(&r->d, slot), SHIM_PENDING);
	CHECK_EQ(shim_driver_cancel(&r->d, slot), -ECANCELED);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	slot = take_read(r, p[0], buf, 3);
	CHECK_EQ(submit_inline(&r->d, slot), 0);
	CHECK_EQ(slot->res, 3);
	CHECK(!memcmp(buf, "abc", 3));
	close(p[0]);
	close(p[1]);
	check_at_rest(r);
}

/* Is the thread blocked in the kernel? */
static bool asleep(int tid)
{
	char path[64], text[512], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

void wait_asleep(struct rig *r, unsigned nth)
{
	while (atomic_load(&r->sleeps) < nth || !asleep(r->tid))
		sched_yield();
}

static void *later_thread(void *arg)
{
	struct later *l = arg;

	wait_asleep(l->r, l->nth);
	l->act(l);
	return NULL;
}

void act_later(struct later *l)
{
	if (!l->nth)
		l->nth = 1;
	CHECK_EQ(pthread_create(&l->thread, NULL, later_thread, l), 0);
}

void act_done(struct later *l)
{
	CHECK_EQ(pthread_join(l->thread, NULL), 0);
}

void act_write(struct later *l)
{
	ssize_t len = (ssize_t)strlen(l->text);

	CHECK_EQ(write(l->fd, l->text, (size_t)len), len);
}

void act_kill(struct later *l)
{
	kill_thread(l->r->tid, l->sig);
}

static _Atomic unsigned caught;

static void count_handler(int sig)
{
	(void)sig;
	atomic_fetch_add(&caught, 1);
}

void act_kill_then_write(struct later *l)
{
	unsigned before = atomic_load(&caught);

	catch_signal(l->sig, count_handler, SA_RESTART);
	kill_thread(l->r->tid, l->sig);
	while (atomic_load(&caught) == before)
		sched_yield();
	wait_asleep(l->r, l->nth);
	act_write(l);
}

struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

void catch_signal(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_flags = flags };
	struct kernel_action ka;

	/* libc's own, for the sake of its restorer. */
	sa.sa_handler = handler;
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
	CHECK_EQ(syscall(SYS_rt_sigaction, sig, NULL, &ka, 8), 0);
	ka.handler = handler;
	ka.flags = (ka.flags & 0x04000000UL /* SA_RESTORER */) |
		   (unsigned long)flags;
	ka.mask = 0;
	CHECK_EQ(syscall(SYS_rt_sigaction, sig, &ka, NULL, 8), 0);
}

void kill_thread(int tid, int sig)
{
	CHECK_EQ(syscall(SYS_tgkill, getpid(), tid, sig), 0);
}

void list_fds(struct fds *f)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned long n;

	CHECK(dir);
	memset(f, 0, sizeof(*f));
	while ((entry = readdir(dir))) {
		n = strtoul(entry->d_name, NULL, 10);
		if (entry->d_name[0] == '.' || (int)n == dirfd(dir))
			continue;
		CHECK(n < sizeof(f->bits) * 8);
		f->bits[n / 64] |= 1ULL << (n % 64);
	}
	closedir(dir);
}

int count_fds(const struct fds *f)
{
	unsigned i;
	int n = 0;

	for (i = 0; i < ARRAY_SIZE(f->bits); i++)
		n += __builtin_popcountll(f->bits[i]);
	return n;
}

bool same_fds(const struct fds *a, const struct fds *b)
{
	return !memcmp(a, b, sizeof(*a));
}

void make_pipe(int p[2])
{
	CHECK_EQ(pipe(p), 0);
}

int readable(int fd)
{
	int n = -1;

	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

void check_pipe_holds(int fd, const char *text)
{
	char buf[64] = "";
	ssize_t len = (ssize_t)strlen(text);

	CHECK_EQ(readable(fd), len);
	if (len)
		CHECK_EQ(syscall(SYS_read, fd, buf, sizeof(buf)), len);
	CHECK(!strcmp(buf, text));
}

void limit_fds(unsigned n)
{
	struct rlimit rl;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = n;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

struct sharing {
	int (*fn)(void *arg);
	void *arg;
};

static int share(void *arg)
{
	struct sharing *s = arg;

	syscall(SYS_exit_group, s->fn(s->arg));
	return 0;
}

int run_sharing(int (*fn)(void *arg), void *arg)
{
	struct sharing s = { fn, arg };
	size_t size = 256 * 1024;
	char *stack = map_memory(size);
	int pid, status;

	pid = clone(share, stack + size, CLONE_VM | CLONE_VFORK | SIGCHLD, &s);
	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	munmap(stack, size);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void run_thread(void *(*fn)(void *arg), void *arg)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, fn, arg), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

int run_forked(int (*fn)(void *arg), void *arg)
{
	int pid, status;

	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		alarm(TEST_SECONDS);
		_exit(fn(arg));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
