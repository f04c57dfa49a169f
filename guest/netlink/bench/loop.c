// SPDX-License-Identifier: MIT
/*
 * The same work as the client's by loops of C on libmnl. Each run prints two numbers, without the time of
 * opening and subscribing: nanoseconds of wall time, and of this thread's CPU time.
 *
 *     loop round-trips COUNT | batches COUNT | notifications COUNT | dump COUNT | decode COUNT
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define NLMSG_MESSAGE 16

static char buffer[65536];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

struct times {
	long long wall, cpu;
};

static long long read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct times now(void)
{
	return (struct times){ read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_THREAD_CPUTIME_ID) };
}

static struct times total;

static void add_since(struct times start)
{
	struct times end = now();

	total.wall += end.wall - start.wall;
	total.cpu += end.cpu - start.cpu;
}

static struct mnl_socket *open_socket(int protocol)
{
	struct mnl_socket *nl = mnl_socket_open(protocol);

	if (nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		die("socket");
	return nl;
}

/* RTM_GETLINK of the loopback device, which is answered with the link, then acknowledged. */
static size_t put_get(char *at, unsigned int seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = seq;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = 1;
	return nlh->nlmsg_len;
}

static void receive_answer(struct mnl_socket *nl, unsigned int seq, unsigned int portid)
{
	int ret, len;

	do {
		len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
		if (len < 0)
			die("recvfrom");
		ret = mnl_cb_run(buffer, len, seq, portid, NULL, NULL);
		if (ret < 0)
			die("answer");
	} while (ret > 0);
}

static void round_trips(int count)
{
	struct mnl_socket *nl = open_socket(NETLINK_ROUTE);
	unsigned int portid = mnl_socket_get_portid(nl), seq = 0;
	char request[64];
	struct times start = now();

	while (count-- > 0) {
		if (mnl_socket_sendto(nl, request, put_get(request, ++seq)) < 0)
			die("sendto");
		receive_answer(nl, seq, portid);
	}
	add_since(start);
}

/* 64 requests in a datagram, which are only acknowledged. */
static void batches(int count)
{
	struct mnl_socket *nl = open_socket(NETLINK_ROUTE);
	unsigned int portid = mnl_socket_get_portid(nl), seq = 0, first;
	static char datagram[BATCH * 64];
	struct times start = now();
	struct nlmsghdr *nlh;
	size_t length;
	int i;

	while (count > 0) {
		first = seq + 1;
		for (length = 0, i = 0; i < BATCH; i++) {
			nlh = mnl_nlmsg_put_header(datagram + length);
			nlh->nlmsg_type = NLMSG_NOOP;
			nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
			nlh->nlmsg_seq = ++seq;
			length += nlh->nlmsg_len;
		}
		if (mnl_socket_sendto(nl, datagram, length) < 0)
			die("sendto");
		for (i = 0; i < BATCH; i++)
			receive_answer(nl, first + i, portid);
		count -= BATCH;
	}
	add_since(start);
}

static unsigned long long sum;

static int on_attribute(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == 1 && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		sum += mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int on_notification(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, 0, on_attribute, NULL);
}

/* A neighbour multicasts 128 messages of one attribute; only receiving and reading them is timed. */
static void notifications(int count)
{
	struct mnl_socket *sender = open_socket(NETLINK_USERSOCK);
	struct mnl_socket *nl = open_socket(NETLINK_USERSOCK);
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 << 1 };
	/* another group than the client's, which must not receive this */
	int two = 2, size = 1 << 20, i, len;
	struct nlmsghdr *nlh;
	struct times start;
	char message[64];

	if (mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &two, sizeof(two)) < 0)
		die("join");
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	nlh = mnl_nlmsg_put_header(message);
	nlh->nlmsg_type = NLMSG_MESSAGE;
	mnl_attr_put_u32(nlh, 1, 7);
	for (; count > 0; count -= 128) {
		/* the copy to the kernel's own address is refused, which does not matter */
		for (i = 0; i < 128; i++)
			sendto(mnl_socket_get_fd(sender), message, nlh->nlmsg_len, 0, (struct sockaddr *)&group, sizeof(group));
		start = now();
		for (i = 0; i < 128; i++) {
			len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
			if (len < 0)
				die("recvfrom");
			mnl_cb_run(buffer, len, 0, 0, on_notification, NULL);
		}
		add_since(start);
	}
	if (sum == 0)
		die("nothing");
}

