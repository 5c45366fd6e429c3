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

/* Which of @words, ended by NULL, is the value of @name?  The first if unset. */
static int choose(struct shim_config *config, char *const *env,
		  const char *name, const char *const *words,
		  const char *accepted)
{
	const char *value = find(env, name);
	int i;

	if (!value)
		return 0;
	for (i = 0; words[i]; i++) {
		if (!strcmp(value, words[i]))
			return i;
	}
	if (!config->bad_name) {
		config->bad_name = name;
		config->bad_value = value;
		config->accepted = accepted;
	}
	return 0;
}

void shim_config_parse(struct shim_config *config, char *const *env)
{
	static const char *const modes[] = { "ring", "off", NULL };
	static const char *const waits[] = { "native", "ring", NULL };
	static const char *const follows[] = { "1", "0", NULL };
	static const char *const patches[] = { "auto", "off", NULL };

	*config = (struct shim_config){ .bad_name = NULL };
	config->mode = (enum shim_mode)choose(config, env, "SHIM_MODE", modes,
					      "ring, off");
	config->wait = (enum shim_wait)choose(config, env, "SHIM_WAIT", waits,
					      "native, ring");
	config->patch = (enum shim_patching)choose(config, env, "SHIM_PATCH",
						   patches, "auto, off");
	config->follow = (enum shim_follow)choose(config, env, "SHIM_FOLLOW",
						  follows, "1, 0");
	config->preload = find(env, "LD_PRELOAD");
	config->stats = find(env, "SHIM_STATS");
	if (config->stats && !strcmp(config->stats, "0"))
		config->stats = NULL;
}
