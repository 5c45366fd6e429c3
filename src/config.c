// SPDX-License-Identifier: MIT
/*
 * Parsing the environment.  Not getenv(3): a library that is loaded before libc
 * is initialised may only look at what it was given.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

static const char *find(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++) {
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return (*env)[len + 1] ? *env + len + 1 : NULL;
	}
	return NULL;
}

static void bad(struct shim_config *config, const char *name,
		const char *value, const char *accepted)
{
	if (config->bad_name)
		return;
	config->bad_name = name;
	config->bad_value = value;
	config->accepted = accepted;
}

void shim_config_parse(struct shim_config *config, char *const *env)
{
	const char *mode = find(env, "SHIM_MODE");

	*config = (struct shim_config){ .mode = SHIM_MODE_RING };
	if (!mode || !strcmp(mode, "ring"))
		config->mode = SHIM_MODE_RING;
	else if (!strcmp(mode, "off"))
		config->mode = SHIM_MODE_OFF;
	else
		bad(config, "SHIM_MODE", mode, "ring, off");

	config->stats = find(env, "SHIM_STATS");
	if (config->stats && !strcmp(config->stats, "0"))
		config->stats = NULL;
}
