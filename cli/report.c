// SPDX-License-Identifier: MIT
/*
 * shim report: a trace as a page to look at.
 *
 * The way of a trace: report_read.c (lines), report_json.c or report_strace.c
 * (calls), report_sum.c with report_threads.c and report_things.c (sums),
 * report_page.c with report_tables.c, report_lists.c, report_svg.c and html.c (the
 * page).
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "shim.h"

static const struct option longs[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
"Usage: shim report [OPTION]... TRACE\n"
"Show a trace of system calls as a page of HTML: what each thread did and when,\n"
"what was waited for, how long calls took on the ring and natively, files, peers,\n"
"errors and programs.  TRACE is what shim trace -f -y --json writes, or text of\n"
"strace -f -y -ttt -T; '-' is the standard input.\n"
"\n"
"  -o, --output=FILE  write to FILE, which appears when it is complete\n"
"  -h, --help         this text\n"
"\n"
"The page needs no other file, no network and no scripts.\n"
"Status: 0, or 2 if something went wrong.\n";

static int read_trace(struct sums *sums, const char *file)
{
	int fd, ret;

	if (!strcmp(file, "-"))
		return report_read(sums, STDIN_FILENO, file);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		say("%s: %s", file, strerror(errno));
		return -1;
	}
	ret = report_read(sums, fd, file);
	close(fd);
	return ret;
}

static int write_page(const struct sums *sums, const char *file,
		      const char *name)
{
	struct output output;
	int ret;

	if (output_open(&output, file, stdout))
		return -1;
	ret = report_page(output.stream, sums,
			  (struct slice){ name, strlen(name) });
	if (ret)
		say("%s", strerror(-ret));
	return output_close(&output, !ret) || ret ? -1 : 0;
}

static int run(const char *trace, const char *output)
{
	struct sums sums = { .number = 0 };
	int ret = read_trace(&sums, trace);

	if (!ret)
		ret = write_page(&sums, output, trace);
	sums_free(&sums);
	return ret ? EXIT_TROUBLE : 0;
}

static int report_main(int argc, char **argv)
{
	const char *output = NULL;
	int option;

	/* No program follows: options may be behind the trace as well. */
	while ((option = next_option(argc, argv, ":ho:", longs)) != -1) {
		if (option == 'h' || option == OPT_HELP)
			return show_help(&shim_report);
		if (option != 'o')
			return EXIT_TROUBLE;
		output = optarg;
	}
	if (argc - optind != 1)
		return usage(argv[0], "one trace is wanted");
	return run(argv[optind], output);
}

const struct command shim_report = {
	.name = "report",
	.summary = "show a trace of system calls as a page",
	.help = help,
	.main = report_main,
};
