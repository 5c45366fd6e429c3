// SPDX-License-Identifier: MIT
/* One large file, from start to end; see prefetch_stream.h. */
#include "prefetch_stream.h"

#include <fcntl.h>
#include <string.h>

#include "prefetch_load.h"

#define STEP (4UL << 20)

void shim_stream_begin(struct shim_stream *s, const char *path, uint64_t dev,
		       uint64_t ino, uint64_t at)
{
	s->on = true;
	s->used = false;
	s->dev = dev;
	s->ino = ino;
	s->begun = s->at = s->asked = at;
	strcpy(s->path, path);
}

bool shim_stream_reach(struct shim_stream *s, uint64_t at)
{
	/* Some of it may have been read before this was heard of. */
	if (at < s->at || at > s->asked + 16 * STEP)
		s->on = false;
	s->used |= at > s->begun && s->asked > s->begun;
	s->at = at;
	if (s->asked < at)
		s->asked = at;
	return s->on;
}

long shim_stream_more(struct shim_stream *s, int own, uint64_t most)
{
	uint64_t grown = STEP + 2 * (s->at - s->begun);
	long ret;

	if (most > grown)
		most = grown;
	if (!s->on || s->asked + STEP > s->at + most)
		return 0;
	ret = shim_load_find(AT_FDCWD, s->path);
	if (ret >= 0)
		ret = shim_load(own, (int)ret, s->dev, s->ino, s->asked, STEP);
	if (ret <= 0)
		s->on = false;
	else
		s->asked += (uint64_t)ret;
	return ret;
}
