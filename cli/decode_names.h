/* SPDX-License-Identifier: MIT */
/* Names for numbers and for bits, printed as strace prints them. */
#ifndef SHIM_CLI_DECODE_NAMES_H
#define SHIM_CLI_DECODE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct number_name {
	uint64_t value;
	const char *name;
};

/* In the order in which flags are printed. */
struct names {
	const struct number_name *all;
	size_t number;
	const char *unknown; /* "O_???" */
};

/* The name of @value, or its number with a comment: AF_???. */
void put_name(struct text *out, const struct names *names, uint64_t value);
/* The name alone, or NULL. */
const char *name_of(const struct names *names, uint64_t value);
/* "A|B|0x40", or "0" */
void put_flags(struct text *out, const struct names *names, uint64_t value);
/* What is left of @value behind "A": "|B|0x40" */
void put_more_flags(struct text *out, const struct names *names, uint64_t value);

void put_signal(struct text *out, int64_t signal);
/* "O_RDWR|O_CREAT" */
void put_open_flags(struct text *out, uint64_t flags);

extern const struct names names_open, names_fd, names_range, names_splice,
	names_rwf, names_message, names_domain, names_type, names_type_flags,
	names_ip, names_netlink, names_command, names_lock, names_whence,
	names_owner, names_notify, names_seals, names_level, names_control,
	names_ip_control;

#endif
