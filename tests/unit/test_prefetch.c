// SPDX-License-Identifier: MIT
/*
 * The model of a walk: that the order is found out, that what comes next is what the
 * program will take next, in this directory, below it, beside it and above it where
 * that is walked, and nowhere else.
 */
#include "support.h"

#include <ftw.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "prefetch_memory.h"
#include "prefetch_load.h"
#include "prefetch_near.h"
#include "prefetch_stream.h"
#include "prefetch_walk.h"

#define DIRS 3
#define FILES 12

static char top[64];
static struct shim_walk *walk;
static uint64_t dev;

static char *path_of(int d, int f)
{
	static char path[128];

	/* Neither order of names nor of inodes is that of creation. */
	snprintf(path, sizeof(path), "%s/d%d/f%02d", top, d, f * 5 % FILES);
	return path;
}

static uint64_t ino_of(const char *path)
{
	struct stat st = { 0 };

	CHECK(!stat(path, &st));
	dev = st.st_dev;
	return st.st_ino;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void plant(void)
{
	char path[128];
	int d, f;

	strcpy(top, "/tmp/prefetchXXXXXX");
	CHECK(mkdtemp(top));
	for (d = 0; d < DIRS; d++) {
		snprintf(path, sizeof(path), "%s/d%d", top, d);
		CHECK(!mkdir(path, 0755));
		for (f = 0; f < FILES; f++)
			CHECK(!close(creat(path_of(d, f), 0644)));
	}
	walk = mmap(NULL, sizeof(*walk), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(walk != MAP_FAILED);
	shim_walk_reset(walk);
}

static void uproot(void)
{
	shim_walk_reset(walk);
	CHECK(!nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS));
}

static bool touch(const char *path)
{
	return shim_walk_touch(walk, ino_of(path), true) == SHIM_WALK_USED;
}

static void begin(int d, int f)
{
	char dir[80];
	uint64_t ino = ino_of(path_of(d, f));

	snprintf(dir, sizeof(dir), "%s/d%d", top, d);
	CHECK_EQ(shim_walk_begin(walk, dir, dev, ino), 0);
}

/* The next one, or "". */
static const char *next(void)
{
	struct shim_walk_entry *e = shim_walk_next(walk);

	if (!e)
		return "";
	shim_walk_done(walk, e);
	return shim_walk_name(walk, e);
}

static char *named(int d, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/d%d/%s", top, d, name);
	return path;
}

/* Begin with the first three files in the order of names. */
static void begin_by_name(int d)
{
	uint64_t ino = ino_of(named(d, "f00"));
	char dir[80];

	snprintf(dir, sizeof(dir), "%s/d%d", top, d);
	CHECK_EQ(shim_walk_begin(walk, dir, dev, ino), 0);
	touch(named(d, "f01"));
	touch(named(d, "f02"));
}

static void order_of_names(enum shim_ring_form form)
{
	char name[16];
	int f;

	(void)form;
	plant();
	begin(0, 0);
	CHECK(!*next());
	touch(named(0, "f01"));
	CHECK(!*next());
	touch(named(0, "f02"));
	CHECK_EQ(walk->order, SHIM_ORDER_NAME);
	for (f = 3; f < FILES; f++) {
		snprintf(name, sizeof(name), "f%02d", f);
		CHECK(!strcmp(next(), name));
	}
	CHECK_EQ(shim_walk_ahead(walk), FILES - 3);
	CHECK(touch(named(0, "f05")));
	CHECK_EQ(shim_walk_ahead(walk), FILES - 6);
	/* Once only. */
	CHECK(!touch(named(0, "f05")));
	/* Nothing tells that what is beside the directory is walked. */
	CHECK(!*next());
	uproot();
}

static void order_of_inodes(enum shim_ring_form form)
{
	const char *name;
	int f;

	(void)form;
	plant();
	begin(1, 0);
	touch(path_of(1, 1));
	touch(path_of(1, 2));
	/* They were created in this order; a small directory may list them so. */
	CHECK(walk->order == SHIM_ORDER_INODE ||
	      walk->order == SHIM_ORDER_LISTED);
	for (f = 3; f < FILES; f++) {
		name = next();
		CHECK(!strcmp(name, strrchr(path_of(1, f), '/') + 1));
	}
	uproot();
}

static void no_order(enum shim_ring_form form)
{
	static const char *const jumps[] = { "f07", "f01", "f10", "f04", "f00" };
	unsigned i;

	(void)form;
	plant();
	begin_by_name(0);
	shim_walk_reset(walk);
	begin(0, 5);
	for (i = 0; i < ARRAY_SIZE(jumps); i++)
		touch(named(0, jumps[i]));
	CHECK(!*next());
	uproot();
}

/* The program is ahead of what was given out: go on from where it is. */
static void overtaken(enum shim_ring_form form)
{
	(void)form;
	plant();
	begin_by_name(0);
	CHECK(!strcmp(next(), "f03"));
	CHECK(!touch(named(0, "f08")));
	CHECK_EQ(shim_walk_ahead(walk), 0);
	CHECK(!strcmp(next(), "f09"));
	uproot();
}

static int rest_of(void)
{
	int n = 0;

	while (*next())
		n++;
	return n;
}

static void up_where_it_is_walked(enum shim_ring_form form)
{
	(void)form;
	plant();
	shim_walk_want_data(walk);
	begin_by_name(0);
	CHECK_EQ(rest_of(), FILES - 3);
	/* The program has opened the directory above. */
	shim_walk_opened_dir(walk, ino_of(top));
	CHECK_EQ(rest_of(), (DIRS - 1) * FILES);
	uproot();
}

static void up_by_two_directories(enum shim_ring_form form)
{
	(void)form;
	plant();
	shim_walk_want_data(walk);
	begin_by_name(0);
	CHECK_EQ(rest_of(), FILES - 3);
	/* It is in the one beside it: so it goes through them. */
	begin_by_name(1);
	CHECK_EQ(rest_of(), FILES - 3 + FILES);
	uproot();
}

static void operands(enum shim_ring_form form)
{
	char a[128], b[128], c[128], d[128], gone[128];
	char *argv[] = { a, b, gone, c, d, NULL };

	(void)form;
	plant();
	strcpy(a, path_of(0, 0));
	strcpy(b, path_of(0, 1));
	snprintf(gone, sizeof(gone), "%s/none/f", top);
	strcpy(c, path_of(1, 0));
	strcpy(d, path_of(1, 3));
	ino_of(a);
	CHECK_EQ(shim_walk_operands(walk, argv, dev), 0);
	CHECK(!strcmp(next(), strrchr(b, '/') + 1));
	CHECK(!strcmp(next(), strrchr(c, '/') + 1));
	CHECK(!strcmp(next(), strrchr(d, '/') + 1));
	CHECK(!*next());
	CHECK_EQ(shim_walk_ahead(walk), 3);
	CHECK_EQ(shim_walk_touch_operand(walk, &argv[3]), SHIM_WALK_USED);
	CHECK_EQ(shim_walk_ahead(walk), 1);
	CHECK_EQ(shim_walk_touch_operand(walk, &argv[3]), SHIM_WALK_KNOWN);
	uproot();
}

/* Entries in the order of inodes, say, but directories by name: as ls -lR does. */
static void order_of_directories(enum shim_ring_form form)
{
	struct shim_walk_entry *e;
	struct shim_walk_dir *d;
	char path[128];
	int i;

	(void)form;
	plant();
	/* By inode number they come the other way round. */
	for (i = 9; i >= 3; i--) {
		snprintf(path, sizeof(path), "%s/d%d", top, i);
		CHECK(!mkdir(path, 0755));
	}
	walk->order = SHIM_ORDER_INODE;
	snprintf(path, sizeof(path), "%s/d9", top);
	ino_of(path);
	CHECK_EQ(shim_walk_begin(walk, top, dev, ino_of(path)), 0);
	for (i = 3; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/d%d", top, i);
		shim_walk_opened_dir(walk, ino_of(path));
	}
	CHECK(walk->recursive);
	CHECK_EQ(walk->order, SHIM_ORDER_INODE);
	CHECK_EQ(walk->dirs_order, SHIM_ORDER_NAME);
	/* Nothing changes its place while an entry is out. */
	d = &walk->dirs[0];
	d->busy++;
	CHECK(!*next());
	d->busy--;
	CHECK(!strcmp(next(), "d5"));
	for (i = 0; i < 10; i++) {
		e = &walk->entries[d->first + i];
		CHECK_EQ(shim_walk_name(walk, e)[1], '0' + i);
	}
	CHECK(!strcmp(next(), "d6"));
	uproot();
}

/* What comes with another moves the window as well, and is told from it. */
static void skipped(enum shim_ring_form form)
{
	struct shim_walk_entry *e;
	uint64_t ino;

	(void)form;
	plant();
	begin_by_name(0);
	CHECK(!strcmp(next(), "f03"));
	e = shim_walk_next(walk);
	CHECK(e);
	shim_walk_skip(walk, e);
	ino = ino_of(named(0, "f04"));
	CHECK_EQ(shim_walk_touch(walk, ino, false), SHIM_WALK_SKIPPED);
	CHECK_EQ(shim_walk_ahead(walk), 0);
	CHECK_EQ(shim_walk_touch(walk, ino, false), SHIM_WALK_KNOWN);
	CHECK_EQ(shim_walk_touch(walk, ino_of(top), false), SHIM_WALK_STRANGE);
	uproot();
}

/*
 * Looks at what should have been there, of which one in @n is slow, until something is
 * made of it.
 */
static bool look_around(struct shim_near *near, unsigned n)
{
	unsigned i, was = near->inodes;

	for (i = 0; i < 1000 && near->inodes == was; i++)
		shim_near_looked(near, i % n == n - 1);
	return near->inodes == was;
}

/* These, and no more, are taken to come together. */
static void come_together(struct shim_near *near, uint64_t group)
{
	CHECK(!shim_near_each(near));
	CHECK_EQ(shim_near_state(near, 0), SHIM_NEAR_HERE);
	CHECK_EQ(shim_near_state(near, 2 * group), SHIM_NEAR_NEW);
	shim_near_asked(near, 2 * group);
	CHECK_EQ(shim_near_state(near, 3 * group - 1), SHIM_NEAR_ASKED);
	CHECK_EQ(shim_near_state(near, 3 * group), SHIM_NEAR_NEW);
	CHECK(!shim_near_was_here(near, 2 * group, 7));
	shim_near_came(near, 3 * group - 2, 7);
	shim_near_came(near, 3 * group - 1, 9);
	CHECK_EQ(shim_near_state(near, 2 * group), SHIM_NEAR_HERE);
	CHECK(!shim_near_was_here(near, 2 * group, 6));
	CHECK(shim_near_was_here(near, 2 * group, 7));
}

static void near_each_other(enum shim_ring_form form)
{
	static struct shim_near near;
	uint64_t group, block;

	(void)form;
	shim_near_begin(&near, TMPFS_MAGIC, 4096);
	CHECK(shim_near_each(&near));
	shim_near_begin(&near, BTRFS_SUPER_MAGIC, 4096);
	come_together(&near, 16);
	CHECK(near.dirs_apart && look_around(&near, 9));
	CHECK(!look_around(&near, 4) && near.dirs_apart);
	shim_near_begin(&near, EXT4_SUPER_MAGIC, 0);
	CHECK(!near.dirs_apart && shim_near_each(&near));
	for (block = 65536; block >= 1024; block /= 2) {
		shim_near_begin(&near, EXT4_SUPER_MAGIC, block);
		come_together(&near, block / 8);
	}
	shim_near_begin(&near, EXT4_SUPER_MAGIC, 4096);
	for (group = 512; group >= 16; group = group == 32 ? 16 : group / 4) {
		come_together(&near, group);
		CHECK(look_around(&near, 200));
		CHECK_EQ(shim_near_state(&near, 2 * group), SHIM_NEAR_HERE);
		CHECK(!look_around(&near, group > 64 ? (unsigned)group / 16 : 4));
	}
	CHECK(shim_near_each(&near));
	CHECK_EQ(shim_near_state(&near, 33), SHIM_NEAR_NEW);
	CHECK_EQ(shim_near_state(&near, 0), SHIM_NEAR_NEW);
}

/* Descriptors of directories do not pile up, and a reset leaves none. */
static void descriptors(enum shim_ring_form form)
{
	int before = dup(0), after;

	(void)form;
	close(before);
	plant();
	begin_by_name(0);
	shim_walk_opened_dir(walk, ino_of(top));
	CHECK(rest_of() > 0);
	uproot();
	after = dup(0);
	CHECK_EQ(before, after);
}

#define MIB (1UL << 20)

static void allocate(const char *path, off_t len)
{
	int fd = open(path, O_WRONLY);

	CHECK(!posix_fallocate(fd, 0, len));
	CHECK(!close(fd));
}

/* Of a file with holes only data are asked for, where they are. */
static void holes(enum shim_ring_form form)
{
	static const char data[1 << 16] = "data";
	int fd, own = shim_load_own();
	uint64_t ino;
	char *path;

	(void)form;
	plant();
	path = path_of(0, 0);
	CHECK(!truncate(path, 64 * MIB));
	ino = ino_of(path);
	CHECK_EQ(shim_load(own, shim_load_find(AT_FDCWD, path), dev, ino, 0,
			   MIB), 0);
	fd = open(path, O_WRONLY);
	CHECK_EQ(pwrite(fd, data, sizeof(data), 8 * MIB), sizeof(data));
	CHECK(!close(fd));
	CHECK_EQ(shim_load(own, shim_load_find(AT_FDCWD, path), dev, ino,
			   0, 16 * MIB), 1 << 16);
	CHECK_EQ(shim_load(own, shim_load_find(AT_FDCWD, path), dev, ino,
			   8 * MIB, 4096), 4096);
	CHECK_EQ(shim_load(own, shim_load_find(AT_FDCWD, path), dev, ino,
			   9 * MIB, 16 * MIB), 0);
	close(own);
	uproot();
}

/* No more than twice what was read, nor than the limit; the end at a doubt. */
static void one_large_file(enum shim_ring_form form)
{
	static struct shim_stream s;
	int own = shim_load_own();
	uint64_t ino;
	char *path;

	(void)form;
	plant();
	path = path_of(0, 0);
	allocate(path, 64 * MIB);
	ino = ino_of(path);
	shim_stream_begin(&s, path, dev, ino, 10 * MIB);
	CHECK_EQ(shim_stream_more(&s, own, 24 * MIB), 4 * MIB);
	CHECK_EQ(shim_stream_more(&s, own, 24 * MIB), 0);
	CHECK(shim_stream_reach(&s, 12 * MIB));
	CHECK(s.used);
	CHECK_EQ(shim_stream_more(&s, own, 24 * MIB), 4 * MIB);
	CHECK_EQ(shim_stream_more(&s, own, 24 * MIB), 0);
	/* It is ahead of what was asked for; and then the limit counts. */
	CHECK(shim_stream_reach(&s, 40 * MIB));
	CHECK_EQ(shim_stream_more(&s, own, 8 * MIB), 4 * MIB);
	CHECK_EQ(shim_stream_more(&s, own, 8 * MIB), 4 * MIB);
	CHECK_EQ(shim_stream_more(&s, own, 8 * MIB), 0);
	CHECK(!shim_stream_reach(&s, 39 * MIB));
	CHECK_EQ(shim_stream_more(&s, own, 24 * MIB), 0);
	/* Another file of that name. */
	shim_stream_begin(&s, path, dev, ino + 1, 10 * MIB);
	CHECK_EQ(shim_stream_more(&s, own, 24 * MIB), -ESTALE);
	CHECK(!s.on);
	shim_stream_begin(&s, path, dev, ino, 63 * MIB);
	CHECK_EQ(shim_stream_more(&s, own, 24 * MIB), MIB);
	close(own);
	uproot();
}

static void memory(enum shim_ring_form form)
{
	(void)form;
	CHECK(shim_memory_available() > 1 << 20);
	CHECK(shim_memory_available() < 1ULL << 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(order_of_names),
		ONCE(order_of_inodes),
		ONCE(no_order),
		ONCE(overtaken),
		ONCE(up_where_it_is_walked),
		ONCE(up_by_two_directories),
		ONCE(operands),
		ONCE(order_of_directories),
		ONCE(skipped),
		ONCE(near_each_other),
		ONCE(descriptors),
		ONCE(holes),
		ONCE(one_large_file),
		ONCE(memory),
	};

	return RUN_ALL(tests);
}
