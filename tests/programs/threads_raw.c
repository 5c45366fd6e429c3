// SPDX-License-Identifier: MIT
/*
 * Threads made with clone itself: no pthread, no TLS of their own, so that
 * errno and every thread-local of a library belong to the thread that made
 * them. They read and write while their maker does, or while it waits. A ring
 * kept in thread-local storage is then in two threads' hands at once.
 */
#include <linux/futex.h>
#include "life.h"

#define FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | \
	       CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID)

struct raw {
	int in, out, rounds;
	int done, bad;
	int tid;	/* cleared and woken by the kernel */
	char *stack;
};

#define STACK 65536

static int echo(void *arg)
{
	struct raw *r = arg;
	char c;

	for (int i = 0; i < r->rounds; i++) {
		if (read(r->in, &c, 1) != 1 || write(r->out, &c, 1) != 1)
			r->bad++;
		else
			r->done++;
	}
	syscall(SYS_exit, 0);
	return 0;
}

static void launch(struct raw *r, int in, int out, int rounds)
{
	r->in = in;
	r->out = out;
	r->rounds = rounds;
	r->done = r->bad = 0;
	r->tid = 1;
	r->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(r->stack != MAP_FAILED);
	NEED(clone(echo, r->stack + STACK, FLAGS, r, NULL, NULL, &r->tid) > 0);
}

static void gone(struct raw *r)
{
	int tid;

	while ((tid = __atomic_load_n(&r->tid, __ATOMIC_ACQUIRE)))
		syscall(SYS_futex, &r->tid, FUTEX_WAIT, tid, NULL, NULL, 0);
	NEED(munmap(r->stack, STACK) == 0);
}

/* One at a time: the maker writes, the other answers. */
static void take_turns(void)
{
	struct raw r;
	int a[2], b[2], ok = 0;

	NEED(pipe(a) == 0 && pipe(b) == 0);
	launch(&r, a[0], b[1], 500);
	for (int i = 0; i < 500; i++) {
		char c = (char)i, d = 0;

		NEED(write(a[1], &c, 1) == 1);
		NEED(read(b[0], &d, 1) == 1);
		ok += c == d;
	}
	gone(&r);
	printf("turns %d done %d bad %d\n", ok, r.done, r.bad);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

/* Three at once beside their maker, each on pipes of its own. */
static void together(void)
{
	struct raw r[3];
	int p[3][2], q[2], ok = 0;
	char buf[8];

	for (int i = 0; i < 3; i++) {
		NEED(pipe(p[i]) == 0);
		NEED(write(p[i][1], "t", 1) == 1);
		launch(&r[i], p[i][0], p[i][1], 1000);
	}
	NEED(pipe(q) == 0);
	for (int i = 0; i < 1000; i++)
		ok += write(q[1], "own", 3) == 3 && read(q[0], buf, 8) == 3;
	printf("own %d", ok);
	for (int i = 0; i < 3; i++) {
		gone(&r[i]);
		printf(" raw %d bad %d", r[i].done, r[i].bad);
		close(p[i][0]);
		close(p[i][1]);
	}
	printf("\n");
	close(q[0]);
	close(q[1]);
}

static void in_a_row(void)
{
	char buf[8];
	int p[2], ok = 0;

	NEED(pipe(p) == 0);
	for (int i = 0; i < 300; i++) {
		struct raw r;

		NEED(write(p[1], "a", 1) == 1);
		launch(&r, p[0], p[1], 1);
		gone(&r);
		ok += r.done == 1 && read(p[0], buf, 8) == 1;
	}
	show(ok, "in a row");
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	begin();
	take_turns();
	together();
	in_a_row();
	show(count_tasks(), "tasks");
	list_fds("left open");
	return 0;
}
