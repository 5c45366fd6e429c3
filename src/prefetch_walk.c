// SPDX-License-Identifier: MIT
/*
 * Where a program is in its walk, and what comes next; see prefetch_walk.h.
 *
 * Down into a directory when its turn comes, and up again to its parent at its
 * end: as fts(3), tar, cp and find do.  Up only into a directory that the program
 * walks itself: it has opened it, or two directories in it.
 */
#include "prefetch_walk.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "prefetch_list.h"
#include "prefetch_operands.h"
#include "prefetch_order.h"
#include "sys.h"

#define ONLY_LOOKS 16U

static void close_dir(struct shim_walk_dir *d)
{
	if (d->fd >= 0)
		shim_sys_close(d->fd);
	d->fd = -1;
}

void shim_walk_reset(struct shim_walk *walk)
{
	unsigned i;

	for (i = 0; i < walk->ndirs; i++)
		close_dir(&walk->dirs[i]);
	if (walk->nentries)
		memset(walk->slots, 0, sizeof(walk->slots));
	walk->order = walk->dirs_order = SHIM_ORDER_UNKNOWN;
	walk->exhausted = walk->unsorted = false;
	walk->cur = -1;
	walk->ndirs = walk->nentries = walk->misses = 0;
	walk->names_used = 0;
	walk->reached = walk->seq;
	walk->nrecent = walk->tries = walk->ngone_into = 0;
	walk->generation++;
}

static struct shim_walk_dir *dir_of(struct shim_walk *walk, uint64_t ino)
{
	unsigned i;

	for (i = 0; i < walk->ndirs; i++) {
		if (walk->dirs[i].ino == ino && !walk->dirs[i].operands)
			return &walk->dirs[i];
	}
	return NULL;
}

static int index_of(const struct shim_walk *walk, const struct shim_walk_dir *d)
{
	return (int)(d - walk->dirs);
}

static bool is_walked(const struct shim_walk *walk, uint64_t ino)
{
	unsigned i;

	for (i = 0; i < sizeof(walk->walked) / sizeof(walk->walked[0]); i++) {
		if (walk->walked[i] == ino)
			return true;
	}
	return false;
}

/* The program is at this entry: what was before it is behind it. */
static void go_to(struct shim_walk *walk, const struct shim_walk_entry *e)
{
	struct shim_walk_dir *d = &walk->dirs[e->dir];

	d->cursor = (uint32_t)(e - walk->entries) - d->first + 1;
	d->left = false;
	walk->cur = e->dir;
	walk->reached = walk->seq;
	walk->exhausted = false;
}

/* The order is known now: put all that is there already into it. */
static void sort_all(struct shim_walk *walk)
{
	unsigned i;

	memset(walk->slots, 0, sizeof(walk->slots));
	for (i = 0; i < walk->ndirs; i++) {
		if (!walk->dirs[i].operands)
			shim_order_sort(walk, &walk->dirs[i]);
	}
}

/* Three neighbours tell the order; sixteen strangers, that there is none. */
static void learn_order(struct shim_walk *walk, struct shim_walk_entry *e)
{
	uint32_t at = (uint32_t)(e - walk->entries);
	uint64_t ino = e->ino;
	unsigned i;

	if (walk->nrecent && walk->recent[walk->nrecent - 1] == at)
		return;
	if (walk->nrecent == 3) {
		for (i = 1; i < 3; i++)
			walk->recent[i - 1] = walk->recent[i];
		walk->nrecent = 2;
	}
	walk->recent[walk->nrecent++] = at;
	if (walk->nrecent < 3 || walk->tries++ > 16)
		return;
	walk->order = shim_order_of(walk, walk->recent);
	if (walk->order == SHIM_ORDER_UNKNOWN)
		return;
	sort_all(walk);
	e = shim_list_find(walk, ino);
	if (e)
		go_to(walk, e);
}

static bool is_any_busy(const struct shim_walk *walk)
{
	unsigned i;

	for (i = 0; i < walk->ndirs && !walk->dirs[i].busy; i++)
		;
	return i < walk->ndirs;
}

