// SPDX-License-Identifier: MIT
/*
 * Setting up, and the report at the end.
 *
 * A map of the library:
 *   interpose/  what libc calls: calls.def is the list of symbols, entry.S what
 *               they jump to, real.c libc.c native.c find or replace what is
 *               behind them, patch.c leads libc's own calls here too; rw.c msg.c
 *               open.c connect.c close.c are the families, number.c those made
 *               by syscall(2), fds.c streams.c follow descriptors, process.c
 *               jump.c sandbox.c follow processes, jumps and sandboxes; traced.c
 *               stands in front of the entries when there is a recording;
 *               hints.c look.c learn what the program will want (SHIM_MODE=auto),
 *               identity.c ends that before the process becomes another
 *   src/        the core: calls.def names the calls, call*.c decide and carry
 *               them out, route.c fdtable.c know files, submission.c drives events (event.c) through slots
 *               (completion.c) on the ring (ring.c) of a thread (thread.c),
 *               counters*.c count, trace*.c record, config.c reads the
 *               environment; prefetch*.c run ahead, in a task (task.c)
 *   format/     what the command reads of a recording
 */
#include "init.h"

#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "config.h"
#include "counters_file.h"
#include "fdtable.h"
#include "follow.h"
#include "hints.h"
#include "host.h"
#include "jump.h"
#include "sys.h"
#include "traced.h"

volatile int shim_ready;

static struct shim_config config;
static struct stat stderr_was;
static bool report_done;
static int report_fd = -1;
static int report_pid;
static bool patched;
static char *const *arguments; /* of the program; NULL: not known */

static void say(const char *const *parts)
{
	char line[512];
	size_t n = 0, len;

	for (; *parts; parts++) {
		len = strlen(*parts);
		if (len > sizeof(line) - 2 - n)
			len = sizeof(line) - 2 - n;
		memcpy(line + n, *parts, len);
		n += len;
	}
	line[n++] = '\n';
	shim_sys(SYS_write, 2, line, n);
}

/*
 * What this process lives in.  From /proc, because the loader has just made the
 * same calls, whereas a seccomp filter may kill for prctl(2).
 */
static struct {
	bool sandbox;  /* a seccomp filter was inherited */
	bool traced;   /* by a debugger, or strace */
} around;

/* Is the field of /proc/self/status there, and not 0? */
static bool status_says(const char *text, const char *field)
{
	const char *p = strstr(text, field);

	return p && p[strlen(field)] != '0' && p[strlen(field)];
}

/* A piece at a time: with many groups the file is long. */
static long read_status(int fd)
{
	enum { OVERLAP = 64 };
	char text[4096];
	size_t have = 0;
	long n;

	while ((n = shim_sys(SYS_read, fd, text + have,
			     sizeof(text) - 1 - have)) > 0) {
		have += (size_t)n;
		text[have] = '\0';
		around.sandbox |= status_says(text, "\nSeccomp:\t");
		around.traced |= status_says(text, "\nTracerPid:\t");
		if (have > OVERLAP) {
			memmove(text, text + have - OVERLAP, OVERLAP);
			have = OVERLAP;
		}
	}
	return n;
}

static void look_around(void)
{
	long fd;

	fd = shim_sys4(SYS_openat, AT_FDCWD, "/proc/self/status",
		       O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0) {
		around.sandbox = shim_sys6(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0,
					   0, 0) != 0;
		return;
	}
	if (read_status((int)fd) < 0)
		around.sandbox = true;
	shim_sys_close((int)fd);
}

static void open_stats(void)
{
	const char *why = "cannot be written";
	int ret;

	if (!config.stats)
		return;
	if (!strcmp(config.stats, "1")) {
		if (shim_sys_fstat(2, &stderr_was))
			stderr_was.st_ino = 0;
		report_fd = 2;
		report_pid = shim_sys_getpid();
		return;
	}
	ret = shim_counters_open(config.stats);
	if (!ret)
		return;
	if (ret == -EEXIST)
		why = "exists and holds something else";
	else if (ret == -EINVAL)
		why = "is not a regular file";
	say((const char *[]){ "libshim: SHIM_STATS=", config.stats, ": ", why,
			      "; counting goes on without it", NULL });
}

