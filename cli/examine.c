// SPDX-License-Identifier: MIT
/*
 * Running the probe under the library, in directories that are gone afterwards;
 * see doctor.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counters.h"
#include "doctor.h"
#include "launch.h"
#include "probe.h"
#include "shim.h"

struct place {
	char dir[PATH_MAX];
	const char *fs;
};

struct scene {
	struct place places[PLACES];
	char stats[PATH_MAX + 16];
};

static const char *fs_name(const char *dir)
{
	static char number[32];
	static const struct {
		long type;
		const char *name;
	} names[] = {
		{ EXT4_SUPER_MAGIC, "ext4" }, { XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" }, { TMPFS_MAGIC, "tmpfs" },
		{ OVERLAYFS_SUPER_MAGIC, "overlayfs" }, { NFS_SUPER_MAGIC, "nfs" },
		{ FUSE_SUPER_MAGIC, "fuse" }, { F2FS_SUPER_MAGIC, "f2fs" },
		{ 0x2fc12fc1, "zfs" }, { 0xff534d42, "cifs" },
		{ V9FS_MAGIC, "9p" }, { 0xca451a4e, "bcachefs" },
	};
	struct statfs fs;
	size_t i;

	if (statfs(dir, &fs))
		return "unknown";
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == (long)fs.f_type)
			return names[i].name;
	}
	snprintf(number, sizeof(number), "type 0x%lx",
		 (unsigned long)fs.f_type);
	return number;
}

static int make_place(struct place *place, const char *below)
{
	/* No percent sign: SHIM_STATS would have its own idea of it. */
	if (!below || *below != '/' || strchr(below, '%') ||
	    snprintf(place->dir, sizeof(place->dir), "%s/.shim-doctor.XXXXXX",
		     below) >= (int)sizeof(place->dir) || !mkdtemp(place->dir)) {
		place->dir[0] = '\0';
		return -1;
	}
	place->fs = fs_name(place->dir);
	return 0;
}

/* One that is below /dev comes last: that is a matter of its own. */
static void make_tmpfs_place(struct place *place)
{
	const char *dirs[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"),
			       "/tmp", "/run", "/dev/shm" };
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (make_place(place, dirs[i]))
			continue;
		if (!strcmp(place->fs, "tmpfs"))
			return;
		rmdir(place->dir);
		place->dir[0] = '\0';
	}
}

/* Here, if we may, for it is the file system here that people ask about. */
static int make_places(struct scene *s)
{
	struct place *here = &s->places[PLACE_HERE];
	char cwd[PATH_MAX];

	if (make_place(here, getcwd(cwd, sizeof(cwd))) &&
	    make_place(here, getenv("TMPDIR")) && make_place(here, "/tmp"))
		return -errno;
	snprintf(s->stats, sizeof(s->stats), "%s/stats", here->dir);
	make_tmpfs_place(&s->places[PLACE_TMPFS]);
	return 0;
}

static void remove_place(const struct place *place)
{
	static const char *const names[] = { "file", "new", "stats" };
	char path[PATH_MAX + 16];
	size_t i;

	if (!place->dir[0])
		return;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", place->dir, names[i]);
		unlink(path);
	}
	rmdir(place->dir);
}

/* What others have set would make this another table. */
static void default_settings(const char *stats)
{
	static const char *const names[] = {
		"SHIM_MODE", "SHIM_WAIT", "SHIM_PATCH", "SHIM_FOLLOW"
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	setenv("SHIM_STATS", stats, 1);
}

/* In the child. */
static void become_probe(const struct scene *s, const char *library, int out)
{
	const char *argv[3 + 2 * PLACES + 1] = { "shim", PROBE_NAME };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	size_t n = 2, i;

	for (i = 0; i < PLACES && s->places[i].dir[0]; i++) {
		argv[n++] = s->places[i].dir;
		argv[n++] = s->places[i].fs;
	}
	sigaction(SIGALRM, &dfl, NULL);
	default_settings(s->stats);
	if (dup2(out, 1) == 1 && !launch_preload(library))
		execv("/proc/self/exe", (char **)argv);
	_exit(EXIT_NOT_EXEC);
}

/* "CALL\tON\tROUTE\n" */
static void read_findings(struct examination *e, FILE *from)
{
	struct finding *f;
	char line[256];

	while (e->number < MOST_FINDINGS && fgets(line, sizeof(line), from)) {
		f = &e->findings[e->number];
		if (sscanf(line, "%31[^\t]\t%63[^\t]\t%63[^\n]", f->call, f->on,
			   f->route) != 3)
			continue;
		e->ring |= !strcmp(f->route, "ring");
		e->number++;
	}
}

static int read_patched(struct examination *e, const char *stats)
{
	struct counters c = { .all = NULL };
	int ret, fd = open(stats, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret = counters_read(&c, fd);
	close(fd);
	e->patched = counters_programs(&c, "patched") != 0;
	counters_free(&c);
	return ret;
}

static int explain(int status, const struct examination *e)
{
	if (WIFSIGNALED(status))
		say("the probe was killed: %s", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == PROBE_NO_LIBRARY)
		say("%s: not loaded into the probe", e->library);
	else
		say("the probe failed with status %d", WEXITSTATUS(status));
	return -1;
}

static int run_probe(struct examination *e, const struct scene *s)
{
	int fds[2], status = 0;
	pid_t child;
	FILE *from;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	/* An ignored SIGCHLD would lose the status. */
	signal(SIGCHLD, SIG_DFL);
	fflush(stdout);
	child = fork();
	if (!child)
		become_probe(s, e->library, fds[1]);
	close(fds[1]);
	from = fdopen(fds[0], "r");
	if (child > 0 && from)
		read_findings(e, from);
	if (from)
		fclose(from);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0)
		return -ENOMEM;
	if (status || !e->number)
		return explain(status, e);
	return read_patched(e, s->stats);
}

int examine(struct examination *e)
{
	static struct scene scene;
	int ret, i;

	ret = launch_library(e->library, sizeof(e->library));
	if (ret) {
		say("libshim.so: %s", strerror(-ret));
		return -1;
	}
	ret = make_places(&scene);
	if (ret)
		say("temporary directory: %s", strerror(-ret));
	else
		ret = run_probe(e, &scene);
	if (ret < -1)
		say("probe: %s", strerror(-ret));
	for (i = 0; i < PLACES; i++)
		remove_place(&scene.places[i]);
	return ret ? -1 : 0;
}
