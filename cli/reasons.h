/* SPDX-License-Identifier: MIT */
#ifndef SHIM_CLI_REASONS_H
#define SHIM_CLI_REASONS_H

/* What the word for a native call means, in a few others; NULL: a new word. */
const char *reason_text(const char *word);

#endif