static uint64_t now(void)
{
	struct timespec t = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/*
 * The recording of a reader that has gone, or that is another user's, is no
 * news: the program may be a late child of one that was recorded.
 */
static void open_trace(void)
{
	int ret;

	if (!config.trace || shim_native == SHIM_CONFIG ||
	    shim_native == SHIM_SANDBOX)
		return;
	ret = shim_trace_open(config.trace, now);
	if (!ret)
		shim_real_trace();
	else if (ret != -ESRCH && strncmp(config.trace, "/proc/", 6) != 0)
		say((const char *[]){ "libshim: SHIM_TRACE=", config.trace,
				      ret == -EEXIST ? ": is something else" :
				      ": cannot be opened",
				      "; nothing is recorded", NULL });
}

/*
 * Valgrind does not see what the kernel writes for a ring, and takes it for
 * uninitialised.  It shows by what it preloads.
 */
static bool under_valgrind(void)
{
	return config.preload && strstr(config.preload, "vgpreload");
}

static int decide(void)
{
	if (config.bad_name) {
		say((const char *[]){ "libshim: ", config.bad_name, "=",
				      config.bad_value, ": unknown value, one of: ",
				      config.accepted, "; running natively",
				      NULL });
		return SHIM_CONFIG;
	}
	look_around();
	if (around.sandbox) {
		shim_rings_freeze(true);
		return SHIM_SANDBOX;
	}
	if (config.mode == SHIM_MODE_OFF)
		return SHIM_OFF;
	if (config.mode == SHIM_MODE_AUTO)
		return SHIM_AUTO;
	return under_valgrind() ? SHIM_VALGRIND : SHIM_RING;
}

static void fork_prepare(void)
{
	/* File positions are about to be shared with a child. */
	shim_fds_forget_all();
}

void shim_fork_child(void)
{
	shim_threads_fork_child();
	shim_prefetch_fork_child();
	report_done = false;
	if (report_fd >= 0)
		report_pid = shim_sys_getpid();
}

/*
 * Not in a sandbox, where not one system call is made that the program has not
 * made, and not when other threads may be running libc's functions.
 */
static bool patch(void)
{
	return config.patch == SHIM_PATCH_AUTO && shim_native != SHIM_CONFIG &&
	       shim_native != SHIM_SANDBOX && __libc_single_threaded &&
	       !shim_real_patch(around.traced);
}

/* A program begins: the recording has its words. */
static void note_start(char *const *argv)
{
	struct shim_trace_parts parts = { .n = 0 };
	uint64_t n;

	if (!shim_tracing || !argv)
		return;
	for (n = 0; argv[n]; n++) {
		if (n < SHIM_TRACE_PARTS)
			shim_trace_add(&parts, SHIM_TRACE_WORD_OF_ARGV, 0,
				       argv[n], strlen(argv[n]))->index =
				(uint16_t)n;
	}
	shim_trace_note(SHIM_TRACE_START, n, &parts);
}

void shim_init(char *const *env)
{
	static atomic_int resolved, once;
	int saved = errno;

	if (!atomic_exchange(&resolved, 1))
		shim_real_resolve();
	/* Before libc itself has been set up there is no environment. */
	if (!env || atomic_exchange(&once, 1))
		return;
	shim_config_parse(&config, env);
	shim_jump_init();
	shim_single_threaded = &__libc_single_threaded;
	shim_host_init();
	shim_threads_init(&shim_libc_host);
	shim_wait_on_ring = config.wait == SHIM_WAIT_RING;
	open_stats();
	pthread_atfork(fork_prepare, NULL, shim_fork_child);
	(void)at_quick_exit(shim_report);
	shim_native = decide();
	open_trace();
	if (shim_native == SHIM_AUTO && !under_valgrind())
		shim_hints_init(&config, arguments);
	shim_ready = 1;
	patched = patch();
	shim_counters_file_image(patched);
	note_start(arguments);
	if (config.follow == SHIM_FOLLOW_OFF)
		shim_unfollow((char **)env);
	errno = saved;
}

enum shim_route shim_enter_native(void)
{
	if (!shim_ready)
		shim_init(environ);
	return (enum shim_route)shim_native;
}

/*
 * An executable with functions of its own to run before all others (elf(5),
 * DT_PREINIT_ARRAY): the run-time of a sanitizer.  It has replaced string functions,
 * dl_iterate_phdr(3), setjmp(3) and more with its own, which crash before that.
 */
static bool sets_itself_up(char **env)
{
	const ElfW(Phdr) *ph = NULL, *end;
	const ElfW(auxv_t) *aux;
	const ElfW(Dyn) *d = NULL;
	uintptr_t base = 0;
	size_t n = 0;

	while (*env)
		env++;
	for (aux = (void *)(env + 1); aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_PHDR)
			ph = (void *)aux->a_un.a_val;
		else if (aux->a_type == AT_PHNUM)
			n = aux->a_un.a_val;
	}
	for (end = ph + n; ph < end; ph++) {
		if (ph->p_type == PT_PHDR)
			base = (uintptr_t)ph - ph->p_vaddr;
		else if (ph->p_type == PT_DYNAMIC)
			d = (void *)(base + ph->p_vaddr);
	}
	while (d && d->d_tag != DT_NULL && d->d_tag != DT_PREINIT_ARRAY)
		d++;
	return d && d->d_tag == DT_PREINIT_ARRAY;
}

