// SPDX-License-Identifier: MIT
/*
 * Landlock: a thread gives up the right to open what is outside one directory.
 * From then on its opens fail, those of the thread beside it do not, and what
 * is open stays open. An open made by anybody else in the thread's place would
 * be held to other rules.
 *
 * Ring: read write
 */
#include <linux/landlock.h>
#include <sys/prctl.h>
#include "life.h"

#define RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
		LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG)

static int restrict_to(const char *dir)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = RIGHTS };
	struct landlock_path_beneath_attr rule = { .allowed_access = RIGHTS };
	int set, ret;

	set = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (set < 0)
		return -1;
	rule.parent_fd = open(dir, O_PATH | O_CLOEXEC);
	NEED(rule.parent_fd >= 0);
	NEED(syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH,
		     &rule, 0) == 0);
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	ret = syscall(SYS_landlock_restrict_self, set, 0);
	close(rule.parent_fd);
	close(set);
	return ret;
}

static void try_all(const char *who)
{
	static const char *const paths[] = {
		"out", "in/file", "in/link", "in/missing", "missing",
		"/etc/passwd", "in", ".", "/dev/null",
	};
	char buf[16];
	int p[2];

	for (size_t i = 0; i < 2 * COUNT(paths); i++) {
		const char *path = paths[i % COUNT(paths)];
		int fd = show(open(path, O_RDONLY), "%s: %s", who, path);

		if (fd >= 0)
			close(fd);
	}
	for (int i = 0; i < 2; i++) {
		int fd = show(open(i ? "in/new" : "new", O_WRONLY | O_CREAT,
				   0600), "%s: create", who);

		if (fd >= 0)
			close(fd);
	}
	NEED(pipe(p) == 0);
	NEED(write(p[1], "piped", 5) == 5);
	NEED(read(p[0], buf, 16) == 5);
	close(p[0]);
	close(p[1]);
}

static void *inside(void *arg)
{
	int fd = open("out", O_RDONLY);
	char buf[16];

	try_all("before");
	if (restrict_to("in") < 0) {
		show(-1, "landlock");
		return arg;
	}
	try_all("restricted");
	show(read(fd, buf, 16), "restricted: open file");
	close(fd);
	return arg;
}

int main(void)
{
	pthread_t t;

	begin();
	put_file("out", "outside", 7);
	NEED(mkdir("in", 0755) == 0);
	put_file("in/file", "inside", 6);
	NEED(symlink("../out", "in/link") == 0);
	NEED(pthread_create(&t, NULL, inside, NULL) == 0);
	NEED(pthread_join(t, NULL) == 0);
	try_all("beside");
	list_fds("left open");
	return 0;
}
