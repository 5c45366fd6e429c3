// SPDX-License-Identifier: MIT
/*
 * The tables of decode_names.h.  The order of flags is that of strace's output;
 * numbers that a system's headers may lack are written out, from the kernel's.
 */
#include "decode_names.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "decode.h"

#define NAME(name) { (uint64_t)(name), #name }
#define NAMES(of, what) \
	const struct names names_##of = { \
		of##_all, sizeof(of##_all) / sizeof(of##_all[0]), what \
	}

static const struct number_name open_all[] = {
	NAME(O_CREAT), NAME(O_EXCL), NAME(O_NOCTTY), NAME(O_TRUNC),
	NAME(O_APPEND), NAME(O_NONBLOCK), NAME(O_SYNC), NAME(O_DSYNC),
	{ 04000000, "__O_SYNC" }, NAME(O_DIRECT), { 0100000, "O_LARGEFILE" },
	NAME(O_NOFOLLOW), NAME(O_NOATIME), NAME(O_CLOEXEC), NAME(O_PATH),
	NAME(O_TMPFILE), { 020000000, "__O_TMPFILE" }, NAME(O_DIRECTORY),
	{ 020000, "FASYNC" },
};
NAMES(open, "O_???");

static const struct number_name fd_all[] = { NAME(FD_CLOEXEC) };
NAMES(fd, "FD_???");

static const struct number_name range_all[] = {
	{ 2, "CLOSE_RANGE_UNSHARE" }, { 4, "CLOSE_RANGE_CLOEXEC" },
};
NAMES(range, "CLOSE_RANGE_???");

static const struct number_name splice_all[] = {
	NAME(SPLICE_F_MOVE), NAME(SPLICE_F_NONBLOCK), NAME(SPLICE_F_MORE),
	NAME(SPLICE_F_GIFT),
};
NAMES(splice, "SPLICE_F_???");

static const struct number_name rwf_all[] = {
	{ 1, "RWF_HIPRI" }, { 2, "RWF_DSYNC" }, { 4, "RWF_SYNC" },
	{ 8, "RWF_NOWAIT" }, { 16, "RWF_APPEND" },
};
NAMES(rwf, "RWF_???");

static const struct number_name message_all[] = {
	NAME(MSG_OOB), NAME(MSG_PEEK), NAME(MSG_DONTROUTE), NAME(MSG_CTRUNC),
	{ 0x10, "MSG_PROBE" }, NAME(MSG_TRUNC), NAME(MSG_DONTWAIT),
	NAME(MSG_EOR), NAME(MSG_WAITALL), NAME(MSG_FIN), NAME(MSG_SYN),
	NAME(MSG_CONFIRM), NAME(MSG_RST), NAME(MSG_ERRQUEUE),
	NAME(MSG_NOSIGNAL), NAME(MSG_MORE), NAME(MSG_WAITFORONE),
	{ 0x20000, "MSG_SENDPAGE_NOTLAST" }, { 0x40000, "MSG_BATCH" },
	{ 0x80000, "MSG_NO_SHARED_FRAGS" }, { 0x4000000, "MSG_ZEROCOPY" },
	{ 0x20000000, "MSG_FASTOPEN" }, { 0x40000000, "MSG_CMSG_CLOEXEC" },
	{ 0x80000000, "MSG_CMSG_COMPAT" },
};
NAMES(message, "MSG_???");

static const struct number_name domain_all[] = {
	NAME(AF_UNSPEC), NAME(AF_UNIX), NAME(AF_INET), NAME(AF_AX25),
	NAME(AF_IPX), NAME(AF_APPLETALK), NAME(AF_NETROM), NAME(AF_BRIDGE),
	NAME(AF_ATMPVC), NAME(AF_X25), NAME(AF_INET6), NAME(AF_ROSE),
	{ 12, "AF_DECnet" }, NAME(AF_NETBEUI), NAME(AF_SECURITY), NAME(AF_KEY),
	NAME(AF_NETLINK), NAME(AF_PACKET), NAME(AF_ASH), NAME(AF_ECONET),
	NAME(AF_ATMSVC), NAME(AF_RDS), NAME(AF_SNA), NAME(AF_IRDA),
	NAME(AF_PPPOX), NAME(AF_WANPIPE), NAME(AF_LLC), NAME(AF_IB),
	NAME(AF_MPLS), NAME(AF_CAN), NAME(AF_TIPC), NAME(AF_BLUETOOTH),
	NAME(AF_IUCV), NAME(AF_RXRPC), NAME(AF_ISDN), NAME(AF_PHONET),
	NAME(AF_IEEE802154), NAME(AF_CAIF), NAME(AF_ALG), NAME(AF_NFC),
	NAME(AF_VSOCK), NAME(AF_KCM), NAME(AF_QIPCRTR), { 43, "AF_SMC" },
	{ 44, "AF_XDP" }, { 45, "AF_MCTP" },
};
NAMES(domain, "AF_???");