/* The program has gone down into @e: three in one directory tell in which order. */
static void learn_dirs_order(struct shim_walk *walk,
			     const struct shim_walk_entry *e)
{
	uint32_t at = (uint32_t)(e - walk->entries), *gone = walk->gone_into;

	if (walk->ngone_into && walk->entries[gone[0]].dir != e->dir)
		walk->ngone_into = 0;
	if (walk->ngone_into == 3) {
		gone[0] = gone[1];
		gone[1] = gone[2];
		walk->ngone_into = 2;
	}
	gone[walk->ngone_into++] = at;
	if (walk->ngone_into < 3)
		return;
	walk->dirs_order = shim_order_of(walk, gone);
	walk->unsorted = walk->dirs_order && walk->dirs_order != walk->order;
}

/* The walk goes on from the directory @e. */
static void go_into(struct shim_walk *walk, const struct shim_walk_entry *e)
{
	struct shim_walk_dir *d = &walk->dirs[e->dir];

	if (d->fd < 0)
		return;
	d->cursor = (uint32_t)(e - walk->entries) - d->first;
	d->left = false;
	walk->cur = e->dir;
	walk->reached = walk->seq;
}

/* The order of directories is another.  False: not while entries are out. */
static bool sort_dirs(struct shim_walk *walk)
{
	uint64_t ino = walk->entries[walk->gone_into[2]].ino;
	struct shim_walk_entry *e;

	if (is_any_busy(walk))
		return false;
	sort_all(walk);
	walk->unsorted = false;
	e = shim_list_find(walk, ino);
	if (e)
		go_into(walk, e);
	return true;
}

void shim_walk_opened_dir(struct shim_walk *walk, uint64_t ino)
{
	const struct shim_walk_entry *e;

	if (!is_walked(walk, ino))
		walk->walked[walk->nwalked++ % (sizeof(walk->walked) /
						sizeof(walk->walked[0]))] = ino;
	walk->exhausted = false;
	e = shim_list_find(walk, ino);
	if (!e || e->type != DT_DIR || walk->order == SHIM_ORDER_UNKNOWN)
		return;
	walk->recursive = true;
	if (walk->dirs_order == SHIM_ORDER_UNKNOWN)
		learn_dirs_order(walk, e);
	if (!dir_of(walk, ino))
		go_into(walk, e);
}

static enum shim_walk_touched touch(struct shim_walk *walk,
				    struct shim_walk_entry *e, bool opened)
{
	enum shim_walk_touched was = SHIM_WALK_KNOWN;

	if (!e) {
		walk->misses++;
		return SHIM_WALK_STRANGE;
	}
	walk->misses = 0;
	walk->looks = opened ? 0 : walk->looks + 1;
	/* Who reads files looks at some before; who only looks does not read. */
	if (walk->data && walk->looks > ONLY_LOOKS)
		walk->data = false;
	if ((walk->data && !opened) || e->state & SHIM_ENTRY_TOUCHED)
		return was;
	if (e->state & SHIM_ENTRY_ASKED)
		was = e->state & SHIM_ENTRY_SKIPPED ? SHIM_WALK_SKIPPED :
						      SHIM_WALK_USED;
	e->state |= SHIM_ENTRY_TOUCHED;
	walk->recursive |= e->type == DT_DIR && opened;
	if (walk->order == SHIM_ORDER_UNKNOWN) {
		learn_order(walk, e);
	} else if (!(e->state & SHIM_ENTRY_ASKED)) {
		if (e->type != DT_DIR)
			go_to(walk, e);
	} else if ((int32_t)(e->seq - walk->reached) > 0) {
		walk->reached = e->seq;
	}
	return was;
}

enum shim_walk_touched shim_walk_touch(struct shim_walk *walk, uint64_t ino,
				       bool opened)
{
	return touch(walk, shim_list_find(walk, ino), opened);
}

/* The program is at @arg, which has not been taken in: so is the next run. */
static void go_to_operand(struct shim_walk *walk, char *const *arg)
{
	if (!walk->argv || arg < walk->argv)
		return;
	walk->argv = arg + 1;
	walk->reached = walk->seq;
	walk->exhausted = !shim_operands_more(walk);
}

