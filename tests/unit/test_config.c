// SPDX-License-Identifier: MIT
/* The environment variables: what each value means, and which mean nothing. */
#include "support.h"

#include "config.h"

struct example {
	const char *env[4];
	enum shim_mode mode;
	enum shim_wait wait;
	const char *stats, *bad_name, *bad_value;
};

static const struct example examples[] = {
	{ .env = { NULL } },
	{ .env = { "PATH=/bin", "HOME=/" } },
	{ .env = { "SHIM_MODE=ring" } },
	{ .env = { "SHIM_MODE=off" }, .mode = SHIM_MODE_OFF },
	{ .env = { "SHIM_MODE=auto" }, .mode = SHIM_MODE_AUTO },
	{ .env = { "SHIM_WAIT=ring" }, .wait = SHIM_WAIT_RING },
	{ .env = { "SHIM_WAIT=native" } },
	{ .env = { "SHIM_MODE=off", "SHIM_WAIT=ring", "SHIM_STATS=1" },
	  SHIM_MODE_OFF, SHIM_WAIT_RING, "1", NULL, NULL },
	/* Empty is not set. */
	{ .env = { "SHIM_MODE=", "SHIM_WAIT=", "SHIM_STATS=" } },
	{ .env = { "SHIM_STATS=0" } },
	{ .env = { "SHIM_STATS=/tmp/x.%p" }, .stats = "/tmp/x.%p" },
	{ .env = { "SHIM_STATS=00" }, .stats = "00" },
	{ .env = { "SHIM_STATS==" }, .stats = "=" },
	/* Unknown values: said, and the default is used. */
	{ .env = { "SHIM_MODE=rings" }, .bad_name = "SHIM_MODE",
	  .bad_value = "rings" },
	{ .env = { "SHIM_MODE=rin" }, .bad_name = "SHIM_MODE",
	  .bad_value = "rin" },
	{ .env = { "SHIM_MODE=OFF" }, .bad_name = "SHIM_MODE",
	  .bad_value = "OFF" },
	{ .env = { "SHIM_MODE= off" }, .bad_name = "SHIM_MODE",
	  .bad_value = " off" },
	{ .env = { "SHIM_WAIT=off" }, .bad_name = "SHIM_WAIT",
	  .bad_value = "off" },
	/* The first bad one is told, the good ones count. */
	{ .env = { "SHIM_WAIT=x", "SHIM_MODE=y", "SHIM_STATS=z" },
	  .stats = "z", .bad_name = "SHIM_MODE", .bad_value = "y" },
	{ .env = { "SHIM_WAIT=x", "SHIM_MODE=off" }, SHIM_MODE_OFF, 0, NULL,
	  "SHIM_WAIT", "x" },
	/* Not ours, nearly. */
	{ .env = { "SHIM_MODES=off", "XSHIM_MODE=off", "shim_mode=off" } },
	{ .env = { "SHIM_MODE", "SHIM_WAITring=ring", "=" } },
	/* The first of several, as getenv(3). */
	{ .env = { "SHIM_MODE=off", "SHIM_MODE=ring" }, .mode = SHIM_MODE_OFF },
};

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void check_example(unsigned i)
{
	const struct example *e = &examples[i];
	struct shim_config c;

	memset(&c, 0xa5, sizeof(c));
	shim_config_parse(&c, (char *const *)(uintptr_t)e->env);
	if (c.mode != e->mode || c.wait != e->wait ||
	    !same(c.stats, e->stats) || !same(c.bad_name, e->bad_name) ||
	    !same(c.bad_value, e->bad_value) || !c.accepted != !e->bad_name)
		fail_at(__FILE__, __LINE__, "example %u (%s)", i,
			e->env[0] ? e->env[0] : "");
}

static void table(enum shim_ring_form form)
{
	unsigned i;

	(void)form;
	for (i = 0; i < ARRAY_SIZE(examples); i++)
		check_example(i);
}

static void no_environment(enum shim_ring_form form)
{
	struct shim_config c;

	(void)form;
	memset(&c, 0xa5, sizeof(c));
	shim_config_parse(&c, NULL);
	CHECK_EQ(c.mode, SHIM_MODE_RING);
	CHECK_EQ(c.wait, SHIM_WAIT_NATIVE);
	CHECK(!c.stats && !c.bad_name);
}

