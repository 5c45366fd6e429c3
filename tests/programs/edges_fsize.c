// SPDX-License-Identifier: MIT
/*
 * RLIMIT_FSIZE: the part that fits is written, the next byte is EFBIG and
 * SIGXFSZ to the very thread that writes. A write moved to a worker thread of
 * the kernel sends the signal to the worker, where it is lost. Pipes know no
 * limit.
 *
 * Ring: read
 */
#include "life.h"

static volatile sig_atomic_t hits;
static volatile int hit_tid, hit_code;

static void on_xfsz(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	hits++;
	hit_tid = gettid();
	hit_code = si->si_code;
}

static void limit(rlim_t cur)
{
	struct rlimit rl;

	NEED(getrlimit(RLIMIT_FSIZE, &rl) == 0);
	rl.rlim_cur = cur;
	NEED(setrlimit(RLIMIT_FSIZE, &rl) == 0);
}

static void writes(const char *path, int flags)
{
	static char buf[3000];
	int fd = open(path, O_RDWR | O_CREAT | flags, 0644);

	NEED(fd >= 0);
	fill(buf, sizeof(buf), 9);
	for (int i = 0; i < 4; i++) {
		show(write(fd, buf, sizeof(buf)), "%s: write %d", path, i);
		show(lseek(fd, 0, SEEK_CUR), "\tat");
		show(hits, "\tsignals");
	}
	NEED(hits == 0 || hit_tid == gettid());
	NEED(hits == 0 || hit_code == SI_USER);
	show(pwrite(fd, buf, 10, 9000), "%s: pwrite behind", path);
	show(write(fd, buf, 0), "%s: empty", path);
	NEED(lseek(fd, 4090, SEEK_SET) == 4090);
	show(write(fd, buf, 5), "%s: overwrite", path);
	show(hits, "\tsignals");
	close(fd);
	hits = 0;
}

static void pipes(void)
{
	static char buf[60000];
	int p[2];

	NEED(pipe(p) == 0);
	show(write(p[1], buf, sizeof(buf)), "pipe: write");
	show(read(p[0], buf, sizeof(buf)), "pipe: read");
	close(p[0]);
	close(p[1]);
}

static void *in_thread(void *arg)
{
	int fd = open("thread", O_RDWR | O_CREAT, 0644);

	NEED(lseek(fd, 5000, SEEK_SET) == 5000);
	show(write(fd, "x", 1), "thread: write");
	NEED(hits == 1 && hit_tid == gettid());
	close(fd);
	return arg;
}

static int dies(void *arg)
{
	int fd = open("dies", O_WRONLY | O_CREAT | O_APPEND, 0644);
	static char buf[5000];

	(void)arg;
	signal(SIGXFSZ, SIG_DFL);
	show(write(fd, buf, sizeof(buf)), "first");
	show(write(fd, buf, sizeof(buf)), "not reached");
	return 0;
}

int main(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_xfsz, .sa_flags = SA_SIGINFO
	};
	pthread_t t;

	begin();
	/* Standard output may be a file with a size of its own. */
	signal(SIGXFSZ, SIG_IGN);
	limit(1 << 16);
	pipes();
	limit(5000);
	pipes();
	limit(1 << 16);
	NEED(sigaction(SIGXFSZ, &sa, NULL) == 0);
	limit(5000);
	writes("handled", 0);
	writes("appended", O_APPEND);
	NEED(pthread_create(&t, NULL, in_thread, NULL) == 0);
	NEED(pthread_join(t, NULL) == 0);
	run_child("default", dies, NULL);
	signal(SIGXFSZ, SIG_IGN);
	hits = 0;
	writes("ignored", 0);
	return 0;
}
