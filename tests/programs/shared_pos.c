// SPDX-License-Identifier: MIT
/*
 * One file position, many readers and writers: threads, forked processes, dups,
 * a descriptor passed over a socket. The kernel takes the position, moves the
 * bytes and puts the position back under one lock, so that no record is read
 * twice and none overwrites another; a read on a ring at "the current position"
 * does not take that lock. lseek and stdio move the same position.
 */
#include "life.h"

#define RECORD 32
#define RECORDS 3000
#define TEAM 4

struct board {
	unsigned char seen[RECORDS];
	int bad;
};

static struct board *board;
static int shared_fd;

static void make_records(void)
{
	static char data[RECORD * RECORDS];

	for (int i = 0; i < RECORDS; i++) {
		memset(data + i * RECORD, '.', RECORD);
		snprintf(data + i * RECORD, RECORD, "%08d", i);
		data[i * RECORD + RECORD - 1] = '\n';
	}
	put_file("records", data, sizeof(data));
}

static void mark(const char *rec)
{
	int i = atoi(rec);

	if (i < 0 || i >= RECORDS || rec[RECORD - 1] != '\n')
		__sync_fetch_and_add(&board->bad, 1);
	else
		__sync_fetch_and_add(&board->seen[i], 1);
}

static void read_all(int fd)
{
	char rec[RECORD];
	ssize_t n;

	while ((n = read(fd, rec, RECORD)) == RECORD)
		mark(rec);
	if (n != 0)
		__sync_fetch_and_add(&board->bad, 1);
}

static void result(const char *what)
{
	int once = 0, none = 0, more = 0;

	for (int i = 0; i < RECORDS; i++) {
		once += board->seen[i] == 1;
		none += board->seen[i] == 0;
		more += board->seen[i] > 1;
	}
	printf("%s: once %d lost %d doubled %d bad %d\n", what, once, none,
	       more, board->bad);
	memset(board, 0, sizeof(*board));
}

static void *reading(void *arg)
{
	read_all(*(int *)arg);
	return NULL;
}

static void by_threads(bool dups)
{
	int fd = open("records", O_RDONLY), fds[TEAM];
	pthread_t t[TEAM];

	for (int i = 0; i < TEAM; i++) {
		fds[i] = dups ? dup(fd) : fd;
		NEED(pthread_create(&t[i], NULL, reading, &fds[i]) == 0);
	}
	for (int i = 0; i < TEAM; i++)
		NEED(pthread_join(t[i], NULL) == 0);
	for (int i = 0; dups && i < TEAM; i++)
		close(fds[i]);
	close(fd);
	result(dups ? "threads with dups" : "threads");
}

static int read_child(void *arg)
{
	(void)arg;
	read_all(shared_fd);
	return 0;
}

static void by_processes(bool used)
{
	pid_t pid[TEAM];
	char rec[RECORD];

	shared_fd = open("records", O_RDONLY);
	if (used) {
		NEED(read(shared_fd, rec, RECORD) == RECORD);
		mark(rec);
	}
	for (int i = 0; i < TEAM; i++)
		pid[i] = start(read_child, NULL);
	read_all(shared_fd);
	for (int i = 0; i < TEAM; i++)
		NEED(reap(pid[i]) == 0);
	close(shared_fd);
	result(used ? "processes, used before" : "processes");
}

static void send_fd(int sock, int fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} u;
	char c = 'f';
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u),
	};

	memset(&u, 0, sizeof(u));
	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.h), &fd, sizeof(int));
	NEED(sendmsg(sock, &m, 0) == 1);
}

static int recv_fd(int sock)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} u;
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u),
	};
	int fd;

	NEED(recvmsg(sock, &m, 0) == 1);
	NEED(u.h.cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(&u.h), sizeof(int));
	return fd;
}

static int passed_child(void *arg)
{
	read_all(recv_fd(*(int *)arg));
	return 0;
}

/* The child exists before the file is opened: only the socket links them. */
static void by_passing(void)
{
	char rec[RECORD];
	pid_t pid;
	int s[2], fd;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid = start(passed_child, &s[1]);
	fd = open("records", O_RDONLY);
	NEED(read(fd, rec, RECORD) == RECORD);
	mark(rec);
	send_fd(s[0], fd);
	read_all(fd);
	NEED(reap(pid) == 0);
	close(fd);
	close(s[0]);
	close(s[1]);
	result("passed descriptor");
}

struct span {
	int fd, from, to;
};

static void write_span(struct span *s)
{
	char rec[RECORD];

	for (int i = s->from; i < s->to; i++) {
		memset(rec, '.', RECORD);
		snprintf(rec, RECORD, "%08d", i);
		rec[RECORD - 1] = '\n';
		NEED(write(s->fd, rec, RECORD) == RECORD);
	}
}

