// SPDX-License-Identifier: MIT
/*
 * readv, writev, preadv, pwritev, preadv2, pwritev2, recvmsg and sendmsg with
 * every number of segments, empty ones among them, with every flag and with
 * offsets at the edges: results, bytes, positions.  On a ring an offset of -1
 * means "here" for all of them, RWF_HIPRI is refused, and a file that cannot do
 * RWF_NOWAIT says so in other words.
 *
 * Ring: readv preadv preadv2 writev recvmsg sendmsg
 */
#include "vectors.h"

#define MANY 1026

static struct iovec iov[MANY];
static char bytes[MANY * 2];
static volatile int minus = -1;

static const long counts[] = {
	-1, 0, 1, 2, 7, 8, 9, 16, 63, 64, 65, 255, 256, 1023, 1024, 1025,
	INT_MAX, INT_MIN,
};

static void lay_out(size_t size)
{
	for (size_t i = 0; i < MANY; i++) {
		iov[i].iov_base = bytes + i * 2;
		iov[i].iov_len = size;
	}
}

static uint32_t sum(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static void number_bytes(void)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = 'a' + i % 23;
}

/* The text of a case: 40 letters; more would not be read by a datagram. */
#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789ABCD"

static void gather_counts(int place, const struct vector_call *c)
{
	ssize_t n;
	int fd[2];

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		lay_out(1);
		memset(bytes, FILLER, sizeof(bytes));
		make_place(place, fd);
		stock(place, fd, LETTERS);
		/* A stream read of nothing would wait. */
		if (place == V_TCP && counts[i] == 0 && c->sockets) {
			close_place(place, fd);
			continue;
		}
		n = c->call(fd[0], iov, counts[i]);
		say("  %s %ld: %s '%s' %08x", c->name, counts[i], result(n),
		    as_text(bytes, 84), sum(bytes, sizeof(bytes)));
		say_stock(place, fd);
		close_place(place, fd);
	}
}

static void scatter_counts(int place, const struct vector_call *c)
{
	static char back[4096];
	int fd[2];
	long n;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		lay_out(1);
		number_bytes();
		make_place(place, fd);
		n = c->call(fd[1], iov, counts[i]);
		say("  %s %ld: %s", c->name, counts[i], result(n));
		if (n <= 0) {
			say_stock(place, fd);
			close_place(place, fd);
			continue;
		}
		if (is_file(place))
			CHECK(lseek(fd[0], 0, SEEK_SET) == 0);
		else
			wait_arrived(fd[0], n);
		n = syscall(SYS_read, fd[0], back, sizeof(back));
		say("    %ld bytes, %08x", n, sum(back, n));
		close_place(place, fd);
	}
}

/* Uneven segments, with empty ones at the ends and between. */
static void uneven(int place)
{
	static const size_t lens[] = { 0, 3, 0, 0, 1, 7, 0, 2, 5, 0 };
	ssize_t n;
	int fd[2];

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		iov[i].iov_base = lens[i] ? bytes + 10 * i : NULL;
		iov[i].iov_len = lens[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(gathers); i++) {
		if (!fits(&gathers[i], place))
			continue;
		make_place(place, fd);
		for (size_t text = 0; text < 40; text += 9) {
			memset(bytes, FILLER, sizeof(bytes));
			stock(place, fd, &LETTERS[text]);
			n = gathers[i].call(fd[0], iov, 10);
			say("  %s: %s '%s'", gathers[i].name, result(n),
			    as_text(bytes, 100));
			say_stock(place, fd);
		}
		close_place(place, fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(scatters); i++) {
		if (!fits(&scatters[i], place))
			continue;
		number_bytes();
		make_place(place, fd);
		say("  %s: %s", scatters[i].name,
		    result(scatters[i].call(fd[1], iov, 10)));
		if (!is_file(place))
			wait_arrived(fd[0], 18);
		say_stock(place, fd);
		close_place(place, fd);
	}
}

static const struct {
	const char *name;
	int flags;
} table[] = {
	{ "0", 0 },
	{ "HIPRI", RWF_HIPRI },
	{ "DSYNC", RWF_DSYNC },
	{ "SYNC", RWF_SYNC },
	{ "NOWAIT", RWF_NOWAIT },
	{ "APPEND", RWF_APPEND },
	{ "NOWAIT|HIPRI", RWF_NOWAIT | RWF_HIPRI },
	{ "APPEND|DSYNC", RWF_APPEND | RWF_DSYNC },
	{ "bit 5", 0x20 },
	{ "bit 8", 0x100 },
	{ "bit 12", 0x1000 },
	{ "bit 30", 1 << 30 },
	{ "bit 31", INT_MIN },
};

static const long offsets[] = {
	-1, 0, 5, 40, 41, 1000, -2, LONG_MIN, LONG_MAX, LONG_MAX - 1,
	LONG_MAX - 3,
};

/* A count that says how far a file system goes would not be portable. */
static bool far(long offset)
{
	return offset > 4096;
}

static void read_flags(int place, int flags, const char *name)
{
	ssize_t n;
	int fd[2];

	make_place(place, fd);
	iov[0] = (struct iovec){ bytes, 3 };
	iov[1] = (struct iovec){ bytes + 8, 5 };
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		stock(place, fd, LETTERS);
		memset(bytes, FILLER, 16);
		n = preadv2(fd[0], iov, 2, offsets[i], flags);
		say("  preadv2 %s at %ld: %s '%s'", name, offsets[i],
		    result(n), as_text(bytes, 16));
		say_stock(place, fd);
		if (flags)
			continue;
		stock(place, fd, LETTERS);
		memset(bytes, FILLER, 16);
		n = preadv(fd[0], iov, 2, offsets[i]);
		say("  preadv at %ld: %s '%s'", offsets[i], result(n),
		    as_text(bytes, 16));
		say_stock(place, fd);
	}
	close_place(place, fd);
}

