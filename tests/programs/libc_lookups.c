// SPDX-License-Identifier: MIT
/*
 * The files and sockets that libc opens for itself: locales and converters, the
 * users', hosts' and services' tables, the nscd and syslog sockets, directories
 * and trees, temporary names, time zones, terminals, message catalogues, shared
 * memory, asynchronous I/O. Each with its result, twice, and with what it leaves
 * open; between them the numbers that it used are used for files of ours.
 *
 * Libc: read
 */
#include <aio.h>
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fstab.h>
#include <ftw.h>
#include <fts.h>
#include <glob.h>
#include <grp.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <langinfo.h>
#include <locale.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nl_types.h>
#include <pty.h>
#include <pwd.h>
#include <resolv.h>
#include <semaphore.h>
#include <sys/file.h>
#include <syslog.h>
#include <utmpx.h>
#include <wordexp.h>
#include "life.h"

static void locales(void)
{
	static const char *const names[] = {
		"C.UTF-8", "C", "POSIX", "xx_YY.UTF-8", "../../etc", "",
	};
	char out[64] = "", in[] = "gr\xc3\xbc\xc3\x9f", *from, *to;
	size_t left, room;
	locale_t loc;
	iconv_t cd;
	nl_catd cat;

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *got = setlocale(LC_ALL, names[i]);

		printf("  setlocale %s: %s, %s\n", names[i], got ? got : "no",
		       nl_langinfo(CODESET));
	}
	setlocale(LC_ALL, "C");
	loc = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
	show(loc != NULL, "  newlocale");
	freelocale(loc);
	show(newlocale(LC_CTYPE_MASK, "xx_YY", NULL) ? 0 : -1, "  newlocale");
	cd = iconv_open("ISO-8859-1", "UTF-8");
	NEED(cd != (iconv_t)-1);
	from = in, to = out, left = strlen(in), room = sizeof(out);
	show(iconv(cd, &from, &left, &to, &room), "  iconv");
	show(iconv_close(cd), "  %08x, iconv_close", sum_of(out, to - out));
	cd = iconv_open("UTF-16LE", "KOI8-R");
	show(cd == (iconv_t)-1 ? -1 : iconv_close(cd), "  iconv_open");
	show(iconv_open("no-such-set", "UTF-8") == (iconv_t)-1 ? -1 : 0,
	     "  iconv_open");
	cat = catopen("no-such-catalogue", NL_CAT_LOCALE);
	show(cat == (nl_catd)-1 ? -1 : 0, "  catopen");
	printf("  gettext: %s\n", strerror(ENOENT));
}

static void tables(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	char host[64], service[64], buf[1024];
	struct passwd *pw, pwbuf;
	gid_t groups[64];
	struct group *gr;
	struct hostent *h;
	struct servent *se;
	int n = 0, err;

	pw = getpwnam("root");
	printf("  root: %d %s\n", pw ? (int)pw->pw_uid : -1, pw ? pw->pw_dir : "");
	pw = getpwuid(1);
	printf("  user 1: %s\n", pw ? pw->pw_name : "none");
	show(getpwnam("no-such-user") != NULL, "  no-such-user");
	err = getpwnam_r("daemon", &pwbuf, buf, sizeof(buf), &pw);
	printf("  getpwnam_r %d %s\n", err, pw ? pw->pw_name : "none");
	err = getpwnam_r("daemon", &pwbuf, buf, 3, &pw);
	printf("  getpwnam_r, short of space: %s\n", name_of(err));
	while ((pw = getpwent()))
		n = n * 31 + pw->pw_uid + strlen(pw->pw_name);
	endpwent();
	printf("  all users %d\n", n);
	gr = getgrnam("daemon");
	printf("  group daemon: %d\n", gr ? (int)gr->gr_gid : -1);
	gr = getgrgid(0);
	printf("  group 0: %s\n", gr ? gr->gr_name : "none");
	n = COUNT(groups);
	show(getgrouplist("root", 0, groups, &n), "  getgrouplist");
	for (n = 0; (gr = getgrent()); n++)
		;
	endgrent();
	printf("  groups %d\n", n);
	h = gethostbyname("localhost");
	printf("  localhost: %d\n", h ? h->h_addrtype : -1);
	h = gethostbyname("no..such");
	printf("  no..such: %d %d\n", h != NULL, h_errno);
	err = getaddrinfo("localhost", NULL, &hints, &list);
	printf("  getaddrinfo %s:", err ? gai_strerror(err) : "ok");
	for (a = err ? NULL : list; a; a = a->ai_next) {
		getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host),
			    service, sizeof(service),
			    NI_NUMERICHOST | NI_NUMERICSERV);
		printf(" %s", host);
	}
	printf("\n");
	if (!err)
		freeaddrinfo(list);
	hints.ai_flags = AI_NUMERICHOST;
	err = getaddrinfo("not-a-number", NULL, &hints, &list);
	printf("  getaddrinfo %s\n", gai_strerror(err));
	se = getservbyname("domain", "udp");
	printf("  domain: %d\n", se ? ntohs(se->s_port) : -1);
	se = getservbyport(htons(22), "tcp");
	printf("  port 22: %s\n", se ? se->s_name : "none");
	printf("  protocol tcp: %d\n", getprotobyname("tcp") != NULL);
	printf("  network loopback: %d\n", getnetbyname("loopback") != NULL);
	show(res_init(), "  res_init");
	show(getlogin() != NULL, "  getlogin");
	show(cuserid(NULL) != NULL, "  cuserid");
	show(getusershell() != NULL, "  getusershell");
	endusershell();
	show(getfsent() != NULL, "  getfsent");
	endfsent();
}

