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

/* The kernel may shorten one request to some hundred KiB. */
static long will_need(int fd, uint64_t at, uint64_t len)
{
	uint64_t end = at + len, n;
	long ret = 0;

	for (; at < end && !ret; at += n) {
		n = end - at < PIECE ? end - at : PIECE;
		ret = shim_sys4(SYS_fadvise64, fd, at, n, POSIX_FADV_WILLNEED);
	}
	return ret ? ret : (long)len;
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

static long load_path(int own, int path, uint64_t dev, uint64_t ino,
		      uint64_t at, uint64_t most)
{
	struct stat st = { 0 };
	uint64_t size, end;
	long ret = 0;
	int fd;

	ret = shim_sys_fstat(path, &st);
	if (ret)
		return ret;
	if (!S_ISREG(st.st_mode) || st.st_dev != dev ||
	    (ino && st.st_ino != ino))
		return -ESTALE;
	size = (uint64_t)st.st_size;
	if (size <= at || !most)
		return 0;
	end = size - at < most ? size : at + most;
	fd = open_again(own, path);
	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_blocks * 512 < size)
		end = find_data(fd, &at, end);
	if (end)
		ret = will_need(fd, at, end - at);
	shim_sys_close(fd);
	return ret;
}

long shim_load(int own, int path, uint64_t dev, uint64_t ino, uint64_t most)
{
	return shim_load_part(own, path, dev, ino, 0,
			      most < SHIM_LOAD_FILE ? most : SHIM_LOAD_FILE);
}

long shim_load_part(int own, int path, uint64_t dev, uint64_t ino, uint64_t at,
		    uint64_t len)
{
	long ret = load_path(own, path, dev, ino, at, len);

	shim_sys_close(path);
	return ret;
}
