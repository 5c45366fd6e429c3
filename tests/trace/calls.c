// SPDX-License-Identifier: MIT
/*
 * Every call that a trace shows, with the arguments that have names, structures
 * or strings in them, right and wrong: what strace prints of them is what `shim
 * trace` has to print.  What the kernel answers does not matter, so that nothing
 * is checked here; it only has to be the same each time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where nothing is; the compiler shall not know. */
static void *volatile BAD = (void *)16;
static volatile size_t too_much = (size_t)-1;
static volatile int too_many = 2000;

static char out[4096];

static void strings(void)
{
	char all[256];
	int i, fd = open("strings", O_RDWR | O_CREAT | O_TRUNC, 0640);

	for (i = 0; i < 256; i++)
		all[i] = (char)i;
	for (i = 0; i < 256; i += 16) {
		if (write(fd, all + i, 16) < 0)
			_exit(1);
	}
	for (i = 0; i < 256; i += 32) {
		if (pread(fd, out, 32, i) < 0)
			_exit(1);
	}
	pread(fd, out, 33, 0);
	pread(fd, out, 200, 0);
	pwrite(fd, "\0001\0a\n2\\\"\377x", 11, 300);
	pwrite(fd, "\1", 1, 0x123456789);
	pread(fd, out, 10, -1);
	write(fd, "", 0);
	write(fd, NULL, 0);
	write(fd, NULL, 1);
	write(fd, BAD, 5);
	read(fd, out, 0);
	read(fd, BAD, 5);
	read(-1, out, 5);
	read(1000000, out, too_much);
	close(fd);
	close(fd);
}

static void opens(void)
{
	char longest[300], quoted[] = "odd\n\"\\\1name\xff";
	int fd, dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(longest, 'a', sizeof(longest));
	longest[299] = '\0';
	open("none", O_RDONLY);
	open(longest, O_RDONLY);
	open(quoted, O_WRONLY);
	open("", O_RDWR);
	open(NULL, O_RDWR);
	open(BAD, O_RDWR);
	open(".", O_WRONLY);
	open("strings/x", O_RDONLY);
	openat(dir, "strings", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	openat(12345, "strings", O_RDONLY);
	openat(AT_FDCWD, "strings", O_RDWR | O_APPEND | O_SYNC | O_NOATIME);
	openat(AT_FDCWD, "strings", O_PATH);
	openat(AT_FDCWD, "strings", O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE);
	openat(AT_FDCWD, "strings", O_RDWR | O_CREAT | O_EXCL, 0600);
	openat(AT_FDCWD, "strings", 3);
	openat(AT_FDCWD, "strings", O_RDONLY | 0x80000000);
	openat(AT_FDCWD, "new", O_WRONLY | O_CREAT, 04755);
	openat(AT_FDCWD, "new", O_WRONLY | O_CREAT, 0);
	openat(AT_FDCWD, "new", O_WRONLY | O_CREAT, 07);
	open(".", O_TMPFILE | O_RDWR, 0600);
	syscall(SYS_open, "strings", O_RDONLY);
	syscall(SYS_creat, "new", 0644);
	creat("new", 0600);
	fd = dup(dir);
	dup(-1);
	dup2(fd, 60);
	dup2(fd, fd);
	dup2(-1, 60);
	dup3(fd, 61, O_CLOEXEC);
	dup3(fd, 61, 0);
	dup3(fd, 61, 1);
	dup3(fd, fd, 0);
	for (fd = 20; fd < 62; fd++)
		close(fd);
	close_range(30, 4000, 0);
	close_range(30, ~0U, CLOSE_RANGE_UNSHARE);
	close_range(30, 40, 4);
	close_range(30, 40, 1);
	close_range(30, 40, 8);
	close_range(40, 30, 0);
}

static void commands(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_len = 10 }, shared = {
		.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -5 };
	struct f_owner_ex owner = { .type = F_OWNER_PID, .pid = 0 };
	unsigned long long hint = 2;
	int fd = open("strings", O_RDWR | O_CLOEXEC), ends[2];

	fcntl(fd, F_GETFD);
	fcntl(fd, F_SETFD, 0);
	fcntl(fd, F_GETFD);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFD, 3);
	fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND);
	fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, O_RDWR);
	fcntl(fd, F_SETFL, 0);
	close(fcntl(fd, F_DUPFD, 50));
	close(fcntl(fd, F_DUPFD_CLOEXEC, 50));
	fcntl(fd, F_DUPFD, -1);
	fcntl(fd, F_GETLK, &lock);
	fcntl(fd, F_SETLK, &lock);
	fcntl(fd, F_SETLKW, &shared);
	fcntl(fd, F_SETLK, NULL);
	fcntl(fd, F_SETLK, BAD);
	lock.l_type = 9;
	fcntl(fd, F_SETLK, &lock);
	lock.l_type = F_UNLCK;
	lock.l_whence = 7;
	fcntl(fd, F_SETLK, &lock);
	lock.l_whence = SEEK_CUR;
	lock.l_pid = 0;
	fcntl(fd, F_OFD_SETLK, &lock);
	lock.l_type = F_RDLCK;
	fcntl(fd, F_OFD_GETLK, &lock);
	fcntl(fd, F_GETOWN);
	fcntl(fd, F_SETOWN, 0);
	syscall(SYS_fcntl, fd, F_GETOWN_EX, &owner);
	fcntl(fd, F_SETOWN_EX, &owner);
	fcntl(fd, F_GETSIG);
	fcntl(fd, F_SETSIG, SIGUSR1);
	fcntl(fd, F_SETSIG, SIGRTMIN + 1);
	fcntl(fd, F_SETSIG, 0);
	fcntl(fd, F_GETLEASE);
	fcntl(fd, F_SETLEASE, F_UNLCK);
	fcntl(fd, F_NOTIFY, 0);
	fcntl(fd, F_NOTIFY, DN_ACCESS | DN_MULTISHOT);
	fcntl(fd, F_GET_SEALS);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_WRITE);
	fcntl(fd, F_GET_RW_HINT, &hint);
	fcntl(fd, F_SET_FILE_RW_HINT, &hint);
	fcntl(fd, 12345, 6789);
	fcntl(-1, F_GETFL);
	close(fd);
	syscall(SYS_pipe, ends);
	fcntl(ends[0], F_GETPIPE_SZ);
	fcntl(ends[0], F_SETPIPE_SZ, 8192);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	write(ends[1], "to nobody", 9);
	close(ends[1]);
	pipe2(ends, O_NONBLOCK | O_CLOEXEC);
	read(ends[0], out, 10);
	close(ends[0]);
	close(ends[1]);
	pipe2(ends, O_DIRECT);
	close(ends[0]);
	close(ends[1]);
	pipe2(ends, 0x7000);
	pipe2(BAD, 0);
	syscall(SYS_pipe, NULL);
}

