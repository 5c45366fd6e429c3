// SPDX-License-Identifier: MIT
/*
 * How a file that a variable names comes to be mapped: in one place, because no
 * printf(3) and no stdio may be used where it is needed, and because two
 * processes may start at once with the same new file.
 */
#include "shared_file.h"

#include <sys/file.h>
#include <sys/mman.h>

#include "sys.h"

int shim_file_name(char *name, size_t size, const char *pattern)
{
	unsigned pid = (unsigned)shim_sys_getpid(), div;
	const char *s = pattern;
	size_t n = 0;

	while (*s && n + 12 < size) {
		if (s[0] == '%' && s[1] == 'p') {
			for (div = 1; pid / div >= 10; div *= 10)
				;
			for (; div; div /= 10)
				name[n++] = (char)('0' + pid / div % 10);
			s += 2;
		} else {
			name[n++] = *s++;
		}
	}
	name[n] = '\0';
	return *s ? -ENAMETOOLONG : 0;
}

static int map(int fd, uint64_t size, void **to)
{
	long ret = shim_sys6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, 0);

	if (ret < 0 && ret >= -4095)
		return (int)ret;
	*to = (void *)ret;
	return 0;
}

int shim_map_file(const char *pattern, mode_t mode, shim_prepare *prepare,
		  void *arg, void **to)
{
	char name[4096 + 16];
	uint64_t size = 0;
	int fd, ret;

	ret = shim_file_name(name, sizeof(name), pattern);
	if (ret)
		return ret;
	fd = (int)shim_sys4(SYS_openat, AT_FDCWD, name,
			    O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY |
			    O_NONBLOCK, mode);
	if (fd < 0)
		return fd;
	shim_sys(SYS_flock, fd, LOCK_EX, 0);
	ret = prepare(fd, arg, &size);
	if (!ret)
		ret = map(fd, size, to);
	/* Not left to the close: the mapping keeps the open file, and its lock. */
	shim_sys(SYS_flock, fd, LOCK_UN, 0);
	shim_sys_close(fd);
	return ret;
}
