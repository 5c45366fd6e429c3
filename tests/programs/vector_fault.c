// SPDX-License-Identifier: MIT
/*
 * Arrays of buffers with something wrong: a segment that leads nowhere, first,
 * in the middle or last; an array that leads nowhere, or half of it; lengths
 * that are negative or whose sum is; a msghdr that is not there.  How much was
 * moved, what is left, where the position is - and which error is told when the
 * descriptor is wrong too.  A library that reads the array itself crashes.
 *
 * Ring: readv writev recvmsg sendmsg
 */
#include "vectors.h"

#define GIB (1UL << 30)

static char good[64];
static char *nowhere;		/* 4096 bytes that may be used end here */
static char *read_only;		/* text that may only be read */
static struct iovec *rom;	/* an array that may only be read */
static volatile size_t two = 2;

static void set(struct iovec *iov, void *base, size_t len)
{
	iov->iov_base = base;
	iov->iov_len = len;
}

/* Three segments of four bytes, the one with number @bad somewhere else. */
static void three(struct iovec *iov, int bad, void *where)
{
	for (int i = 0; i < 3; i++)
		set(&iov[i], i == bad ? where : good + 8 * i, 4);
}

static const struct fault {
	const char *name;
	int where;		/* 0 nowhere, 1 half there, 2 NULL, 3 kernel */
} faults[] = {
	{ "nowhere", 0 }, { "half", 1 }, { "NULL", 2 }, { "the kernel's", 3 },
	{ "read only", 4 },
};

static void *place_of(int where)
{
	void *const all[] = {
		nowhere, nowhere - 2, NULL, (void *)0xffff888000000000,
		read_only,
	};

	return all[where];
}

static void gather(int place, const struct vector_call *c, int bad,
		   const struct fault *f)
{
	struct iovec iov[3];
	ssize_t n;
	int fd[2];

	make_place(place, fd);
	stock(place, fd, "abcdefghijklmnop");
	memset(good, FILLER, 24);
	memset(nowhere - 2, FILLER, 2);
	three(iov, bad, place_of(f->where));
	n = c->call(fd[0], iov, 3);
	say("  %s, %d is %s: %s '%s' '%s'", c->name, bad, f->name, result(n),
	    as_text(good, 24), as_text(nowhere - 2, 2));
	say_stock(place, fd);
	close_place(place, fd);
}

static void scatter(int place, const struct vector_call *c, int bad,
		    const struct fault *f)
{
	struct iovec iov[3];
	int fd[2];

	/* How much of a segment it has copied is for tcp to know. */
	if (place == V_TCP && (bad || f->where == 1))
		return;
	make_place(place, fd);
	stock(place, fd, "0123456789");
	memcpy(good, "ABCDEFGHIJKLMNOPQRSTUVWX", 24);
	memcpy(nowhere - 2, "YZ", 2);
	three(iov, bad, place_of(f->where));
	say("  %s, %d is %s: %s", c->name, bad, f->name,
	    result(c->call(fd[1], iov, 3)));
	if (place == V_TCP)
		wait_arrived(fd[0], 10);
	say_stock(place, fd);
	close_place(place, fd);
}

static void bad_segments(int place)
{
	for (size_t f = 0; f < ARRAY_SIZE(faults); f++) {
		for (int bad = 0; bad < 3; bad++) {
			for (size_t i = 0; i < ARRAY_SIZE(gathers); i++)
				if (fits(&gathers[i], place))
					gather(place, &gathers[i], bad,
					       &faults[f]);
			for (size_t i = 0; i < ARRAY_SIZE(scatters); i++)
				if (fits(&scatters[i], place))
					scatter(place, &scatters[i], bad,
						&faults[f]);
		}
	}
}

/* The array itself: gone, half there, in memory that may only be read. */
static void arrays(int place, const struct vector_call *c, bool in)
{
	struct iovec *half = (struct iovec *)nowhere - 2;
	struct iovec *const bad[] = {
		NULL, (void *)nowhere, half, (void *)(nowhere - 8),
		(void *)0xffff888000000000, (void *)(good + 1),
	};
	int fd[2];

	set(&half[0], good, 4);
	set(&half[1], good + 8, 4);
	memset(good, 'g', sizeof(good));
	make_place(place, fd);
	set_nonblock(fd[0], true);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (i == 5)
			memset(good, 0, sizeof(good));
		stock(place, fd, "abcdefghijkl");
		say("  %s, array %zu: %s", c->name, i,
		    result(c->call(fd[!in], bad[i], i == 5 ? 1 : 3)));
		say("  %s, array %zu, none of it: %s", c->name, i,
		    result(c->call(fd[!in], bad[i], 0)));
		say_stock(place, fd);
	}
	stock(place, fd, "abcdefghijkl");
	say("  %s, exactly there: %s", c->name,
	    result(c->call(fd[!in], half, 2)));
	say_stock(place, fd);
	stock(place, fd, "abcdefghijkl");
	say("  %s, read-only array: %s", c->name,
	    result(c->call(fd[!in], rom, 2)));
	say_stock(place, fd);
	close_place(place, fd);
}

static const struct {
	const char *name;
	size_t len[3];
} sums[] = {
	{ "-1", { SIZE_MAX, 4, 4 } },
	{ "-1 last", { 4, 4, SIZE_MAX } },
	{ "LONG_MIN in the middle", { 4, 1UL << 63, 4 } },
	{ "LONG_MAX", { LONG_MAX, 4, 4 } },
	{ "LONG_MAX last", { 4, 4, LONG_MAX } },
	{ "LONG_MAX twice", { 4, LONG_MAX, LONG_MAX } },
	{ "2 GiB", { 4, 2 * GIB, 4 } },
	{ "4 GiB", { 4 * GIB, 4 * GIB, 4 } },
	{ "4 GiB and 4", { 4, 4 * GIB + 4, 4 } },
	{ "2 GiB less a page", { 0x7ffff000, 4, 4 } },
	{ "2 GiB less a page, last", { 4, 4, 0x7ffff000 } },
};

