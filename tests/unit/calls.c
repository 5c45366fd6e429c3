// SPDX-License-Identifier: MIT
/* See calls.h. */
#include "calls.h"

#include <sys/mman.h>

static int host_sleep(int efd, void (*gone)(void *), void *arg)
{
	uint64_t count;

	(void)gone;
	(void)arg;
	return syscall(SYS_read, efd, &count, sizeof(count)) < 0 ? -errno : 0;
}

static int host_cancellable(int (*enter)(void *), void (*gone)(void *),
			    void *arg)
{
	(void)gone;
	return enter(arg);
}

static void host_claimed(void *block)
{
	CHECK(block);
}

static void host_note(struct shim_driver *d, enum shim_note what)
{
	(void)d;
	(void)what;
}

static const struct shim_host host = {
	.sleep = host_sleep,
	.cancellable = host_cancellable,
	.claimed = host_claimed,
	.note = host_note,
};

/*
 * The driver of the block, made anew with a ring of the other form.  Before 6.3
 * there is no other one, and the slot of the ring could not be given back.
 */
static void other_form(struct shim_driver *d, enum shim_ring_form form)
{
	if (d->ring.form == form)
		return;
	shim_ring_close(&d->ring);
	*d = (struct shim_driver){ 0 };
	CHECK_EQ(shim_driver_init(d, map_memory(SHIM_RING_MEMORY), form, &host),
		 0);
}

void calls_open(enum shim_ring_form form)
{
	struct shim_thread *t = NULL;

	limit_fds(1024);
	shim_threads_init(&host);
	shim_native = SHIM_RING;
	CHECK_EQ(shim_begin(&t, SHIM_CALL_READ, 1), SHIM_RING);
	shim_end(t);
	if (form == SHIM_RING_NONE)
		return;
	if (t->driver.ring.form != form)
		other_form(&t->driver, form);
	CHECK_EQ(t->driver.ring.form, form);
}

struct shim_outcome no_outcome(void)
{
	struct shim_outcome o;

	memset(&o, 0xa5, sizeof(o));
	return o;
}

static void check_rest(const char *file, int line, const struct shim_outcome *o,
		       enum shim_rest rest)
{
	static const char *const names[] = {
		"done", "native", "await space",
	};
	struct shim_driver *d = &shim_self->driver;

	if (o->rest != rest)
		fail_at(file, line, "%s, %s, result %ld, done %zu; not %s",
			names[o->rest], shim_route_name(o->route), o->res,
			o->done, names[rest]);
	if (o->thread != shim_self || d->phase != SHIM_PHASE_IDLE ||
	    shim_slots_in(&d->completions, SHIM_SLOT_FREE) != SHIM_SLOTS ||
	    shim_ring_queued(&d->ring))
		fail_at(file, line, "the call is not over (phase %d)",
			d->phase);
}

static void check_done(const char *file, int line, const struct shim_outcome *o,
		       enum shim_route route, size_t done)
{
	if (o->route != route)
		fail_at(file, line, "the route is %s, not %s",
			shim_route_name(o->route), shim_route_name(route));
	if (o->done != done)
		fail_at(file, line, "%zu bytes done, not %zu", o->done, done);
}

void check_ring(const char *file, int line, struct shim_outcome o, long res)
{
	check_rest(file, line, &o, SHIM_DONE);
	if (o.res != res)
		fail_at(file, line, "the result is %ld, not %ld", o.res, res);
	check_done(file, line, &o, SHIM_RING, o.done);
}

void check_native(const char *file, int line, struct shim_outcome o,
		  enum shim_route route, size_t done)
{
	check_rest(file, line, &o, SHIM_NATIVE);
	check_done(file, line, &o, route, done);
}

void check_await(const char *file, int line, struct shim_outcome o,
		 size_t done)
{
	check_rest(file, line, &o, SHIM_AWAIT_SPACE);
	check_done(file, line, &o, SHIM_RING, done);
}

long native_result(long ret)
{
	return ret < 0 ? -errno : ret;
}

char *edge(void)
{
	char *p = (char *)map_memory(2 * SHIM_PAGE) + SHIM_PAGE;

	CHECK_EQ(mprotect(p, SHIM_PAGE, PROT_NONE), 0);
	return p;
}

void *across(const void *data, size_t len, size_t past)
{
	char *p = edge();

	CHECK(past <= len);
	memcpy(p - (len - past), data, len - past);
	return p - (len - past);
}

static _Atomic unsigned caught;

static void on_sigpipe(int sig)
{
	(void)sig;
	atomic_fetch_add(&caught, 1);
}

void count_sigpipe(void)
{
	catch_signal(SIGPIPE, on_sigpipe, SA_RESTART);
}

unsigned sigpipes(void)
{
	return atomic_load(&caught);
}

void make_pair(int type, int s[2])
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, s), 0);
}

void set_nonblock(int fd, bool on)
{
	CHECK_EQ(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0), 0);
}

void set_time(int fd, int name, unsigned ms)
{
	struct timeval tv = { ms / 1000, (long)(ms % 1000) * 1000 };

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)), 0);
}

size_t fill_pipe(int fd)
{
	static const char zeros[4096];
	size_t sum = 0;
	ssize_t n;

	set_nonblock(fd, true);
	while ((n = write(fd, zeros, sizeof(zeros))) > 0)
		sum += (size_t)n;
	CHECK_EQ(errno, EAGAIN);
	set_nonblock(fd, false);
	return sum;
}

size_t fill_socket(int fd, size_t piece)
{
	static const char zeros[4096];
	size_t sum = 0;
	ssize_t n;

	while ((n = send(fd, zeros, piece, MSG_DONTWAIT)) > 0)
		sum += (size_t)n;
	CHECK_EQ(errno, EAGAIN);
	return sum;
}

void narrow_pair(int s[2])
{
	int size = 1;

	make_pair(SOCK_STREAM, s);
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
		 0);
}

size_t drain(int fd)
{
	char some[4096];
	size_t sum = 0;
	ssize_t n;

	while (readable(fd)) {
		n = read(fd, some, sizeof(some));
		CHECK(n > 0);
		sum += (size_t)n;
	}
	return sum;
}