static void machine(void)
{
	struct if_nameindex *names = if_nameindex();
	struct ifaddrs *addrs = NULL;
	struct mntent *m;
	double load[3];
	void *frames[4];
	int n = 0;
	FILE *f;

	show(names != NULL, "  if_nameindex");
	if_freenameindex(names);
	show(if_nametoindex("lo") > 0, "  if_nametoindex");
	show(getifaddrs(&addrs), "  getifaddrs");
	freeifaddrs(addrs);
	show(getloadavg(load, 3), "  getloadavg");
	show(sysconf(_SC_NPROCESSORS_ONLN) > 0, "  processors");
	show(sysconf(_SC_NPROCESSORS_CONF) > 0, "  processors");
	show(sysconf(_SC_OPEN_MAX) > 0, "  files");
	show(sysconf(_SC_CHILD_MAX) > 0, "  children");
	show(pathconf("/proc", _PC_LINK_MAX) > 0, "  links");
	show(backtrace(frames, 4) > 0, "  backtrace");
	f = setmntent("/proc/self/mounts", "r");
	while (f && (m = getmntent(f)))
		n += !strcmp(m->mnt_dir, "/proc");
	show(f ? endmntent(f) : -1, "  getmntent, /proc %d", n > 0);
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	for (int i = 0; i < 3; i++) {
		time_t t = 1000000000;
		char text[64];

		strftime(text, sizeof(text), "%F %T %Z", localtime(&t));
		printf("  %s\n", text);
		setenv("TZ", i ? "UTC" : ":No/Where", 1);
		tzset();
	}
}

static int sum;

static int visit(const char *path, const struct stat *st, int flag)
{
	(void)st;
	sum += strlen(path) * (flag + 3);
	return 0;
}

static int visit_more(const char *path, const struct stat *st, int flag,
		      struct FTW *where)
{
	(void)st;
	sum += strlen(path + where->base) * (flag + 3) + where->level;
	return 0;
}

