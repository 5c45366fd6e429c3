// SPDX-License-Identifier: MIT
/*
 * Processes and threads of a trace, by numbers that the kernel gives again when
 * they have ended; see report.h.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static long find_id(const struct sums *sums, char kind, long pid, long tid)
{
	char key[64];
	int n = snprintf(key, sizeof(key), "%c %ld %ld", kind, pid, tid);

	return strings_find(&sums->ids, (struct slice){ key, (size_t)n });
}

/* The string of ids whose value is the element's number, plus one; -ENOMEM. */
static long id_of(struct sums *sums, char kind, long pid, long tid, bool full)
{
	char key[64];
	int n = snprintf(key, sizeof(key), "%c %ld %ld", kind, pid, tid);
	struct slice id = { key, (size_t)n };
	long found = strings_find(&sums->ids, id);

	if (found >= 0)
		return found;
	return strings_add(&sums->ids, full ? SLICE("others") : id);
}

static int new_process(struct sums *sums, long pid, uint32_t *number)
{
	struct process_sum *process;
	long id = id_of(sums, 'p', pid, 0, false);

	if (id < 0 || make_room(&sums->process, sums->processes,
				&sums->process_room, sizeof(*sums->process)))
		return -ENOMEM;
	*number = (uint32_t)sums->processes;
	process = &sums->process[sums->processes];
	*process = (struct process_sum){
		.pid = pid, .parent = -1, .program = NONE, .command = NONE, .how = NONE,
		.begin = -1, .end = -1, .fds = fdtable_new(),
	};
	sums->processes++;
	if (!process->fds)
		return -ENOMEM;
	sums->ids.all[id].value = (long)*number + 1;
	return 0;
}

/* All that come when there are too many are the last one. */
static bool too_many(struct sums *sums, size_t number)
{
	if (number < MOST_THREADS)
		return false;
	sums->others = true;
	return true;
}

static int find_process(struct sums *sums, long pid, uint32_t *number)
{
	bool full = too_many(sums, sums->processes);
	long id = id_of(sums, 'p', pid, 0, full), value;

	if (id < 0)
		return -ENOMEM;
	value = sums->ids.all[id].value;
	*number = (uint32_t)value - 1;
	if (value && sums->process[*number].how == NONE)
		return 0;
	*number = MOST_THREADS - 1;
	return full ? 0 : new_process(sums, pid, number);
}

static int new_thread(struct sums *sums, long pid, long tid, long id,
		      uint32_t *number)
{
	uint32_t process;

	if (find_process(sums, pid, &process) ||
	    make_room(&sums->thread, sums->threads, &sums->thread_room,
		      sizeof(*sums->thread)))
		return -ENOMEM;
	*number = (uint32_t)sums->threads;
	sums->thread[sums->threads++] = (struct thread_sum){
		.pid = pid, .tid = tid, .process = process,
		.begin = -1, .end = -1,
	};
	sums->process[process].threads++;
	sums->ids.all[id].value = (long)*number + 1;
	return 0;
}

static bool has_ended(const struct sums *sums, const struct thread_sum *thread)
{
	return thread->ended ||
		sums->process[thread->process].how != NONE;
}

int find_thread(struct sums *sums, long pid, long tid, uint32_t *number)
{
	bool full = too_many(sums, sums->threads);
	long id = id_of(sums, 't', pid, tid, full), value;

	if (id < 0)
		return -ENOMEM;
	value = sums->ids.all[id].value;
	*number = (uint32_t)value - 1;
	if (value && !has_ended(sums, &sums->thread[*number]))
		return 0;
	*number = MOST_THREADS - 1;
	return full ? 0 : new_thread(sums, pid, tid, id, number);
}

bool knows_thread(const struct sums *sums, long pid)
{
	long id = find_id(sums, 't', pid, pid);

	return id >= 0 && sums->ids.all[id].value &&
		!has_ended(sums, &sums->thread[sums->ids.all[id].value - 1]);
}

static void rename_id(struct sums *sums, char kind, long pid, long new_pid)
{
	long old = find_id(sums, kind, pid, kind == 't' ? pid : 0);
	long new = id_of(sums, kind, new_pid, kind == 't' ? new_pid : 0, false);

	if (old < 0 || new < 0)
		return;
	sums->ids.all[new].value = sums->ids.all[old].value;
	sums->ids.all[old].value = 0;
}

int rename_thread(struct sums *sums, long pid, long new_pid)
{
	uint32_t number;
	int ret = find_thread(sums, pid, pid, &number);
	struct thread_sum *thread;
	size_t i;

	if (ret)
		return ret;
	thread = &sums->thread[number];
	for (i = 0; i < sums->processes; i++) {
		if (sums->process[i].parent == pid)
			sums->process[i].parent = new_pid;
	}
	rename_id(sums, 't', pid, new_pid);
	rename_id(sums, 'p', pid, new_pid);
	thread->pid = thread->tid = new_pid;
	sums->process[thread->process].pid = new_pid;
	return 0;
}

