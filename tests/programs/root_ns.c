// SPDX-License-Identifier: MIT
/*
 * Other worlds: chroot, unshare and setns of mounts, network, users, the file
 * system state and the descriptor table, for the process and for one thread.
 * A worker thread of a ring would stay in the old world, and its mere existence
 * makes unshare(CLONE_NEWUSER) and setns fail: the process would no longer have
 * a single thread.
 *
 * Ring: read write
 * Requires: root
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include "life.h"

static void warm(void)
{
	char buf[16];
	int p[2], fd;

	NEED(pipe(p) == 0);
	for (int i = 0; i < 3; i++) {
		NEED(write(p[1], "warm", 4) == 4);
		NEED(read(p[0], buf, 16) == 4);
	}
	close(p[0]);
	close(p[1]);
	fd = open("file", O_RDONLY);
	NEED(fd >= 0 && read(fd, buf, 16) == 8);
	close(fd);
	fd = open("written", O_WRONLY | O_CREAT, 0600);
	NEED(write(fd, "some", 4) == 4);
	close(fd);
}

static int show_open(const char *path)
{
	int fd = show(open(path, O_RDONLY), "\topen %s", path);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int rooted(void *arg)
{
	int fd = open("file", O_RDONLY), dir = open(".", O_RDONLY);
	char buf[16];

	(void)arg;
	warm();
	NEED(chroot("empty") == 0 && chdir("/") == 0);
	for (int i = 0; i < 2; i++) {
		show_open("/file");
		show_open("/etc/passwd");
		show_open("/proc/self/status");
		show_open("/dev/null");
		show_open("/");
		show_open("..");
	}
	show(openat(dir, "file", O_RDONLY), "\tthe old directory");
	show(read(fd, buf, 16), "\tthe old file");
	put_file("/new", "new", 3);
	show_open("/new");
	NEED(fchdir(dir) == 0);
	show_open("file");
	show_open("empty/new");
	return 0;
}

static int users(void *arg)
{
	int flags[] = { CLONE_NEWUSER, CLONE_THREAD, CLONE_VM, CLONE_SIGHAND };

	(void)arg;
	warm();
	for (int i = 3; i >= 0; i--)
		show(unshare(flags[i]), "\tunshare %x", flags[i]);
	show(getuid(), "\tuid");
	show_open("file");
	warm();
	return 0;
}

static int mounts(void *arg)
{
	int old = open("/proc/self/ns/mnt", O_RDONLY);
	int cwd = open(".", O_RDONLY);

	(void)arg;
	warm();
	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount("none", "mnt", "tmpfs", 0, NULL) == 0);
	show_open("mnt/under");
	put_file("mnt/over", "x", 1);
	show_open("mnt/over");
	warm();
	show(setns(old, CLONE_NEWNS), "\tback");
	NEED(fchdir(cwd) == 0);
	show_open("mnt/over");
	show_open("mnt/under");
	return 0;
}

static struct sockaddr_in addr;

static int reach(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int ret = show(connect(fd, (void *)&addr, sizeof(addr)), "\tconnect");

	close(fd);
	return ret;
}

static int networks(void *arg)
{
	int old = open("/proc/self/ns/net", O_RDONLY), fd;
	int l = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);

	(void)arg;
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(l, (void *)&addr, len) == 0 && listen(l, 9) == 0);
	NEED(getsockname(l, (void *)&addr, &len) == 0);
	warm();
	reach();
	/* A socket stays in the world in which it was made. */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	NEED(unshare(CLONE_NEWNET) == 0);
	reach();
	reach();
	show(connect(fd, (void *)&addr, len), "\told socket");
	show_open("/proc/thread-self/net/tcp");
	NEED(setns(old, CLONE_NEWNET) == 0);
	reach();
	return 0;
}

static pthread_barrier_t gate;

static void *own_fs(void *arg)
{
	warm();
	NEED(unshare(CLONE_FS) == 0);
	NEED(chdir("sub") == 0);
	umask(077);
	for (int i = 0; i < 3; i++) {
		show_open("only-here");
		show_open("file");
	}
	close(open("made", O_WRONLY | O_CREAT, 0666));
	(void)arg;
	return NULL;
}

static int thread_fs(void *arg)
{
	struct stat st;
	pthread_t t;

	(void)arg;
	warm();
	NEED(pthread_create(&t, NULL, own_fs, NULL) == 0);
	NEED(pthread_join(t, NULL) == 0);
	show_open("only-here");
	show_open("file");
	NEED(stat("sub/made", &st) == 0);
	printf("\tmode %o\n", st.st_mode);
	return 0;
}

static void *own_files(void *arg)
{
	int *p = arg, fd;
	char buf[16];

	NEED(write(p[1], "both", 4) == 4);
	NEED(unshare(CLONE_FILES) == 0);
	NEED(close(p[0]) == 0);
	fd = show(open("file", O_RDONLY), "\tthread: open");
	show(read(fd, buf, 16), "\tthread: read");
	NEED(close(p[1]) == 0);
	show(read(p[1], buf, 16), "\tthread: read of the closed");
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	show(read(fd, buf, 16), "\tthread: read");
	return NULL;
}

/* Number p[0] is a pipe for one thread and a file for the other. */
static int thread_files(void *arg)
{
	char buf[16];
	pthread_t t;
	int p[2];

	(void)arg;
	pthread_barrier_init(&gate, NULL, 2);
	NEED(pipe(p) == 0);
	NEED(pthread_create(&t, NULL, own_files, p) == 0);
	pthread_barrier_wait(&gate);
	show(read(p[0], buf, 16), "\tmain: read");
	show(write(p[1], "again", 5), "\tmain: write");
	show(read(p[0], buf, 16), "\tmain: read");
	pthread_barrier_wait(&gate);
	NEED(pthread_join(t, NULL) == 0);
	list_fds("\tmain");
	return 0;
}

static int pid_space(void *arg)
{
	warm();
	NEED(unshare(CLONE_NEWPID) == 0);
	if (!arg) {
		run_child("\tfirst of its kind", pid_space, "");
		return 0;
	}
	return getpid() == 1 ? 11 : 12;
}

int main(void)
{
	begin();
	put_file("file", "contents", 8);
	NEED(mkdir("empty", 0755) == 0 && mkdir("mnt", 0755) == 0);
	NEED(mkdir("sub", 0755) == 0);
	put_file("mnt/under", "x", 1);
	put_file("sub/only-here", "x", 1);
	NEED(chmod(".", 0755) == 0);
	run_child("chroot", rooted, NULL);
	run_child("users", users, NULL);
	run_child("mounts", mounts, NULL);
	run_child("networks", networks, NULL);
	run_child("file system state of a thread", thread_fs, NULL);
	run_child("descriptors of a thread", thread_files, NULL);
	run_child("pid space", pid_space, NULL);
	show(count_tasks(), "tasks");
	return 0;
}
