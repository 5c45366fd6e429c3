// SPDX-License-Identifier: MIT
/*
 * The words for calls and routes, in one place; see route.h.  The decisions
 * themselves are in call_*.c, one file per family.
 */
#include "route.h"

#include <stdint.h>
#include <sys/syscall.h>

static const char *const route_names[SHIM_ROUTES] = {
	[SHIM_RING] = "ring",
	[SHIM_OFF] = "off",
	[SHIM_AUTO] = "auto",
	[SHIM_CONFIG] = "config",
	[SHIM_EARLY] = "early",
	[SHIM_NO_RING] = "no-ring",
	[SHIM_VALGRIND] = "valgrind",
	[SHIM_SANDBOX] = "sandbox",
	[SHIM_STACKED] = "stacked",
	[SHIM_NESTED] = "nested",
	[SHIM_VFORK] = "vfork",
	[SHIM_KIND] = "kind",
	[SHIM_UNKNOWN_FD] = "unknown-fd",
	[SHIM_DATAGRAM] = "datagram",
	[SHIM_UNIX] = "unix",
	[SHIM_NONBLOCK] = "nonblock",
	[SHIM_TIMEOUT] = "timeout",
	[SHIM_LOWAT] = "lowat",
	[SHIM_SHARED_POSITION] = "shared-position",
	[SHIM_FLUSH] = "flush",
	[SHIM_UNSUPPORTED] = "unsupported",
	[SHIM_LENGTH] = "length",
	[SHIM_UNCACHED] = "uncached",
	[SHIM_WORKER] = "worker",
	[SHIM_CREATE] = "create",
	[SHIM_SPECIAL_PATH] = "special-path",
	[SHIM_UNKNOWN_FS] = "unknown-fs",
	[SHIM_WAITED] = "waited",
	[SHIM_SPACE] = "space",
	[SHIM_MAY_SPLIT] = "may-split",
	[SHIM_NO_FD] = "no-fd",
	[SHIM_RETRY] = "retry",
	[SHIM_FLAGS] = "flags",
	[SHIM_ADDRESS] = "address",
	[SHIM_CONTROL] = "control",
	[SHIM_VECTOR] = "vector",
	[SHIM_NUMBER] = "number",
	[SHIM_BOOKKEEPING] = "bookkeeping",
};

static const char *const call_names[SHIM_CALLS] = {
#define SHIM_CALL(call, name) #name,
#define SHIM_COUNTED_CALL(call, name) #name,
#include "calls.def"
#undef SHIM_CALL
#undef SHIM_COUNTED_CALL
};

static const uint16_t call_numbers[SHIM_CALLS] = {
#define SHIM_CALL(call, name) SYS_##name,
#define SHIM_COUNTED_CALL(call, name) SYS_##name,
#include "calls.def"
#undef SHIM_CALL
#undef SHIM_COUNTED_CALL
};

const char *shim_route_name(enum shim_route route)
{
	return route_names[route];
}

const char *shim_call_name(enum shim_call call)
{
	return call_names[call];
}

unsigned shim_call_number(enum shim_call call)
{
	return call_numbers[call];
}