static int on_link_attribute(const struct nlattr *attr, void *data)
{
	const struct nlattr **table = data;

	if (mnl_attr_type_valid(attr, IFLA_MAX) > 0)
		table[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *table[IFLA_MAX + 1] = { NULL };
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	mnl_attr_parse(nlh, sizeof(*ifi), on_link_attribute, table);
	sum += ifi->ifi_index + ifi->ifi_flags;
	if (table[IFLA_IFNAME])
		sum += strlen(mnl_attr_get_str(table[IFLA_IFNAME]));
	if (table[IFLA_MTU])
		sum += mnl_attr_get_u32(table[IFLA_MTU]);
	if (table[IFLA_OPERSTATE])
		sum += mnl_attr_get_u8(table[IFLA_OPERSTATE]);
	++*(int *)data;
	return MNL_CB_OK;
}

/* As the client's decode(): every attribute is checked, and its value is stored. */
struct blob {
	const void *data;
	size_t length;
};

struct decoded {
	struct ifinfomsg header;
	struct rtnl_link_stats64 stats;
	struct rtnl_link_ifmap map;
	struct ifla_cacheinfo cacheinfo;
	/* by attribute type */
	uint32_t numbers[IFLA_MAX + 1], xdp[5], inet6_flags, addr_gen_mode;
	char *texts[IFLA_MAX + 1], *kind;
	struct blob blobs[IFLA_MAX + 1], inet, inet6[10];
	struct decoded *next;
};

static char *copy_text(const struct nlattr *attr)
{
	return strndup(mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr));
}

static void keep(struct blob *blob, const struct nlattr *attr)
{
	blob->data = mnl_attr_get_payload(attr);
	blob->length = mnl_attr_get_payload_len(attr);
}

static char *address_text(const struct nlattr *attr)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *byte = mnl_attr_get_payload(attr);
	size_t length = mnl_attr_get_payload_len(attr), i;
	char *text = malloc(3 * length + 1), *at = text;

	for (i = 0; i < length; i++) {
		*at++ = digits[byte[i] >> 4];
		*at++ = digits[byte[i] & 15];
		*at++ = ':';
	}
	text[length ? 3 * length - 1 : 0] = 0;
	return text;
}

static int checked(const struct nlattr *attr, size_t length)
{
	if (mnl_attr_get_payload_len(attr) != length)
		die("attribute");
	return 1;
}

static int decode_inet6(const struct nlattr *attr, void *data)
{
	struct decoded *link = data;
	int type = mnl_attr_get_type(attr);

	if (type == IFLA_INET6_FLAGS && checked(attr, 4))
		link->inet6_flags = mnl_attr_get_u32(attr);
	else if (type == IFLA_INET6_ADDR_GEN_MODE && checked(attr, 1))
		link->addr_gen_mode = mnl_attr_get_u8(attr);
	else if (type == IFLA_INET6_CACHEINFO && checked(attr, sizeof(link->cacheinfo)))
		memcpy(&link->cacheinfo, mnl_attr_get_payload(attr), sizeof(link->cacheinfo));
	else if (type < 10)
		keep(&link->inet6[type], attr);
	return MNL_CB_OK;
}

static int decode_inet(const struct nlattr *attr, void *data)
{
	keep(&((struct decoded *)data)->inet, attr);
	return MNL_CB_OK;
}

static int decode_family(const struct nlattr *attr, void *data)
{
	return mnl_attr_parse_nested(attr, mnl_attr_get_type(attr) == AF_INET ? decode_inet : decode_inet6, data);
}

static int decode_info(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		((struct decoded *)data)->kind = copy_text(attr);
	return MNL_CB_OK;
}

