// SPDX-License-Identifier: MIT
/*
 * Handlers that interrupt libc in the middle of a stream operation and use
 * streams and calls of their own, or never come back; streams that are locked;
 * the reads that malloc and sysconf make for themselves.
 *
 * Libc: read write
 */
#include <malloc.h>
#include <setjmp.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include "common.h"

static sigjmp_buf back;
static volatile int handled;
static volatile pid_t sleeper;
static FILE *side;

static void jump_handler(int sig)
{
	char buf[8];
	int p[2];

	(void)sig;
	handled++;
	CHECK(pipe(p) == 0);
	CHECK(write(p[1], "abc", 3) == 3 && read(p[0], buf, 8) == 3);
	close_channel(p);
	siglongjmp(back, handled);
}

static void *poke_once(void *arg)
{
	(void)arg;
	CHECK(wait_until_blocked(getpid(), getpid()));
	CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0);
	return NULL;
}

static void *try_lock(void *arg)
{
	int ret = ftrylockfile(arg);

	if (!ret)
		funlockfile(arg);
	return (void *)(long)ret;
}

static bool locked_for_others(FILE *f)
{
	void *ret;

	CHECK(pthread_join(start(try_lock, f), &ret) == 0);
	return ret != NULL;
}

/* The locks that jumps have left behind. */
static void unlock_and_close(FILE *f)
{
	int locks = 0;

	for (; locked_for_others(f); locks++)
		funlockfile(f);
	say("  unlocked %d, fclose %s", locks, result(fclose(f)));
}

/* Out of a read that waits inside a stream; and then on with the same stream. */
static void jump_from_read(void)
{
	char line[32];
	int p[2];
	FILE *f;

	CHECK(pipe(p) == 0);
	f = fdopen(p[0], "r");
	on_signal(SIGUSR1, jump_handler, SA_RESTART);
	for (int i = 0; i < 5; i++) {
		pthread_t thread = start(poke_once, NULL);

		if (sigsetjmp(back, 1) == 0) {
			fgets(line, sizeof(line), f);
			say("  not reached");
		}
		CHECK(pthread_join(thread, NULL) == 0);
		CHECK(write(p[1], "a line\n", 7) == 7);
		CHECK(fgets(line, sizeof(line), f));
		say("  after jump %d: locked for others %d, %.6s", handled,
		    locked_for_others(f), line);
	}
	unlock_and_close(f);
	CHECK(close(p[1]) == 0);
}

static noinline void jump_out_of_flush(FILE *f)
{
	if (sigsetjmp(back, 1) == 0) {
		fflush(f);
		say("  not reached");
	}
}

