// SPDX-License-Identifier: MIT
/* socket(2) and addresses of sockets; see decode.h. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "decode.h"
#include "decode_names.h"
#include "trace_calls.h"

static const struct number_name ether_all[] = {
	{ 0x0001, "ETH_P_802_3" }, { 0x0003, "ETH_P_ALL" },
	{ 0x0800, "ETH_P_IP" }, { 0x0806, "ETH_P_ARP" },
	{ 0x8100, "ETH_P_8021Q" }, { 0x86dd, "ETH_P_IPV6" },
	{ 0x888e, "ETH_P_PAE" }, { 0x88cc, "ETH_P_LLDP" },
};
static const struct names names_ether = {
	ether_all, sizeof(ether_all) / sizeof(ether_all[0]), "ETH_P_???"
};

enum decoded arg_domain(struct decoder *d, unsigned arg)
{
	put_name(d->out, &names_domain, (uint32_t)d->args[arg]);
	return DECODED;
}

enum decoded arg_socket_type(struct decoder *d, unsigned arg)
{
	uint32_t type = (uint32_t)d->args[arg];
	const char *name = name_of(&names_type, type & 15);

	if (!type) {
		put_char(d->out, '0');
	} else if (!name) {
		put_name(d->out, &names_type, type);
	} else {
		text_puts(d->out, name);
		put_more_flags(d->out, &names_type_flags, type & ~15U);
	}
	return DECODED;
}

static void put_ether(struct text *out, uint16_t protocol)
{
	text_puts(out, "htons(");
	put_name(out, &names_ether, ntohs(protocol));
	put_char(out, ')');
}

enum decoded arg_protocol(struct decoder *d, unsigned arg)
{
	uint32_t protocol = (uint32_t)d->args[arg];

	switch ((uint32_t)d->args[0]) {
	case AF_INET:
	case AF_INET6:
		put_name(d->out, &names_ip, protocol);
		break;
	case AF_NETLINK:
		put_name(d->out, &names_netlink, protocol);
		break;
	case AF_PACKET:
		put_ether(d->out, (uint16_t)protocol);
		break;
	default:
		put_unsigned(d->out, protocol);
	}
	return DECODED;
}

enum decoded arg_accept_flags(struct decoder *d, unsigned arg)
{
	put_flags(d->out, &names_type_flags, (uint32_t)d->args[arg]);
	return DECODED;
}

enum decoded arg_message_flags(struct decoder *d, unsigned arg)
{
	put_flags(d->out, &names_message, (uint32_t)d->args[arg]);
	return DECODED;
}

/* Addresses, of @size bytes; that the family is in it has been looked at. */

/* An abstract name begins with a 0 and may have more of them. */
static void put_unix(struct text *out, const char *bytes, size_t size)
{
	const char *path = bytes + 2;
	size_t n = size - 2;

	if (!n)
		return;
	if (n > sizeof(((struct sockaddr_un *)0)->sun_path))
		n = sizeof(((struct sockaddr_un *)0)->sun_path);
	text_puts(out, ", sun_path=");
	if (*path) {
		n = strnlen(path, n);
	} else {
		put_char(out, '@');
		path++;
		n--;
	}
	put_quoted(out, path, n, false);
}

static void put_port(struct text *out, const char *name, uint16_t port)
{
	text_puts(out, name);
	put_unsigned(out, ntohs(port));
	put_char(out, ')');
}

static void put_inet(struct text *out, const char *bytes)
{
	char name[INET_ADDRSTRLEN] = "";
	struct sockaddr_in in;

	memcpy(&in, bytes, sizeof(in));
	inet_ntop(AF_INET, &in.sin_addr, name, sizeof(name));
	put_port(out, ", sin_port=htons(", in.sin_port);
	text_puts(out, ", sin_addr=inet_addr(\"");
	text_puts(out, name);
	text_puts(out, "\")");
}

/* An interface, where it belongs to the address. */
static void put_scope(struct text *out, const struct sockaddr_in6 *in6)
{
	char name[IF_NAMESIZE];
	bool local = IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ||
		IN6_IS_ADDR_MC_LINKLOCAL(&in6->sin6_addr);

	text_puts(out, ", sin6_scope_id=");
	if (local && if_indextoname(in6->sin6_scope_id, name)) {
		text_puts(out, "if_nametoindex(");
		put_quoted(out, name, strlen(name), false);
		put_char(out, ')');
	} else {
		put_unsigned(out, in6->sin6_scope_id);
	}
}

/* Old programs leave the scope out. */
#define INET6_LEAST 24

