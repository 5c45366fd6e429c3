// SPDX-License-Identifier: MIT
/*
 * Finding the functions behind ours and deciding, name by name, where a call
 * goes; see real.h.
 */
#include "real.h"

#include <dlfcn.h>

#include "fdtable.h"
#include "init.h"
#include "libc.h"
#include "native.h"
#include "patch.h"
#include "traced.h"

/* entry.S */
#define SHIM_OTHER_SYMBOL(symbol) void shim_unfound_##symbol(void);
#include "each.def"

/*
 * Until they are found, and when they are patched: the system calls.  Looking for
 * them calls other code already (strcmp(3) may be the program's, that of a
 * sanitizer for example, which sets itself up then): what that calls of the others
 * is found one by one.
 */
struct shim_real shim_real = {
#define SHIM_ENTRY(function) .function = shim_raw_##function,
#define SHIM_OTHER_SYMBOL(symbol) .symbol = (void *)shim_unfound_##symbol,
#include "each.def"
};

/* Which entries libc's own functions jump to. */
static struct {
#define SHIM_ENTRY(function) bool function;
#define SHIM_PRIVATE_SYMBOL(symbol, entry) bool symbol;
#include "each.def"
} patched;

bool shim_sees_exit;

/* Where an exported name jumps to (entry.S), and what else it could. */
#define SHIM_CALL_SYMBOL(symbol, entry, call_) \
	void *shim_front_##symbol = (void *)shim_entry_##entry; \
	struct shim_stack shim_stack_##symbol = { .call = SHIM_CALL_##call_ }; \
	void shim_stacked_##symbol(void);
#define SHIM_CHECKED_SYMBOL(symbol, entry, call_) \
	void *shim_front_##symbol = (void *)shim_entry_##entry; \
	struct shim_stack shim_stack_##symbol = { .call = SHIM_CALL_##call_ }; \
	void shim_stacked_##symbol(void);
#define SHIM_THROUGH_SYMBOL(symbol, entry) \
	void *shim_front_##symbol = (void *)shim_entry_##entry;
#include "each.def"

/* A symbol that this libc does not have keeps what it had. */
static void *next(const char *name, void *otherwise)
{
	void *p = NULL;
	size_t size;

	if (shim_libc_alone_has(name))
		p = shim_libc_function(name, &size);
	if (!p)
		p = dlsym(RTLD_NEXT, name);
	return p ? p : otherwise;
}

/* What another preloaded library has under this name, or @otherwise. */
static void *stacked(const char *name, void *otherwise)
{
	void *p;

	if (shim_libc_alone_has(name))
		return otherwise;
	p = dlsym(RTLD_NEXT, name);
	return p && !shim_libc_has(p) ? p : otherwise;
}

static void *libc_own(const char *name, void *otherwise)
{
	size_t size;
	void *p = shim_libc_function(name, &size);

	if (!p)
		p = dlsym(RTLD_NEXT, name);
	return p && shim_libc_has(p) ? p : otherwise;
}

void shim_real_resolve(void)
{
	shim_libc_find();
#define SHIM_ENTRY(function) \
	shim_real.function = libc_own(#function, shim_real.function);
#define SHIM_CALL_SYMBOL(symbol, entry, call) \
	shim_stack_##symbol.next = stacked(#symbol, NULL); \
	if (shim_stack_##symbol.next) \
		shim_front_##symbol = (void *)shim_stacked_##symbol;
#define SHIM_CHECKED_SYMBOL(symbol, entry, call) \
	SHIM_CALL_SYMBOL(symbol, entry, call)
#define SHIM_THROUGH_SYMBOL(symbol, entry) \
	shim_front_##symbol = stacked(#symbol, shim_front_##symbol);
#define SHIM_OTHER_SYMBOL(symbol) \
	shim_real.symbol = next(#symbol, shim_real.symbol);
#include "each.def"
}

/* Where a call by name goes when there is a recording. */
void shim_real_trace(void)
{
#define SHIM_CALL_SYMBOL(symbol, entry, call) \
	if (shim_front_##symbol == (void *)shim_entry_##entry) \
		shim_front_##symbol = (void *)shim_traced_##entry;
#define SHIM_CHECKED_SYMBOL(symbol, entry, call) \
	SHIM_CALL_SYMBOL(symbol, entry, call)
#include "each.def"
}

/* From entry.S: called before it has been found. */
void *shim_find_early(const char *name);

void *shim_find_early(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* From entry.S: another library has this call; where is it? */
void *shim_before_stacked(struct shim_stack *s, long first);

void *shim_before_stacked(struct shim_stack *s, long first)
{
	shim_enter();
	if (!s->counted) {
		if (s->call == SHIM_CALL_CLOSE)
			shim_fd_forget((int)first);
		shim_count(shim_counting_thread(), s->call, SHIM_STACKED, 1);
	}
	return s->next;
}

#define MAX_PATCHES 96

struct patches {
	struct shim_patch list[MAX_PATCHES];
	size_t n;
	bool traced;
};

static void add(struct patches *p, const char *name, void *target, bool *done)
{
	size_t size = 0, i;
	void *function = shim_libc_function(name, &size);

	if (!function || p->n == MAX_PATCHES)
		return;
	/* One function under two names. */
	for (i = 0; i < p->n; i++) {
		if ((uintptr_t)p->list[i].function - (uintptr_t)function < 8)
			return;
	}
	if (shim_patch_prepare(&p->list[p->n], function, size, target, done,
			       p->traced))
		p->n++;
}

int shim_real_patch(bool traced)
{
	struct patches p = { .n = 0, .traced = traced };
	int ret;

#define TARGET(entry) (shim_tracing ? (void *)shim_traced_##entry : \
		       (void *)shim_entry_##entry)
#define SHIM_CALL_SYMBOL(symbol, entry, call) \
	add(&p, #symbol, TARGET(entry), &patched.entry);
#define SHIM_PRIVATE_SYMBOL(symbol, entry) \
	add(&p, #symbol, TARGET(entry), &patched.symbol);
#define SHIM_THROUGH_SYMBOL(symbol, entry) \
	add(&p, #symbol, (void *)shim_entry_##entry, &patched.entry);
#include "each.def"
#undef TARGET
	ret = shim_patch_write(p.list, p.n);
	if (ret)
		return ret;
#define SHIM_ENTRY(function) \
	if (patched.function) \
		shim_real.function = shim_raw_##function;
#define SHIM_CALL_SYMBOL(symbol, entry, call) \
	shim_stack_##symbol.counted = patched.entry;
#define SHIM_CHECKED_SYMBOL(symbol, entry, call) \
	shim_stack_##symbol.counted = true;
#include "each.def"
	shim_sees_exit = patched._exit;
	return 0;
}