enum shim_walk_touched shim_walk_touch_operand(struct shim_walk *walk,
					       char *const *arg)
{
	struct shim_walk_entry *e = NULL;
	struct shim_walk_dir *d;
	unsigned i;

	for (i = walk->ndirs; i-- > 0 && !e;) {
		d = &walk->dirs[i];
		if (d->operands && arg >= d->operands &&
		    arg < d->operands + d->count)
			e = &walk->entries[d->first + (arg - d->operands)];
	}
	if (!e)
		go_to_operand(walk, arg);
	return touch(walk, e, true);
}

void shim_walk_want_data(struct shim_walk *walk)
{
	uint32_t i;

	if (walk->data)
		return;
	walk->data = true;
	/* What was only looked at is still to be read. */
	for (i = 0; i < walk->nentries; i++) {
		if (!(walk->entries[i].state & SHIM_ENTRY_DATA))
			walk->entries[i].state = 0;
	}
}

/* List the directory behind @fd, in order.  Its index or -errno. */
static int take_in(struct shim_walk *walk, int fd, int parent)
{
	int dir = shim_list(walk, fd, parent);

	if (dir >= 0)
		shim_order_sort(walk, &walk->dirs[dir]);
	return dir;
}

/* The inode of the directory above @d, or 0. */
static uint64_t above(const struct shim_walk *walk,
		      const struct shim_walk_dir *d)
{
	struct stat st = { 0 };

	if (d->operands || d->fd < 0 ||
	    shim_sys4(SYS_newfstatat, d->fd, "..", &st, 0) ||
	    st.st_dev != walk->dev)
		return 0;
	return st.st_ino;
}

/*
 * The program is in @d, and was in @last: if both are in one directory then that
 * one is walked.
 */
static void look_above(struct shim_walk *walk, const struct shim_walk_dir *d,
		       const struct shim_walk_dir *last)
{
	uint64_t up = above(walk, d);

	if (up && last && last != d && above(walk, last) == up)
		shim_walk_opened_dir(walk, up);
	walk->recursive |= up && is_walked(walk, up);
}

int shim_walk_begin(struct shim_walk *walk, const char *path, uint64_t dev,
		    uint64_t ino)
{
	int fd, dir, was = walk->cur;
	struct shim_walk_entry *e;
	struct stat st = { 0 };

	walk->dev = dev;
	walk->argv = NULL;
	fd = shim_list_open_path(path, dev);
	if (fd < 0)
		return fd;
	if (!shim_sys_fstat(fd, &st) && dir_of(walk, st.st_ino)) {
		shim_sys_close(fd);
		return -EEXIST;
	}
	dir = take_in(walk, fd, -1);
	if (dir == -ENOSPC) {
		shim_walk_reset(walk);
		was = -1;
		fd = shim_list_open_path(path, dev);
		dir = fd < 0 ? fd : take_in(walk, fd, -1);
	}
	if (dir < 0)
		return dir;
	e = shim_list_find(walk, ino);
	if (!e || e->dir != dir)
		return -ENOENT;
	look_above(walk, &walk->dirs[dir], was < 0 ? NULL : &walk->dirs[was]);
	walk->nrecent = walk->tries = 0;
	e->state |= SHIM_ENTRY_TOUCHED;
	go_to(walk, e);
	if (walk->order == SHIM_ORDER_UNKNOWN)
		learn_order(walk, e);
	return 0;
}

/* Down: into the directory @e, whose turn it is. */
static void descend(struct shim_walk *walk, const struct shim_walk_entry *e)
{
	struct shim_walk_dir *d = &walk->dirs[e->dir], *known;
	int fd, dir;

	if (!walk->recursive)
		return;
	known = dir_of(walk, e->ino);
	if (known) {
		if (known->parent < 0)
			known->parent = e->dir;
		if (known->fd >= 0 && known->cursor < known->count)
			walk->cur = index_of(walk, known);
		return;
	}
	fd = shim_list_open(d->fd, shim_walk_name(walk, e), walk->dev);
	dir = fd < 0 ? fd : take_in(walk, fd, e->dir);
	if (dir >= 0)
		walk->cur = dir;
	/* Full: forget it all when the program comes to where we are. */
	walk->exhausted |= dir == -ENOSPC || dir == -EMFILE;
}