/*
 * The first of all (-z initfirst), so that what other constructors do is seen.
 * libc has not been initialised then: its environ is empty, and dlopen(3) would
 * crash.
 */
__attribute__((constructor)) static void constructor(int argc, char **argv,
						     char **env)
{
	(void)argc;
	arguments = argv;
	shim_threads_first_stack((uintptr_t)env);
	if (!sets_itself_up(env))
		shim_init(env);
}

/*
 * The descriptor may be another file by now, which no report belongs into.  (In
 * a sandbox there is none either: a filter may kill for the write.)
 */
static bool stderr_is_the_same(void)
{
	struct stat st = { 0 };

	return stderr_was.st_ino && !shim_sys_fstat(report_fd, &st) &&
	       st.st_ino == stderr_was.st_ino && st.st_dev == stderr_was.st_dev;
}

void shim_report(void)
{
	/* Another pid: a vfork child, whose report is its parent's to make. */
	if (report_fd < 0 || report_done || shim_rings_frozen() ||
	    shim_sys_getpid() != report_pid || !stderr_is_the_same())
		return;
	report_done = true;
	shim_hints_settle();
	shim_counters_print(report_fd, patched);
}

/*
 * Many programs close the stream in an exit handler, which runs before our
 * destructor: keep the descriptor for the report that was asked for.
 */
void shim_stderr_closing(void)
{
	int fd;

	if (report_fd != 2 || shim_rings_frozen() || !stderr_is_the_same())
		return;
	fd = shim_sys_fcntl(2, F_DUPFD_CLOEXEC, 512);
	if (fd < 0)
		shim_report();
	else
		report_fd = fd;
}

/* Leaving the process with a call pending below: let go of its file. */
void shim_leave(void)
{
	struct shim_thread *t = shim_self;

	if (t && t->driver.phase == SHIM_PHASE_PARKED &&
	    shim_sys_gettid() == atomic_load(&t->owner))
		shim_driver_recover(&t->driver);
}

/* It would end with the process anyway: but in the meantime it may begin to. */
void shim_end_hints(void)
{
	shim_prefetch_stop(false);
	if (shim_hints_on)
		shim_hints_settle();
}

__attribute__((destructor)) static void destructor(void)
{
	shim_enter();
	shim_leave();
	shim_end_hints();
	/* Streams are written out after this; _exit(2) comes last. */
	if (!shim_sees_exit)
		shim_report();
}
