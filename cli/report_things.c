// SPDX-License-Identifier: MIT
/*
 * What a call is made on: a file by the name that it was opened with, a peer by
 * its address, a pipe by its ends.  A trace may say so itself; else descriptors
 * are followed from where they came.  See report.h.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call_kinds.h"
#include "strace.h"
#include "normalise.h"

/* Which argument is a path; of two, the first. */
static const struct {
	const char *name;
	unsigned at;
} paths[] = {
	{ "access", 0 }, { "chdir", 0 }, { "chmod", 0 }, { "chown", 0 },
	{ "creat", 0 }, { "execve", 0 }, { "faccessat", 1 },
	{ "faccessat2", 1 }, { "fchmodat", 1 }, { "fchownat", 1 },
	{ "getxattr", 0 }, { "lchown", 0 }, { "lgetxattr", 0 },
	{ "link", 0 }, { "linkat", 1 }, { "listxattr", 0 },
	{ "llistxattr", 0 }, { "lstat", 0 }, { "mkdir", 0 },
	{ "mkdirat", 1 }, { "mknod", 0 }, { "mknodat", 1 },
	{ "newfstatat", 1 }, { "open", 0 }, { "openat", 1 },
	{ "openat2", 1 }, { "readlink", 0 }, { "readlinkat", 1 },
	{ "rename", 0 }, { "renameat", 1 }, { "renameat2", 1 },
	{ "rmdir", 0 }, { "stat", 0 }, { "statfs", 0 }, { "statx", 1 },
	{ "truncate", 0 }, { "unlink", 0 }, { "unlinkat", 1 },
	{ "utimensat", 1 },
};

struct slice seen_arg(const struct seen *c, unsigned at)
{
	if (c->args.n)
		return argument(c->args, at);
	return at < sizeof(c->arg) / sizeof(c->arg[0]) ? c->arg[at] :
		SLICE("");
}

static enum thing_kind kind_of(struct slice name)
{
	static const char *const peers[] = {
		"socket:", "TCP", "UDP", "UNIX", "NETLINK:", "PACKET:",
	};
	size_t i;

	if (slice_begins(name, "pipe:"))
		return THING_PIPE;
	if (slice_begins(name, "anon_inode:"))
		return THING_OTHER;
	for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		if (slice_begins(name, peers[i]))
			return THING_PEER;
	}
	return THING_FILE;
}

static int thing_of(struct sums *sums, struct slice name, enum thing_kind kind,
		    uint32_t *thing)
{
	size_t before = sums->things.number;
	int ret = element_of(sums, &sums->things, name, MOST_NAMES,
			     &sums->thing, &sums->thing_room,
			     sizeof(*sums->thing), thing);

	if (!ret && *thing == before)
		sums->thing[*thing].kind = kind;
	return ret;
}

/* The same, with a name that is freed. */
static int thing_of_text(struct sums *sums, struct text *name,
			 enum thing_kind kind, uint32_t *thing)
{
	int ret = name->failed ? -ENOMEM :
		thing_of(sums, (struct slice){ name->s, name->n }, kind, thing);

	free(name->s);
	return ret;
}

static unsigned digit(struct slice s, size_t i, unsigned base)
{
	const char digits[] = "0123456789abcdef";
	const char *found = i < s.n && s.s[i] ? strchr(digits, s.s[i]) : NULL;

	return found && found - digits < base ? (unsigned)(found - digits) :
		base;
}

/* A number behind a backslash; how much of @s it takes. */
static size_t take_number(struct slice s, char *out)
{
	unsigned base = s.s[0] == 'x' ? 16 : 8, value = 0;
	size_t begin = base == 16, i;

	for (i = begin; i < begin + (base == 16 ? 2 : 3); i++) {
		if (digit(s, i, base) == base)
			break;
		value = value * base + digit(s, i, base);
	}
	*out = (char)value;
	return i > begin ? i : 0;
}

/* What is behind a backslash; how much of @s it takes. */
static size_t take_escape(struct slice s, char *out)
{
	static const char letters[] = "ntrvfab", meant[] = "\n\t\r\v\f\a\b";
	size_t n = take_number(s, out);
	const char *letter = s.s[0] ? strchr(letters, s.s[0]) : NULL;

	if (n)
		return n;
	*out = s.s[0];
	if (letter)
		*out = meant[letter - letters];
	return 1;
}