/* The directory above @d, if the program walks through it. */
static int find_parent(struct shim_walk *walk, struct shim_walk_dir *d)
{
	struct shim_walk_entry *e;
	struct shim_walk_dir *up;
	uint64_t ino = above(walk, d);
	int fd, dir;

	if (!ino || !is_walked(walk, ino))
		return -1;
	walk->recursive = true;
	up = dir_of(walk, ino);
	if (up)
		return index_of(walk, up);
	fd = shim_list_open(d->fd, "..", walk->dev);
	dir = fd < 0 ? fd : take_in(walk, fd, -1);
	if (dir < 0)
		return -1;
	e = shim_list_find(walk, d->ino);
	if (!e || e->dir != dir)
		return -1;
	up = &walk->dirs[dir];
	up->cursor = (uint32_t)(e - walk->entries) - up->first + 1;
	return dir;
}

/* Nothing is left in the directory that the walk is in.  False: nor elsewhere. */
static bool ascend(struct shim_walk *walk)
{
	struct shim_walk_dir *d = &walk->dirs[walk->cur];

	if (d->operands) {
		d->left = true;
		if (!d->busy)
			close_dir(d);
		return shim_operands_more(walk);
	}
	if (d->parent < 0 && d->fd >= 0)
		d->parent = find_parent(walk, d);
	if (d->parent < 0 || walk->dirs[d->parent].fd < 0)
		return false;
	d->left = true;
	if (!d->busy)
		close_dir(d);
	walk->cur = d->parent;
	return true;
}

static bool wanted(const struct shim_walk *walk,
		   const struct shim_walk_entry *e)
{
	unsigned have = SHIM_ENTRY_ASKED | (walk->data ? SHIM_ENTRY_DATA : 0U);

	if (e->state & SHIM_ENTRY_TOUCHED || (e->state & have) == have)
		return false;
	return e->type == DT_REG || e->type == DT_UNKNOWN ||
	       (e->type == DT_DIR && !walk->data);
}

static struct shim_walk_entry *give(struct shim_walk *walk,
				    struct shim_walk_entry *e)
{
	e->seq = ++walk->seq;
	e->state &= (uint8_t)~SHIM_ENTRY_SKIPPED;
	e->state |= SHIM_ENTRY_ASKED | (walk->data ? SHIM_ENTRY_DATA : 0U);
	walk->dirs[e->dir].busy++;
	return e;
}

struct shim_walk_entry *shim_walk_next(struct shim_walk *walk)
{
	struct shim_walk_entry *e;
	struct shim_walk_dir *d;

	if (walk->exhausted || walk->cur < 0 ||
	    walk->order == SHIM_ORDER_UNKNOWN)
		return NULL;
	if (walk->unsorted && !sort_dirs(walk))
		return NULL;
	while (!walk->exhausted) {
		d = &walk->dirs[walk->cur];
		if (d->cursor == d->count) {
			if (ascend(walk))
				continue;
			walk->exhausted = true;
			break;
		}
		e = &walk->entries[d->first + d->cursor++];
		if (e->type == DT_DIR && !d->operands)
			descend(walk, e);
		if (wanted(walk, e))
			return give(walk, e);
	}
	return NULL;
}

void shim_walk_done(struct shim_walk *walk, struct shim_walk_entry *entry)
{
	struct shim_walk_dir *d = &walk->dirs[entry->dir];

	d->busy--;
	if (!d->busy && d->left)
		close_dir(d);
}

void shim_walk_skip(struct shim_walk *walk, struct shim_walk_entry *entry)
{
	entry->state |= SHIM_ENTRY_SKIPPED;
	shim_walk_done(walk, entry);
}
