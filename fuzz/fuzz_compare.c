// SPDX-License-Identifier: MIT
/*
 * shim compare A B: the two traces are what is before and behind a line "====".
 * Whatever they are, it ends with one of its statuses, and a trace is always the
 * same as itself.
 */
#include "target.h"

#include <stdlib.h>
#include <string.h>

static const char mark[] = "\n====\n";

static const char *const forms[][4] = {
	{ NULL },
	{ "--json", "-eall", "--strict", NULL },
	{ "-eread,write,signal,end", NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size ? memmem(data, size, mark, sizeof(mark) - 1) :
		NULL;
	size_t head = cut ? (size_t)(cut - data) + 1 : size;
	const char *a = file_of(data, head), *b = a;
	const char *args[MOST_ARGUMENTS] = { "-o", "/dev/null" };
	size_t form = size % 3, n = 2, i;
	int status;

	if (cut)
		b = file_of(data + head + 5, size - head - 5);
	for (i = 0; forms[form][i]; i++)
		args[n++] = forms[form][i];
	args[n++] = a;
	args[n] = b;
	status = run_command(&shim_compare, args);
	if (status < 0 || status > 2)
		finding("a status that compare does not have");
	if (a == b && status == 1)
		finding("a trace is different from itself");
	end_of_files();
	return 0;
}
