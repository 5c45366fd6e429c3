// SPDX-License-Identifier: MIT
/*
 * Spawning beside other threads.  A child that is held up in a file action (the
 * open of a FIFO, which waits for a writer) keeps its parent's thread asleep and
 * runs on that thread's storage; the other threads go on and use the very
 * numbers that the child has closed and opened.  Then several threads spawn,
 * call system and popen at once, while others read and write.
 *
 * Ring: read write
 */
#include <spawn.h>
#include "common.h"

extern char **environ;

enum { AT = 40, SPAWNERS = 3, WORKERS = 3, TURNS = 12 };

static volatile pid_t spawner_tid;
static volatile int stop;

static void *spawn_held_up(void *arg)
{
	char *argv[] = { (char *)"true", NULL };
	pid_t pid = 0;
	int status = 0;

	spawner_tid = my_tid();
	CHECK(posix_spawn(&pid, "/bin/true", arg, NULL, argv, environ) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	say("    child status %d", status);
	return NULL;
}

static void round_trip(int out, int in, int count)
{
	char text[16], back[16];

	for (int i = 0; i < count; i++) {
		int n = snprintf(text, sizeof(text), "%d:%d", i, count);

		CHECK(write(out, text, n) == n);
		CHECK(read(in, back, sizeof(back)) == n);
		CHECK(!memcmp(text, back, n));
	}
}

/* The child of this one waits in open(2) at number AT. */
static void held_up(int kind)
{
	posix_spawn_file_actions_t fa;
	int pair[2], writer, file;
	pthread_t thread;
	char text[8];

	say("  held up, %s", channel_name[kind]);
	make_channel(kind, pair);
	CHECK(dup2(pair[0], AT) == AT);
	file = open("data", O_RDONLY);
	CHECK(file >= 0);
	round_trip(pair[1], AT, 20);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addclose(&fa, file);
	posix_spawn_file_actions_addopen(&fa, AT, "fifo", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, file, "other", O_RDONLY, 0);
	spawner_tid = 0;
	thread = start(spawn_held_up, &fa);
	while (!spawner_tid)
		nap_us(100);
	/* Only opens without a reader while the child is not there yet. */
	while ((writer = open("fifo", O_WRONLY | O_NONBLOCK)) < 0) {
		CHECK(errno == ENXIO);
		round_trip(pair[1], AT, 5);
		nap_us(200);
	}
	round_trip(pair[1], AT, 50);
	for (int i = 0; i < 10; i++) {
		CHECK(read(file, text, 2) == 2);
		CHECK(text[0] == '0' + i && text[1] == 'a' + i);
	}
	CHECK(pthread_join(thread, NULL) == 0);
	round_trip(pair[1], AT, 20);
	CHECK(read(file, text, 8) == 0);
	posix_spawn_file_actions_destroy(&fa);
	CHECK(close(writer) == 0 && close(file) == 0 && close(AT) == 0);
	close_channel(pair);
}

static void *spawner(void *arg)
{
	long me = (long)arg;
	char path[32], text[64];
	long good = 0;

	snprintf(path, sizeof(path), "out.%ld", me);
	for (int turn = 0; turn < TURNS; turn++) {
		char *argv[] = { (char *)"sh", (char *)"-c",
				 (char *)"read a; echo \"<$a>\"; exit 9", NULL };
		posix_spawn_file_actions_t fa;
		int status, fd;
		FILE *f;
		pid_t pid;

		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_addopen(&fa, 0, "data", O_RDONLY, 0);
		posix_spawn_file_actions_addopen(&fa, 1, path,
			O_WRONLY | O_CREAT | O_TRUNC, 0644);
		posix_spawn_file_actions_addclosefrom_np(&fa, 3);
		CHECK(posix_spawn(&pid, "/bin/sh", &fa, NULL, argv, environ) == 0);
		posix_spawn_file_actions_destroy(&fa);
		CHECK(waitpid(pid, &status, 0) == pid);
		good += WEXITSTATUS(status) == 9;
		fd = open(path, O_RDONLY);
		CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 23);
		CHECK(!memcmp(text, "<0a1b2c3d4e5f6g7h8i9j>\n", 23));
		CHECK(close(fd) == 0);
		f = popen("echo through a pipe", "re");
		CHECK(f && fgets(text, sizeof(text), f));
		CHECK(!strcmp(text, "through a pipe\n"));
		CHECK(pclose(f) == 0);
		CHECK(system("exit 5") >> 8 == 5);
		good++;
	}
	return (void *)good;
}

static void *worker(void *arg)
{
	long rounds = 0;
	int pair[2];

	(void)arg;
	while (!stop) {
		char buf[32];
		int fd;

		make_channel(rounds % 2 ? PIPE : UNIX, pair);
		round_trip(pair[1], pair[0], 10);
		fd = open("data", O_RDONLY | O_CLOEXEC);
		CHECK(fd >= 0 && read(fd, buf, 32) == 20);
		CHECK(!memcmp(buf, "0a1b2c3d4e5f6g7h8i9j", 20));
		CHECK(read(fd, buf, 32) == 0);
		CHECK(close(fd) == 0);
		close_channel(pair);
		rounds++;
	}
	return (void *)rounds;
}

static void crowd(void)
{
	pthread_t spawners[SPAWNERS], workers[WORKERS];
	void *ret;

	for (long i = 0; i < WORKERS; i++)
		workers[i] = start(worker, NULL);
	for (long i = 0; i < SPAWNERS; i++)
		spawners[i] = start(spawner, (void *)i);
	for (int i = 0; i < SPAWNERS; i++) {
		CHECK(pthread_join(spawners[i], &ret) == 0);
		say("  spawner: %ld", (long)ret);
	}
	stop = 1;
	for (int i = 0; i < WORKERS; i++) {
		CHECK(pthread_join(workers[i], &ret) == 0);
		CHECK((long)ret > 0);
	}
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

int main(void)
{
	int fds = count_fds();

	put("data", "0a1b2c3d4e5f6g7h8i9j");
	put("other", "something else");
	CHECK(mkfifo("fifo", 0600) == 0);
	for (int kind = 0; kind < CHANNELS; kind++)
		held_up(kind);
	crowd();
	say("new descriptors %d", count_fds() - fds);
	return 0;
}
