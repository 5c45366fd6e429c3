// SPDX-License-Identifier: MIT
/*
 * A fixed set of calls that are made inside libc, between two getsid() marks
 * that strace shows: what is counted must be these, no more and no fewer.  The
 * first argument makes it end in another way than by exit.
 */
#include <locale.h>
#include <pwd.h>
#include "common.h"

extern char **environ;

static void mark(void)
{
	CHECK(getsid(0) >= 0);
}

static void streams(void)
{
	static char text[20000];
	char line[64];
	FILE *f;

	for (int i = 0; i < 5; i++) {
		f = fopen("file", i ? "r+" : "w+");
		CHECK(f);
		memset(text, 'a' + i, sizeof(text));
		CHECK(fwrite(text, 1, sizeof(text), f) == sizeof(text));
		CHECK(fprintf(f, "line %d\n", i) > 0);
		CHECK(fseek(f, -7, SEEK_END) == 0 && fgets(line, 64, f));
		CHECK(fclose(f) == 0);
	}
	CHECK(!fopen("missing", "r"));
	f = fopen("file", "r");
	close(fileno(f));
	CHECK(fgetc(f) == EOF && errno == EBADF);
	CHECK(fclose(f) != 0);
}

static void lookups(void)
{
	CHECK(count_entries(".") >= 1);
	CHECK(!opendir("missing"));
	CHECK(getpwnam("root"));
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) > 0);
	setlocale(LC_ALL, "xx_YY.UTF-8");
}

static void children(void)
{
	char line[64];
	FILE *f;

	CHECK(setenv("LD_PRELOAD", "", 1) == 0);
	f = popen("echo line", "r");
	CHECK(f && fgets(line, 64, f) && fgetc(f) == EOF && pclose(f) == 0);
	CHECK(system("exit 3") >> 8 == 3);
}

static void numbers(void)
{
	char buf[16];
	long fd = syscall(SYS_openat, AT_FDCWD, "file", O_RDONLY);

	CHECK(syscall(SYS_read, fd, buf, 7) == 7);
	CHECK(syscall(SYS_lseek, fd, 0, SEEK_SET) == 0);
	CHECK(syscall(SYS_close, fd) == 0);
	CHECK(syscall(SYS_read, fd, buf, 7) == -1);
}

int main(int argc, char **argv)
{
	mark();
	streams();
	lookups();
	children();
	numbers();
	mark();
	if (argc > 1 && !strcmp(argv[1], "_exit"))
		_exit(3);
	return 0;
}
