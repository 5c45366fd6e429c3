// SPDX-License-Identifier: MIT
/*
 * The reasons for native calls, for people who do not have the documentation at
 * hand.  docs/semantics.md has the same list at length.
 */
#include "reasons.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *word, *text;
} reasons[] = {
	{ "off", "SHIM_MODE=off" },
	{ "auto", "SHIM_MODE=auto" },
	{ "config", "a SHIM_ variable has an unknown value" },
	{ "early", "before the library could be set up" },
	{ "no-ring", "the kernel gives no ring" },
	{ "valgrind", "valgrind does not see what a ring writes" },
	{ "sandbox", "a seccomp filter is active" },
	{ "stacked", "another preloaded library has the call too" },
	{ "nested", "in a signal handler, during another call" },
	{ "vfork", "in a vfork child" },
	{ "kind", "a terminal, a device, a directory ..." },
	{ "unknown-fd", "a descriptor that was never looked at" },
	{ "datagram", "not a stream socket" },
	{ "unix", "a unix socket" },
	{ "nonblock", "an O_NONBLOCK socket" },
	{ "timeout", "SO_RCVTIMEO or SO_SNDTIMEO is set" },
	{ "lowat", "SO_RCVLOWAT is set" },
	{ "shared-position", "others may move the file position" },
	{ "flush", "closing may do work of its own" },
	{ "unsupported", "this file cannot be asked not to wait" },
	{ "length", "nothing, or more than one call can move" },
	{ "uncached", "would have to wait for a disk" },
	{ "worker", "the kernel would use a worker thread" },
	{ "create", "may create or truncate a file" },
	{ "special-path", "below /dev, /proc, /sys; a device, a FIFO; on FUSE, NFS" },
	{ "unknown-fs", "the first open on a file system" },
	{ "waited", "has to wait" },
	{ "space", "has to wait for space" },
	{ "may-split", "may move a part and then wait" },
	{ "no-fd", "no descriptor left for a wait on the ring" },
	{ "retry", "the ring gave an answer of its own" },
	{ "flags", "flags that only the native call knows" },
	{ "address", "with an address" },
	{ "control", "with control data" },
	{ "vector", "too many segments" },
	{ "number", "made by number, and not a common one" },
	{ "bookkeeping", "only counted" },
};

const char *reason_text(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!strcmp(reasons[i].word, word))
			return reasons[i].text;
	}
	return NULL;
}