static void put_inet6(struct text *out, const char *bytes, size_t size)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	char name[INET6_ADDRSTRLEN] = "";

	memcpy(&in6, bytes, size < sizeof(in6) ? size : sizeof(in6));
	inet_ntop(AF_INET6, &in6.sin6_addr, name, sizeof(name));
	put_port(out, ", sin6_port=htons(", in6.sin6_port);
	text_puts(out, ", sin6_flowinfo=htonl(");
	put_unsigned(out, ntohl(in6.sin6_flowinfo));
	text_puts(out, "), inet_pton(AF_INET6, \"");
	text_puts(out, name);
	text_puts(out, "\", &sin6_addr)");
	if (size >= sizeof(in6))
		put_scope(out, &in6);
}

static void put_netlink(struct text *out, const char *bytes)
{
	struct sockaddr_nl nl;
	char groups[16];

	memcpy(&nl, bytes, sizeof(nl));
	text_puts(out, ", nl_pid=");
	put_decimal(out, (int)nl.nl_pid);
	snprintf(groups, sizeof(groups), "%08x", nl.nl_groups);
	text_puts(out, ", nl_groups=0x");
	text_puts(out, groups + (nl.nl_groups >> 24 ? 0 : 2));
}

static void put_vsock(struct text *out, const char *bytes)
{
	struct sockaddr_vm vm;

	memcpy(&vm, bytes, sizeof(vm));
	text_puts(out, ", svm_cid=");
	put_hex(out, vm.svm_cid);
	text_puts(out, ", svm_port=");
	put_hex(out, vm.svm_port);
}

static bool put_known(struct text *out, unsigned family, const char *bytes,
		      size_t size)
{
	switch (family) {
	case AF_UNIX:
		put_unix(out, bytes, size);
		return true;
	case AF_INET:
		if (size < sizeof(struct sockaddr_in))
			return false;
		put_inet(out, bytes);
		return true;
	case AF_INET6:
		if (size < INET6_LEAST)
			return false;
		put_inet6(out, bytes, size);
		return true;
	case AF_NETLINK:
		if (size < sizeof(struct sockaddr_nl))
			return false;
		put_netlink(out, bytes);
		return true;
	case AF_VSOCK:
		if (size < sizeof(struct sockaddr_vm))
			return false;
		put_vsock(out, bytes);
		return true;
	default:
		return false;
	}
}

void put_address(struct decoder *d, const char *bytes, size_t size)
{
	uint16_t family;

	if (size > sizeof(struct sockaddr_storage))
		size = sizeof(struct sockaddr_storage);
	memcpy(&family, bytes, sizeof(family));
	text_puts(d->out, "{sa_family=");
	put_name(d->out, &names_domain, family);
	if (!put_known(d->out, family, bytes, size) && size > 2) {
		text_puts(d->out, ", sa_data=");
		put_quoted(d->out, bytes + 2, size - 2, false);
	}
	put_char(d->out, '}');
}

enum decoded arg_address_in(struct decoder *d, unsigned arg)
{
	struct part part;
	bool found = part_find(d->enter, SHIM_TRACE_ADDRESS, arg, ANY_INDEX,
			       &part);

	if (!found && d->leaving)
		found = part_find(d->leave, SHIM_TRACE_ADDRESS, arg, ANY_INDEX,
				  &part);
	if (found && part.head.size >= 2)
		put_address(d, part.bytes, part.head.size);
	else if (d->leaving || !d->args[arg] || (int)d->args[arg + 1] < 2)
		put_pointer(d->out, d->args[arg]);
	else
		return DECODE_LATER;
	return DECODED;
}

/* No more than the program had room for. */
static size_t address_room(struct decoder *d, unsigned arg, size_t size)
{
	uint64_t room;

	return part_number(d->enter, arg + 1, &room) && room < size ?
		(size_t)room : size;
}

enum decoded arg_address_out(struct decoder *d, unsigned arg)
{
	struct part part;
	size_t size = 0;

	if (!d->leaving)
		return DECODE_LATER;
	if (d->result >= 0 && d->args[arg] &&
	    part_find(d->leave, SHIM_TRACE_ADDRESS, arg, ANY_INDEX, &part))
		size = address_room(d, arg, part.head.size);
	if (size >= 2)
		put_address(d, part.bytes, size);
	else
		put_pointer(d->out, d->args[arg]);
	return DECODED;
}

enum decoded arg_address_size(struct decoder *d, unsigned arg)
{
	uint64_t before, after;
	bool known, told;

	if (!d->leaving)
		return DECODE_LATER;
	known = part_number(d->enter, arg, &before);
	told = d->result >= 0 && part_number(d->leave, arg, &after);
	if (!known && told)
		before = after;
	if (!d->args[arg] || (!known && !told)) {
		put_pointer(d->out, d->args[arg]);
		return DECODED;
	}
	put_char(d->out, '[');
	put_decimal(d->out, (int)before);
	if (told && (int)after != (int)before) {
		text_puts(d->out, " => ");
		put_decimal(d->out, (int)after);
	}
	put_char(d->out, ']');
	return DECODED;
}
