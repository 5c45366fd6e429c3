// SPDX-License-Identifier: MIT
/* A report that is complete when its name appears; see output.h. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

static int complain(const char *name, int error)
{
	say("%s: %s", name, strerror(error));
	return -1;
}

/* A hidden name beside the file, so that it can be renamed. */
static int make_temporary(struct output *o, const char *file)
{
	const char *base = strrchr(file, '/');
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	base = base ? base + 1 : file;
	if (asprintf(&o->temporary, "%.*s.%s.XXXXXX", (int)(base - file), file,
		     base) < 0) {
		o->temporary = NULL;
		errno = ENOMEM;
		return -1;
	}
	fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd >= 0 && !fchmod(fd, 0666 & ~mask))
		return fd;
	if (fd >= 0) {
		unlink(o->temporary);
		close(fd);
	}
	free(o->temporary);
	o->temporary = NULL;
	return -1;
}

int output_open(struct output *o, const char *file, FILE *otherwise)
{
	struct stat st;
	int fd;

	*o = (struct output){ .stream = otherwise, .name = file };
	if (!file)
		return 0;
	/* What is no file, or has another name, is written where it is. */
	if (*file && (!lstat(file, &st) ? S_ISREG(st.st_mode) :
		      errno == ENOENT))
		fd = make_temporary(o, file);
	else
		fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
			  O_NOCTTY, 0666);
	if (fd < 0)
		return complain(file, errno);
	o->stream = fdopen(fd, "w");
	return o->stream ? 0 : complain(file, errno);
}

int output_close(struct output *o, int keep)
{
	int failed, error;

	if (!o->name) {
		if (o->stream == stdout)
			return 0; /* main() looks */
		return fflush(o->stream) || ferror(o->stream) ? -1 : 0;
	}
	failed = ferror(o->stream);
	errno = 0;
	failed |= fclose(o->stream);
	if (keep && !failed && o->temporary)
		failed = rename(o->temporary, o->name);
	error = errno ? errno : EIO;
	if (o->temporary && (failed || !keep))
		unlink(o->temporary);
	free(o->temporary);
	return keep && failed ? complain(o->name, error) : 0;
}
