// SPDX-License-Identifier: MIT
/*
 * Eight threads that open and close files, pipes, sockets and directories, by
 * name and inside libc, so that each number is another kind of file every few
 * microseconds, closed by one thread and made by the next; whatever was known of
 * a number must not outlive it.  Each checks all that it reads, and where it is.
 *
 * Ring: read write
 * Libc: read
 */
#include "common.h"

enum { THREADS = 8, TURNS = 250, LETTERS = 26 * 200 };

static void by_stream(uint32_t *seed)
{
	FILE *f = fopen("letters", "r");
	long at = next_random(seed) % LETTERS;

	CHECK(f && fseek(f, at, SEEK_SET) == 0);
	for (int i = 0; i < 30 && at < LETTERS; i++, at++)
		CHECK(fgetc(f) == 'a' + at % 26);
	CHECK(ftell(f) == at && fclose(f) == 0);
}

static void by_name(uint32_t *seed)
{
	int fd = open("letters", O_RDONLY);
	long at = 0;
	char buf[64];

	CHECK(fd >= 0);
	for (int i = 0; i < 6; i++) {
		int n = next_random(seed) % 40 + 1;

		CHECK(read(fd, buf, n) == n);
		for (int j = 0; j < n; j++, at++)
			CHECK(buf[j] == 'a' + at % 26);
		CHECK(lseek(fd, 0, SEEK_CUR) == at);
	}
	if (next_random(seed) % 2)
		CHECK(close(fd) == 0);
	else
		CHECK(syscall(SYS_close, fd) == 0);
}

static void channel(uint32_t *seed)
{
	int kind = next_random(seed) % TCP, fd[2], n;
	char text[32], back[32];
	FILE *r, *w;

	make_channel(kind, fd);
	for (int i = 0; i < 5; i++) {
		n = snprintf(text, sizeof(text), "%u", *seed + i);
		CHECK(write(fd[1], text, n) == n);
		CHECK(read(fd[0], back, sizeof(back)) == n);
		CHECK(!memcmp(text, back, n));
	}
	if (next_random(seed) % 2) {
		close_channel(fd);
		return;
	}
	r = fdopen(fd[0], "r");
	w = fdopen(fd[1], "w");
	CHECK(r && w && fprintf(w, "%u\n", *seed) > 0 && fclose(w) == 0);
	CHECK(fgets(back, sizeof(back), r));
	CHECK(strtoul(back, NULL, 10) == *seed);
	CHECK(fgetc(r) == EOF && feof(r) && fclose(r) == 0);
}

static void directory(uint32_t *seed)
{
	DIR *dir = opendir("dir");
	struct dirent *entry;
	int count = 0;

	(void)seed;
	CHECK(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] == 'e';
	CHECK(count == 5 && closedir(dir) == 0);
}

static void temporary(uint32_t *seed)
{
	FILE *f = tmpfile();
	char text[200], back[200];
	uint32_t mark = next_random(seed);
	int n;

	CHECK(f);
	for (int i = 0; i < 40; i++)
		CHECK(fprintf(f, "%08x %d\n", mark, i) > 0);
	rewind(f);
	for (int i = 0; i < 40; i++) {
		n = snprintf(text, sizeof(text), "%08x %d\n", mark, i);
		CHECK(fgets(back, sizeof(back), f) && !strcmp(text, back));
	}
	CHECK(ftell(f) == 40 * 10 + 10 + 30 * 2 && fclose(f) == 0);
	(void)n;
}

static void duplicated(uint32_t *seed)
{
	int fd = open("letters", O_RDONLY), copy = dup(fd);
	char buf[8];

	(void)seed;
	CHECK(fd >= 0 && copy >= 0);
	CHECK(read(fd, buf, 3) == 3 && read(copy, buf, 3) == 3 && buf[0] == 'd');
	CHECK(syscall(SYS_read, fd, buf, 3) == 3 && buf[0] == 'g');
	CHECK(dup2(copy, fd) == fd && close(copy) == 0);
	CHECK(read(fd, buf, 3) == 3 && buf[0] == 'j' && close(fd) == 0);
}

static void *racer(void *arg)
{
	static void (*const ways[])(uint32_t *) = {
		by_stream, by_name, channel, directory, temporary, duplicated,
	};
	uint32_t seed = (long)arg * 7919 + 1;
	long done = 0;

	for (; done < TURNS; done++)
		ways[next_random(&seed) % ARRAY_SIZE(ways)](&seed);
	return (void *)done;
}

int main(void)
{
	pthread_t threads[THREADS];
	void *done;
	FILE *f;

	closefrom(3);
	f = fopen("letters", "w");
	for (int i = 0; i < LETTERS; i++)
		CHECK(fputc('a' + i % 26, f) != EOF);
	CHECK(fclose(f) == 0 && mkdir("dir", 0755) == 0);
	for (int i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "dir/e%d", i);
		CHECK((f = fopen(name, "wx")) && fclose(f) == 0);
	}
	for (long i = 0; i < THREADS; i++)
		threads[i] = start(racer, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(threads[i], &done) == 0);
		say("turns %ld", (long)done);
	}
	say("descriptors %d", count_fds());
	return 0;
}