static void lengths(int place, const struct vector_call *c, bool in)
{
	struct iovec iov[3];
	ssize_t n;
	int fd[2];

	for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
		if (!in && place == V_TCP)
			continue;
		make_place(place, fd);
		set_nonblock(fd[0], true);
		set_nonblock(fd[1], true);
		stock(place, fd, "abcdefghijklmnop");
		for (int k = 0; k < 3; k++)
			set(&iov[k], k == 2 ? nowhere - 8 : good + 8 * k,
			    sums[i].len[k]);
		/* What is behind the first two is known: the third. */
		if (sums[i].len[0] > 8)
			iov[0].iov_base = nowhere - 8;
		if (sums[i].len[1] > 8)
			iov[1].iov_base = nowhere - 8;
		memset(good, FILLER, sizeof(good));
		memset(nowhere - 8, FILLER, 8);
		n = c->call(fd[!in], iov, 3);
		say("  %s, %s: %s '%s' '%s'", c->name, sums[i].name, result(n),
		    as_text(good, 16), as_text(nowhere - 8, 8));
		say_stock(place, fd);
		close_place(place, fd);
	}
}

/* Several things wrong at once, on what is not even the right descriptor. */
static void orders(void)
{
	struct iovec ok = { good, 4 }, bad = { nowhere, 4 };
	struct iovec minus = { good, SIZE_MAX };
	int file = open("/etc/passwd", O_RDONLY);
	int p[2], fds[6];

	CHECK(pipe(p) == 0);
	memcpy(fds, (int[]){ 900, -1, file, p[0], p[1], 901 }, sizeof(fds));
	set_nonblock(p[0], true);
	fds[5] = open("/etc/passwd", O_PATH);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		const struct vector_call *both[2] = { gathers, scatters };

		for (int w = 0; w < 2; w++) {
			for (size_t k = 0; k < ARRAY_SIZE(gathers); k++) {
				const struct vector_call *c = &both[w][k];

				say("  %zu %s: %s %s %s %s", i, c->name,
				    result(c->call(fds[i], &bad, 1)),
				    result(c->call(fds[i], &minus, 1)),
				    result(c->call(fds[i], NULL, two)),
				    result(c->call(fds[i], &ok, 2000)));
				say("    nothing: %s",
				    result(c->call(fds[i], NULL, 0)));
			}
		}
	}
	for (size_t i = 2; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void headers(void)
{
	char *edge = edge_after(64, PROT_NONE);
	struct msghdr *const bad[] = {
		NULL, (void *)edge, (void *)(edge - 16),
		(void *)(edge - sizeof(struct msghdr)),
		(void *)0xffff888000000000,
	};
	int fd[2];

	memset(edge - sizeof(struct msghdr), 0, sizeof(struct msghdr));
	make_sockets(S_UNIX, fd);
	feed(fd, "abc");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		say("  header %zu: recvmsg %s", i,
		    result(recvmsg(fd[0], bad[i], MSG_DONTWAIT)));
		say("  header %zu: sendmsg %s", i,
		    result(sendmsg(fd[1], bad[i], MSG_DONTWAIT)));
	}
	say_left(fd[0]);
	close_channel(fd);
}

/* A header that may be read but not written: what was received is gone. */
static void read_only_header(int kind)
{
	struct iovec iov = { good, 8 };
	struct msghdr *msg = (void *)(edge_after(4096, PROT_NONE) - 4096);
	ssize_t n;
	int fd[2];

	*msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	CHECK(mprotect(msg, 4096, PROT_READ) == 0);
	make_sockets(kind, fd);
	feed(fd, "first");
	memset(good, FILLER, sizeof(good));
	n = recvmsg(fd[0], msg, 0);
	say("  %s, read-only header: %s '%s'", socket_name[kind], result(n),
	    as_text(good, 8));
	say_left(fd[0]);
	say("  sendmsg: %s", result(sendmsg(fd[1], msg, 0)));
	wait_arrived(fd[0], 8);
	say_left(fd[0]);
	close_channel(fd);
}

static void all(int place)
{
	say("%s", place_name[place]);
	bad_segments(place);
	for (size_t i = 0; i < ARRAY_SIZE(gathers); i++) {
		if (!fits(&gathers[i], place))
			continue;
		arrays(place, &gathers[i], true);
		lengths(place, &gathers[i], true);
	}
	for (size_t i = 0; i < ARRAY_SIZE(scatters); i++) {
		if (!fits(&scatters[i], place))
			continue;
		arrays(place, &scatters[i], false);
		lengths(place, &scatters[i], false);
	}
}

int main(void)
{
	alarm(25);
	nowhere = edge_after(4096, PROT_NONE);
	rom = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(rom != MAP_FAILED);
	set(&rom[0], good, 4);
	set(&rom[1], good + 8, 4);
	memcpy((char *)rom + 1024, "read only", 9);
	CHECK(mprotect(rom, 4096, PROT_READ) == 0);
	read_only = (char *)rom + 1024;
	for (int place = 0; place < PLACES; place++)
		all(place);
	orders();
	headers();
	for (int kind = 0; kind < SOCKETS; kind++)
		read_only_header(kind);
	return 0;
}
