// SPDX-License-Identifier: MIT
/*
 * MemAvailable of /proc/meminfo (Linux 3.14).  sysinfo(2) tells only what is free,
 * which is little on any machine that has been up for a while.
 */
#include "prefetch_memory.h"

#include <string.h>

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
