// SPDX-License-Identifier: MIT
/* See tracees.h. */
#include "tracees.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd_paths.h"

static struct tracee **bucket(struct tracees *all, uint32_t tid)
{
	return &all->buckets[tid % TRACEE_BUCKETS];
}

struct tracee *tracee_find(const struct tracees *all, uint32_t tid)
{
	struct tracee *t = all->buckets[tid % TRACEE_BUCKETS];

	while (t && t->tid != tid)
		t = t->next;
	return t;
}

struct process *process_find(const struct tracees *all, uint32_t pid)
{
	struct process *p = all->processes;

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

struct process *process_add(struct tracees *all, uint32_t pid)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->pid = pid;
	/* Without one (too many, too late) its pid has to do. */
	p->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	p->next = all->processes;
	all->processes = p;
	all->processes_number++;
	return p;
}

struct tracee *tracee_add(struct tracees *all, struct process *process,
			  uint32_t tid)
{
	struct tracee *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->tid = tid;
	t->process = process;
	t->sibling = process->threads;
	process->threads = t;
	t->next = *bucket(all, tid);
	*bucket(all, tid) = t;
	all->number++;
	return t;
}

void tracee_remove(struct tracees *all, struct tracee *tracee)
{
	struct tracee **at = bucket(all, tracee->tid);
	unsigned i;

	while (*at != tracee)
		at = &(*at)->next;
	*at = tracee->next;
	at = &tracee->process->threads;
	while (*at != tracee)
		at = &(*at)->sibling;
	*at = tracee->sibling;
	all->number--;
	for (i = 0; i < PENDING_MOST; i++)
		free(tracee->calls[i].record);
	free(tracee);
}

void process_remove(struct tracees *all, struct process *process)
{
	struct process **at = &all->processes;

	while (process->threads)
		tracee_remove(all, process->threads);
	while (*at != process)
		at = &(*at)->next;
	*at = process->next;
	all->processes_number--;
	if (process->pidfd >= 0)
		close(process->pidfd);
	fd_paths_free(process->paths);
	free(process);
}

void tracees_free(struct tracees *all)
{
	while (all->processes)
		process_remove(all, all->processes);
}

struct pending *tracee_enter(struct tracee *t, const void *record, size_t size)
{
	struct pending *call = &t->calls[t->depth];
	char *more;

	if (size > call->room) {
		more = realloc(call->record, size * 2);
		if (!more)
			return NULL;
		call->record = more;
		call->room = size * 2;
	}
	memcpy(call->record, record, size);
	call->size = size;
	call->begun = call->cut = false;
	call->progress = (struct progress){ 0, false };
	t->depth++;
	return call;
}

/* Its memory is kept for the next one. */
void tracee_drop(struct tracee *t, unsigned at)
{
	struct pending dropped = t->calls[at];

	t->depth--;
	memmove(t->calls + at, t->calls + at + 1,
		(t->depth - at) * sizeof(*t->calls));
	t->calls[t->depth] = dropped;
}

/* The end of processes. */

static void mark_without_fd(struct process *p)
{
	if (kill((pid_t)p->pid, 0) && errno == ESRCH)
		p->gone = true;
}

void tracees_wait(struct tracees *all, uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000ULL),
			       (long)(ns % 1000000000ULL) };
	struct pollfd *fds = calloc(all->processes_number + 1, sizeof(*fds));
	struct process *p;
	size_t n = 0;

	if (!fds) {
		nanosleep(&ts, NULL);
		return;
	}
	for (p = all->processes; p; p = p->next) {
		fds[n].fd = p->gone ? -1 : p->pidfd;
		fds[n++].events = POLLIN;
	}
	if (ppoll(fds, n, &ts, NULL) < 0)
		memset(fds, 0, n * sizeof(*fds));
	for (n = 0, p = all->processes; p; p = p->next, n++) {
		p->gone |= fds[n].revents != 0;
		if (p->pidfd < 0 && !p->gone && !p->stranger)
			mark_without_fd(p);
	}
	free(fds);
}

bool tracee_lives(const struct tracee *t)
{
	return !syscall(SYS_tgkill, (pid_t)t->process->pid, (pid_t)t->tid, 0) ||
		errno != ESRCH;
}

/* linux/pidfd.h of 6.15; once it has been reaped, this is the only way. */
struct pidfd_info_615 {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ids[8];
	int32_t exit_code;
};

#define PIDFD_INFO_EXIT_615 (1U << 3)
#define PIDFD_GET_INFO_615 _IOWR(0xff, 11, struct pidfd_info_615)

static bool ask_pidfd(struct process *p)
{
	struct pidfd_info_615 info = { .mask = PIDFD_INFO_EXIT_615 };

	if (p->pidfd < 0 || ioctl(p->pidfd, PIDFD_GET_INFO_615, &info) < 0 ||
	    !(info.mask & PIDFD_INFO_EXIT_615))
		return false;
	p->status = info.exit_code;
	return true;
}

/* Before it has been reaped: the last number of /proc/PID/stat, proc(5). */
static bool ask_proc(struct process *p)
{
	char name[32], text[2048], *last;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%u/stat", p->pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	last = strrchr(text, ')');
	if (!last || strncmp(last, ") Z", 3) != 0)
		return false;
	last = strrchr(last, ' ');
	p->status = last ? (int)strtol(last, NULL, 10) : 0;
	return last != NULL;
}

void process_status(struct process *p)
{
	if (p->known)
		return;
	if (p->ours)
		p->known = waitpid((pid_t)p->pid, &p->status, WNOHANG) > 0;
	else
		p->known = ask_pidfd(p) || ask_proc(p) || ask_pidfd(p);
}

void process_believe(struct process *p)
{
	if (p->known || !p->exiting)
		return;
	p->status = (p->exit_code & 0xff) << 8;
	p->known = true;
}