static void vectors(void)
{
	struct iovec v[40] = {
		{ "one", 3 }, { "", 0 }, { "three and more than thirty-two bytes", 36 },
		{ NULL, 0 }, { "\0\1", 2 },
	};
	struct iovec in[3] = { { out, 3 }, { out + 10, 50 }, { out + 100, 5 } };
	struct iovec bad[2] = { { out, 3 }, { BAD, 5 } };
	int i, fd = open("vectors", O_RDWR | O_CREAT | O_TRUNC, 0600);

	writev(fd, v, 5);
	writev(fd, v, 0);
	writev(fd, NULL, 0);
	writev(fd, BAD, 2);
	writev(fd, v, too_many);
	writev(fd, bad, 2);
	for (i = 5; i < 40; i++)
		v[i] = (struct iovec){ "x", 1 };
	writev(fd, v, 40);
	pwritev(fd, v, 1, 100);
	pwritev2(fd, v, 1, -1, RWF_DSYNC);
	pwritev2(fd, v, 1, 5, RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_HIPRI);
	pwritev2(fd, v, 1, 5, 0x400);
	preadv(fd, in, 3, 0);
	preadv(fd, in, 3, 30);
	preadv(fd, in, 3, 100000);
	preadv2(fd, in, 2, 0, RWF_NOWAIT);
	preadv2(fd, in, 2, 0, 0);
	preadv2(fd, in, 2, 1UL << 40, 0);
	preadv(fd, bad, 2, 0);
	readv(fd, in, 3);
	readv(-1, in, 3);
	close(fd);
}

