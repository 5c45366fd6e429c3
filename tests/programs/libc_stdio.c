// SPDX-License-Identifier: MIT
/*
 * Streams: stdio opens, reads, writes, seeks and closes inside libc.  All kinds
 * of buffering times all kinds of files; how the writes come out (a pipe in
 * packet mode shows where one ends); positions left behind in descriptors that
 * are shared; and the rarer streams, which are no files at all.
 *
 * Libc: open read write close
 * Preload: noisy_malloc
 * Preload: tally
 */
#include <stdio_ext.h>
#include <wchar.h>
#include <locale.h>
#include "life.h"

enum { IN_FILE, IN_PIPE, IN_SOCKET, PLACES };

static const char *const place_name[] = { "file", "pipe", "socket" };

static const struct {
	const char *name;
	int mode;
	size_t size;
} bufs[] = {
	{ "unbuffered", _IONBF, 0 }, { "by line", _IOLBF, 512 },
	{ "16 bytes", _IOFBF, 16 }, { "4096 bytes", _IOFBF, 4096 },
	{ "64 KiB", _IOFBF, 65536 }, { "as it is", -1, 0 },
};

static void ends(int place, int fd[2])
{
	if (place == IN_FILE) {
		fd[1] = open("between", O_WRONLY | O_CREAT | O_TRUNC, 0644);
		fd[0] = open("between", O_RDONLY);
		NEED(fd[0] >= 0 && fd[1] >= 0);
	} else if (place == IN_PIPE) {
		NEED(pipe(fd) == 0);
	} else {
		NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	}
}

static void buffer(FILE *f, int which)
{
	if (bufs[which].mode >= 0)
		NEED(setvbuf(f, NULL, bufs[which].mode, bufs[which].size) == 0);
}

static long put_all(FILE *f)
{
	char big[3000];
	long n = 0;

	fill(big, sizeof(big), 3);
	n += fprintf(f, "%s %d %5.2f\n", "printed", 42, 3.25);
	n += fputs("a line\n", f) >= 0;
	n += fputc('c', f) == 'c';
	n += putc('\n', f) == '\n';
	n += fwrite(big, 1, sizeof(big), f);
	n += fwrite(big, 100, 7, f);
	n += fputs("\n12 words\nlast, without an end", f) >= 0;
	return n;
}

static void get_all(FILE *f)
{
	char line[64], *text = NULL, big[3700];
	size_t size = 0;
	int number = 0;
	long n;

	NEED(fgets(line, sizeof(line), f));
	printf("    fgets %s", line);
	n = getline(&text, &size, f);
	printf("    getline %ld %s", n, text);
	printf("    getc %d %d\n", getc(f), fgetc(f));
	n = fread(big, 1, 3000, f);
	printf("    fread %ld %08x\n", n, sum_of(big, n));
	n = fread(big, 100, 7, f);
	printf("    fread %ld %08x\n", n, sum_of(big, 700));
	n = fscanf(f, " %d %63s", &number, line);
	printf("    fscanf %ld %d %s\n", n, number, line);
	NEED(getc(f) == '\n');
	NEED(ungetc('x', f) == 'x' && getc(f) == 'x');
	n = getdelim(&text, &size, 0, f);
	printf("    getdelim %ld %s, end %d, error %d\n", n, text, feof(f) != 0,
	       ferror(f));
	n = getline(&text, &size, f);
	printf("    getline %ld, getc %d\n", n, getc(f));
	free(text);
}

static void through(int place, int in, int out)
{
	FILE *r, *w;
	int fd[2];
	long n;

	printf("  %s, written %s, read %s\n", place_name[place], bufs[out].name,
	       bufs[in].name);
	ends(place, fd);
	w = fdopen(fd[1], "w");
	r = fdopen(fd[0], "re");
	NEED(w && r);
	buffer(w, out);
	buffer(r, in);
	n = put_all(w);
	printf("    put %ld, pending %zu", n, __fpending(w));
	printf(", closed %d\n", fclose(w));
	get_all(r);
	NEED(fclose(r) == 0);
	NEED(fcntl(fd[0], F_GETFD) == -1 && fcntl(fd[1], F_GETFD) == -1);
}

/* Each write is a packet; and a read takes one packet at most. */
static void packets(int which)
{
	char buf[70000];
	int fd[2];
	ssize_t n;
	FILE *f;

	NEED(pipe2(fd, O_DIRECT | O_NONBLOCK) == 0);
	f = fdopen(fd[1], "w");
	NEED(f);
	buffer(f, which);
	put_all(f);
	fflush(f);
	fputs("more\nand more", f);
	NEED(fclose(f) == 0);
	printf("  writes, %s:", bufs[which].name);
	while ((n = read(fd[0], buf, sizeof(buf))) > 0)
		printf(" %zd", n);
	printf("\n");
	close(fd[0]);
}