static int no_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void trees(void)
{
	char *paths[] = { (char *)"tree", NULL }, path[300], real[PATH_MAX];
	struct dirent **list, *d;
	wordexp_t w;
	glob_t g;
	FTSENT *e;
	long where;
	FTS *fts;
	DIR *dir;
	int n, fd;

	NEED(mkdir("tree", 0755) == 0);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "tree/d%d", i);
		NEED(mkdir(path, 0755) == 0);
		strcat(path, "/file");
		put_file(path, "text", 4);
	}
	NEED(symlink("../tree/d7", "tree/link") == 0);
	show(opendir("missing") ? 0 : -1, "  opendir");
	show(opendir("tree/d1/file") ? 0 : -1, "  opendir");
	show(opendir("") ? 0 : -1, "  opendir");
	dir = opendir("tree");
	for (n = 0; (d = readdir(dir)); n++)
		;
	show(n, "  entries");
	rewinddir(dir);
	d = readdir(dir);
	where = telldir(dir);
	d = readdir(dir);
	snprintf(path, sizeof(path), "%s", d->d_name);
	seekdir(dir, where);
	d = readdir(dir);
	show(strcmp(d->d_name, path), "  seekdir");
	show(openat(dirfd(dir), "d3", O_DIRECTORY | O_PATH) >= 0, "  openat");
	show(closedir(dir), "  closedir");
	fd = open("tree", O_RDONLY | O_DIRECTORY);
	dir = fdopendir(fd);
	for (n = 0; (d = readdir(dir)); n++)
		;
	show(n, "  entries by fdopendir");
	show(closedir(dir), "  closedir");
	show(close(fd), "  close");
	n = scandir("tree", &list, no_dots, versionsort);
	show(n, "  scandir %s %s", list[0]->d_name, list[n - 1]->d_name);
	while (n > 0)
		free(list[--n]);
	free(list);
	show(ftw("tree", visit, 3), "  ftw");
	show(nftw("tree", visit_more, 2, FTW_PHYS | FTW_DEPTH), "  nftw, %d", sum);
	show(nftw("tree", visit_more, 5, FTW_CHDIR), "  nftw, %d", sum);
	printf("  sum %d\n", sum);
	fts = fts_open(paths, FTS_PHYSICAL, NULL);
	for (n = 0; (e = fts_read(fts)); n++)
		;
	show(fts_close(fts), "  fts %d", n);
	show(glob("tree/d[1-3]*/*", GLOB_BRACE, NULL, &g), "  glob");
	printf("  %zu, last %s\n", g.gl_pathc, g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	show(glob("~root/nothing-*", GLOB_TILDE, NULL, &g), "  glob");
	show(wordexp("a$HOME `echo b c` tree/d1?", &w, 0), "  wordexp");
	printf("  %zu, last %s\n", w.we_wordc, w.we_wordv[w.we_wordc - 1]);
	wordfree(&w);
	show(wordexp("$(exit 5) x", &w, WRDE_NOCMD), "  wordexp");
	NEED(realpath("tree/link/../d7/./file", real));
	printf("  realpath %s\n", strstr(real, "/tree/"));
	show(realpath("tree/none/..", real) ? 0 : -1, "  realpath");
	NEED(chdir("tree/d5") == 0 && getcwd(real, sizeof(real)));
	printf("  getcwd %s\n", strstr(real, "/tree/"));
	show(getcwd(real, 3) ? 0 : -1, "  getcwd");
	NEED(chdir("../..") == 0);
}

static void temporary(void)
{
	char name[] = "tmp.XXXXXX", other[] = "tmp.XXXXXX.c", dir[] = "dir.XXXXXX";
	char bad[] = "tmp.XXX", line[32] = "";
	char *(*make_name)(const char *dir, const char *prefix), *given;
	int fd, shm;
	sem_t *sem;
	FILE *f;

	fd = mkstemp(name);
	show(write(fd, "text", 4), "  mkstemp");
	show(pread(fd, line, 8, 0), "  %d", close(-1));
	NEED(close(fd) == 0 && unlink(name) == 0);
	fd = mkostemps(other, 2, O_CLOEXEC);
	show(fcntl(fd, F_GETFD), "  mkostemps");
	NEED(close(fd) == 0 && unlink(other) == 0);
	show(mkstemp(bad), "  mkstemp");
	show(mkdtemp(dir) != NULL, "  mkdtemp");
	NEED(rmdir(dir) == 0);
	/* By address: the linker has an opinion about the name. */
	*(void **)&make_name = dlsym(RTLD_DEFAULT, "tempnam");
	given = make_name(".", "temp");
	fd = open(given, O_RDWR | O_CREAT | O_EXCL, 0600);
	show(write(fd, "text", 4), "  tempnam");
	NEED(close(fd) == 0 && unlink(given) == 0);
	free(given);
	f = tmpfile();
	show(fputs("text", f) >= 0 && fclose(f) == 0, "  tmpfile");
	snprintf(line, sizeof(line), "/libc_lookups.%d", getpid());
	shm = shm_open(line, O_RDWR | O_CREAT, 0600);
	show(shm >= 0 ? ftruncate(shm, 4096) : -1, "  shm_open");
	show(write(shm, "text", 4), "  write");
	show(close(shm), "  close");
	show(shm_unlink(line), "  shm_unlink");
	sem = sem_open(line, O_CREAT, 0600, 2);
	show(sem == SEM_FAILED ? -1 : sem_close(sem), "  sem_open");
	show(sem_unlink(line), "  sem_unlink");
}