/*
 * What strace has escaped, as it was before.  @octal: only bytes that are no
 * ASCII, as JSON has them.
 */
static void put_unescaped(struct text *out, struct slice s, bool octal)
{
	size_t n;
	char c;

	for (; s.n; s = slice_from(s, n)) {
		n = 1;
		c = s.s[0];
		if (c == '\\' && s.n > 1 &&
		    (!octal || (s.s[1] >= '2' && s.s[1] <= '3')))
			n += take_escape(slice_from(s, 1), &c);
		text_put(out, &c, 1);
	}
}

static void put_quoted(struct text *out, struct slice quoted)
{
	struct slice s = { quoted.s + 1, skip_string(quoted, 0) - 1 };

	if (s.n && s.s[s.n - 1] == '"')
		s.n--;
	put_unescaped(out, s, false);
	/* Behind the quotes of what has been cut off. */
	if (quoted.n > 4 && !memcmp(quoted.s + quoted.n - 4, "\"...", 4))
		text_puts(out, "...");
}

/* "3</etc/passwd>": what is in there, or nothing. */
static struct slice note_of(struct slice s)
{
	const char *begin = s.n ? memchr(s.s, '<', s.n) : NULL;
	size_t at, end;

	if (!begin || begin == s.s || s.s[0] == '"')
		return SLICE("");
	at = (size_t)(begin - s.s);
	end = skip_note(s, at);
	if (s.s[end - 1] != '>' || end - at < 3)
		return SLICE("");
	return (struct slice){ begin + 1, end - at - 2 };
}

static struct slice after(struct slice s, const char *word)
{
	const char *found = s.n ? memmem(s.s, s.n, word, strlen(word)) : NULL;

	return found ? slice_from(s, (size_t)(found - s.s) + strlen(word)) :
		SLICE("");
}

/* A socket address: "10.0.0.1:80", "/run/socket"; false: it is none. */
static bool put_address(struct text *out, struct slice address, bool port)
{
	struct slice path = after(address, "sun_path="), ip, number;
	size_t digits;

	if (!slice_begins(address, "{sa_family="))
		return false;
	if (path.n && path.s[0] == '@')
		text_puts(out, "@");
	if (path.n > 1) {
		path = path.s[0] == '@' ? slice_from(path, 1) : path;
		if (path.s[0] == '"')
			put_quoted(out, path);
		return out->n > 0;
	}
	ip = after(address, "inet_addr(");
	if (!ip.n)
		ip = after(address, "inet_pton(AF_INET6, ");
	if (!ip.n || ip.s[0] != '"')
		return false;
	put_quoted(out, (struct slice){ ip.s, skip_string(ip, 0) });
	number = after(address, "_port=htons(");
	slice_number(number, &digits);
	if (port) {
		text_puts(out, ":");
		text_put(out, number.s, digits);
	}
	return true;
}

static int thing_of_address(struct sums *sums, struct slice address, bool port,
			    uint32_t *thing)
{
	struct text name = { .n = 0 };

	if (put_address(&name, address, port))
		return thing_of_text(sums, &name, THING_PEER, thing);
	free(name.s);
	return 0;
}

static long fd_in(struct slice argument)
{
	size_t digits;

	return slice_number(argument, &digits);
}

static int thing_of_note(struct sums *sums, struct slice note, uint32_t *thing)
{
	struct text name = { .n = 0 };

	if (!memchr(note.s, '\\', note.n))
		return thing_of(sums, note, kind_of(note), thing);
	put_unescaped(&name, note, !sums->ordered);
	return thing_of_text(sums, &name, kind_of(note), thing);
}

/* A descriptor that was there before the trace, or came in a way of its own. */
static int thing_of_number(struct sums *sums, const struct process_sum *process,
			   long fd, uint32_t *thing)
{
	static const char *const standard[] = {
		"standard input", "standard output", "standard error",
	};
	struct text name = { .n = 0 };

	if (fd < 3)
		text_puts(&name, standard[fd]);
	else
		text_printf(&name, "descriptor %ld", fd);
	if (process->program != NONE) {
		text_puts(&name, " of ");
		text_put(&name, sums->programs.all[process->program].s.s,
			 sums->programs.all[process->program].s.n);
	}
	return thing_of_text(sums, &name, THING_OTHER, thing);
}

