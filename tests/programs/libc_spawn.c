// SPDX-License-Identifier: MIT
/*
 * The child of posix_spawn closes, opens and duplicates for itself, but in the
 * memory of its parent and on the parent's thread-local storage: what it does to
 * descriptor 5 is nothing that the parent may believe of its own descriptor 5.
 * Every kind of file at one number, times every file action upon that number;
 * then the same number is used by the parent, over and over.
 *
 * Ring: read write
 */
#include <spawn.h>
#include "life.h"

extern char **environ;

enum { AT = 5, OTHER = 6, ROUNDS = 12 };
enum { CLOSED, PIPE_READ, PIPE_WRITE, SOCKET, FILE_READ, FILE_WRITE, KINDS };
enum {
	NOTHING, CLOSE, OPEN_FILE, OPEN_NEW, OPEN_NULL, OPEN_MISSING, DUP, DUP_SELF,
	DUP_CLOSED, CLOSE_OPEN, OPEN_CLOSE, CLOSE_FROM, CHDIR_OPEN, CHDIR_MISSING,
	CLOSE_TWICE, EXEC_MISSING, ACTIONS
};

static const char *const kind_name[] = {
	"closed", "pipe, read end", "pipe, write end", "socket", "file, read",
	"file, written",
};
static const char *const action_name[] = {
	"nothing", "close", "open a file", "open a new file", "open /dev/null",
	"open a missing file", "dup2 of another", "dup2 onto itself",
	"dup2 of a closed one", "close, then open", "open, then close",
	"closefrom", "chdir and open", "chdir to nowhere", "close twice",
	"exec of a missing file",
};

static int peer, position, counter;

/* What the spawned program does: lists itself, and takes three bytes of AT. */
static int fresh(int argc, char **argv)
{
	char buf[4] = "";

	list_fds("    child");
	if (argc > 1 && !strcmp(argv[1], "take")) {
		int n = show(read(AT, buf, 3), "    child reads");

		if (n > 0)
			printf("    %s\n", buf);
	}
	return 7;
}

static void place(int fd)
{
	NEED(fd >= 0);
	if (fd == AT)
		return;
	NEED(dup2(fd, AT) == AT);
	NEED(close(fd) == 0);
}

static void make(int kind)
{
	int p[2];

	position = 0;
	peer = -1;
	switch (kind) {
	case PIPE_READ:
	case PIPE_WRITE:
		NEED(pipe(p) == 0);
		peer = fcntl(p[kind == PIPE_READ], F_DUPFD_CLOEXEC, 20);
		close(p[kind == PIPE_READ]);
		place(p[kind == PIPE_WRITE]);
		break;
	case SOCKET:
		NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
		peer = fcntl(p[0], F_DUPFD_CLOEXEC, 20);
		close(p[0]);
		place(p[1]);
		break;
	case FILE_READ:
		/* Not by dup2: a position that only this process moves. */
		NEED(open("letters", O_RDONLY) == AT);
		break;
	case FILE_WRITE:
		NEED(open("written", O_RDWR | O_CREAT | O_TRUNC, 0644) == AT);
		break;
	}
}

static void letters_are(const char *buf, int n)
{
	for (int i = 0; i < n; i++)
		NEED(buf[i] == 'a' + (position + i) % 26);
	position += n;
}

/* Reads and writes that have exactly one right result. */
static void use(int kind)
{
	char out[16], in[16];
	int n;

	for (int i = 0; i < ROUNDS; i++) {
		n = snprintf(out, sizeof(out), "<%d>", counter++);
		switch (kind) {
		case CLOSED:
			NEED(read(AT, in, 1) == -1 && errno == EBADF);
			NEED(write(AT, in, 1) == -1 && errno == EBADF);
			break;
		case PIPE_READ:
			NEED(write(peer, out, n) == n);
			NEED(read(AT, in, 16) == n && !memcmp(in, out, n));
			break;
		case PIPE_WRITE:
			NEED(write(AT, out, n) == n);
			NEED(read(peer, in, 16) == n && !memcmp(in, out, n));
			break;
		case SOCKET:
			NEED(write(AT, out, n) == n);
			NEED(read(peer, in, 16) == n && !memcmp(in, out, n));
			NEED(write(peer, out, n) == n);
			NEED(read(AT, in, 16) == n && !memcmp(in, out, n));
			break;
		case FILE_READ:
			NEED(read(AT, in, 5) == 5);
			letters_are(in, 5);
			NEED(lseek(AT, 0, SEEK_CUR) == position);
			break;
		case FILE_WRITE:
			NEED(write(AT, out, n) == n);
			position += n;
			NEED(lseek(AT, 0, SEEK_CUR) == position);
			NEED(pread(AT, in, n, position - n) == n);
			NEED(!memcmp(in, out, n));
			break;
		}
	}
}

static void unmake(int kind)
{
	if (kind != CLOSED)
		NEED(close(AT) == 0);
	if (peer >= 0)
		NEED(close(peer) == 0);
}

