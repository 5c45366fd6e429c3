/* SPDX-License-Identifier: MIT */
/* Does the kernel give this process a ring, which form of it, and if not, why? */
#ifndef SHIM_CLI_KERNEL_H
#define SHIM_CLI_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

enum ring_form {
	RING_NONE,
	RING_REGISTERED,      /* 6.1: the descriptor is registered and closed */
	RING_REGISTERED_ONLY, /* 6.5: no descriptor and no mapping */
};

struct kernel {
	char release[65];
	long disabled, group; /* the sysctls; -1: there is none */
	long seccomp;         /* of this process: 0 none, 1 strict, 2 filter */
	bool admin, lock;     /* CAP_SYS_ADMIN, CAP_IPC_LOCK */
	rlim_t memlock;
	enum ring_form form;
	int error;            /* of the attempt, if RING_NONE */
	bool killed;          /* for the attempt */
};

void kernel_look(struct kernel *kernel);

/* "none", ... for programs. */
const char *kernel_form_name(enum ring_form form);
/* For people. */
const char *kernel_form_text(enum ring_form form);

/* Why there is no ring; only if there is none. */
void kernel_why(const struct kernel *kernel, char *text, size_t size);

#endif