static const struct number_name type_all[] = {
	NAME(SOCK_STREAM), NAME(SOCK_DGRAM), NAME(SOCK_RAW), NAME(SOCK_RDM),
	NAME(SOCK_SEQPACKET), NAME(SOCK_DCCP), NAME(SOCK_PACKET),
};
NAMES(type, "SOCK_???");

static const struct number_name type_flags_all[] = {
	NAME(SOCK_CLOEXEC), NAME(SOCK_NONBLOCK),
};
NAMES(type_flags, "SOCK_???");

static const struct number_name ip_all[] = {
	NAME(IPPROTO_IP), NAME(IPPROTO_ICMP), NAME(IPPROTO_IGMP),
	NAME(IPPROTO_IPIP), NAME(IPPROTO_TCP), NAME(IPPROTO_EGP),
	NAME(IPPROTO_PUP), NAME(IPPROTO_UDP), NAME(IPPROTO_IDP),
	NAME(IPPROTO_TP), NAME(IPPROTO_DCCP), NAME(IPPROTO_IPV6),
	NAME(IPPROTO_ROUTING), NAME(IPPROTO_FRAGMENT), NAME(IPPROTO_RSVP),
	NAME(IPPROTO_GRE), NAME(IPPROTO_ESP), NAME(IPPROTO_AH),
	NAME(IPPROTO_ICMPV6), NAME(IPPROTO_NONE), NAME(IPPROTO_DSTOPTS),
	NAME(IPPROTO_MTP), NAME(IPPROTO_BEETPH), NAME(IPPROTO_ENCAP),
	NAME(IPPROTO_PIM), NAME(IPPROTO_COMP), { 115, "IPPROTO_L2TP" },
	NAME(IPPROTO_SCTP), NAME(IPPROTO_MH), NAME(IPPROTO_UDPLITE),
	NAME(IPPROTO_MPLS), { 143, "IPPROTO_ETHERNET" }, NAME(IPPROTO_RAW),
	{ 262, "IPPROTO_MPTCP" },
};
NAMES(ip, "IPPROTO_???");

static const struct number_name netlink_all[] = {
	NAME(NETLINK_ROUTE), NAME(NETLINK_UNUSED), NAME(NETLINK_USERSOCK),
	NAME(NETLINK_FIREWALL), NAME(NETLINK_SOCK_DIAG), NAME(NETLINK_NFLOG),
	NAME(NETLINK_XFRM), NAME(NETLINK_SELINUX), NAME(NETLINK_ISCSI),
	NAME(NETLINK_AUDIT), NAME(NETLINK_FIB_LOOKUP), NAME(NETLINK_CONNECTOR),
	NAME(NETLINK_NETFILTER), NAME(NETLINK_IP6_FW), NAME(NETLINK_DNRTMSG),
	NAME(NETLINK_KOBJECT_UEVENT), NAME(NETLINK_GENERIC),
	NAME(NETLINK_SCSITRANSPORT), NAME(NETLINK_ECRYPTFS),
	NAME(NETLINK_RDMA), NAME(NETLINK_CRYPTO), { 22, "NETLINK_SMC" },
};
NAMES(netlink, "NETLINK_???");

static const struct number_name command_all[] = {
	NAME(F_DUPFD), NAME(F_GETFD), NAME(F_SETFD), NAME(F_GETFL),
	NAME(F_SETFL), { 5, "F_GETLK" }, { 6, "F_SETLK" }, { 7, "F_SETLKW" },
	NAME(F_SETOWN), NAME(F_GETOWN), NAME(F_SETSIG), NAME(F_GETSIG),
	{ 12, "F_GETLK64" }, { 13, "F_SETLK64" }, { 14, "F_SETLKW64" },
	NAME(F_SETOWN_EX), NAME(F_GETOWN_EX), { 17, "F_GETOWNER_UIDS" },
	NAME(F_OFD_GETLK), NAME(F_OFD_SETLK), NAME(F_OFD_SETLKW),
	NAME(F_SETLEASE), NAME(F_GETLEASE), NAME(F_NOTIFY),
	{ 1029, "F_CANCELLK" }, NAME(F_DUPFD_CLOEXEC), NAME(F_SETPIPE_SZ),
	NAME(F_GETPIPE_SZ), NAME(F_ADD_SEALS), NAME(F_GET_SEALS),
};
NAMES(command, "F_???");

static const struct number_name lock_all[] = {
	NAME(F_RDLCK), NAME(F_WRLCK), NAME(F_UNLCK),
};
NAMES(lock, "F_???");

static const struct number_name whence_all[] = {
	NAME(SEEK_SET), NAME(SEEK_CUR), NAME(SEEK_END), NAME(SEEK_DATA),
	NAME(SEEK_HOLE),
};
NAMES(whence, "SEEK_???");

