// SPDX-License-Identifier: MIT
/*
 * A target without libFuzzer: the files that are given, one after the other, so
 * that what was found once is looked for in every run of the tests.
 */
#include <stdio.h>
#include <stdlib.h>

#include "target.h"

static int replay(const char *name)
{
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(name, "r");
	size_t n;

	if (!file) {
		perror(name);
		return 1;
	}
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	fprintf(stderr, "%s: %zu bytes\n", name, n);
	LLVMFuzzerTestOneInput(bytes, n);
	return 0;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	for (i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	return failed || argc < 2;
}