static int decode_xdp(const struct nlattr *attr, void *data)
{
	struct decoded *link = data;
	int type = mnl_attr_get_type(attr);

	if (type < 5)
		link->xdp[type] = type == IFLA_XDP_ATTACHED ? mnl_attr_get_u8(attr) : mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int decode_attribute(const struct nlattr *attr, void *data)
{
	struct decoded *link = data;
	size_t length = mnl_attr_get_payload_len(attr);
	int type = mnl_attr_get_type(attr);

	if (mnl_attr_type_valid(attr, IFLA_MAX) <= 0)
		return MNL_CB_OK;
	switch (type) {
	case IFLA_IFNAME: case IFLA_QDISC: case IFLA_IFALIAS: case IFLA_PHYS_PORT_NAME:
		link->texts[type] = copy_text(attr);
		break;
	case IFLA_ADDRESS: case IFLA_BROADCAST: case IFLA_PERM_ADDRESS:
		link->texts[type] = address_text(attr);
		break;
	case IFLA_STATS64:
		memcpy(&link->stats, mnl_attr_get_payload(attr),
		       length < sizeof(link->stats) ? length : sizeof(link->stats));
		break;
	case IFLA_MAP:
		if (checked(attr, sizeof(link->map)))
			memcpy(&link->map, mnl_attr_get_payload(attr), sizeof(link->map));
		break;
	case IFLA_AF_SPEC:
		return mnl_attr_parse_nested(attr, decode_family, link);
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, decode_info, link);
	case IFLA_XDP:
		return mnl_attr_parse_nested(attr, decode_xdp, link);
	default:
		if (length == 4)
			link->numbers[type] = mnl_attr_get_u32(attr);
		else if (length == 2)
			link->numbers[type] = mnl_attr_get_u16(attr);
		else if (length == 1)
			link->numbers[type] = mnl_attr_get_u8(attr);
		else
			keep(&link->blobs[type], attr);
	}
	return MNL_CB_OK;
}

static struct decoded *all;

static int on_link_to_decode(const struct nlmsghdr *nlh, void *data)
{
	struct decoded *link = calloc(1, sizeof(*link));

	link->header = *(struct ifinfomsg *)mnl_nlmsg_get_payload(nlh);
	mnl_attr_parse(nlh, sizeof(link->header), decode_attribute, link);
	sum += link->numbers[IFLA_MTU] + strlen(link->texts[IFLA_IFNAME]);
	link->next = all;
	all = link;
	++*(int *)data;
	return MNL_CB_OK;
}

static void free_links(void)
{
	struct decoded *link;
	int i;

	while ((link = all) != NULL) {
		all = link->next;
		for (i = 0; i <= IFLA_MAX; i++)
			free(link->texts[i]);
		free(link->kind);
		free(link);
	}
}

/* All links: attributes by type, of which some are read; or all decoded. */
static void dump(int count, mnl_cb_t on_link)
{
	struct mnl_socket *nl = open_socket(NETLINK_ROUTE);
	unsigned int portid = mnl_socket_get_portid(nl), seq = 0;
	struct times start = now();
	char request[64];
	int links = 0, len, ret;
	struct nlmsghdr *nlh;

	while (count-- > 0) {
		put_get(request, ++seq);
		nlh = (struct nlmsghdr *)request;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		((struct ifinfomsg *)mnl_nlmsg_get_payload(nlh))->ifi_index = 0;
		if (mnl_socket_sendto(nl, request, nlh->nlmsg_len) < 0)
			die("sendto");
		do {
			len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
			if (len < 0)
				die("recvfrom");
			ret = mnl_cb_run(buffer, len, seq, portid, on_link, &links);
			if (ret < 0)
				die("dump");
		} while (ret > 0);
		free_links();
	}
	add_since(start);
	fprintf(stderr, "%d links\n", links);
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 0;

	if (count > 0 && strcmp(argv[1], "round-trips") == 0)
		round_trips(count);
	else if (count > 0 && strcmp(argv[1], "batches") == 0)
		batches(count);
	else if (count > 0 && strcmp(argv[1], "notifications") == 0)
		notifications(count);
	else if (count > 0 && strcmp(argv[1], "dump") == 0)
		dump(count, on_link);
	else if (count > 0 && strcmp(argv[1], "decode") == 0)
		dump(count, on_link_to_decode);
	else
		return 2;
	printf("%lld %lld\n", total.wall, total.cpu);
	return 0;
}
