// SPDX-License-Identifier: MIT
/*
 * Opening and listing directories for the walk; see prefetch_list.h.  Done here
 * and not taken from what the program reads, because the next directory has to be
 * listed before the program gets there.
 */
#include "prefetch_list.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>

#include "sys.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | \
		   O_NOCTTY | O_CLOEXEC)

static int open_how(int dirfd, const char *name, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (unsigned)flags, .resolve = resolve,
	};

	return (int)shim_sys4(SYS_openat2, dirfd, name, &how, sizeof(how));
}

static bool fresh(const struct stat *st)
{
	struct timespec now = { 0 };
	const struct timespec *a = &st->st_atim;

	if (shim_sys(SYS_clock_gettime, CLOCK_REALTIME, &now, 0))
		return false;
	return (a->tv_sec > st->st_mtim.tv_sec ||
		(a->tv_sec == st->st_mtim.tv_sec &&
		 a->tv_nsec > st->st_mtim.tv_nsec)) &&
	       (a->tv_sec > st->st_ctim.tv_sec ||
		(a->tv_sec == st->st_ctim.tv_sec &&
		 a->tv_nsec > st->st_ctim.tv_nsec)) &&
	       now.tv_sec - a->tv_sec < 23 * 3600L;
}

/*
 * O_NOATIME is for the owner of a file and for root; see open(2).  Of others'
 * directories only those are read whose access time the kernel would leave as
 * it is: relatime, and it is fresh (because the program has just read it).
 */
static bool leaves_atime(int fd)
{
	struct statfs fs = { 0 };
	struct stat st = { 0 };

	if (shim_sys(SYS_fstatfs, fd, &fs, 0))
		return false;
	if (fs.f_flags & (ST_NOATIME | ST_NODIRATIME | ST_RDONLY))
		return true;
	return fs.f_flags & ST_RELATIME && !shim_sys_fstat(fd, &st) &&
	       fresh(&st);
}

static int open_dir(int dirfd, const char *name, uint64_t dev, uint64_t resolve)
{
	struct stat st = { 0 };
	int fd = open_how(dirfd, name, DIR_FLAGS | O_NOATIME, resolve);

	if (fd == -EPERM) {
		fd = open_how(dirfd, name, DIR_FLAGS, resolve);
		if (fd >= 0 && !leaves_atime(fd)) {
			shim_sys_close(fd);
			return -EPERM;
		}
	}
	if (fd >= 0 && (shim_sys_fstat(fd, &st) || st.st_dev != dev)) {
		shim_sys_close(fd);
		return -EXDEV;
	}
	return fd;
}

int shim_list_open(int dirfd, const char *name, uint64_t dev)
{
	return open_dir(dirfd, name, dev, RESOLVE_NO_XDEV |
			RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int shim_list_open_path(const char *path, uint64_t dev)
{
	return open_dir(AT_FDCWD, path, dev, RESOLVE_NO_MAGICLINKS);
}

static uint32_t slot_of(uint64_t ino)
{
	return (uint32_t)((ino * 0x9e3779b97f4a7c15ULL) >> 32) %
	       SHIM_WALK_SLOTS;
}

void shim_list_hash(struct shim_walk *walk, const struct shim_walk_entry *e)
{
	uint32_t i = slot_of(e->ino), n = (uint32_t)(e - walk->entries);

	/* Half of the slots at most are taken, so this ends. */
	while (walk->slots[i] && walk->slots[i] != n + 1)
		i = (i + 1) % SHIM_WALK_SLOTS;
	walk->slots[i] = n + 1;
}

struct shim_walk_entry *shim_list_find(struct shim_walk *walk, uint64_t ino)
{
	struct shim_walk_entry *e;
	uint32_t i = slot_of(ino);

	for (; walk->slots[i]; i = (i + 1) % SHIM_WALK_SLOTS) {
		e = &walk->entries[walk->slots[i] - 1];
		if (e->ino == ino)
			return e;
	}
	return NULL;
}

int shim_list_new_dir(struct shim_walk *walk, int fd, uint64_t ino, int parent)
{
	struct shim_walk_dir *d;

	if (walk->ndirs == SHIM_WALK_DIRS)
		return -ENOSPC;
	d = &walk->dirs[walk->ndirs];
	*d = (struct shim_walk_dir){
		.ino = ino, .fd = fd, .parent = parent,
		.first = walk->nentries,
	};
	return (int)walk->ndirs++;
}

struct shim_walk_entry *shim_list_add(struct shim_walk *walk, int dir,
				      const char *name)
{
	size_t len = strlen(name) + 1;
	struct shim_walk_entry *e;

	if (walk->nentries == SHIM_WALK_ENTRIES ||
	    len > SHIM_WALK_NAMES - walk->names_used)
		return NULL;
	memcpy(walk->names + walk->names_used, name, len);
	e = &walk->entries[walk->nentries++];
	*e = (struct shim_walk_entry){
		.name = (uint32_t)walk->names_used, .dir = (uint16_t)dir,
		.place = walk->dirs[dir].count++,
	};
	walk->names_used += len;
	return e;
}

/* As linux/dirent.h has it, which no header shows to programs. */
struct record {
	uint64_t ino;
	int64_t off;
	uint16_t length;
	uint8_t type;
	char name[];
};

static bool is_dot(const char *name)
{
	return name[0] == '.' &&
	       (!name[1] || (name[1] == '.' && !name[2]));
}

static int add_records(struct shim_walk *walk, int dir, char *buf, long n)
{
	struct shim_walk_entry *e;
	struct record *r;
	long at;

	for (at = 0; at < n; at += r->length) {
		r = (struct record *)(void *)(buf + at);
		if (is_dot(r->name))
			continue;
		e = shim_list_add(walk, dir, r->name);
		if (!e)
			return -ENOSPC;
		e->ino = r->ino;
		e->type = r->type;
	}
	return 0;
}

static int read_entries(struct shim_walk *walk, int dir, int fd)
{
	char buf[16384] __attribute__((aligned(8))) = { 0 };
	int ret = 0;
	long n;

	do {
		n = shim_sys(SYS_getdents64, fd, buf, sizeof(buf));
		if (n > 0)
			ret = add_records(walk, dir, buf, n);
	} while (n > 0 && !ret);
	return n < 0 ? (int)n : ret;
}

int shim_list(struct shim_walk *walk, int fd, int parent)
{
	unsigned dirs = walk->ndirs, entries = walk->nentries;
	size_t names = walk->names_used;
	struct stat st = { 0 };
	int dir, ret;

	ret = shim_sys_fstat(fd, &st);
	dir = ret ? ret : shim_list_new_dir(walk, fd, st.st_ino, parent);
	ret = dir < 0 ? dir : read_entries(walk, dir, fd);
	if (!ret)
		return dir;
	shim_sys_close(fd);
	/* Half a directory would be guessed from in the wrong order. */
	walk->ndirs = dirs;
	walk->nentries = entries;
	walk->names_used = names;
	return ret;
}