int join_thread(struct sums *sums, uint32_t number, uint32_t parent)
{
	struct thread_sum *thread = &sums->thread[number];
	struct process_sum *own = &sums->process[thread->process], *process;

	process = &sums->process[sums->thread[parent].process];
	if (own == process || own->threads != 1 || own->how != NONE)
		return 0;
	/* What it has done by itself so far. */
	process->calls += own->calls;
	process->time = add_times(process->time, own->time);
	process->wait = add_times(process->wait, own->wait);
	process->threads++;
	own->threads = 0;
	thread->process = sums->thread[parent].process;
	thread->pid = process->pid;
	return 0;
}

static void begin_process(struct process_sum *process, int64_t time)
{
	if (process->begin < 0)
		process->begin = time;
}

static struct slice base_name(struct slice s)
{
	const char *slash = s.n ? memrchr(s.s, '/', s.n) : NULL;

	return slash && slash + 1 < s.s + s.n ?
		slice_from(s, (size_t)(slash - s.s) + 1) : s;
}

int sum_start(struct sums *sums, long pid, long tid, int64_t time,
	      struct slice program, struct slice command)
{
	struct process_sum *process;
	uint32_t thread;
	long words;
	int ret = find_thread(sums, pid, tid, &thread);

	if (ret)
		return ret;
	process = &sums->process[sums->thread[thread].process];
	ret = element_of(sums, &sums->programs, base_name(program), MOST_NAMES,
			 &sums->program, &sums->program_room,
			 sizeof(*sums->program), &process->program);
	words = number_of(sums, &sums->commands, command, MOST_NAMES);
	if (ret || words < 0)
		return -ENOMEM;
	process->command = (uint32_t)words;
	process->programs++;
	sums->program[process->program].starts++;
	begin_process(process, time);
	note_time(sums, time);
	return 0;
}

/* A child begins with what its parent has. */
static int inherit(struct process_sum *process, const struct process_sum *from)
{
	if (process->program == NONE) {
		process->program = from->program;
		process->command = from->command;
	}
	if (from == process || process->calls)
		return 0;
	fdtable_put(process->fds);
	process->fds = fdtable_copy(from->fds);
	return process->fds ? 0 : -ENOMEM;
}

int sum_fork(struct sums *sums, long pid, long parent, int64_t time)
{
	struct process_sum *process;
	uint32_t thread, from;
	int ret = find_process(sums, parent, &from);

	if (!ret)
		ret = find_thread(sums, pid, pid, &thread);
	if (ret)
		return ret;
	process = &sums->process[sums->thread[thread].process];
	process->parent = parent;
	begin_process(process, time);
	note_time(sums, time);
	return inherit(process, &sums->process[from]);
}

int sum_thread(struct sums *sums, long pid, long tid, int64_t time)
{
	uint32_t thread;
	int ret = find_thread(sums, pid, tid, &thread);

	if (!ret && sums->thread[thread].begin < 0)
		sums->thread[thread].begin = time;
	return ret;
}

int sum_exit(struct sums *sums, long pid, int64_t time, struct slice how)
{
	struct process_sum *process;
	uint32_t number;
	long words;
	int ret = find_thread(sums, pid, pid, &number);

	if (ret)
		return ret;
	note_time(sums, time);
	/* strace tells of threads as well. */
	process = &sums->process[sums->thread[number].process];
	if (number < MOST_THREADS - 1)
		sums->thread[number].ended = true;
	if (process->pid != pid)
		return 0;
	words = number_of(sums, &sums->commands, how, MOST_NAMES);
	if (words < 0)
		return -ENOMEM;
	process->how = (uint32_t)words;
	process->end = time;
	/* Nobody asks for its descriptors any more. */
	return fdtable_close(process->fds, 0, FD_MOST - 1);
}

static void free_arrays(struct sums *sums)
{
	free(sums->call);
	free(sums->thing);
	free(sums->wait);
	free(sums->error);
	free(sums->program);
	free(sums->thread);
	free(sums->process);
}

void sums_free(struct sums *sums)
{
	size_t i;
	int way;

	for (i = 0; i < sums->calls.number && i < sums->call_room; i++) {
		for (way = 0; way < WAYS; way++)
			free(sums->call[i].by_way[way]);
	}
	for (i = 0; i < sums->threads; i++)
		free(sums->thread[i].bins);
	for (i = 0; i < sums->processes; i++)
		fdtable_put(sums->process[i].fds);
	free_arrays(sums);
	strings_free(&sums->calls);
	strings_free(&sums->reasons);
	strings_free(&sums->things);
	strings_free(&sums->waits);
	strings_free(&sums->errors);
	strings_free(&sums->programs);
	strings_free(&sums->commands);
	strings_free(&sums->ids);
}