static const struct number_name owner_all[] = {
	NAME(F_OWNER_TID), NAME(F_OWNER_PID), NAME(F_OWNER_PGRP),
};
NAMES(owner, "F_???");

static const struct number_name notify_all[] = {
	NAME(DN_ACCESS), NAME(DN_MODIFY), NAME(DN_CREATE), NAME(DN_DELETE),
	NAME(DN_RENAME), NAME(DN_ATTRIB), { 0x80000000, "DN_MULTISHOT" },
};
NAMES(notify, "DN_???");

static const struct number_name seals_all[] = {
	NAME(F_SEAL_SEAL), NAME(F_SEAL_SHRINK), NAME(F_SEAL_GROW),
	NAME(F_SEAL_WRITE), { 16, "F_SEAL_FUTURE_WRITE" },
};
NAMES(seals, "F_SEAL_???");

static const struct number_name level_all[] = {
	{ 0, "SOL_IP" }, NAME(SOL_SOCKET), { 6, "SOL_TCP" }, { 17, "SOL_UDP" },
	{ 41, "SOL_IPV6" }, { 58, "SOL_ICMPV6" }, { 132, "SOL_SCTP" },
	{ 255, "SOL_RAW" }, { 263, "SOL_PACKET" }, { 270, "SOL_NETLINK" },
	{ 282, "SOL_TLS" }, { 279, "SOL_ALG" },
};
NAMES(level, "SOL_???");

static const struct number_name control_all[] = {
	{ 1, "SCM_RIGHTS" }, { 2, "SCM_CREDENTIALS" }, { 3, "SCM_SECURITY" },
	{ 29, "SO_TIMESTAMP_OLD" }, { 35, "SO_TIMESTAMPNS_OLD" },
	{ 37, "SO_TIMESTAMPING_OLD" }, { 63, "SO_TIMESTAMP_NEW" },
	{ 64, "SO_TIMESTAMPNS_NEW" }, { 65, "SO_TIMESTAMPING_NEW" },
};
NAMES(control, "SCM_???");

static const struct number_name ip_control_all[] = {
	NAME(IP_TOS), NAME(IP_TTL), NAME(IP_RECVOPTS), NAME(IP_RETOPTS),
	NAME(IP_PKTINFO), NAME(IP_RECVERR), NAME(IP_ORIGDSTADDR),
	{ 23, "IP_CHECKSUM" }, { 18, "SCM_SECURITY" },
};
NAMES(ip_control, "IP_???");

const char *name_of(const struct names *names, uint64_t value)
{
	size_t i;

	for (i = 0; i < names->number; i++) {
		if (names->all[i].value == value)
			return names->all[i].name;
	}
	return NULL;
}

static void put_unknown(struct text *out, const struct names *names,
			uint64_t value)
{
	put_hex(out, value);
	text_puts(out, " /* ");
	text_puts(out, names->unknown);
	text_puts(out, " */");
}

void put_name(struct text *out, const struct names *names, uint64_t value)
{
	const char *name = name_of(names, value);

	if (name)
		text_puts(out, name);
	else
		put_unknown(out, names, value);
}

void put_more_flags(struct text *out, const struct names *names, uint64_t value)
{
	size_t i;

	for (i = 0; i < names->number && value; i++) {
		if ((value & names->all[i].value) != names->all[i].value)
			continue;
		put_char(out, '|');
		text_puts(out, names->all[i].name);
		value &= ~names->all[i].value;
	}
	if (value) {
		put_char(out, '|');
		put_hex(out, value);
	}
}

void put_flags(struct text *out, const struct names *names, uint64_t value)
{
	size_t i;

	if (!value) {
		put_char(out, '0');
		return;
	}
	for (i = 0; i < names->number; i++) {
		if ((value & names->all[i].value) != names->all[i].value)
			continue;
		text_puts(out, names->all[i].name);
		put_more_flags(out, names, value & ~names->all[i].value);
		return;
	}
	put_unknown(out, names, value);
}

void put_open_flags(struct text *out, uint64_t flags)
{
	static const char *const modes[] = {
		"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE",
	};

	text_puts(out, modes[flags & O_ACCMODE]);
	put_more_flags(out, &names_open, flags & ~(uint64_t)O_ACCMODE);
}

void put_signal(struct text *out, int64_t sig)
{
	const char *name = sig > 0 && sig < 32 ? sigabbrev_np((int)sig) : NULL;

	if (name) {
		text_puts(out, "SIG");
		text_puts(out, name);
	} else if (sig >= 32 && sig <= 64) {
		text_puts(out, sig == 32 ? "SIGRTMIN" : "SIGRT_");
		if (sig > 32)
			put_decimal(out, sig - 32);
	} else {
		put_decimal(out, sig);
	}
}
