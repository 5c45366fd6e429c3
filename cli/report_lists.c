// SPDX-License-Identifier: MIT
/* The tables of a report about files, peers, errors, programs and threads. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "report_tables.h"

#define MOST_THINGS 25
#define MOST_ERRORS 40
#define MOST_PROGRAMS 40
#define MOST_PROCESSES 200

void put_command_line(FILE *to, const struct sums *sums, uint32_t process)
{
	uint32_t command = sums->process[process].command;

	fputs("<span class=\"mono\">", to);
	html_name(to, command == NONE ? SLICE("?") :
		  sums->commands.all[command].s);
	fputs("</span>", to);
}

/* Since the beginning of the trace. */
static void cell_moment(FILE *to, const struct sums *sums, int64_t time)
{
	cell_time(to, time < 0 || sums->begin < 0 ? -1 :
		  time > sums->begin ? time - sums->begin : 0);
}

static void put_thread(FILE *to, const struct sums *sums, uint32_t number)
{
	const struct thread_sum *t = &sums->thread[number];
	int64_t rest = t->begin < 0 ? 0 : t->end - t->begin;
	int way;

	fprintf(to, "<tr><td>%ld</td><td>%ld</td><td class=\"n\">", t->tid,
		t->pid);
	put_command_line(to, sums, t->process);
	fputs("</td>", to);
	cell_count(to, t->calls);
	cell_moment(to, sums, t->begin);
	cell_moment(to, sums, t->end);
	for (way = 0; way < WAYS; way++) {
		cell_time(to, t->time[way]);
		rest -= t->time[way];
	}
	cell_time(to, rest > 0 ? rest : 0);
	fputs("</tr>\n", to);
}

void table_threads(FILE *to, const struct sums *sums, const uint32_t *threads,
		   size_t number)
{
	size_t i;

	fputs("<details><summary>The picture as a table</summary>\n", to);
	html_table(to, "From the first call of the trace on; between its first "
		   "and its last call a thread was",
		   "thread|process|<command|calls|first|last|on the ring|native|"
		   "waiting|route unknown|elsewhere");
	for (i = 0; i < number; i++)
		put_thread(to, sums, threads[i]);
	html_table_end(to);
	fputs("</details>\n", to);
}

static bool is_file(const struct thing *thing)
{
	return thing->kind == THING_FILE || thing->kind == THING_OTHER;
}

/* By time, or if the trace has none, by calls. */
static int64_t weight(const struct sums *sums, const struct thing *thing)
{
	if (!thing->calls)
		return 0;
	return sums->durations ? add_times(thing->time, 1) :
		(int64_t)thing->calls;
}

static int64_t weight_of_file(const struct sums *sums, size_t i)
{
	return is_file(&sums->thing[i]) ? weight(sums, &sums->thing[i]) : 0;
}

static int64_t weight_of_peer(const struct sums *sums, size_t i)
{
	return is_file(&sums->thing[i]) ? 0 : weight(sums, &sums->thing[i]);
}

static void put_thing(FILE *to, const struct sums *sums, uint32_t number)
{
	const struct thing *thing = &sums->thing[number];

	fputs("<tr>", to);
	cell_thing(to, sums, number);
	cell_count(to, thing->calls);
	if (sums->durations) {
		cell_time(to, thing->time);
		cell_time(to, thing->wait);
	}
	cell_bytes(to, thing->in);
	cell_bytes(to, thing->out);
	cell_count(to, thing->errors);
	fputs("</tr>\n", to);
}

static int put_things(FILE *to, const struct sums *sums, const char *heading,
		      const char *what,
		      int64_t (*key)(const struct sums *sums, size_t i))
{
	struct ranking r;
	char columns[128];
	int ret = rank(&r, sums, sums->things.number, key);
	size_t n = r.number < MOST_THINGS ? r.number : MOST_THINGS, i;

	if (!ret && n) {
		fprintf(to, "<h2>%s</h2>\n", heading);
		snprintf(columns, sizeof(columns),
			 "<%s|calls%s|read|written|errors", what,
			 sums->durations ? "|time|of it waiting" : "");
		html_table(to, sums->durations ?
			   "By the time of the calls on them" :
			   "By the number of calls on them", columns);
		for (i = 0; i < n; i++)
			put_thing(to, sums, r.all[i]);
		html_table_end(to);
		put_rest(to, n, r.number);
	}
	free(r.all);
	return ret;
}

int tables_things(FILE *to, const struct sums *sums)
{
	int ret = put_things(to, sums, "Files", "file", weight_of_file);

	return ret ? ret : put_things(to, sums, "Peers and pipes", "peer",
				      weight_of_peer);
}

static int64_t number_of_errors(const struct sums *sums, size_t i)
{
	return (int64_t)sums->error[i].count;
}

