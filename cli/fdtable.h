/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor stands for, in each process of a trace.
 *
 * A process has a copy of its parent's table, so that copying must cost nothing:
 * tables share what is the same in both.
 */
#ifndef SHIM_CLI_FDTABLE_H
#define SHIM_CLI_FDTABLE_H

#define FD_MOST (1L << 20) /* those from here on are not followed */
#define FD_UNKNOWN (-1L)

struct fd_node;

/* Shared by threads: counted. */
struct fdtable {
	struct fd_node *root;
	unsigned long users;
};

struct fdtable *fdtable_new(void);
struct fdtable *fdtable_copy(const struct fdtable *table);
struct fdtable *fdtable_share(struct fdtable *table);
void fdtable_put(struct fdtable *table);

/* What @fd stands for: a number that was set, or FD_UNKNOWN. */
long fdtable_get(const struct fdtable *table, long fd);

/* 0 or -ENOMEM.  FD_UNKNOWN forgets. */
int fdtable_set(struct fdtable *table, long fd, long what);

/* Forget all from @first to @last. */
int fdtable_close(struct fdtable *table, long first, long last);

#endif