static const struct {
	const char *depth, *bytes, *how;
	unsigned long want_depth, want_bytes;
	enum shim_eagerness want;
	const char *bad_name;
} prefetches[] = {
	{ NULL, NULL, NULL, 128, 64UL << 20, SHIM_PREFETCH_AUTO, NULL },
	{ "", "", "", 128, 64UL << 20, SHIM_PREFETCH_AUTO, NULL },
	{ "1", "1", "eager", 1, 1, SHIM_PREFETCH_EAGER, NULL },
	{ "256", "1024G", "auto", 256, 1UL << 40, SHIM_PREFETCH_AUTO, NULL },
	{ "007", "3K", NULL, 7, 3072, SHIM_PREFETCH_AUTO, NULL },
	{ NULL, "5M", NULL, 128, 5UL << 20, SHIM_PREFETCH_AUTO, NULL },
	{ "0", NULL, NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_DEPTH" },
	{ "257", NULL, NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_DEPTH" },
	{ "1K", NULL, NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_DEPTH" },
	{ "-1", NULL, NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_DEPTH" },
	{ "99999999999999999999", NULL, NULL, 128, 64UL << 20, 0,
	  "SHIM_PREFETCH_DEPTH" },
	{ NULL, "0", NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_BYTES" },
	{ NULL, "M", NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_BYTES" },
	{ NULL, "1025G", NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_BYTES" },
	{ NULL, "1MB", NULL, 128, 64UL << 20, 0, "SHIM_PREFETCH_BYTES" },
	{ NULL, "99999999999999999999", NULL, 128, 64UL << 20, 0,
	  "SHIM_PREFETCH_BYTES" },
	{ NULL, NULL, "of", 128, 64UL << 20, 0, "SHIM_PREFETCH" },
};

static char *entry_of(char *to, size_t size, const char *name,
		      const char *value)
{
	snprintf(to, size, "%s%s%s", value ? name : "X", "=",
		 value ? value : "");
	return to;
}

static void prefetch(enum shim_ring_form form)
{
	char text[3][64], *env[4] = { NULL };
	struct shim_config c;
	unsigned i;

	(void)form;
	for (i = 0; i < ARRAY_SIZE(prefetches); i++) {
		env[0] = entry_of(text[0], 64, "SHIM_PREFETCH_DEPTH",
				  prefetches[i].depth);
		env[1] = entry_of(text[1], 64, "SHIM_PREFETCH_BYTES",
				  prefetches[i].bytes);
		env[2] = entry_of(text[2], 64, "SHIM_PREFETCH",
				  prefetches[i].how);
		shim_config_parse(&c, env);
		if (c.prefetch_depth != prefetches[i].want_depth ||
		    c.prefetch_bytes != prefetches[i].want_bytes ||
		    c.prefetch != prefetches[i].want ||
		    !same(c.bad_name, prefetches[i].bad_name))
			fail_at(__FILE__, __LINE__, "%s %s %s", env[0], env[1],
				env[2]);
	}
}

/* What a user is told to write is accepted, word by word. */
static void accepted_is_accepted(enum shim_ring_form form)
{
	char bad[] = "SHIM_MODE=?", entry[64], list[64], *word, *save;
	char *env[] = { bad, NULL }, *try[] = { entry, NULL };
	struct shim_config c;
	int i;

	(void)form;
	for (i = 0; i < 2; i++) {
		memcpy(bad, i ? "SHIM_WAIT" : "SHIM_MODE", 9);
		shim_config_parse(&c, env);
		CHECK(c.accepted);
		snprintf(list, sizeof(list), "%s", c.accepted);
		for (word = strtok_r(list, ", ", &save); word;
		     word = strtok_r(NULL, ", ", &save)) {
			snprintf(entry, sizeof(entry), "%.9s=%s", bad, word);
			shim_config_parse(&c, try);
			CHECK(!c.bad_name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE(table),
		ONCE(no_environment),
		ONCE(prefetch),
		ONCE(accepted_is_accepted),
	};

	return RUN_ALL(tests);
}
