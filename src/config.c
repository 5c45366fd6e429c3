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

static void refuse(struct shim_config *config, const char *name,
		   const char *value, const char *accepted)
{
	if (config->bad_name)
		return;
	config->bad_name = name;
	config->bad_value = value;
	config->accepted = accepted;
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
	refuse(config, name, value, accepted);
	return 0;
}

/* A number from 1 to @max, with K, M or G behind it if that is still so. */
static unsigned long number(struct shim_config *config, char *const *env,
			    const char *name, unsigned long otherwise,
			    unsigned long max, const char *accepted)
{
	const char *value = find(env, name), *p = value;
	unsigned long n = 0, shift = 0;

	if (!value)
		return otherwise;
	for (; *p >= '0' && *p <= '9' && n <= max; p++)
		n = n * 10 + (unsigned long)(*p - '0');
	if (n && max >> 10 && *p)
		shift = *p == 'K' ? 10 : *p == 'M' ? 20 : *p == 'G' ? 30 : 0;
	if (shift)
		p++;
	if (!*p && n && n <= max >> shift)
		return n << shift;
	refuse(config, name, value, accepted);
	return otherwise;
}

void shim_config_parse(struct shim_config *config, char *const *env)
{
	static const char *const modes[] = { "ring", "auto", "off", NULL };
	static const char *const waits[] = { "native", "ring", NULL };
	static const char *const follows[] = { "1", "0", NULL };
	static const char *const patches[] = { "auto", "off", NULL };
	static const char *const prefetches[] = { "auto", "eager", NULL };

	*config = (struct shim_config){ .bad_name = NULL };
	config->mode = (enum shim_mode)choose(config, env, "SHIM_MODE", modes,
					      "ring, auto, off");
	config->wait = (enum shim_wait)choose(config, env, "SHIM_WAIT", waits,
					      "native, ring");
	config->patch = (enum shim_patching)choose(config, env, "SHIM_PATCH",
						   patches, "auto, off");
	config->follow = (enum shim_follow)choose(config, env, "SHIM_FOLLOW",
						  follows, "1, 0");
	config->prefetch = (enum shim_eagerness)
		choose(config, env, "SHIM_PREFETCH", prefetches,
		       "auto, eager");
	config->prefetch_depth = number(config, env, "SHIM_PREFETCH_DEPTH",
					SHIM_PREFETCH_DEPTH,
					SHIM_PREFETCH_DEPTH_MAX, "1 to 256");
	config->prefetch_bytes = number(config, env, "SHIM_PREFETCH_BYTES",
					SHIM_PREFETCH_BYTES,
					SHIM_PREFETCH_BYTES_MAX,
					"1 to 1024G, also with K, M or G");
	config->preload = find(env, "LD_PRELOAD");
	config->trace = find(env, "SHIM_TRACE");
	config->stats = find(env, "SHIM_STATS");
	if (config->stats && !strcmp(config->stats, "0"))
		config->stats = NULL;
}
