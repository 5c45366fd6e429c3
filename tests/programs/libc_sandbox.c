// SPDX-License-Identifier: MIT
/*
 * Streams behind a seccomp filter that kills for everything but what stdio itself
 * needs: calls made inside libc, too, bring no other system call with them, in
 * the process that has installed the filter, in its threads and its children, and
 * down to the flush at exit.
 *
 * Libc: read
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include "life.h"

#define ALLOW(name) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter code[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(read), ALLOW(write), ALLOW(openat), ALLOW(close), ALLOW(lseek),
	ALLOW(newfstatat), ALLOW(fstat), ALLOW(brk), ALLOW(mmap), ALLOW(munmap),
	ALLOW(mprotect), ALLOW(futex), ALLOW(rt_sigreturn), ALLOW(rt_sigprocmask),
	ALLOW(exit), ALLOW(exit_group), ALLOW(gettid), ALLOW(madvise),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static void streams(void)
{
	char line[64] = "";
	int sum = 0;
	FILE *f;

	f = fopen("file", "r");
	NEED(f);
	while (fgets(line, sizeof(line), f))
		sum += atoi(line);
	NEED(fclose(f) == 0);
	NEED(!fopen("missing", "r") && errno == ENOENT);
	printf("  read %d\n", sum);
	fflush(stdout);
}

static void *in_thread(void *arg)
{
	streams();
	return arg;
}

enum { BY_PRCTL, BY_CALL, STRICT, THREADS, BEFORE_NOTHING, EXITS, WAYS };

static const char *const way_name[] = {
	"prctl", "seccomp by number", "strict", "a thread that was there before",
	"no stream before", "flushed at exit",
};

static pthread_barrier_t barrier;

static void *waits(void *arg)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return in_thread(arg);
}

static void install(int way)
{
	struct sock_fprog filter = { COUNT(code), code };

	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (way == BY_CALL || way == THREADS)
		NEED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			     way == THREADS ? SECCOMP_FILTER_FLAG_TSYNC : 0,
			     &filter) == 0);
	else if (way == STRICT)
		NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
	else
		NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static int confined(void *arg)
{
	int way = *(int *)arg;
	pthread_t t;

	if (way != BEFORE_NOTHING)
		streams();
	if (way == THREADS) {
		NEED(pthread_barrier_init(&barrier, NULL, 2) == 0);
		NEED(pthread_create(&t, NULL, waits, NULL) == 0);
		pthread_barrier_wait(&barrier);
	}
	install(way);
	if (way == STRICT) {
		printf("  in strict mode\n");
		fflush(stdout);
		syscall(SYS_exit, 6);
	}
	if (way == THREADS) {
		pthread_barrier_wait(&barrier);
		NEED(pthread_join(t, NULL) == 0);
	}
	streams();
	if (way == EXITS) {
		FILE *f = fopen("made", "w");

		NEED(f && fputs("flushed at exit\n", f) >= 0);
		exit(7);
	}
	return 5;
}

int main(void)
{
	char line[64];
	FILE *f;

	begin();
	f = fopen("file", "w");
	for (int i = 0; i < 3000; i++)
		fprintf(f, "%d\n", i);
	NEED(fclose(f) == 0);
	put_file("made", "", 0);
	for (int way = 0; way < WAYS; way++) {
		printf("%s\n", way_name[way]);
		run_child("  child", confined, &way);
	}
	f = fopen("made", "r");
	NEED(f && fgets(line, sizeof(line), f));
	printf("%s", line);
	return 0;
}
