// SPDX-License-Identifier: MIT
/*
 * shim stat FILE: counters, or one line that says why not; in every format.  What
 * is printed is what can be printed.
 */
#include "target.h"

#include <stdlib.h>

static const char *const forms[] = { "-q", "--json", "--openmetrics" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = file_of(data, size), *output = empty_file();
	const char *args[] = { forms[size % 3], "-o", output, "-r", file, NULL };
	int status = run_command(&shim_stat, args);
	size_t written, i;
	char *bytes = written_file(&written);

	if (status != 0 && status != EXIT_TROUBLE)
		finding("a status that stat does not have");
	for (i = 0; i < written; i++) {
		if ((bytes[i] < ' ' && bytes[i] != '\n') || bytes[i] > '~')
			finding("a character that cannot be printed");
	}
	free(bytes);
	end_of_files();
	return 0;
}