static void put_error(FILE *to, const struct sums *sums, uint32_t number)
{
	const struct error_sum *error = &sums->error[number];
	struct slice name = sums->errors.all[number].s;
	const char *space = memrchr(name.s, ' ', name.n);

	if (space)
		name.n = (size_t)(space - name.s);
	fputs("<tr><td class=\"t\">", to);
	html_text(to, name);
	fputs("</td><td class=\"t\">", to);
	html_text(to, sums->calls.all[error->call].s);
	fputs("</td>", to);
	cell_count(to, error->count);
	cell_thing(to, sums, error->example);
	fputs("</tr>\n", to);
}

static int put_errors(FILE *to, const struct sums *sums)
{
	struct ranking r;
	int ret = rank(&r, sums, sums->errors.number, number_of_errors);
	size_t n = r.number < MOST_ERRORS ? r.number : MOST_ERRORS, i;

	if (!ret && n) {
		fputs("<h2>Errors</h2>\n", to);
		html_table(to, "By their number",
			   "<error|<call|calls|<the first one on");
		for (i = 0; i < n; i++)
			put_error(to, sums, r.all[i]);
		html_table_end(to);
		put_rest(to, n, r.number);
	}
	free(r.all);
	return ret;
}

static void put_slow(FILE *to, const struct sums *sums, const struct slow *slow)
{
	const struct thread_sum *thread = &sums->thread[slow->thread];

	fputs("<tr>", to);
	cell_time(to, slow->duration);
	fputs("<td class=\"t\">", to);
	html_text(to, sums->calls.all[slow->call].s);
	fprintf(to, "</td><td class=\"t\">%s</td>", way_name(slow->way));
	cell_thing(to, sums, slow->thing);
	fprintf(to, "<td>%ld</td>", thread->tid);
	cell_moment(to, sums, slow->time);
	fputs("</tr>\n", to);
}

static void put_slowest(FILE *to, const struct sums *sums)
{
	size_t i;

	if (!sums->slows)
		return;
	fputs("<h2>The longest calls</h2>\n", to);
	html_table(to, "Single calls",
		   "time|<call|<way|<on|thread|began at");
	for (i = 0; i < sums->slows; i++)
		put_slow(to, sums, &sums->slow[i]);
	html_table_end(to);
}

int tables_errors(FILE *to, const struct sums *sums)
{
	put_slowest(to, sums);
	return put_errors(to, sums);
}

static int64_t weight_of_program(const struct sums *sums, size_t i)
{
	const struct program_sum *program = &sums->program[i];

	return sums->durations ? add_times(program->time, 1) :
		add_times((int64_t)program->calls, 1);
}

static void put_program(FILE *to, const struct sums *sums, uint32_t number)
{
	const struct program_sum *program = &sums->program[number];

	fputs("<tr><td class=\"n\">", to);
	html_name(to, sums->programs.all[number].s);
	fputs("</td>", to);
	cell_count(to, program->starts);
	cell_count(to, program->calls);
	cell_count(to, program->errors);
	cell_bytes(to, program->bytes);
	if (sums->durations) {
		cell_time(to, program->time);
		cell_time(to, program->wait);
	}
	fputs("</tr>\n", to);
}

static int put_programs(FILE *to, const struct sums *sums)
{
	struct ranking r;
	int ret = rank(&r, sums, sums->programs.number, weight_of_program);
	size_t n = r.number < MOST_PROGRAMS ? r.number : MOST_PROGRAMS, i;

	if (!ret && n) {
		html_table(to, "Programs", sums->durations ?
			   "<program|starts|calls|errors|bytes|time in calls|"
			   "of it waiting" :
			   "<program|starts|calls|errors|bytes");
		for (i = 0; i < n; i++)
			put_program(to, sums, r.all[i]);
		html_table_end(to);
		put_rest(to, n, r.number);
	}
	free(r.all);
	return ret;
}

static void put_process(FILE *to, const struct sums *sums, uint32_t number)
{
	const struct process_sum *p = &sums->process[number];

	fprintf(to, "<tr><td>%ld</td><td>", p->pid);
	if (p->parent >= 0)
		fprintf(to, "%ld", p->parent);
	fputs("</td><td class=\"n\">", to);
	put_command_line(to, sums, number);
	fputs("</td>", to);
	cell_moment(to, sums, p->begin);
	cell_moment(to, sums, p->end);
	cell_count(to, p->threads);
	cell_count(to, p->calls);
	cell_time(to, p->time);
	cell_time(to, p->wait);
	fputs("<td class=\"t\">", to);
	html_text(to, p->how == NONE ? SLICE("not in the trace") :
		  sums->commands.all[p->how].s);
	fputs("</td></tr>\n", to);
}

int tables_programs(FILE *to, const struct sums *sums)
{
	size_t i, shown = 0, all = 0;
	int ret;

	fputs("<h2>Programs and processes</h2>\n", to);
	ret = put_programs(to, sums);
	html_table(to, "Processes", "pid|parent|<command|began at|ended at|"
		   "threads|calls|time in calls|of it waiting|<end");
	for (i = 0; i < sums->processes; i++) {
		if (!sums->process[i].threads)
			continue;
		if (all++ < MOST_PROCESSES) {
			put_process(to, sums, (uint32_t)i);
			shown++;
		}
	}
	html_table_end(to);
	put_rest(to, shown, all);
	return ret;
}