static void modes(void)
{
	static const char *const mode[] = {
		"r", "r+", "w", "w+", "a", "a+", "re", "rc", "wx", "w+xe", "rm",
		"rbcem", "rt", "", "z", "r,ccs=UTF-8", "r,ccs=ISO-8859-1",
		"r,ccs=UTF-16LE",
	};

	for (size_t i = 0; i < COUNT(mode); i++)
		for (int there = 0; there < 2; there++) {
			char buf[8] = "";
			FILE *f;

			unlink("one");
			if (there)
				put_file("one", "was\nhere", 8);
			f = fopen("one", mode[i]);
			printf("  \"%s\"%s: ", mode[i], there ? ", there" : "");
			if (!f) {
				printf("%s\n", name_of(errno));
				continue;
			}
			printf("flags %o cloexec %d", fcntl(fileno(f), F_GETFL) &
			       ~O_NOATIME, fcntl(fileno(f), F_GETFD));
			if (mode[i][1] == ',') {
				wint_t c = fgetwc(f);

				printf(" wide %x", c == WEOF ? 0 : (unsigned)c);
			} else {
				printf(" get %d", fgets(buf, 8, f) != NULL);
				rewind(f);
				printf(" put %d", fputs("is", f) >= 0);
				printf(" at %ld", ftell(f));
			}
			printf(" close %d\n", fclose(f));
		}
}

/* The descriptor below a stream, shared with another. */
static void positions(void)
{
	char line[64];
	FILE *f;
	int fd;

	put_file("lines", "one\ntwo\nthree\nfour\n", 19);
	f = fopen("lines", "r+");
	NEED(f);
	fd = dup(fileno(f));
	NEED(fgets(line, 64, f));
	show(lseek(fd, 0, SEEK_CUR), "  below, after a line");
	show(ftell(f), "  ftell");
	show(fflush(f), "  fflush");
	show(lseek(fd, 0, SEEK_CUR), "  below, after fflush");
	show(fseek(f, 3, SEEK_CUR), "  fseek");
	NEED(fgets(line, 64, f));
	printf("  then %s", line);
	show(fseek(f, -5, SEEK_END), "  fseek, end");
	show(fputs("FOUR", f) >= 0, "  fputs");
	show(lseek(fd, 0, SEEK_CUR), "  below, before the flush");
	rewind(f);
	show(ftell(f), "  ftell");
	NEED(fgets(line, 64, f));
	NEED(ungetc('#', f) == '#');
	show(ftell(f), "  ftell after ungetc");
	show(getc(f), "  getc");
	NEED(fgets(line, 64, f));
	printf("  then %s", line);
	show(fclose(f), "  fclose");
	show(lseek(fd, 0, SEEK_CUR), "  below, after fclose");
	NEED(lseek(fd, 8, SEEK_SET) == 8);
	show(read(fd, line, 6), "  read");
	printf("  %.6s", line);
	f = fdopen(fd, "r");
	NEED(fgets(line, 64, f));
	printf("  by fdopen: %s", line);
	show(fclose(f), "  fclose");
}

static void reopened(void)
{
	char line[64];
	FILE *f;
	int saved;

	put_file("first", "first\n", 6);
	put_file("second", "second\n", 7);
	f = fopen("first", "r");
	NEED(f && fgets(line, 64, f));
	NEED(freopen("second", "r", f) == f);
	NEED(fgets(line, 64, f));
	printf("  freopen: %s", line);
	show(freopen("missing", "r", f) != NULL, "  freopen of a missing file");
	NEED(freopen("first", "r", stdin) == stdin);
	NEED(fgets(line, 64, stdin));
	printf("  stdin: %s", line);
	/* The same file in another mode. */
	f = fopen("second", "r");
	NEED(f && (f = freopen(NULL, "r+", f)));
	show(fputs("Se", f) >= 0, "  written");
	NEED(fclose(f) == 0);
	fflush(stdout);
	saved = dup(1);
	NEED(freopen("second", "a", stdout));
	printf("appended\n");
	NEED(system("echo by the shell") == 0);
	printf("again\n");
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	setvbuf(stdout, NULL, _IOLBF, 0);
	f = fopen("second", "r");
	while (fgets(line, 64, f))
		printf("  now: %s", line);
	fclose(f);
}

static ssize_t cookie_read(void *c, char *buf, size_t n)
{
	return read(*(int *)c, buf, n > 5 ? 5 : n);
}

static ssize_t cookie_write(void *c, const char *buf, size_t n)
{
	return write(*(int *)c, buf, n);
}