static void write_flags(int place, int flags, const char *name)
{
	int fd[2];

	/* Whether a write can be done without waiting is for the file to say. */
	if (is_file(place) && flags & RWF_NOWAIT)
		return;
	make_place(place, fd);
	iov[0] = (struct iovec){ (void *)"XYZ", 3 };
	iov[1] = (struct iovec){ (void *)"?!", 2 };
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (far(offsets[i]) && place == V_MEMORY)
			continue;
		stock(place, fd, "0123456789");
		say("  pwritev2 %s at %ld: %s", name, offsets[i],
		    result(pwritev2(fd[1], iov, 2, offsets[i], flags)));
		if (place == V_TCP && offsets[i] == -1)
			wait_arrived(fd[0], 10);
		say_stock(place, fd);
		if (flags)
			continue;
		stock(place, fd, "0123456789");
		say("  pwritev at %ld: %s", offsets[i],
		    result(pwritev(fd[1], iov, 2, offsets[i])));
		say_stock(place, fd);
	}
	close_place(place, fd);
}

/* Nothing there, or no room: RWF_NOWAIT and O_NONBLOCK say so. */
static void not_waiting(int place)
{
	int fd[2];

	make_place(place, fd);
	iov[0] = (struct iovec){ bytes, 10 };
	say("  empty, NOWAIT: %s", result(preadv2(fd[0], iov, 1, -1,
						  RWF_NOWAIT)));
	set_nonblock(fd[0], true);
	for (size_t i = 0; i < ARRAY_SIZE(gathers); i++)
		if (fits(&gathers[i], place))
			say("  empty, %s: %s", gathers[i].name,
			    result(gathers[i].call(fd[0], iov, 1)));
	set_nonblock(fd[0], false);
	/* A full tcp connection has room again a moment later. */
	if (place != V_TCP) {
		fill_once(fd[1], 'f');
		say("  full, NOWAIT: %s", result(pwritev2(fd[1], iov, 1, -1,
							  RWF_NOWAIT)));
		set_nonblock(fd[1], true);
		for (size_t i = 0; i < ARRAY_SIZE(scatters); i++)
			if (fits(&scatters[i], place))
				say("  full, %s: %s", scatters[i].name,
				    result(scatters[i].call(fd[1], iov, 1)));
	}
	close_place(place, fd);
}

static void modes(void)
{
	static const int how[] = { O_RDONLY, O_WRONLY, O_PATH, O_ACCMODE };
	int fd = open("modes", O_RDWR | O_CREAT, 0600);

	CHECK(syscall(SYS_write, fd, LETTERS, 40L) == 40);
	close(fd);
	iov[0] = (struct iovec){ bytes, 2 };
	for (int i = 0; i < 6; i++) {
		fd = i == 4 ? 900 : i == 5 ? open(".", O_RDONLY) :
		     open("modes", how[i]);
		for (size_t k = 0; k < ARRAY_SIZE(gathers); k++)
			say("  mode %d %s: %s", i, gathers[k].name,
			    result(gathers[k].call(fd, iov, 1)));
		for (size_t k = 0; k < ARRAY_SIZE(scatters); k++)
			say("  mode %d %s: %s", i, scatters[k].name,
			    result(scatters[k].call(fd, iov, 1)));
		say("  mode %d empty: %s", i, result(readv(fd, iov, 0)));
		say("  mode %d empty: %s", i, result(writev(fd, iov, 0)));
		say("  mode %d negative: %s", i, result(readv(fd, iov, minus)));
		say("  mode %d offset: %s", i,
		    result(preadv(fd, iov, 1, -1)));
		say("  mode %d flags: %s", i,
		    result(preadv2(fd, iov, 1, 0, 0x1000)));
		if (i != 4)
			close(fd);
	}
	CHECK(unlink("modes") == 0);
}

int main(void)
{
	alarm(25);
	for (int place = 0; place < PLACES; place++) {
		say("%s", place_name[place]);
		for (size_t i = 0; i < ARRAY_SIZE(gathers); i++)
			if (fits(&gathers[i], place))
				gather_counts(place, &gathers[i]);
		for (size_t i = 0; i < ARRAY_SIZE(scatters); i++)
			if (fits(&scatters[i], place))
				scatter_counts(place, &scatters[i]);
		uneven(place);
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			read_flags(place, table[i].flags, table[i].name);
			write_flags(place, table[i].flags, table[i].name);
		}
		if (!is_file(place))
			not_waiting(place);
	}
	modes();
	return 0;
}
