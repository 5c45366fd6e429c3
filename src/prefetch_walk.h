/* SPDX-License-Identifier: MIT */
/*
 * A model of how a program walks through directories: what is in them, in which
 * order the program takes it, how far it has come, and so what comes next.
 *
 * It knows nothing of hints: it is fed with what the program has touched, by
 * inode number, and asked for the entry that comes after the last one given out.
 * It belongs to one task, in whose descriptor table the directories are opened;
 * it makes system calls, never allocates (the memory is given), and is bounded:
 * what does not fit is forgotten.
 */
#ifndef SHIM_PREFETCH_WALK_H
#define SHIM_PREFETCH_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_WALK_DIRS 512U
#define SHIM_WALK_ENTRIES (1U << 17)
#define SHIM_WALK_NAMES (4UL << 20)
#define SHIM_WALK_SLOTS (1U << 18)

enum shim_walk_order {
	SHIM_ORDER_UNKNOWN, /* not found out yet: nothing is guessed */
	SHIM_ORDER_LISTED,  /* as getdents64(2) gives them */
	SHIM_ORDER_NAME,
	SHIM_ORDER_INODE,
};

/* What has become of an entry. */
enum {
	SHIM_ENTRY_ASKED = 1,   /* given out by shim_walk_next() */
	SHIM_ENTRY_DATA = 2,    /* ... with its data */
	SHIM_ENTRY_TOUCHED = 4, /* the program has come here */
	SHIM_ENTRY_SKIPPED = 8, /* given out, and not asked for by itself */
};

struct shim_walk_entry {
	uint64_t ino;   /* 0: not known (an operand) */
	uint32_t name;  /* offset in names[] */
	uint32_t seq;   /* when it was given out, from 1 on */
	uint32_t place; /* among the entries as they were listed */
	uint16_t dir;
	uint8_t type;   /* DT_REG, DT_DIR, DT_UNKNOWN, ... */
	uint8_t state;
};

struct shim_walk_dir {
	uint64_t ino;
	int fd;          /* -1: closed again */
	int parent;      /* -1: not known */
	uint32_t first, count;
	uint32_t cursor; /* the next entry to give out */
	uint32_t busy;   /* entries given out and not yet returned */
	char *const *operands; /* not a directory: entries are these; or NULL */
	bool left;       /* the walk has gone up from here */
};

struct shim_walk {
	uint64_t dev;
	enum shim_walk_order order;
	enum shim_walk_order dirs_order; /* in which it goes down; or unknown */
	bool data;               /* the program reads what is in the files */
	bool recursive;          /* the program goes down into directories */
	bool exhausted;          /* nothing comes next, for now */
	int cur;                 /* directory that shim_walk_next() is in; -1 */
	unsigned ndirs, nentries, misses;
	unsigned looks;          /* since a file was last opened */
	size_t names_used;
	uint32_t seq, reached;   /* given out; and how far the program is */
	uint32_t recent[4];      /* entries touched while the order is unknown */
	unsigned nrecent, tries;
	uint32_t gone_into[3];   /* directories, while dirs_order is unknown */
	unsigned ngone_into;
	bool unsorted;           /* by dirs_order, that is */
	uint64_t walked[64];     /* directories that the program has opened */
	unsigned nwalked;
	char *const *argv;       /* operands not yet taken in; NULL: none */
	const char *opened;      /* the one that the program has opened */
	unsigned generation;     /* grows with every reset */
	struct shim_walk_dir dirs[SHIM_WALK_DIRS];
	uint32_t slots[SHIM_WALK_SLOTS]; /* hash of inode numbers: entry + 1 */
	struct shim_walk_entry entries[SHIM_WALK_ENTRIES];
	char names[SHIM_WALK_NAMES];
};

/*
 * Forget everything but what kind of walk it is.  @walk: zero, or in use before.
 * Entries that were given out mean nothing after it; the generation tells.
 */
void shim_walk_reset(struct shim_walk *walk);

/*
 * The program is in the directory @path, on file system @dev, at the entry @ino.
 * 0, or -errno: the directory cannot be read, or @ino is not in it.
 */
int shim_walk_begin(struct shim_walk *walk, const char *path, uint64_t dev,
		    uint64_t ino);

/*
 * The program takes the operands at @argv, ended by NULL, one after the other;
 * it has opened @argv[0].  0 or -errno.
 */
int shim_walk_operands(struct shim_walk *walk, char *const *argv, uint64_t dev);

/* What was what the program has touched? */
enum shim_walk_touched {
	SHIM_WALK_STRANGE, /* it is not known */
	SHIM_WALK_KNOWN,
	SHIM_WALK_USED,    /* it had been given out, and is touched for the first time */
	SHIM_WALK_SKIPPED, /* the same, and shim_walk_skip() */
};

/* The program has touched @ino.  @opened: opened, not only looked at. */
enum shim_walk_touched shim_walk_touch(struct shim_walk *walk, uint64_t ino,
				       bool opened);

/* The same for the operand at @arg, one of argv. */
enum shim_walk_touched shim_walk_touch_operand(struct shim_walk *walk,
					       char *const *arg);

/* The program has opened the directory @ino itself: what is in it may be read. */
void shim_walk_opened_dir(struct shim_walk *walk, uint64_t ino);

/* From now on it is the data of files that comes next, not only the inode. */
void shim_walk_want_data(struct shim_walk *walk);

/* How many entries have been given out that the program has not reached. */
static inline uint32_t shim_walk_ahead(const struct shim_walk *walk)
{
	return walk->seq - walk->reached;
}

/*
 * The next entry, or NULL: none is known, for now.  It is busy, and its directory
 * open, until it is returned with shim_walk_done().
 */
struct shim_walk_entry *shim_walk_next(struct shim_walk *walk);
void shim_walk_done(struct shim_walk *walk, struct shim_walk_entry *entry);

/* The same for one that need not be asked for, because it comes with another. */
void shim_walk_skip(struct shim_walk *walk, struct shim_walk_entry *entry);

static inline const char *shim_walk_name(const struct shim_walk *walk,
					 const struct shim_walk_entry *entry)
{
	return walk->names + entry->name;
}

#endif