static int path_argument(struct slice name)
{
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (slice_is(name, paths[i].name))
			return (int)paths[i].at;
	}
	return -1;
}

/* Who is at the other end of a socket; a path from the root on. */
static bool says_more(const struct thing *known, struct slice told)
{
	enum thing_kind kind = kind_of(told);

	return !told.n || (kind == known->kind &&
		(kind == THING_PEER || (kind == THING_FILE && told.s[0] != '/')));
}

/*
 * JSON tells of a child when it does something.  By then its parent may have made
 * another pipe with the same numbers.
 */
static bool is_sure(const struct sums *sums, const struct process_sum *process,
		    const struct thing *known)
{
	return known->kind != THING_PIPE || sums->ordered ||
		known->owner == process->pid;
}

static int thing_of_fd(struct sums *sums, const struct process_sum *process,
		       const struct seen *c, unsigned at, uint32_t *thing)
{
	struct slice arg = seen_arg(c, at), told = SLICE("");
	long fd = fd_in(arg), known;

	if (fd < 0)
		return 0;
	/* Of a call with a path, that is what is told. */
	if (!at && path_argument(c->name) < 0)
		told = c->path;
	if (!told.n)
		told = note_of(arg);
	known = fdtable_get(process->fds, fd);
	if (known >= 0 && is_sure(sums, process, &sums->thing[known]) &&
	    says_more(&sums->thing[known], told)) {
		*thing = (uint32_t)known;
		return 0;
	}
	return told.n ? thing_of_note(sums, told, thing) :
		thing_of_number(sums, process, fd, thing);
}

/* Below the directory of a descriptor, if it is known. */
static int thing_of_path(struct sums *sums, const struct process_sum *process,
			 const struct seen *c, unsigned at, uint32_t *thing)
{
	struct slice path = seen_arg(c, at), dir = SLICE("");
	struct text name = { .n = 0 };
	uint32_t below = NONE;
	int ret = 0;

	if (!path.n || path.s[0] != '"')
		return 0;
	if (at && path.n > 1 && path.s[1] != '/') {
		dir = note_of(seen_arg(c, 0));
		if (!dir.n)
			ret = thing_of_fd(sums, process, c, 0, &below);
		if (below != NONE && sums->thing[below].kind == THING_FILE)
			dir = sums->things.all[below].s;
	}
	if (!ret && path.n > 1 && path.s[1] == '"') {
		/* The descriptor itself: AT_EMPTY_PATH. */
		*thing = below;
		return 0;
	}
	text_put(&name, dir.s, dir.n);
	if (dir.n && dir.s[dir.n - 1] != '/')
		text_puts(&name, "/");
	put_quoted(&name, path);
	return thing_of_text(sums, &name, THING_FILE, thing);
}

int find_thing(struct sums *sums, const struct process_sum *process,
	       const struct seen *c, uint32_t *thing)
{
	int path = path_argument(c->name), ret = 0;

	*thing = NONE;
	if (path >= 0)
		return thing_of_path(sums, process, c, (unsigned)path, thing);
	if (slice_is(c->name, "connect") || slice_is(c->name, "bind"))
		ret = thing_of_address(sums, seen_arg(c, 1), true, thing);
	else if (slice_is(c->name, "sendto"))
		ret = thing_of_address(sums, seen_arg(c, 4), true, thing);
	if (ret || *thing != NONE || !(call_kind(c->name)->fds & 1))
		return ret;
	return thing_of_fd(sums, process, c, 0, thing);
}

/* Who has been accepted: without the port, which is chance. */
static int accepted(struct sums *sums, const struct seen *c, uint32_t listener,
		    uint32_t *thing)
{
	struct text name = { .n = 0 };
	struct slice at;

	if (put_address(&name, seen_arg(c, 1), false)) {
		text_puts(&name, " (accepted)");
	} else {
		name.n = 0;
		text_puts(&name, "accepted at ");
		at = listener == NONE ? SLICE("?") :
			sums->things.all[listener].s;
		text_put(&name, at.s, at.n);
	}
	return thing_of_text(sums, &name, THING_PEER, thing);
}