static void copies(void)
{
	int ends[2], from = open("strings", O_RDONLY), to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
	off_t at = 10, other = 5;

	sendfile(to, from, NULL, 20);
	sendfile(to, from, &at, 20);
	at = 100000;
	sendfile(to, from, &at, 20);
	sendfile(to, -1, &at, 20);
	sendfile(to, from, BAD, 20);
	at = 3;
	copy_file_range(from, &at, to, &other, 10, 0);
	copy_file_range(from, NULL, to, NULL, 10, 0);
	copy_file_range(from, NULL, to, BAD, 10, 1);
	pipe(ends);
	splice(from, NULL, ends[1], NULL, 10, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	splice(from, &at, ends[1], NULL, 10, 0);
	splice(ends[0], NULL, to, &other, 10, SPLICE_F_MORE | SPLICE_F_GIFT);
	splice(ends[0], NULL, to, NULL, 10, 0x80);
	close(ends[0]);
	close(ends[1]);
	close(from);
	close(to);
}

static void sockets(void)
{
	static const int domains[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_UNSPEC, 99 };
	unsigned i;

	for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		close(socket(domains[i], SOCK_DGRAM | SOCK_CLOEXEC, 0));
	close(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP));
	close(socket(AF_INET, SOCK_STREAM, IPPROTO_IP));
	close(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
	close(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
	close(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	close(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT));
	close(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	close(socket(AF_UNIX, SOCK_STREAM, 7));
	socket(AF_INET, 77, 300);
}

static void connects(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "nobody" };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(1),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(1),
		.sin6_flowinfo = htonl(7), .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_scope_id = 1 };
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = 3 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);

	connect(fd, (struct sockaddr *)&un, sizeof(un));
	connect(fd, (struct sockaddr *)&un, 9);
	memcpy(un.sun_path, "\0abs\0\1tract", 12);
	connect(fd, (struct sockaddr *)&un, 14);
	connect(fd, (struct sockaddr *)&un, 3);
	connect(fd, (struct sockaddr *)&un, 2);
	connect(fd, (struct sockaddr *)&un, 1);
	connect(fd, (struct sockaddr *)&un, 0);
	connect(fd, NULL, 0);
	connect(fd, NULL, 16);
	connect(fd, BAD, 16);
	connect(fd, (struct sockaddr *)&un, 1000);
	connect(-1, (struct sockaddr *)&in, sizeof(in));
	connect(tcp, (struct sockaddr *)&in, sizeof(in));
	connect(tcp, (struct sockaddr *)&in, 8);
	connect(tcp, (struct sockaddr *)&in6, sizeof(in6));
	in6.sin6_addr.s6_addr[0] = 0xfe;
	in6.sin6_addr.s6_addr[1] = 0x80;
	connect(tcp, (struct sockaddr *)&in6, sizeof(in6));
	connect(tcp, (struct sockaddr *)&in6, 24);
	connect(tcp, (struct sockaddr *)&nl, sizeof(nl));
	in.sin_family = AF_UNSPEC;
	connect(tcp, (struct sockaddr *)&in, sizeof(in));
	in.sin_family = 99;
	connect(tcp, (struct sockaddr *)&in, sizeof(in));
	close(fd);
	close(tcp);
}

static void accepts(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } }, peer;
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "listener" };
	socklen_t len = sizeof(in), small = 4, negative = -1;
	int l = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_UNIX, SOCK_STREAM, 0), c, s;

	bind(l, (struct sockaddr *)&in, sizeof(in));
	getsockname(l, (struct sockaddr *)&in, &len);
	listen(l, 5);
	unlink("listener");
	bind(u, (struct sockaddr *)&un, sizeof(un));
	listen(u, 5);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	connect(c, (struct sockaddr *)&un, sizeof(un));
	len = sizeof(un);
	s = accept(u, (struct sockaddr *)&un, &len);
	recvfrom(s, out, 10, MSG_DONTWAIT, (struct sockaddr *)&un, &len);
	send(c, "hello", 5, 0);
	len = sizeof(un);
	recvfrom(s, out, 10, 0, (struct sockaddr *)&un, &len);
	recv(s, out, 10, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
	close(s);
	close(c);
	fcntl(l, F_SETFL, O_NONBLOCK);
	accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	c = socket(AF_INET, SOCK_STREAM, 0);
	in.sin_family = AF_INET;
	connect(c, (struct sockaddr *)&in, sizeof(in));
	len = sizeof(peer);
	s = accept4(l, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
	close(s);
	close(c);
	c = socket(AF_INET, SOCK_STREAM, 0);
	connect(c, (struct sockaddr *)&in, sizeof(in));
	s = accept(l, (struct sockaddr *)&peer, &small);
	close(s);
	close(c);
	accept(l, (struct sockaddr *)&peer, &negative);
	accept(l, NULL, NULL);
	accept4(l, NULL, NULL, 0x12345);
	accept(-1, (struct sockaddr *)&peer, BAD);
	close(l);
	close(u);
}

static void datagrams(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);

	bind(a, (struct sockaddr *)&in, sizeof(in));
	getsockname(a, (struct sockaddr *)&in, &len);
	sendto(b, "data", 4, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&in, sizeof(in));
	recvfrom(a, out, 2, MSG_TRUNC, (struct sockaddr *)&in, &len);
	sendto(b, "data", 4, MSG_OOB | MSG_MORE | MSG_CONFIRM | MSG_EOR, NULL, 0);
	sendto(b, BAD, 4, 0x40000000, NULL, 0);
	recvfrom(a, out, 100, MSG_DONTWAIT | MSG_WAITALL | MSG_CMSG_CLOEXEC, NULL, NULL);
	recvfrom(a, out, 100, MSG_ERRQUEUE | MSG_DONTWAIT | 0x10000000, (struct sockaddr *)&in, &len);
	close(a);
	close(b);
}