static void jump_from_flush(void)
{
	static char out[256];
	char text[256] = "";
	long filled;
	FILE *f;
	int p[2];

	CHECK(pipe(p) == 0);
	f = fdopen(p[1], "w");
	setvbuf(f, out, _IOFBF, sizeof(out));
	filled = fill_up(p[1], 'f');
	for (int i = 0; i < 3; i++) {
		pthread_t thread = start(poke_once, NULL);

		fprintf(f, "line %d;", i);
		jump_out_of_flush(f);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	while (filled > 0) {
		static char block[65536];
		ssize_t n = read(p[0], block, sizeof(block));

		CHECK(n > 0);
		filled -= n;
	}
	say("  fflush %s", result(fflush(f)));
	CHECK(read(p[0], text, sizeof(text)) > 0);
	say("  arrived: %s", text);
	unlock_and_close(f);
	CHECK(close(p[0]) == 0);
}

static void jump_from_open(void)
{
	int before = count_fds();

	CHECK(mkfifo("fifo", 0600) == 0);
	for (int i = 0; i < 3; i++) {
		pthread_t thread = start(poke_once, NULL);

		if (sigsetjmp(back, 1) == 0) {
			fopen("fifo", i % 2 ? "w" : "r");
			say("  not reached");
		}
		CHECK(pthread_join(thread, NULL) == 0);
	}
	say("  jumped from fopen, new descriptors %d", count_fds() - before);
}

/* Every half millisecond, into whatever the streams are doing. */
static int side_pipe[2];
static volatile unsigned long ticks;

static void tick(int sig)
{
	int err = errno;
	char buf[16];

	(void)sig;
	ticks++;
	CHECK(write(side_pipe[1], "tick", 4) == 4);
	CHECK(read(side_pipe[0], buf, sizeof(buf)) == 4);
	CHECK(!memcmp(buf, "tick", 4));
	CHECK(pwrite(fileno(side), buf, 4, 0) == 4);
	if (ticks % 16 == 0) {
		int fd = open("side", O_RDONLY);

		CHECK(fd >= 0 && read(fd, buf, 4) == 4 && close(fd) == 0);
	}
	errno = err;
}

static void ticking(bool on)
{
	struct itimerval timer = { { 0, on ? 500 : 0 }, { 0, on ? 500 : 0 } };

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static unsigned int numbers(FILE *f, int count)
{
	unsigned int sum = 0;
	char line[64];

	for (int i = 0; i < count; i++) {
		CHECK(fgets(line, sizeof(line), f));
		CHECK(atoi(line) == i);
		sum = sum * 31 + line[0];
	}
	return sum;
}

static void *writer_main(void *arg)
{
	FILE *f = fdopen(*(int *)arg, "w");

	for (int i = 0; i < 20000; i++)
		CHECK(fprintf(f, "%d\n", i) > 0);
	CHECK(fclose(f) == 0);
	return NULL;
}

static void storm(int flags)
{
	char line[64], through[16] = "";
	unsigned int sum;
	pthread_t thread;
	int p[2], early = 0;
	FILE *f;

	CHECK(pipe(side_pipe) == 0);
	side = fopen("side", "w+");
	on_signal(SIGALRM, tick, flags);
	ticks = 0;
	ticking(true);
	f = fopen("numbers", "w+");
	setvbuf(f, NULL, _IOFBF, 64);
	for (int i = 0; i < 20000; i++)
		CHECK(fprintf(f, "%d\n", i) > 0);
	rewind(f);
	sum = numbers(f, 20000);
	CHECK(fclose(f) == 0);
	say("  file: %08x", sum);
	/* Pipes: with SA_RESTART nothing is ever cut short. */
	set_mask(SIG_BLOCK, SIGALRM);
	CHECK(pipe(p) == 0);
	thread = start(writer_main, &p[1]);
	set_mask(SIG_UNBLOCK, SIGALRM);
	f = fdopen(p[0], "r");
	setvbuf(f, NULL, _IOFBF, 300);
	if (flags & SA_RESTART)
		say("  pipe: %08x", numbers(f, 20000));
	else
		while (!feof(f)) {
			if (fgets(line, sizeof(line), f))
				continue;
			CHECK(feof(f) || errno == EINTR);
			early += ferror(f) != 0;
			if (ferror(f))
				clearerr(f);
		}
	CHECK(fgetc(f) == EOF && feof(f) && fclose(f) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	for (int i = 0; i < 30; i++) {
		f = popen("echo through", "r");
		/* Interrupted reads are tried again, as they must be. */
		for (;;) {
			clearerr(f);
			errno = 0;
			if (fgets(through, sizeof(through), f) || errno != EINTR)
				break;
		}
		CHECK(!strcmp(through, "through\n") && pclose(f) == 0);
		f = fopen("numbers", "r");
		CHECK(f && numbers(f, 50) && fclose(f) == 0);
	}
	ticking(false);
	say("  ticks %s", ticks > 20 ? "many" : "few");
	CHECK(fclose(side) == 0);
	close_channel(side_pipe);
}

/* Streams that somebody else holds. */

static FILE *held;

static void *hold(void *arg)
{
	char line[16];

	(void)arg;
	sleeper = my_tid();
	CHECK(fgets(line, sizeof(line), held));
	return NULL;
}

static void *flush_all(void *arg)
{
	(void)arg;
	sleeper = my_tid();
	CHECK(fflush(NULL) == 0);
	return NULL;
}

static FILE *common;

static void *lines(void *arg)
{
	for (int i = 0; i < 2000; i++)
		CHECK(fprintf(common, "%c%d%c\n", (int)(long)arg, i,
			      (int)(long)arg) > 0);
	return NULL;
}

static void locks(void)
{
	int p[2], count[4] = { 0 };
	pthread_t a, b, many[4];
	char line[32];

	CHECK(pipe(p) == 0);
	held = fdopen(p[0], "r");
	sleeper = 0;
	a = start(hold, NULL);
	while (!sleeper)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), sleeper));
	say("  held: locked for others %d", locked_for_others(held));
	sleeper = 0;
	b = start(flush_all, NULL);
	while (!sleeper)
		nap_us(100);
	CHECK(wait_until_blocked(getpid(), sleeper));
	say("  fflush of all waits: %d", pthread_tryjoin_np(b, NULL) == EBUSY);
	CHECK(write(p[1], "end\n", 4) == 4);
	CHECK(pthread_join(a, NULL) == 0 && pthread_join(b, NULL) == 0);
	CHECK(fclose(held) == 0 && close(p[1]) == 0);
	common = fopen("common", "w+");
	setvbuf(common, NULL, _IOFBF, 100);
	for (long i = 0; i < 4; i++)
		many[i] = start(lines, (void *)('a' + i));
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(many[i], NULL) == 0);
	rewind(common);
	while (fgets(line, sizeof(line), common)) {
		int who = line[0] - 'a';

		CHECK(who >= 0 && who < 4);
		CHECK(atoi(line + 1) == count[who]++);
		CHECK(line[strlen(line) - 2] == line[0]);
	}
	say("  lines %d %d %d %d", count[0], count[1], count[2], count[3]);
	CHECK(fclose(common) == 0);
}

