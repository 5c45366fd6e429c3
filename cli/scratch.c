// SPDX-License-Identifier: MIT
/* Temporary files of the commands that run programs; see scratch.h. */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int scratch_file(const char *what, char *name, size_t size)
{
	const char *dirs[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"),
			       "/tmp" };
	int fd = -ENOENT;
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && fd < 0; i++) {
		/* The program may go elsewhere: no relative names.  */
		if (!dirs[i] || *dirs[i] != '/' || strchr(dirs[i], '%') ||
		    snprintf(name, size, "%s/shim.%s.XXXXXX", dirs[i], what) >=
		    (int)size)
			continue;
		fd = mkostemp(name, O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	return fd;
}
