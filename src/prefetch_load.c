// SPDX-License-Identifier: MIT
/*
 * Asking for the data of a file; see prefetch_load.h.  POSIX_FADV_WILLNEED starts
 * reading without a buffer, and leaves the access time alone.
 *
 * Names change between a look and an open.  So what is opened is an O_PATH descriptor
 * that has been looked at, which is the same file for sure: a FIFO's writer must not
 * see a reader come and go.
 */
#include "prefetch_load.h"

#include <linux/openat2.h>
#include <stdbool.h>
#include <unistd.h>

#include "sys.h"

#define PIECE (256UL << 10)

int shim_load_own(void)
{
	return (int)shim_sys4(SYS_openat, AT_FDCWD, "/proc/thread-self/fd",
			      O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

/* Open what @path stands for; @own is the directory of its name. */
static int open_again(int own, int path)
{
	char digits[12], name[12], *to = name;
	int n = 0;

	do {
		digits[n++] = (char)('0' + path % 10);
		path /= 10;
	} while (path);
	while (n)
		*to++ = digits[--n];
	*to = '\0';
	return (int)shim_sys4(SYS_openat, own, name, O_RDONLY | O_NONBLOCK |
			      O_NOCTTY | O_CLOEXEC, 0);
}

int shim_load_find(int dirfd, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};

	return (int)shim_sys4(SYS_openat2, dirfd, name, &how, sizeof(how));
}

/*
 * Holes are no work for a disk, and who knows of them goes over them: of a file that has
 * some only the first data from @at on, before @end.  Returns where they end; 0: none.
 */
static uint64_t find_data(int fd, uint64_t *at, uint64_t end)
{
	long from = shim_sys(SYS_lseek, fd, *at, SEEK_DATA), to;

	if (from < 0 || (uint64_t)from >= end)
		return 0;
	to = shim_sys(SYS_lseek, fd, from, SEEK_HOLE);
	*at = (uint64_t)from;
	return to > from && (uint64_t)to < end ? (uint64_t)to : end;
}

/* The regular file that @path is: how large? */
static int size_of(int path, uint64_t dev, uint64_t ino, uint64_t *size,
		   bool *holes)
{
	struct stat st = { 0 };
	int ret = shim_sys_fstat(path, &st);

	if (ret)
		return ret;
	if (!S_ISREG(st.st_mode) || st.st_dev != dev ||
	    (ino && st.st_ino != ino))
		return -ESTALE;
	*size = (uint64_t)st.st_size;
	*holes = (uint64_t)st.st_blocks * 512 < *size;
	return 0;
}

static long open_path(int own, int path, uint64_t dev, uint64_t ino,
		      uint64_t at, uint64_t most, struct shim_wanted *w)
{
	uint64_t size = 0, end;
	bool holes = false;
	int ret;

	ret = size_of(path, dev, ino, &size, &holes);
	if (ret || size <= at || !most)
		return ret;
	end = size - at < most ? size : at + most;
	w->fd = open_again(own, path);
	if (w->fd < 0)
		return w->fd;
	if (holes)
		end = find_data(w->fd, &at, end);
	if (!end)
		shim_sys_close(w->fd);
	w->at = at;
	w->len = end ? end - at : 0;
	return (long)w->len;
}

long shim_load_open(int own, int path, uint64_t dev, uint64_t ino, uint64_t at,
		    uint64_t most, struct shim_wanted *w)
{
	long ret = open_path(own, path, dev, ino, at, most, w);

	shim_sys_close(path);
	return ret;
}

/* The kernel may shorten one request to some hundred KiB. */
long shim_load_ask(const struct shim_wanted *w)
{
	uint64_t at = w->at, end = at + w->len, n;
	long ret = 0;

	for (; at < end && !ret; at += n) {
		n = end - at < PIECE ? end - at : PIECE;
		ret = shim_sys4(SYS_fadvise64, w->fd, at, n,
				POSIX_FADV_WILLNEED);
	}
	shim_sys_close(w->fd);
	return ret ? ret : (long)w->len;
}

long shim_load(int own, int path, uint64_t dev, uint64_t ino, uint64_t at,
	       uint64_t most)
{
	struct shim_wanted w = { .fd = -1 };
	long ret = shim_load_open(own, path, dev, ino, at, most, &w);

	return ret > 0 ? shim_load_ask(&w) : ret;
}
