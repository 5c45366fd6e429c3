// SPDX-License-Identifier: MIT
/*
 * See prefetch_memory.h.
 *
 * MemAvailable of /proc/meminfo (Linux 3.14).  sysinfo(2) tells only what is free,
 * which is little on any machine that has been up for a while.
 */
#include "prefetch_memory.h"

#include <string.h>
#include <sys/mman.h>

#include "sys.h"

static const char field[] = "MemAvailable:";

uint64_t shim_memory_available(void)
{
	uint64_t kib = 0;
	char text[512];
	const char *p;
	long fd, n;

	fd = shim_sys4(SYS_openat, AT_FDCWD, "/proc/meminfo",
		       O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return UINT64_MAX;
	n = shim_sys(SYS_read, fd, text, sizeof(text) - 1);
	shim_sys_close((int)fd);
	text[n < 0 ? 0 : n] = '\0';
	p = strstr(text, field);
	if (!p)
		return UINT64_MAX;
	for (p += sizeof(field) - 1; *p == ' '; p++)
		;
	for (; *p >= '0' && *p <= '9'; p++)
		kib = kib * 10 + (uint64_t)(*p - '0');
	return kib << 10;
}

/*
 * After mlockall(MCL_FUTURE) every new mapping is locked, and filled at once, unless it
 * cannot be accessed yet.
 */
void *shim_memory_map(size_t size)
{
	long at = shim_sys6(SYS_mmap, 0, (long)size, PROT_NONE, MAP_PRIVATE |
			    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at < 0 && at > -4096)
		return NULL;
	shim_sys(SYS_munlock, at, (long)size, 0);
	if (!shim_sys(SYS_mprotect, at, (long)size, PROT_READ | PROT_WRITE))
		return (void *)at;
	shim_memory_unmap((void *)at, size);
	return NULL;
}

void shim_memory_unmap(void *memory, size_t size)
{
	shim_sys(SYS_munmap, memory, size, 0);
}

void shim_memory_keep(void *memory, size_t size)
{
	shim_sys(SYS_madvise, memory, size, MADV_DONTFORK);
}