static void terminals(void)
{
	int master, slave, fd;
	char name[64], buf[16];
	pid_t pid;

	show(ttyname(0) != NULL, "  ttyname of 0");
	show(isatty(0), "  isatty");
	show(openpty(&master, &slave, name, NULL, NULL), "  openpty");
	show(strncmp(name, "/dev/pts/", 9), "  name");
	show(ttyname_r(slave, buf, sizeof(buf)), "  ttyname");
	NEED(write(master, "line\n", 5) == 5);
	show(read(slave, buf, sizeof(buf)), "  read");
	close(slave);
	close(master);
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	show(grantpt(fd), "  grantpt");
	show(unlockpt(fd), "  unlockpt");
	show(ptsname(fd) != NULL, "  ptsname");
	show(close(fd), "  close");
	fflush(stdout);
	pid = forkpty(&master, NULL, NULL, NULL);
	if (pid == 0) {
		NEED(write(1, "here", 4) == 4);
		NEED(read(0, buf, 4) == 3);
		_exit(5);
	}
	show(read_full(master, buf, 4), "  forkpty");
	NEED(write(master, "ok\n", 3) == 3);
	show_status("  child", reap(pid));
	close(master);
}

static void records(void)
{
	struct utmpx ut = { .ut_type = USER_PROCESS, .ut_pid = 77, .ut_id = "7",
			    .ut_line = "tty77", .ut_user = "somebody" }, *got;

	put_file("utmp", "", 0);
	show(utmpxname("utmp"), "  utmpxname");
	setutxent();
	show(pututxline(&ut) != NULL, "  pututxline");
	setutxent();
	got = getutxent();
	printf("  %s\n", got ? got->ut_user : "none");
	setutxent();
	got = getutxline(&ut);
	printf("  %s\n", got ? got->ut_line : "none");
	got = getutxent();
	show(got != NULL, "  another");
	endutxent();
	utmpxname("missing");
	setutxent();
	show(getutxent() ? 0 : -1, "  no such file");
	endutxent();
	openlog("a test", LOG_PERROR | LOG_NDELAY, LOG_USER);
	for (int i = 0; i < 3; i++)
		syslog(LOG_DEBUG, "line %d", i);
	closelog();
	show(lockf(open("utmp", O_RDWR | O_CLOEXEC), F_LOCK, 0), "  lockf");
}

/* Threads of libc's own, which read and write with pread and pwrite. */
static void asynchronous(void)
{
	char out[4][16], in[4][16];
	struct aiocb cb[4], *list[4];
	int fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0644);

	for (int i = 0; i < 4; i++) {
		snprintf(out[i], 16, "asynchronous %d", i);
		cb[i] = (struct aiocb){ .aio_fildes = fd, .aio_buf = out[i],
			.aio_nbytes = 14, .aio_offset = i * 14,
			.aio_lio_opcode = LIO_WRITE };
		list[i] = &cb[i];
	}
	show(lio_listio(LIO_WAIT, list, 4, NULL), "  lio_listio");
	for (int i = 0; i < 4; i++) {
		cb[i] = (struct aiocb){ .aio_fildes = fd, .aio_buf = in[i],
			.aio_nbytes = 14, .aio_offset = (3 - i) * 14 };
		NEED(aio_read(&cb[i]) == 0);
	}
	for (int i = 0; i < 4; i++) {
		const struct aiocb *one[1] = { &cb[i] };

		while (aio_error(&cb[i]) == EINPROGRESS)
			aio_suspend(one, 1, NULL);
		show(aio_return(&cb[i]), "  %.14s", in[i]);
	}
	show(close(fd), "  close");
}

/* The numbers that were used inside, now for files of all kinds of ours. */
static void ours(void)
{
	char buf[16];
	int p[6], fd;

	NEED(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, p + 2) == 0);
	NEED(pipe(p + 4) == 0);
	for (int i = 0; i < 6; i += 2) {
		NEED(write(p[i + 1], "abc", 3) == 3);
		NEED(read(p[i], buf, 16) == 3);
	}
	for (int i = 0; i < 6; i++)
		NEED(close(p[i]) == 0);
	fd = open("letters", O_RDONLY);
	for (int i = 0; i < 26; i++)
		NEED(read(fd, buf, 1) == 1 && buf[0] == 'a' + i);
	NEED(read(fd, buf, 1) == 0 && close(fd) == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
	int times;
} parts[] = {
	{ "locales", locales, 2 }, { "tables", tables, 2 },
	{ "machine", machine, 2 }, { "trees", trees, 1 },
	{ "temporary names", temporary, 2 }, { "terminals", terminals, 2 },
	{ "records", records, 2 }, { "asynchronous", asynchronous, 1 },
};

int main(void)
{
	begin();
	closefrom(3);
	put_file("letters", "abcdefghijklmnopqrstuvwxyz", 26);
	for (size_t i = 0; i < COUNT(parts); i++)
		for (int turn = 0; turn < parts[i].times; turn++) {
			ours();
			printf("%s\n", parts[i].name);
			parts[i].run();
			ours();
			list_fds("  open now");
			closefrom(3);
			errno = 0;
		}
	return 0;
}
