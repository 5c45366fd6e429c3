// SPDX-License-Identifier: MIT
/*
 * shim run: a program under the library.  It takes the place of this process, so
 * that its status, its signals and its parent are its own.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"
#include "shim.h"

#define OPT_STATS 1200

static const char help[] =
"Usage: shim run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
"Run a program with its I/O calls on io_uring, wherever that is just the same.\n\n"
LAUNCH_HELP
"      --stats[=FILE]      counters on stderr at the end, or always in FILE\n"
"                          (%p in its name is the pid)\n"
"  -h, --help              this text\n\n"
"The status is the program's; 127: not found, 126: cannot be executed, 125:\n"
"the library was not found or cannot work (--strict), 2: wrong usage.\n";

static const struct option options[] = {
	LAUNCH_OPTIONS,
	{ "stats", optional_argument, NULL, OPT_STATS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

/*
 * The value of SHIM_STATS.  A name becomes absolute: what the program starts may
 * run elsewhere, and shall count in the same file.
 */
static int stats_value(const char *arg, char *value, size_t size)
{
	char here[PATH_MAX];
	int n;

	if (!arg)
		arg = "1";
	if (!*arg)
		return usage("shim run", "--stats= needs a file name");
	if (*arg == '/' || !strcmp(arg, "0") || !strcmp(arg, "1"))
		n = snprintf(value, size, "%s", arg);
	else if (getcwd(here, sizeof(here)))
		n = snprintf(value, size, "%s/%s", here, arg);
	else
		n = snprintf(value, size, "./%s", arg);
	if (n >= (int)size) {
		say("--stats=%.64s...: %s", arg, strerror(ENAMETOOLONG));
		return EXIT_CANNOT_RUN;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct launch launch = { .command = argv[0] };
	char stats[PATH_MAX] = "";
	int c, ret = 0;

	while ((c = next_option(argc, argv, "+:qh", options)) != -1) {
		if (c == OPT_HELP || c == 'h')
			return show_help(&shim_run);
		if (c == OPT_STATS)
			ret = stats_value(optarg, stats, sizeof(stats));
		else
			ret = c == '?' ? EXIT_TROUBLE :
				launch_option(&launch, c, optarg);
		if (ret)
			return ret;
	}
	argv += optind;
	if (!*argv)
		return usage("shim run", "a program is missing");
	ret = launch_prepare(&launch, *argv, *stats ? stats : NULL);
	return ret ? ret : launch_exec(argv);
}

const struct command shim_run = {
	.name = "run",
	.summary = "run a program under the library",
	.help = help,
	.main = run,
};
