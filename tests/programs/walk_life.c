// SPDX-License-Identifier: MIT
/*
 * A program that walks through directories, and in the middle of the walk does what
 * a helper beside it would show by or be in the way of: lists its descriptors, forks,
 * executes, leaves its namespaces, changes its user, ends in all ways, sleeps in a
 * wait that any task work would interrupt. When the walk is over nothing is left.
 *
 * Timeout: 60
 */
#include <grp.h>
#include <sys/epoll.h>
#include "walk.h"

/* In a child that walks first, then does @act. */
static void in_child(const char *what, void (*act)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		walk(60);
		act();
		fflush(stdout);
		_exit(7);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status))
		printf("%s: exit %d\n", what, WEXITSTATUS(status));
	else
		printf("%s: killed by %d\n", what, WTERMSIG(status));
}

static void leave_user(void)
{
	show(unshare(CLONE_NEWUSER), "\tunshare user");
	printf("\tthen files %d\n", walk(20));
}

static void leave_all(void)
{
	int fd = open("/proc/self/ns/mnt", O_RDONLY);
	char top[1024];

	NEED(getcwd(top, sizeof(top)));
	show(unshare(CLONE_NEWUSER | CLONE_NEWNS), "\tunshare user, mnt");
	show(setns(fd, CLONE_NEWNS), "\tsetns to what it may not");
	close(fd);
	fd = open("/proc/self/ns/mnt", O_RDONLY);
	walk(40);
	show(setns(fd, CLONE_NEWNS), "\tsetns");
	NEED(chdir(top) == 0);
	walk(40);
	show(unshare(CLONE_THREAD | CLONE_VM | CLONE_SIGHAND),
	     "\tunshare thread, vm, sighand");
	walk(40);
	show(unshare(CLONE_FS | CLONE_FILES), "\tunshare fs, files");
}

static void leave_by_number(void)
{
	show((int)syscall(SYS_unshare, CLONE_NEWUSER), "\tunshare by number");
}

static void other_user(void)
{
	show(setgroups(0, NULL), "\tsetgroups");
	show(setresgid(65534, 65534, 65534), "\tsetresgid");
	show(setresuid(65534, 65534, 65534), "\tsetresuid");
	printf("\tthen files %d\n", walk(20));
}

static void other_root(void)
{
	show(chroot("walk"), "\tchroot");
	show(chdir("/"), "\tchdir");
	show(open("/d0/f00", O_RDONLY) < 0, "\topen");
	show(open("walk/d0/f00", O_RDONLY), "\topen the old way");
}

static void execute(void)
{
	execl("/proc/self/exe", "walk_life", "--executed", (char *)NULL);
	_exit(9);
}

static void fork_again(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(tasks_now());
	NEED(waitpid(pid, &status, 0) == pid);
	printf("\tthreads of the child %d\n", WEXITSTATUS(status));
	pid = vfork();
	if (!pid)
		_exit(4);
	NEED(waitpid(pid, &status, 0) == pid);
	printf("\tvfork %d\n", WEXITSTATUS(status));
}

static void no_children(void)
{
	show(waitpid(-1, NULL, WNOHANG), "\twaitpid");
	show(waitpid(-1, NULL, WNOHANG | __WALL), "\twaitpid for all");
}

static void by_signal(void)
{
	kill(getpid(), SIGTERM);
}

static void by_exit(void)
{
	exit(5);
}

static void by_exit_group(void)
{
	syscall(SYS_exit_group, 6);
}

static void by_thread_exit(void)
{
	pthread_exit(NULL);
}

/* Task work for this thread would end these early. */
static void quiet_waits(void)
{
	struct timespec t = { 0, 10000000 };
	struct epoll_event ev;
	int ep = epoll_create1(0), interrupted = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 60; i++) {
		if (epoll_wait(ep, &ev, 1, 10) < 0 && errno == EINTR)
			interrupted++;
		if (sigtimedwait(&set, NULL, &t) < 0 && errno == EINTR)
			interrupted++;
	}
	printf("\tinterrupted %d\n", interrupted);
	printf("\tthreads %d\n", count_tasks());
	close(ep);
}

static void few_files(void)
{
	struct rlimit limit = { 12, 12 };

	NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	printf("\tfiles %d\n", walk(150));
	list_fds("\topen");
}

static void descriptors(void)
{
	int fd = open("walk/d1/f01", O_RDONLY);

	printf("\tlowest free %d\n", fd);
	close(fd);
	list_fds("\topen");
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		printf("\texecuted: threads %d\n", tasks_now());
		list_fds("\topen");
		return 8;
	}
	(void)argv;
	make_tree();
	in_child("descriptors", descriptors);
	in_child("few files", few_files);
	in_child("unshare", leave_user);
	in_child("more of it", leave_all);
	in_child("by number", leave_by_number);
	in_child("another user", other_user);
	in_child("another root", other_root);
	in_child("exec", execute);
	in_child("fork", fork_again);
	in_child("no children", no_children);
	in_child("signal", by_signal);
	in_child("exit", by_exit);
	in_child("exit_group", by_exit_group);
	in_child("the last thread ends", by_thread_exit);
	in_child("waits", quiet_waits);
	printf("files %d\n", walk(DIRS * FILES));
	return 0;
}
