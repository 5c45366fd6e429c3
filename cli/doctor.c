// SPDX-License-Identifier: MIT
/*
 * shim doctor: does it work here, does it work in that program?
 *
 * Nothing about routes is known here.  The table is what the library did with
 * the calls of a probe, which is this program again (probe.c), under it.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "kernel.h"
#include "launch.h"
#include "program.h"
#include "reasons.h"
#include "shim.h"

#define OPT_JSON 1200

static const char help[] =
"Usage: shim doctor [--json]\n"
"       shim doctor [--json] PROGRAM\n"
"Is io_uring usable here, which way does each call take, and why?  Or: can the\n"
"library work in this program?\n\n"
"      --json  as JSON\n"
"  -h, --help  this text\n\n"
"The status is 0 if it works, 1 if not, 2 if that could not be found out.\n";

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

/* Names of files need not be UTF-8, JSON has to be. */
static json_t *json_name(const char *s)
{
	char text[4 * PATH_MAX];
	json_t *name = json_string(s);
	size_t n = 0;

	if (name)
		return name;
	for (; *s && n + 5 < sizeof(text); s++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      *s & 0x80 ? "\\x%02x" : "%c",
				      (unsigned char)*s);
	return json_string(text);
}

static int print_json(json_t *top)
{
	int ret = json_dumpf(top, stdout, JSON_INDENT(2));

	putchar('\n');
	json_decref(top);
	return ret;
}

static int report_program(const struct program *p, bool json)
{
	int status = p->fitness == PROGRAM_FITS ? 0 :
		p->fitness == PROGRAM_UNKNOWN ? EXIT_TROUBLE : 1;
	json_t *top;

	if (!json) {
		printf("%s: ", p->path);
		if (strcmp(p->path, p->image) != 0)
			printf("run by %s: ", p->image);
		printf("%s%s%s\n", p->what, p->so ? ": " : "",
		       p->so ? p->so : "");
		return status;
	}
	top = json_object();
	json_object_set_new(top, "program", json_name(p->path));
	json_object_set_new(top, "image", json_name(p->image));
	json_object_set_new(top, "works", status == EXIT_TROUBLE ? json_null() :
			    json_boolean(!status));
	json_object_set_new(top, "what", json_name(p->what));
	json_object_set_new(top, "so", p->so ? json_string(p->so) :
			    json_null());
	return print_json(top) ? EXIT_TROUBLE : status;
}

static int doctor_program(const char *name, bool json)
{
	struct program program;
	int ret = program_look(name, &program);

	if (!ret)
		return report_program(&program, json);
	say("%s: %s", name, strerror(-ret));
	return EXIT_TROUBLE;
}

static void print_limit(rlim_t limit)
{
	if (limit == RLIM_INFINITY)
		printf("unlimited");
	else
		printf("%llu bytes", (unsigned long long)limit);
}

static void print_kernel(const struct kernel *k)
{
	static const char *const seccomp[] = { "none", "strict", "a filter" };
	char why[256];

	printf("io_uring   %s\n", kernel_form_text(k->form));
	if (k->form == RING_NONE) {
		kernel_why(k, why, sizeof(why));
		printf("           %s\n", why);
	}
	printf("  kernel   Linux %s\n  sysctl   ", k->release);
	if (k->disabled < 0)
		printf("no kernel.io_uring_disabled\n");
	else
		printf("kernel.io_uring_disabled=%ld, "
		       "kernel.io_uring_group=%ld\n", k->disabled, k->group);
	printf("  seccomp  %s\n  memlock  ", k->seccomp >= 0 && k->seccomp <= 2 ?
	       seccomp[k->seccomp] : "unknown");
	print_limit(k->memlock);
	printf("%s\n", k->lock ? ", which CAP_IPC_LOCK lifts" : "");
}

static const char *patch_text(const struct examination *e)
{
	return e->patched ? "libc's own calls are seen as well" :
		"no: only calls that programs make by name are seen";
}

