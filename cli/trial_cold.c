// SPDX-License-Identifier: MIT
/* Making the caches cold before a run; see trial_cold.h. */
#include "trial_cold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

struct cold {
	int all; /* /proc/sys/vm/drop_caches */
};

int cold_begin(struct cold **cold, struct trial *trial)
{
	struct cold *c = calloc(1, sizeof(*c));

	if (!c) {
		say("%s", strerror(ENOMEM));
		return EXIT_CANNOT_RUN;
	}
	*cold = c;
	c->all = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	if (c->all < 0) {
		say("/proc/sys/vm/drop_caches: %s", strerror(errno));
		return EXIT_TROUBLE;
	}
	trial->cold_how = "all caches of the machine were dropped";
	return 0;
}

int cold_drop(const struct cold *cold)
{
	/* What has not been written yet cannot be dropped. */
	sync();
	if (write(cold->all, "3", 1) == 1)
		return 0;
	say("/proc/sys/vm/drop_caches: %s", strerror(errno));
	return EXIT_TROUBLE;
}

void cold_end(struct cold *cold)
{
	if (!cold)
		return;
	if (cold->all >= 0)
		close(cold->all);
	free(cold);
}
