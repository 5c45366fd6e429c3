// SPDX-License-Identifier: MIT
/*
 * What a program made for io_uring does with a tree of small files: read all of them,
 * or look at all of them, with 64 operations in flight.  The names come from
 * fts(3), as cheaply as it can (no stat), before anything else.
 *
 *     treeread read|stat TREE
 *
 * A file is an openat to a direct descriptor, a read of up to 64 KiB and a close,
 * linked.  Prints how many files there were.
 */
#include <err.h>
#include <fcntl.h>
#include <fts.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH 64
#define LENGTH 65536

static char **paths;
static size_t number;

static void add(const char *path)
{
	static size_t room;

	if (number == room) {
		room = room * 2 + 1024;
		paths = realloc(paths, room * sizeof(*paths));
		if (!paths)
			err(1, "realloc");
	}
	paths[number] = strdup(path);
	if (!paths[number++])
		err(1, "strdup");
}

static void list(char *top)
{
	char *tops[] = { top, NULL };
	FTS *fts = fts_open(tops, FTS_PHYSICAL | FTS_NOSTAT | FTS_NOCHDIR,
			    NULL);
	FTSENT *e;

	if (!fts)
		err(1, "%s", top);
	while ((e = fts_read(fts))) {
		if (e->fts_info == FTS_NSOK || e->fts_info == FTS_F)
			add(e->fts_path);
	}
	fts_close(fts);
}

static void prepare_read(struct io_uring *ring, unsigned slot, const char *path)
{
	static char buffers[DEPTH][LENGTH];
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_openat_direct(sqe, AT_FDCWD, path, O_RDONLY, 0, slot);
	sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = DEPTH;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_read(sqe, (int)slot, buffers[slot], LENGTH, 0);
	/* Short reads would break a plain link. */
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK |
		      IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = DEPTH;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_close_direct(sqe, slot);
	sqe->user_data = slot;
}

static void prepare_stat(struct io_uring *ring, unsigned slot, const char *path)
{
	static struct statx found[DEPTH];
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_statx(sqe, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW,
			    STATX_BASIC_STATS, &found[slot]);
	sqe->user_data = slot;
}

static void setup(struct io_uring *ring)
{
	unsigned workers[2] = { DEPTH, DEPTH };
	int files[DEPTH], i, ret;

	ret = io_uring_queue_init(4 * DEPTH, ring, IORING_SETUP_SINGLE_ISSUER |
				  IORING_SETUP_DEFER_TASKRUN);
	if (ret)
		errx(1, "no ring: %s", strerror(-ret));
	for (i = 0; i < DEPTH; i++)
		files[i] = -1;
	io_uring_register_files(ring, files, DEPTH);
	io_uring_register_iowq_max_workers(ring, workers);
}

int main(int argc, char **argv)
{
	void (*prepare)(struct io_uring *, unsigned, const char *);
	unsigned slots[DEPTH], left = DEPTH, i;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	size_t next = 0, done = 0;

	if (argc != 3)
		errx(2, "usage: treeread read|stat TREE");
	prepare = strcmp(argv[1], "read") ? prepare_stat : prepare_read;
	setup(&ring);
	list(argv[2]);
	for (i = 0; i < DEPTH; i++)
		slots[i] = i;
	while (done < number) {
		while (left && next < number)
			prepare(&ring, slots[--left], paths[next++]);
		io_uring_submit_and_wait(&ring, 1);
		while (!io_uring_peek_cqe(&ring, &cqe)) {
			if (cqe->user_data < DEPTH) {
				slots[left++] = (unsigned)cqe->user_data;
				done++;
			}
			io_uring_cqe_seen(&ring, cqe);
		}
	}
	printf("%zu\n", done);
	return 0;
}