static void print_row(const struct finding *f)
{
	const char *text = reason_text(f->route);
	bool ring = !strcmp(f->route, "ring");

	if (f->route[0] == '!')
		printf("  %-9s %-33s not tried: %s\n", f->call, f->on,
		       f->route + 1);
	else if (ring)
		printf("  %-9s %-33s ring\n", f->call, f->on);
	else
		printf("  %-9s %-33s native  %s%s%s\n", f->call, f->on,
		       f->route, text ? ": " : "", text ? text : "");
}

static int print_all(const struct kernel *k, const struct examination *e)
{
	size_t i;

	print_kernel(k);
	printf("library    %s\n", e->library);
	printf("  works    %s\n", e->ring ? "yes" :
	       "no: every call is native");
	printf("  patching %s\n", patch_text(e));
	printf("calls as they go here:\n");
	for (i = 0; i < e->number; i++)
		print_row(&e->findings[i]);
	return 0;
}

static json_t *json_kernel(const struct kernel *k)
{
	json_t *o = json_object();
	char why[256] = "";

	json_object_set_new(o, "usable", json_boolean(k->form != RING_NONE));
	json_object_set_new(o, "form", json_string(kernel_form_name(k->form)));
	if (k->form == RING_NONE)
		kernel_why(k, why, sizeof(why));
	json_object_set_new(o, "why", *why ? json_string(why) : json_null());
	json_object_set_new(o, "kernel", json_name(k->release));
	json_object_set_new(o, "disabled", json_integer(k->disabled));
	json_object_set_new(o, "group", json_integer(k->group));
	json_object_set_new(o, "seccomp", json_integer(k->seccomp));
	json_object_set_new(o, "memlock", k->memlock > INT64_MAX ?
			    json_null() : json_integer((json_int_t)k->memlock));
	json_object_set_new(o, "cap_ipc_lock", json_boolean(k->lock));
	return o;
}

static json_t *json_finding(const struct finding *f)
{
	json_t *o = json_object();
	bool ring = !strcmp(f->route, "ring");

	json_object_set_new(o, "call", json_name(f->call));
	json_object_set_new(o, "on", json_name(f->on));
	if (f->route[0] == '!') {
		json_object_set_new(o, "route", json_null());
		json_object_set_new(o, "error", json_name(f->route + 1));
		return o;
	}
	json_object_set_new(o, "route", json_string(ring ? "ring" : "native"));
	json_object_set_new(o, "reason", ring ? json_null() :
			    json_name(f->route));
	return o;
}

static int print_all_json(const struct kernel *k, const struct examination *e)
{
	json_t *top = json_object(), *routes = json_array();
	size_t i;

	json_object_set_new(top, "version", json_string(SHIM_VERSION));
	json_object_set_new(top, "io_uring", json_kernel(k));
	json_object_set_new(top, "library", json_name(e->library));
	json_object_set_new(top, "works", json_boolean(e->ring));
	json_object_set_new(top, "patched", json_boolean(e->patched));
	for (i = 0; i < e->number; i++)
		json_array_append_new(routes, json_finding(&e->findings[i]));
	json_object_set_new(top, "routes", routes);
	return print_json(top);
}

static int doctor_machine(bool json)
{
	static struct examination e;
	struct kernel kernel;
	int ret;

	kernel_look(&kernel);
	ret = examine(&e);
	if (ret)
		return EXIT_TROUBLE;
	ret = json ? print_all_json(&kernel, &e) : print_all(&kernel, &e);
	if (ret)
		return EXIT_TROUBLE;
	return e.ring ? 0 : 1;
}

static int doctor(int argc, char **argv)
{
	bool json = false;
	int c;

	while ((c = next_option(argc, argv, "+:h", options)) != -1) {
		if (c == OPT_HELP || c == 'h')
			return show_help(&shim_doctor);
		if (c == '?')
			return EXIT_TROUBLE;
		json = true;
	}
	if (argc - optind > 1)
		return usage("shim doctor", "one program at a time");
	return optind < argc ? doctor_program(argv[optind], json) :
		doctor_machine(json);
}

const struct command shim_doctor = {
	.name = "doctor",
	.summary = "tell what works on this machine, or in a program",
	.help = help,
	.main = doctor,
};