static int new_thing(struct sums *sums, const struct seen *c, uint32_t listener,
		     uint32_t *thing)
{
	struct text name = { .n = 0 };
	struct slice part;

	if (slice_begins(c->name, "accept"))
		return accepted(sums, c, listener, thing);
	text_put(&name, c->name.s, c->name.n);
	if (!slice_is(c->name, "socket"))
		return thing_of_text(sums, &name, THING_OTHER, thing);
	part = seen_arg(c, 0);
	text_puts(&name, " (");
	text_put(&name, part.s, part.n);
	part = seen_arg(c, 1);
	text_puts(&name, ", ");
	text_put(&name, part.s, part.n);
	text_puts(&name, ")");
	return thing_of_text(sums, &name, THING_PEER, thing);
}

/* Both ends of a pipe are one thing. */
static int new_pair(struct sums *sums, const struct process_sum *process,
		    const struct seen *c)
{
	bool pipe = slice_begins(c->name, "pipe");
	struct slice array = seen_arg(c, pipe ? 0 : 3);
	struct text name = { .n = 0 };
	long fd[2];
	uint32_t thing;
	int ret;

	if (array.n < 2 || array.s[0] != '[')
		return 0;
	array = (struct slice){ array.s + 1, array.n - 2 };
	fd[0] = fd_in(argument(array, 0));
	fd[1] = fd_in(argument(array, 1));
	text_printf(&name, "%s [%ld, %ld] of %ld", pipe ? "pipe" : "socketpair",
		    fd[0], fd[1], process->pid);
	ret = thing_of_text(sums, &name, THING_PIPE, &thing);
	if (ret)
		return ret;
	sums->thing[thing].owner = process->pid;
	ret = fdtable_set(process->fds, fd[0], thing);
	return ret ? ret : fdtable_set(process->fds, fd[1], thing);
}

static int duplicate(const struct process_sum *process, const struct seen *c)
{
	long fd = fd_in(seen_arg(c, 0));

	return fdtable_set(process->fds, (long)c->result,
			   fdtable_get(process->fds, fd));
}

static int close_range(const struct process_sum *process, const struct seen *c)
{
	long first = fd_in(seen_arg(c, 0)), last = fd_in(seen_arg(c, 1));

	return first < 0 || c->result ? 0 :
		fdtable_close(process->fds, first, last < 0 ? FD_MOST - 1 : last);
}

/* A socket is called after its peer, or where it listens. */
static int name_socket(const struct process_sum *process, const struct seen *c,
		       uint32_t thing)
{
	long fd = fd_in(seen_arg(c, 0));

	if (thing == NONE || fd < 0 ||
	    (c->failed && !slice_is(c->error, "EINPROGRESS")))
		return 0;
	return fdtable_set(process->fds, fd, thing);
}

int note_descriptors(struct sums *sums, const struct process_sum *process,
		     const struct seen *c, uint32_t thing)
{
	const struct call_kind *kind = call_kind(c->name);
	int ret = 0;

	if (slice_is(c->name, "connect") || slice_is(c->name, "bind"))
		return name_socket(process, c, thing);
	if (kind->effect == EFFECT_CLOSE)
		return fdtable_set(process->fds, fd_in(seen_arg(c, 0)), FD_UNKNOWN);
	if (c->failed || c->unfinished || c->result < 0)
		return 0;
	switch (kind->effect) {
	case EFFECT_NEW:
		ret = new_thing(sums, c, thing, &thing);
		/* fall through */
	case EFFECT_OPEN:
		return ret || thing == NONE ? ret :
			fdtable_set(process->fds, (long)c->result, thing);
	case EFFECT_PAIR:
		return new_pair(sums, process, c);
	case EFFECT_FCNTL:
		if (!slice_begins(seen_arg(c, 1), "F_DUPFD"))
			return 0;
		/* fall through */
	case EFFECT_DUP:
	case EFFECT_DUP2:
		return duplicate(process, c);
	case EFFECT_RANGE:
		return close_range(process, c);
	default:
		return 0;
	}
}