static void add(posix_spawn_file_actions_t *fa, int action)
{
	switch (action) {
	case CLOSE:
		posix_spawn_file_actions_addclose(fa, AT);
		break;
	case OPEN_FILE:
		posix_spawn_file_actions_addopen(fa, AT, "numbers", O_RDONLY, 0);
		break;
	case OPEN_NEW:
		posix_spawn_file_actions_addopen(fa, AT, "new",
			O_RDWR | O_CREAT | O_TRUNC, 0600);
		break;
	case OPEN_NULL:
		posix_spawn_file_actions_addopen(fa, AT, "/dev/null", O_RDWR, 0);
		break;
	case OPEN_MISSING:
		posix_spawn_file_actions_addopen(fa, AT, "missing", O_RDONLY, 0);
		break;
	case DUP:
		posix_spawn_file_actions_adddup2(fa, OTHER, AT);
		break;
	case DUP_SELF:
		posix_spawn_file_actions_adddup2(fa, AT, AT);
		break;
	case DUP_CLOSED:
		posix_spawn_file_actions_adddup2(fa, 19, AT);
		break;
	case CLOSE_OPEN:
		add(fa, CLOSE);
		add(fa, OPEN_FILE);
		break;
	case OPEN_CLOSE:
		add(fa, OPEN_FILE);
		add(fa, CLOSE);
		break;
	case CLOSE_FROM:
		posix_spawn_file_actions_addclosefrom_np(fa, 3);
		break;
	case CHDIR_OPEN:
		posix_spawn_file_actions_addchdir_np(fa, "below");
		posix_spawn_file_actions_addopen(fa, AT, "deep", O_RDONLY, 0);
		break;
	case CHDIR_MISSING:
		posix_spawn_file_actions_addchdir_np(fa, "nowhere");
		break;
	case CLOSE_TWICE:
		add(fa, CLOSE);
		add(fa, CLOSE);
		break;
	}
}

static void spawn(posix_spawn_file_actions_t *fa, const char *file,
		  const char *arg)
{
	char *argv[] = { (char *)"fresh", (char *)arg, NULL };
	int ret, err, status = 0;
	pid_t pid = 0;

	errno = EXDEV;
	ret = posix_spawn(&pid, file, fa, NULL, argv, environ);
	err = errno;
	if (!ret)
		status = reap(pid);
	/* The child's failures are in our errno, or are not, as natively. */
	printf("    spawn %s, errno %s\n", ret ? name_of(ret) : "0",
	       name_of(err));
	if (!ret)
		show_status("    status", status);
}

static void one(int kind, int action)
{
	posix_spawn_file_actions_t fa;
	const char *file = action == EXEC_MISSING ? "./missing" : "/proc/self/exe";

	printf("  %s: %s\n", kind_name[kind], action_name[action]);
	make(kind);
	use(kind);
	posix_spawn_file_actions_init(&fa);
	add(&fa, action);
	spawn(&fa, file, "list");
	use(kind);
	spawn(&fa, file, "list");
	posix_spawn_file_actions_destroy(&fa);
	use(kind);
	unmake(kind);
}

/* Three bytes that the child takes are gone, and the position with them. */
static void taken(int kind)
{
	printf("  %s: the child takes three bytes\n", kind_name[kind]);
	make(kind);
	use(kind);
	if (kind == PIPE_READ || kind == SOCKET)
		NEED(write(peer, "abc", 3) == 3);
	spawn(NULL, "/proc/self/exe", "take");
	if (kind == FILE_READ)
		position += 3;
	use(kind);
	unmake(kind);
}

/* Lists of actions that nobody chose. */
static void random_lists(void)
{
	uint32_t x = 2463534242u;

	for (int turn = 0; turn < 40; turn++) {
		posix_spawn_file_actions_t fa;
		int kind;

		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		kind = x % KINDS;
		printf("  %s:", kind_name[kind]);
		make(kind);
		use(kind);
		posix_spawn_file_actions_init(&fa);
		for (int i = 0; i < 4; i++) {
			int action;

			x ^= x << 13, x ^= x >> 17, x ^= x << 5;
			action = x % EXEC_MISSING;
			if (action == OPEN_MISSING || action == CHDIR_MISSING)
				action = CLOSE;
			/* Below a directory nothing is found any more. */
			if (action == CHDIR_OPEN && i < 3)
				action = OPEN_NEW;
			printf(" %s%s", action_name[action], i < 3 ? "," : "\n");
			add(&fa, action);
		}
		spawn(&fa, "/proc/self/exe", "list");
		posix_spawn_file_actions_destroy(&fa);
		use(kind);
		unmake(kind);
	}
}

int main(int argc, char **argv)
{
	char letters[26 * 100];

	begin();
	if (argc > 1)
		return fresh(argc, argv);
	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = 'a' + i % 26;
	put_file("letters", letters, sizeof(letters));
	put_file("numbers", "0123456789", 10);
	NEED(mkdir("below", 0755) == 0);
	put_file("below/deep", "deep", 4);
	/* Whatever a harness has left open goes; 5 and 6 are ours. */
	closefrom(3);
	NEED(open("/dev/null", O_RDWR | O_CLOEXEC) == 3);
	NEED(open("/dev/null", O_RDWR | O_CLOEXEC) == 4);
	NEED(open("numbers", O_RDONLY) == AT && dup2(AT, OTHER) == OTHER);
	NEED(close(AT) == 0);
	for (int kind = 0; kind < KINDS; kind++)
		for (int action = 0; action < ACTIONS; action++)
			one(kind, action);
	taken(PIPE_READ);
	taken(SOCKET);
	taken(FILE_READ);
	random_lists();
	list_fds("left open");
	return 0;
}