static void messages(void)
{
	union { struct cmsghdr h; char room[200]; } control = { .room = "" };
	struct iovec v[2] = { { "some", 4 }, { "thing", 5 } };
	struct iovec in[2] = { { out, 3 }, { out + 100, 40 } };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "x" };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	struct ucred cred = { getpid(), getuid(), getgid() };
	struct mmsghdr mm[3] = { { .msg_hdr = { .msg_iov = v, .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = v, .msg_iovlen = 2 } } };
	struct timespec none = { 0, 1000 };
	int pair[2], fds[2] = { 0, 1 }, one = 1, stream[2];

	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	socketpair(AF_UNIX, SOCK_STREAM, 0, stream);
	sendmsg(pair[0], &m, 0);
	m.msg_iov = in;
	recvmsg(pair[1], &m, 0);
	recvmsg(pair[1], &m, MSG_DONTWAIT);
	m.msg_iov = v;
	control.h = (struct cmsghdr){ CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.h), fds, sizeof(fds));
	m.msg_control = &control;
	m.msg_controllen = CMSG_SPACE(sizeof(fds));
	sendmsg(pair[0], &m, MSG_NOSIGNAL);
	m.msg_iov = in;
	m.msg_control = &control;
	m.msg_controllen = sizeof(control);
	m.msg_name = &name;
	m.msg_namelen = sizeof(name);
	recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC);
	setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	m = (struct msghdr){ .msg_iov = v, .msg_iovlen = 1, .msg_control = &control };
	control.h = (struct cmsghdr){ CMSG_LEN(sizeof(cred)), SOL_SOCKET, SCM_CREDENTIALS };
	memcpy(CMSG_DATA(&control.h), &cred, sizeof(cred));
	m.msg_controllen = CMSG_SPACE(sizeof(cred));
	sendmsg(pair[0], &m, 0);
	m.msg_iov = in;
	m.msg_controllen = sizeof(control);
	recvmsg(pair[1], &m, 0);
	m = (struct msghdr){ .msg_iov = v, .msg_iovlen = 1, .msg_control = &control };
	control.h = (struct cmsghdr){ CMSG_LEN(8), SOL_IP, 77 };
	m.msg_controllen = CMSG_SPACE(8);
	sendmsg(pair[0], &m, 0);
	control.h.cmsg_len = 4;
	sendmsg(pair[0], &m, 0);
	m.msg_controllen = 3;
	sendmsg(pair[0], &m, 0);
	m.msg_control = NULL;
	m.msg_name = &name;
	m.msg_namelen = 4;
	sendmsg(pair[0], &m, 0);
	sendmsg(pair[0], NULL, 0);
	sendmsg(pair[0], BAD, 0);
	recvmsg(pair[1], BAD, 0);
	m = (struct msghdr){ .msg_iov = BAD, .msg_iovlen = 1 };
	sendmsg(pair[0], &m, 0);
	m = (struct msghdr){ .msg_iov = NULL, .msg_iovlen = 0 };
	sendmsg(pair[0], &m, 0);
	recvmsg(pair[1], &m, MSG_DONTWAIT);
	while (recv(pair[1], out, 100, MSG_DONTWAIT) >= 0)
		;
	sendmmsg(pair[0], mm, 2, MSG_DONTWAIT);
	mm[0].msg_hdr.msg_iov = mm[1].msg_hdr.msg_iov = in;
	recvmmsg(pair[1], mm, 2, MSG_DONTWAIT, NULL);
	recvmmsg(pair[1], mm, 2, MSG_DONTWAIT, &none);
	sendmmsg(pair[0], NULL, 0, 0);
	sendmmsg(-1, mm, 1, 0);
	send(stream[0], "stream", 6, 0);
	shutdown(stream[0], SHUT_WR);
	recv(stream[1], out, 3, MSG_WAITALL);
	recv(stream[1], out, 100, 0);
	recv(stream[1], out, 100, 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	strings();
	opens();
	commands();
	vectors();
	copies();
	sockets();
	connects();
	accepts();
	datagrams();
	messages();
	return 7;
}