/* A process whose malloc asks the kernel about huge pages at its first call. */

static void *allocate(void *arg)
{
	char *block = malloc(70000), *large = malloc(5 << 20);

	(void)arg;
	CHECK(block && large);
	memset(block, 1, 70000);
	memset(large, 2, 5 << 20);
	free(block);
	free(large);
	return NULL;
}

static int with_tunables(void)
{
	char fds[256];
	FILE *f;

	CHECK(pthread_join(start(allocate, NULL), NULL) == 0);
	CHECK(pthread_join(start(allocate, NULL), NULL) == 0);
	f = fopen("numbers", "r");
	CHECK(f && numbers(f, 20000));
	fclose(f);
	say("  %s: descriptors %s", getenv("GLIBC_TUNABLES"),
	    list_fds(0, fds, sizeof(fds)));
	return 0;
}

static void inside_malloc(void)
{
	uint32_t seed;
	static const char *const tunables[] = {
		"glibc.malloc.hugetlb=1", "glibc.malloc.hugetlb=2",
		"glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0",
		"glibc.malloc.perturb=85",
	};

	for (size_t i = 0; i < ARRAY_SIZE(tunables); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			setenv("GLIBC_TUNABLES", tunables[i], 1);
			execl("/proc/self/exe", "tuned", "x", NULL);
			_exit(9);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	CHECK(malloc_trim(0) >= 0);
	CHECK(arc4random_uniform(5) < 5 && getentropy(&seed, sizeof(seed)) == 0);
	say("  sysconf %d %d %d", sysconf(_SC_NPROCESSORS_ONLN) == get_nprocs(),
	    sysconf(_SC_NPROCESSORS_CONF) == get_nprocs_conf(),
	    sysconf(_SC_PHYS_PAGES) > 0);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return with_tunables();
	closefrom(3);
	say("jumps");
	jump_from_read();
	jump_from_flush();
	jump_from_open();
	say("storms");
	storm(SA_RESTART);
	storm(0);
	say("locks");
	locks();
	say("inside malloc");
	inside_malloc();
	return 0;
}
