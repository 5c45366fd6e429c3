// SPDX-License-Identifier: MIT
/*
 * Other programs: posix_spawn with file actions, system, popen, and exec of
 * ourselves to list what a fresh program finds: descriptors, threads, the
 * environment. What is open in us and not close-on-exec arrives, nothing else
 * does, and the standard streams still work on both sides.
 *
 * Ring: read write
 */
#include <spawn.h>
#include "life.h"

extern char **environ;

static void list_environ(void)
{
	int n = 0;

	for (char **e = environ; e && *e; e++)
		if (!strncmp(*e, "LIFE_", 5))
			printf("\t%s\n", *e);
		else if (strncmp(*e, "LD_", 3) && strncmp(*e, "SHIM_", 5))
			n++;
	printf("\tother variables %s\n", n ? "some" : "none");
}

/* What the fresh program does: argv[1] is "list" or "copy". */
static int fresh(const char *what)
{
	char buf[64];
	ssize_t n;

	if (!strcmp(what, "copy")) {
		while ((n = read(0, buf, sizeof(buf))) > 0)
			NEED(write(1, buf, n) == n);
		return n < 0 ? 1 : 5;
	}
	list_fds("fresh");
	printf("\ttasks %d\n", count_tasks());
	list_environ();
	return 3;
}

static pid_t spawn(posix_spawn_file_actions_t *fa, const char *what)
{
	char *argv[] = { (char *)"fresh", (char *)what, NULL };
	char *env[32] = { NULL };
	pid_t pid;
	int n = 0;

	for (char **e = environ; e && *e && n < 30; e++)
		if (!strncmp(*e, "LD_", 3) || !strncmp(*e, "SHIM_", 5) ||
		    !strncmp(*e, "LIFE_", 5))
			env[n++] = *e;
	NEED(posix_spawn(&pid, "/proc/self/exe", fa, NULL, argv, env) == 0);
	return pid;
}

static void actions(void)
{
	posix_spawn_file_actions_t fa;
	char buf[64] = "";
	int in[2], out[2];
	pid_t pid;

	NEED(pipe(in) == 0 && pipe(out) == 0);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in[0], 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	posix_spawn_file_actions_addclosefrom_np(&fa, 3);
	pid = spawn(&fa, "copy");
	posix_spawn_file_actions_destroy(&fa);
	NEED(close(in[0]) == 0 && close(out[1]) == 0);
	NEED(write(in[1], "through a child", 15) == 15);
	show(read(out[0], buf, 64), "spawned copy");
	NEED(write(in[1], " and back", 9) == 9);
	NEED(close(in[1]) == 0);
	show(read_full(out[0], buf + 15, 40), "\trest");
	printf("\t%s\n", buf);
	show_status("\tcopy", reap(pid));
	close(out[0]);
}

static void more_actions(void)
{
	posix_spawn_file_actions_t fa;
	char buf[64] = "";
	pid_t pid;
	int fd;

	put_file("input", "from a file", 11);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "input", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "output",
					 O_WRONLY | O_CREAT, 0600);
	posix_spawn_file_actions_addclose(&fa, 2);
	pid = spawn(&fa, "copy");
	posix_spawn_file_actions_destroy(&fa);
	show_status("spawned with files", reap(pid));
	fd = open("output", O_RDONLY);
	show(read(fd, buf, 64), "\toutput");
	printf("\t%s\n", buf);
	close(fd);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "missing", O_RDONLY, 0);
	show(posix_spawn(&pid, "/bin/true", &fa, NULL,
			 (char *[]){ (char *)"true", NULL }, environ) == ENOENT,
	     "spawn with a missing file fails");
	posix_spawn_file_actions_destroy(&fa);
}

static void listed(void)
{
	int p[2], cloexec[2], fd = open("input", O_RDONLY);

	NEED(pipe(p) == 0 && pipe2(cloexec, O_CLOEXEC) == 0);
	/* A waiting byte and a moved position survive into the program. */
	NEED(write(p[1], "kept", 4) == 4);
	NEED(read(fd, (char[4]){ 0 }, 4) == 4);
	show_status("listed", reap(spawn(NULL, "list")));
	dup2(fd, 30);
	show_status("listed", reap(spawn(NULL, "list")));
	close(30);
	close(fd);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(cloexec[i]);
	}
}

static void shells(void)
{
	char line[64];
	FILE *f;

	fflush(stdout);
	show(system("read a <input; echo \"shell $a\""), "system");
	show(system("exit 3") >> 8, "system, status");
	show(system("kill -TERM $$") & 127, "system, signal");
	f = popen("cat input; echo; ls /proc/self/fd | wc -l", "r");
	while (fgets(line, sizeof(line), f))
		printf("popen: %s", line);
	show(pclose(f), "pclose");
	f = popen("tr a-z A-Z", "w");
	fprintf(f, "to a filter\n");
	fflush(stdout);
	show(pclose(f), "pclose");
}

/* exec over ourselves while a thread waits in read: it just goes. */
static void *waiting(void *arg)
{
	char c;

	show(read(*(int *)arg, &c, 1), "not reached");
	return NULL;
}

static int over(void *arg)
{
	pthread_t t;
	int p[2];

	NEED(pipe(p) == 0);
	NEED(write(p[1], "x", 1) == 1);
	NEED(read(p[0], (char[4]){ 0 }, 4) == 1);
	if (arg) {
		NEED(pthread_create(&t, NULL, waiting, &p[0]) == 0);
		sleep_ms(30);
	}
	execl("/proc/self/exe", "fresh", "list", NULL);
	return 1;
}

int main(int argc, char **argv)
{
	begin();
	if (argc > 1)
		return fresh(argv[1]);
	setenv("LIFE_SIGN", "yes", 1);
	actions();
	more_actions();
	listed();
	shells();
	run_child("exec", over, NULL);
	run_child("exec beside a waiting thread", over, "");
	unsetenv("LIFE_SIGN");
	clearenv();
	show_status("cleared", reap(spawn(NULL, "list")));
	show(count_tasks(), "tasks");
	list_fds("left open");
	return 0;
}
