/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share: a whole command is run, in this process, with files
 * that are only in memory, so that what is tested is what users run.
 */
#ifndef SHIM_FUZZ_TARGET_H
#define SHIM_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "../cli/shim.h"

#define MOST_ARGUMENTS 8

/* Also for those who run a target without libFuzzer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name for these bytes as a file; closed by end_of_files(). */
const char *file_of(const uint8_t *data, size_t size);
/* The same for a file that is to be written, and what has been. */
const char *empty_file(void);
char *written_file(size_t *size);
void end_of_files(void);

/* The command's status; @last is NULL.  stdout is not touched. */
int run_command(const struct command *command, const char *const *arguments);

/* Ends the program with a message that is seen as a finding. */
void finding(const char *what);

#endif