static int cookie_close(void *c)
{
	return close(*(int *)c);
}

static void odd_streams(void)
{
	cookie_io_functions_t io = { cookie_read, cookie_write, NULL, cookie_close };
	char buf[64] = "", *text;
	size_t size;
	FILE *f, *g;
	int p[2];

	NEED(pipe(p) == 0);
	f = fopencookie(&p[1], "w", io);
	g = fopencookie(&p[0], "r", io);
	NEED(f && g);
	fprintf(f, "a cookie of %d\nlines", 2);
	show(fclose(f), "  cookie closed");
	while (fgets(buf, 64, g))
		printf("  cookie: %s\n", buf);
	show(fclose(g), "  cookie closed");
	f = fmemopen(NULL, 32, "w+");
	fprintf(f, "in memory");
	rewind(f);
	NEED(fgets(buf, 64, f));
	printf("  fmemopen: %s\n", buf);
	fclose(f);
	f = open_memstream(&text, &size);
	for (int i = 0; i < 1000; i++)
		fprintf(f, "%d", i);
	fclose(f);
	printf("  open_memstream: %zu %08x\n", size, sum_of(text, size));
	free(text);
	f = tmpfile();
	NEED(f);
	for (int i = 0; i < 3000; i++)
		fprintf(f, "%d\n", i);
	show(ftell(f), "  tmpfile");
	rewind(f);
	for (int i = 0; i < 3000; i++) {
		int n;

		NEED(fscanf(f, "%d", &n) == 1 && n == i);
	}
	show(fclose(f), "  tmpfile closed");
	show(dprintf(1, "  %s\n", "dprintf"), "  dprintf");
	fflush(stdout);
}

static void wide(void)
{
	wchar_t line[64];
	FILE *f;

	show(setlocale(LC_ALL, "C.UTF-8") != NULL, "  C.UTF-8");
	f = fopen("wide", "w");
	show(fwprintf(f, L"%ls\n%lc", L"gr\u00fc\u00df\u20ac", L'\u00e9'), "  fwprintf");
	NEED(fclose(f) == 0);
	f = fopen("wide", "r");
	NEED(fgetws(line, 64, f));
	show(wcslen(line), "  fgetws");
	printf("  %x, fwide %d\n", (unsigned)fgetwc(f), fwide(f, 0) > 0);
	fclose(f);
	setlocale(LC_ALL, "C");
	put_file("wide", "\xc3\xbc\xff", 3);
	f = fopen("wide", "r,ccs=UTF-8");
	NEED(f);
	printf("  %x", (unsigned)fgetwc(f));
	show(fgetwc(f) == WEOF ? -1 : 0, ", invalid");
	fclose(f);
}

static void pipes(void)
{
	FILE *f[3], *g;
	char line[64];

	for (int i = 0; i < 3; i++) {
		char cmd[64];

		snprintf(cmd, sizeof(cmd), "cat; ls /proc/self/fd | wc -l >n%d", i);
		f[i] = popen(cmd, i == 1 ? "we" : "w");
		NEED(f[i]);
	}
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		fprintf(f[i], "  popen %d\n", i);
		show(pclose(f[i]), "  pclose");
		snprintf(line, sizeof(line), "n%d", i);
		g = fopen(line, "r");
		NEED(g && fgets(line, 64, g));
		printf("  descriptors there %s", line);
		fclose(g);
	}
	f[0] = popen("echo one; read x; echo $x", "r");
	NEED(f[0]);
	while (fgets(line, 64, f[0]))
		printf("  read: %s", line);
	show(pclose(f[0]), "  pclose");
	f[0] = popen("exit 7", "r");
	show(fgetc(f[0]), "  nothing");
	show(pclose(f[0]) >> 8, "  pclose");
	f[0] = popen("kill -9 $$", "r");
	show(pclose(f[0]), "  pclose");
	show(popen("true", "rw") ? 0 : -1, "  popen in a wrong mode");
	f[0] = popen("no-such-command 2>/dev/null", "r");
	show(pclose(f[0]) >> 8, "  pclose of a missing command");
}

int main(void)
{
	begin();
	closefrom(3);
	for (int place = 0; place < PLACES; place++)
		for (size_t in = 0; in < COUNT(bufs); in++)
			through(place, in, (in * 5 + place) % COUNT(bufs));
	for (size_t i = 0; i < COUNT(bufs); i++)
		packets(i);
	modes();
	positions();
	reopened();
	odd_streams();
	wide();
	pipes();
	show(fcloseall(), "fcloseall");
	setvbuf(stdout, NULL, _IOLBF, 0);
	list_fds("left open");
	return 0;
}
