/* SPDX-License-Identifier: MIT */
/*
 * The environment variables, parsed.  The values are documented in README.md
 * and docs/semantics.md.
 */
#ifndef SHIM_CONFIG_H
#define SHIM_CONFIG_H

enum shim_mode { SHIM_MODE_RING, SHIM_MODE_AUTO, SHIM_MODE_OFF };

/* Where a call that has to wait sleeps; see call.h. */
enum shim_wait { SHIM_WAIT_NATIVE, SHIM_WAIT_RING };

/* Are libc's own functions patched? */
enum shim_patching { SHIM_PATCH_AUTO, SHIM_PATCH_OFF };

/* Do child programs get the library too? */
enum shim_follow { SHIM_FOLLOW_ON, SHIM_FOLLOW_OFF };

/* SHIM_MODE=auto: is it waited for evidence that running ahead pays? */
enum shim_eagerness { SHIM_PREFETCH_AUTO, SHIM_PREFETCH_EAGER };

#define SHIM_PREFETCH_DEPTH 128UL
#define SHIM_PREFETCH_DEPTH_MAX 256UL
#define SHIM_PREFETCH_BYTES (64UL << 20)
#define SHIM_PREFETCH_BYTES_MAX (1UL << 40)

struct shim_config {
	enum shim_mode mode;
	enum shim_wait wait;
	enum shim_patching patch;
	enum shim_follow follow;
	enum shim_eagerness prefetch;
	unsigned long prefetch_depth; /* hints ahead of the program */
	unsigned long prefetch_bytes; /* of file data, likewise */
	const char *stats;    /* NULL: none; "1": stderr; else a file name */
	const char *trace;    /* the recording's file, or NULL */
	const char *preload;  /* LD_PRELOAD, or NULL */
	/* Of the first variable with a value that means nothing, or NULL. */
	const char *bad_name;
	const char *bad_value;
	const char *accepted;
};

/*
 * Read @env, an environment as that of execve(2).  Pointers in the result point
 * into it, or are static.  Empty values count as not set.  Async-signal-safe.
 */
void shim_config_parse(struct shim_config *config, char *const *env);

#endif
