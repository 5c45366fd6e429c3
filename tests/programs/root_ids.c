// SPDX-License-Identifier: MIT
/*
 * Identity: what was readable is not any more once the process has changed its
 * user, its groups or its capabilities, for the process, for one thread (raw
 * system call), back and forth. The calls of a ring must be made as whoever the
 * thread is at that moment, and the broadcast of setuid to all threads must not
 * disturb one that waits in read.
 *
 * Ring: read write
 * Requires: root
 */
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include "life.h"

static void try_all(const char *when)
{
	char buf[16];
	int p[2], fd;

	printf("%s\n", when);
	for (int i = 0; i < 2; i++) {
		show(fd = open("mine", O_RDONLY), "\topen mine");
		if (fd >= 0)
			close(fd);
		show(fd = open("group", O_RDONLY), "\topen group");
		if (fd >= 0)
			close(fd);
		show(fd = open("none", O_RDONLY), "\topen none");
		if (fd >= 0)
			close(fd);
		show(fd = open("new", O_WRONLY | O_CREAT, 0600), "\tcreate");
		if (fd >= 0)
			close(fd);
	}
	NEED(pipe(p) == 0);
	NEED(write(p[1], "identity", 8) == 8);
	show(read(p[0], buf, 16), "\tread");
	close(p[0]);
	close(p[1]);
}

static int back_and_forth(void *arg)
{
	(void)arg;
	try_all("root");
	NEED(seteuid(65534) == 0);
	try_all("seteuid");
	NEED(seteuid(0) == 0);
	try_all("root again");
	NEED(setegid(65534) == 0 && setgroups(0, NULL) == 0);
	NEED(seteuid(65534) == 0);
	try_all("other group");
	NEED(seteuid(0) == 0 && setegid(0) == 0);
	setfsuid(65534);
	try_all("setfsuid");
	setfsuid(0);
	NEED(setgid(65534) == 0 && setuid(65534) == 0);
	try_all("for good");
	show(setuid(0), "\tback");
	return 0;
}

/* A file that was opened before stays open. */
static int kept(void *arg)
{
	int fd = open("mine", O_RDWR);
	char buf[16];

	(void)arg;
	NEED(setuid(65534) == 0);
	show(read(fd, buf, 3), "kept: read");
	show(write(fd, "x", 1), "\twrite");
	show(lseek(fd, 0, SEEK_CUR), "\tat");
	show(open("mine", O_RDONLY), "\topen");
	show(close(fd), "\tclose");
	show(open("mine", O_RDONLY), "\topen");
	return 0;
}

static int capless(void *arg)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2];

	(void)arg;
	try_all("all capabilities");
	NEED(syscall(SYS_capget, &h, d) == 0);
	d[0].effective &= ~(1u << CAP_DAC_OVERRIDE |
			    1u << CAP_DAC_READ_SEARCH);
	NEED(syscall(SYS_capset, &h, d) == 0);
	try_all("without CAP_DAC_OVERRIDE");
	d[0].effective |= 1u << CAP_DAC_OVERRIDE;
	NEED(syscall(SYS_capset, &h, d) == 0);
	try_all("with it again");
	memset(d, 0, sizeof(d));
	NEED(syscall(SYS_capset, &h, d) == 0);
	try_all("with none");
	return 0;
}

static pthread_barrier_t gate;

static void *other_user(void *arg)
{
	(void)arg;
	try_all("thread, before");
	NEED(syscall(SYS_setresuid, -1, 65534, -1) == 0);
	try_all("thread, raw setresuid");
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	try_all("thread, later");
	return NULL;
}

static int one_thread(void *arg)
{
	pthread_t t;

	(void)arg;
	pthread_barrier_init(&gate, NULL, 2);
	NEED(pthread_create(&t, NULL, other_user, NULL) == 0);
	pthread_barrier_wait(&gate);
	try_all("the other one is still root");
	pthread_barrier_wait(&gate);
	NEED(pthread_join(t, NULL) == 0);
	return 0;
}

struct waiter {
	int fd;
	volatile int tid;
};

static void *waiting(void *arg)
{
	struct waiter *w = arg;
	char buf[16];

	w->tid = gettid();
	show(read(w->fd, buf, 16), "waiting: read");
	show(open("mine", O_RDONLY), "waiting: open");
	return NULL;
}

static int broadcast(void *arg)
{
	struct waiter w = { 0 };
	pthread_t t;
	int p[2];

	(void)arg;
	NEED(pipe(p) == 0);
	w.fd = p[0];
	NEED(pthread_create(&t, NULL, waiting, &w) == 0);
	while (!w.tid)
		sched_yield();
	settle(w.tid);
	for (int i = 0; i < 5; i++) {
		NEED(seteuid(65534) == 0);
		NEED(seteuid(0) == 0);
	}
	NEED(setuid(65534) == 0);
	NEED(write(p[1], "after", 5) == 5);
	NEED(pthread_join(t, NULL) == 0);
	return 0;
}

int main(void)
{
	begin();
	NEED(chmod(".", 0755) == 0);
	put_file("mine", "secret", 6);
	put_file("group", "secret", 6);
	put_file("none", "secret", 6);
	NEED(chmod("mine", 0600) == 0 && chmod("none", 0) == 0);
	NEED(chmod("group", 0640) == 0);
	run_child("back and forth", back_and_forth, NULL);
	run_child("kept", kept, NULL);
	run_child("capabilities", capless, NULL);
	run_child("one thread", one_thread, NULL);
	run_child("broadcast", broadcast, NULL);
	return 0;
}