static void *writing(void *arg)
{
	write_span(arg);
	return NULL;
}

static int write_child(void *arg)
{
	write_span(arg);
	return 0;
}

static void check_file(const char *what)
{
	struct stat st;
	int fd = open("written", O_RDONLY);

	NEED(fstat(fd, &st) == 0);
	NEED(st.st_size == RECORD * RECORDS);
	read_all(fd);
	close(fd);
	result(what);
	unlink("written");
}

static void by_writers(int flags, bool forked, const char *what)
{
	int fd = open("written", O_WRONLY | O_CREAT | flags, 0600);
	struct span s[TEAM];
	pthread_t t[TEAM];
	pid_t pid[TEAM];

	for (int i = 0; i < TEAM; i++) {
		s[i] = (struct span){ dup(fd), i * RECORDS / TEAM,
				      (i + 1) * RECORDS / TEAM };
		if (forked)
			pid[i] = start(write_child, &s[i]);
		else
			NEED(!pthread_create(&t[i], NULL, writing, &s[i]));
	}
	for (int i = 0; i < TEAM; i++) {
		if (forked)
			NEED(reap(pid[i]) == 0);
		else
			NEED(pthread_join(t[i], NULL) == 0);
		close(s[i].fd);
	}
	close(fd);
	check_file(what);
}

static int seek_child(void *arg)
{
	NEED(lseek(*(int *)arg, 64, SEEK_SET) == 64);
	return 0;
}

static void seeking(void)
{
	int fd = open("records", O_RDONLY), other;
	char rec[RECORD + 1] = "";

	for (int i = 0; i < 3; i++) {
		NEED(read(fd, rec, RECORD) == RECORD);
		printf("%.8s ", rec);
	}
	NEED(reap(start(seek_child, &fd)) == 0);
	show(lseek(fd, 0, SEEK_CUR), "after the child's seek");
	NEED(read(fd, rec, RECORD) == RECORD);
	printf("%.8s\n", rec);
	other = dup(fd);
	NEED(syscall(SYS_lseek, other, 320, SEEK_SET) == 320);
	NEED(read(fd, rec, RECORD) == RECORD);
	printf("%.8s ", rec);
	NEED(syscall(SYS_read, other, rec, RECORD) == RECORD);
	printf("%.8s ", rec);
	NEED(read(fd, rec, RECORD) == RECORD);
	printf("%.8s ", rec);
	NEED(pread(fd, rec, RECORD, 0) == RECORD);
	printf("%.8s ", rec);
	NEED(read(fd, rec, RECORD) == RECORD);
	printf("%.8s\n", rec);
	close(other);
	close(fd);
}

static void stdio(void)
{
	FILE *f = fopen("records", "r");
	char line[64];
	int fd = fileno(f);

	setvbuf(f, NULL, _IONBF, 0);
	for (int i = 0; i < 3; i++) {
		NEED(fgets(line, sizeof(line), f));
		printf("%.8s ", line);
		NEED(read(fd, line, RECORD) == RECORD);
		printf("%.8s ", line);
	}
	fclose(f);
	f = fopen("records", "r");
	fd = fileno(f);
	NEED(fgets(line, sizeof(line), f));
	show(lseek(fd, 0, SEEK_CUR), "buffered position");
	fflush(f);
	show(lseek(fd, 0, SEEK_CUR), "flushed position");
	NEED(read(fd, line, RECORD) == RECORD);
	printf("%.8s ", line);
	NEED(fgets(line, sizeof(line), f));
	printf("%.8s\n", line);
	fclose(f);
}

/* Our own opening of the same file has a position of its own. */
static void reopening(void)
{
	int fd = open("records", O_RDONLY), other;
	char path[64], rec[RECORD];

	NEED(read(fd, rec, RECORD) == RECORD);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_RDONLY);
	NEED(read(other, rec, RECORD) == RECORD);
	printf("%.8s ", rec);
	NEED(read(fd, rec, RECORD) == RECORD);
	printf("%.8s\n", rec);
	close(other);
	close(fd);
}

int main(void)
{
	begin();
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(board != MAP_FAILED);
	make_records();
	by_threads(false);
	by_threads(true);
	by_processes(false);
	by_processes(true);
	by_passing();
	by_writers(0, false, "plain, threads");
	by_writers(0, true, "plain, processes");
	by_writers(O_APPEND, false, "append, threads");
	by_writers(O_APPEND, true, "append, processes");
	seeking();
	stdio();
	reopening();
	return 0;
}
