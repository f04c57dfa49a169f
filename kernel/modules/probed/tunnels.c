// SPDX-License-Identifier: GPL-2.0-only
/* Tunnels of each network namespace between two ends, and the values that each carries, added in ranges. */
#include <linux/in6.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include "probed.h"

enum {
	TUNNELS_CMD_UNSPEC, TUNNELS_CMD_ADD, TUNNELS_CMD_DEL, TUNNELS_CMD_GET, TUNNELS_CMD_FLUSH,
	TUNNELS_CMD_RANGES_ADD, TUNNELS_CMD_RANGES_GET
};
enum {
	TUNNELS_A_UNSPEC, TUNNELS_A_NAME, TUNNELS_A_ID, TUNNELS_A_KIND, TUNNELS_A_REMOTE, TUNNELS_A_LOCAL,
	TUNNELS_A_TTL, TUNNELS_A_RANGES, TUNNELS_A_VALUE
};
enum { ADDRESS_A_UNSPEC, ADDRESS_A_ADDR4, ADDRESS_A_ADDR6, ADDRESS_A_PORT, ADDRESS_A_END };
enum { RANGES_A_UNSPEC, RANGES_A_RANGE, RANGES_A_END };
enum { RANGE_A_UNSPEC, RANGE_A_FIRST, RANGE_A_LAST, RANGE_A_END };
#define NAME_SIZE 16
#define MOST_KIND 2
#define MOST_VALUE 4094
/* What each tunnel carries from its beginning. */
#define FIRST_VALUE 1000

/* One end of a tunnel: its address is of that attribute, of which there is none without it. */
struct address {
	u8 type;
	u16 port;
	u8 bytes[sizeof(struct in6_addr)];
};

/* What a request says of a tunnel. */
struct settings {
	u32 kind;
	u8 ttl;
	struct address remote;
	struct address local;
	char name[NAME_SIZE];
};

struct tunnel {
	struct list_head list;
	u32 id;
	struct settings is;
	DECLARE_BITMAP(values, MOST_VALUE + 1);
};

struct tunnels {
	/* By number. */
	struct list_head all;
	u32 last_id;
};

/* Of all namespaces, and of the order of what is told. */
static DEFINE_MUTEX(tunnels_lock);
/* What is being added. */
static struct settings wanted;
static unsigned int tunnels_id;
static struct genl_family tunnels_family;

static const struct nla_policy address_policy[ADDRESS_A_END] = {
	[ADDRESS_A_ADDR4] = { .type = NLA_U32 },
	[ADDRESS_A_ADDR6] = NLA_POLICY_EXACT_LEN(sizeof(struct in6_addr)),
	[ADDRESS_A_PORT] = { .type = NLA_U16 },
};

static const struct nla_policy range_policy[RANGE_A_END] = {
	[RANGE_A_FIRST] = NLA_POLICY_MAX(NLA_U16, MOST_VALUE),
	[RANGE_A_LAST] = NLA_POLICY_MAX(NLA_U16, MOST_VALUE),
};

static const struct nla_policy ranges_policy[RANGES_A_END] = {
	[RANGES_A_RANGE] = NLA_POLICY_NESTED(range_policy),
};

static const struct nla_policy add_policy[TUNNELS_A_TTL + 1] = {
	[TUNNELS_A_NAME] = { .type = NLA_NUL_STRING, .len = NAME_SIZE - 1 },
	[TUNNELS_A_KIND] = NLA_POLICY_MAX(NLA_U32, MOST_KIND),
	[TUNNELS_A_REMOTE] = NLA_POLICY_NESTED(address_policy),
	[TUNNELS_A_LOCAL] = NLA_POLICY_NESTED(address_policy),
	[TUNNELS_A_TTL] = { .type = NLA_U8 },
};

static const struct nla_policy id_policy[TUNNELS_A_ID + 1] = {
	[TUNNELS_A_ID] = { .type = NLA_U32 },
};

static const struct nla_policy get_policy[TUNNELS_A_REMOTE + 1] = {
	[TUNNELS_A_ID] = { .type = NLA_U32 },
	[TUNNELS_A_KIND] = NLA_POLICY_MAX(NLA_U32, MOST_KIND),
	[TUNNELS_A_REMOTE] = NLA_POLICY_NESTED(address_policy),
};

static const struct nla_policy flush_policy[TUNNELS_A_KIND + 1] = {
	[TUNNELS_A_KIND] = NLA_POLICY_MAX(NLA_U32, MOST_KIND),
};

static const struct nla_policy ranges_add_policy[TUNNELS_A_RANGES + 1] = {
	[TUNNELS_A_ID] = { .type = NLA_U32 },
	[TUNNELS_A_RANGES] = NLA_POLICY_NESTED(ranges_policy),
};

static int address_put(struct sk_buff *skb, int attribute, const struct address *address)
{
	u16 port = HAS_BUG(port_order) ? swab16(address->port) : address->port;
	int length = address->type == ADDRESS_A_ADDR4 ? sizeof(u32) : sizeof(address->bytes);
	struct nlattr *nest = nla_nest_start(skb, attribute);

	if (!nest || nla_put(skb, address->type, length, address->bytes) || nla_put_u16(skb, ADDRESS_A_PORT, port))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int tunnel_put(struct sk_buff *skb, const struct tunnel *tunnel, u32 port, u32 seq, int flags, u8 cmd)
{
	void *hdr = genlmsg_put(skb, port, seq, &tunnels_family, flags, cmd);
	const struct settings *is = &tunnel->is;

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(skb, TUNNELS_A_NAME, is->name) || nla_put_u32(skb, TUNNELS_A_ID, tunnel->id) ||
	    nla_put_u32(skb, TUNNELS_A_KIND, is->kind) || address_put(skb, TUNNELS_A_REMOTE, &is->remote) ||
	    (is->local.type && address_put(skb, TUNNELS_A_LOCAL, &is->local)) ||
	    nla_put_u8(skb, TUNNELS_A_TTL, is->ttl)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static void tell_tunnel(struct net *net, const struct tunnel *tunnel, u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (msg && tunnel_put(msg, tunnel, 0, 0, 0, cmd)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	tell(&tunnels_family, net, msg);
}

static int address_parse(struct address *address, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[ADDRESS_A_END];
	int err = nla_parse_nested(tb, ADDRESS_A_END - 1, nest, address_policy, extack);

	if (err)
		return err;
	if (!tb[ADDRESS_A_ADDR4] == !tb[ADDRESS_A_ADDR6]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "an end has one address");
		return -EINVAL;
	}
	memset(address, 0, sizeof(*address));
	address->type = tb[ADDRESS_A_ADDR4] ? ADDRESS_A_ADDR4 : ADDRESS_A_ADDR6;
	nla_memcpy(address->bytes, tb[address->type], sizeof(address->bytes));
	if (tb[ADDRESS_A_PORT])
		address->port = nla_get_u16(tb[ADDRESS_A_PORT]);
	return 0;
}

static int settings_parse(struct settings *is, struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	int err;

	if (!attrs[TUNNELS_A_NAME] || !attrs[TUNNELS_A_KIND] || !attrs[TUNNELS_A_REMOTE])
		return -EINVAL;
	if (!HAS_BUG(not_given))
		memset(is, 0, sizeof(*is));
	nla_strscpy(is->name, attrs[TUNNELS_A_NAME], NAME_SIZE);
	is->kind = nla_get_u32(attrs[TUNNELS_A_KIND]);
	is->ttl = attrs[TUNNELS_A_TTL] ? nla_get_u8(attrs[TUNNELS_A_TTL]) : 64;
	err = address_parse(&is->remote, attrs[TUNNELS_A_REMOTE], extack);
	if (err || !attrs[TUNNELS_A_LOCAL])
		return err;
	err = address_parse(&is->local, attrs[TUNNELS_A_LOCAL], extack);
	if (!err && is->local.type != is->remote.type) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[TUNNELS_A_LOCAL], "both ends have addresses of one kind");
		err = -EINVAL;
	}
	return err;
}

static bool same_address(const struct address *one, const struct address *other)
{
	return one->type == other->type && !memcmp(one->bytes, other->bytes, sizeof(one->bytes));
}

static struct tunnel *tunnel_find(struct tunnels *tunnels, u32 id)
{
	struct tunnel *tunnel;

	list_for_each_entry(tunnel, &tunnels->all, list)
		if (tunnel->id == id)
			return tunnel;
	return NULL;
}

static bool is_there(struct tunnels *tunnels, const struct settings *is)
{
	struct tunnel *tunnel;

	list_for_each_entry(tunnel, &tunnels->all, list)
		if (tunnel->is.kind == is->kind && same_address(&tunnel->is.remote, &is->remote))
			return true;
	return false;
}

static int tunnels_add(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct tunnels *tunnels = net_generic(net, tunnels_id);
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	struct tunnel *tunnel = kzalloc(sizeof(*tunnel), GFP_KERNEL);
	int err = -ENOMEM;

	mutex_lock(&tunnels_lock);
	if (!msg || !tunnel)
		goto refused;
	err = settings_parse(&wanted, info->attrs, info->extack);
	if (!err && is_there(tunnels, &wanted))
		err = -EEXIST;
	if (err)
		goto refused;
	tunnel->is = wanted;
	tunnel->id = tunnels->last_id + 1;
	__set_bit(FIRST_VALUE, tunnel->values);
	err = tunnel_put(msg, tunnel, info->snd_portid, info->snd_seq, 0, TUNNELS_CMD_ADD);
	if (err)
		goto refused;
	tunnels->last_id++;
	list_add_tail(&tunnel->list, &tunnels->all);
	tell_tunnel(net, tunnel, TUNNELS_CMD_ADD);
	mutex_unlock(&tunnels_lock);
	return genlmsg_reply(msg, info);
refused:
	mutex_unlock(&tunnels_lock);
	kfree(tunnel);
	nlmsg_free(msg);
	return err;
}

static void tunnel_remove(struct net *net, struct tunnel *tunnel)
{
	list_del(&tunnel->list);
	tell_tunnel(net, tunnel, TUNNELS_CMD_DEL);
	kfree(tunnel);
}

static int tunnels_del(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct tunnel *tunnel;

	if (!info->attrs[TUNNELS_A_ID])
		return -EINVAL;
	mutex_lock(&tunnels_lock);
	tunnel = tunnel_find(net_generic(net, tunnels_id), nla_get_u32(info->attrs[TUNNELS_A_ID]));
	if (tunnel)
		tunnel_remove(net, tunnel);
	mutex_unlock(&tunnels_lock);
	return tunnel ? 0 : -ENOENT;
}

static int tunnels_flush(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = HAS_BUG(flush_elsewhere) ? &init_net : genl_info_net(info);
	struct tunnels *tunnels = net_generic(net, tunnels_id);
	struct tunnel *tunnel;
	struct tunnel *next;

	if (!info->attrs[TUNNELS_A_KIND])
		return -EINVAL;
	mutex_lock(&tunnels_lock);
	list_for_each_entry_safe(tunnel, next, &tunnels->all, list)
		if (tunnel->is.kind == nla_get_u32(info->attrs[TUNNELS_A_KIND]))
			tunnel_remove(net, tunnel);
	mutex_unlock(&tunnels_lock);
	return 0;
}

static int tunnels_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	struct tunnel *tunnel;
	int err = -ENOENT;

	if (!info->attrs[TUNNELS_A_ID])
		return -EINVAL;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&tunnels_lock);
	tunnel = tunnel_find(net_generic(genl_info_net(info), tunnels_id), nla_get_u32(info->attrs[TUNNELS_A_ID]));
	if (tunnel)
		err = tunnel_put(msg, tunnel, info->snd_portid, info->snd_seq, 0, TUNNELS_CMD_GET);
	mutex_unlock(&tunnels_lock);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

/* What a dump is refused for is an error, and not the end of one. */
static int tunnels_start(struct netlink_callback *cb)
{
	struct nlattr *nest = dump_attrs(cb)[TUNNELS_A_REMOTE];
	struct address remote;

	return nest ? address_parse(&remote, nest, cb->extack) : 0;
}

static int tunnels_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = HAS_BUG(dumped_here) ? &init_net : sock_net(skb->sk);
	struct tunnels *tunnels = net_generic(net, tunnels_id);
	struct nlattr **attrs = dump_attrs(cb);
	struct address remote = {};
	struct tunnel *tunnel;

	if (attrs[TUNNELS_A_REMOTE] && !HAS_BUG(filter_ignored)) {
		int err = address_parse(&remote, attrs[TUNNELS_A_REMOTE], cb->extack);

		if (err)
			return err;
	}
	mutex_lock(&tunnels_lock);
	list_for_each_entry(tunnel, &tunnels->all, list) {
		if (tunnel->id <= cb->args[0])
			continue;
		if (attrs[TUNNELS_A_KIND] && tunnel->is.kind != nla_get_u32(attrs[TUNNELS_A_KIND]))
			continue;
		if (remote.type && !same_address(&tunnel->is.remote, &remote))
			continue;
		if (tunnel_put(skb, tunnel, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI,
			       TUNNELS_CMD_GET))
			break;
		cb->args[0] = tunnel->id;
	}
	mutex_unlock(&tunnels_lock);
	return skb->len;
}

static int range_parse(struct nlattr *nest, u16 *first, u16 *last, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[RANGE_A_END];
	int err = nla_parse_nested(tb, RANGE_A_END - 1, nest, range_policy, extack);

	if (err)
		return err;
	if (!tb[RANGE_A_FIRST] || !tb[RANGE_A_LAST])
		return -EINVAL;
	*first = nla_get_u16(tb[RANGE_A_FIRST]);
	*last = nla_get_u16(tb[RANGE_A_LAST]);
	if (*first > *last) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a range ends before its first value");
		return -EINVAL;
	}
	return 0;
}

/* Adds the ranges to the values. */
static int ranges_enter(unsigned long *values, struct nlattr *ranges, struct netlink_ext_ack *extack)
{
	u16 first, last;
	struct nlattr *nest;
	int left, err;

	nla_for_each_nested(nest, ranges, left) {
		err = range_parse(nest, &first, &last, extack);
		if (err)
			return err;
		if (find_next_bit(values, last + 1, first) <= last)
			return -EEXIST;
		bitmap_set(values, first, last - first + 1);
	}
	return 0;
}

static int ranges_put(struct sk_buff *skb, struct nlattr *ranges)
{
	struct nlattr *list = nla_nest_start(skb, TUNNELS_A_RANGES);
	u16 first, last;
	struct nlattr *nest;
	int left;

	if (!list)
		return -EMSGSIZE;
	nla_for_each_nested(nest, ranges, left) {
		struct nlattr *range = nla_nest_start(skb, RANGES_A_RANGE);

		if (!range || range_parse(nest, &first, &last, NULL) || nla_put_u16(skb, RANGE_A_FIRST, first) ||
		    nla_put_u16(skb, RANGE_A_LAST, last))
			return -EMSGSIZE;
		nla_nest_end(skb, range);
	}
	if (!HAS_BUG(open_nest))
		nla_nest_end(skb, list);
	return 0;
}

static void tell_ranges(struct net *net, u32 id, struct nlattr *ranges)
{
	int size = nla_total_size(sizeof(id)) + nla_total_size(nla_len(ranges));
	struct sk_buff *msg = genlmsg_new(size, GFP_KERNEL);
	void *hdr = msg ? genlmsg_put(msg, 0, 0, &tunnels_family, 0, TUNNELS_CMD_RANGES_ADD) : NULL;

	if (hdr && !nla_put_u32(msg, TUNNELS_A_ID, id) && !ranges_put(msg, ranges)) {
		genlmsg_end(msg, hdr);
	} else {
		nlmsg_free(msg);
		msg = NULL;
	}
	tell(&tunnels_family, net, msg);
}

/* All or nothing. */
static int tunnels_ranges_add(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *ranges = info->attrs[TUNNELS_A_RANGES];
	struct net *net = genl_info_net(info);
	struct tunnel *tunnel;
	unsigned long *values;
	int err = -ENOENT;

	if (!info->attrs[TUNNELS_A_ID] || !ranges || !nla_len(ranges))
		return -EINVAL;
	values = bitmap_alloc(MOST_VALUE + 1, GFP_KERNEL);
	if (!values)
		return -ENOMEM;
	mutex_lock(&tunnels_lock);
	tunnel = tunnel_find(net_generic(net, tunnels_id), nla_get_u32(info->attrs[TUNNELS_A_ID]));
	if (tunnel) {
		bitmap_copy(values, tunnel->values, MOST_VALUE + 1);
		err = ranges_enter(values, ranges, info->extack);
		if (!err || (HAS_BUG(part_of_list) && err == -EEXIST))
			bitmap_copy(tunnel->values, values, MOST_VALUE + 1);
		if (!err)
			tell_ranges(net, tunnel->id, ranges);
	}
	mutex_unlock(&tunnels_lock);
	bitmap_free(values);
	return err;
}

static int value_put(struct sk_buff *skb, struct netlink_callback *cb, u32 id, u16 value)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &tunnels_family, NLM_F_MULTI,
				TUNNELS_CMD_RANGES_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, TUNNELS_A_ID, id) || nla_put_u16(skb, TUNNELS_A_VALUE, value)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* Goes on at that tunnel and that value of it. */
static int tunnels_ranges_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct tunnels *tunnels = net_generic(sock_net(skb->sk), tunnels_id);
	struct nlattr *id = dump_attrs(cb)[TUNNELS_A_ID];
	struct tunnel *tunnel;
	unsigned long value;

	mutex_lock(&tunnels_lock);
	list_for_each_entry(tunnel, &tunnels->all, list) {
		if (tunnel->id < cb->args[0] || (id && tunnel->id != nla_get_u32(id)))
			continue;
		value = tunnel->id == cb->args[0] ? cb->args[1] : 0;
		for_each_set_bit_from(value, tunnel->values, MOST_VALUE + 1)
			if (value_put(skb, cb, tunnel->id, value)) {
				cb->args[0] = HAS_BUG(endless_values) ? 0 : tunnel->id;
				cb->args[1] = HAS_BUG(lossy_values) ? value + 1 : value;
				goto out;
			}
		cb->args[0] = tunnel->id + 1UL;
		cb->args[1] = 0;
	}
out:
	mutex_unlock(&tunnels_lock);
	return skb->len;
}

#define TAKES(its_policy) .policy = its_policy, .maxattr = ARRAY_SIZE(its_policy) - 1

static const struct genl_ops tunnels_ops[] = {
	{ .cmd = TUNNELS_CMD_ADD, .flags = GENL_UNS_ADMIN_PERM, .doit = tunnels_add, TAKES(add_policy) },
	{ .cmd = TUNNELS_CMD_DEL, .flags = GENL_UNS_ADMIN_PERM, .doit = tunnels_del, TAKES(id_policy) },
	{
		.cmd = TUNNELS_CMD_GET,
		.doit = tunnels_get,
		.start = tunnels_start,
		.dumpit = tunnels_dump,
		TAKES(get_policy),
	},
	{ .cmd = TUNNELS_CMD_FLUSH, .flags = GENL_UNS_ADMIN_PERM, .doit = tunnels_flush, TAKES(flush_policy) },
	{
		.cmd = TUNNELS_CMD_RANGES_ADD,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = tunnels_ranges_add,
		TAKES(ranges_add_policy),
	},
	{ .cmd = TUNNELS_CMD_RANGES_GET, .dumpit = tunnels_ranges_dump, TAKES(id_policy) },
};

static const struct genl_multicast_group tunnels_groups[] = { { .name = "tunnels" } };

static struct genl_family tunnels_family = {
	.name = "probed_tunnels",
	.version = 1,
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = tunnels_ops,
	.n_ops = ARRAY_SIZE(tunnels_ops),
	RESV_START_OP(TUNNELS_CMD_ADD)
	.mcgrps = tunnels_groups,
	.n_mcgrps = ARRAY_SIZE(tunnels_groups),
};

static int __net_init tunnels_open(struct net *net)
{
	struct tunnels *tunnels = net_generic(net, tunnels_id);

	INIT_LIST_HEAD(&tunnels->all);
	return 0;
}

static void __net_exit tunnels_close(struct net *net)
{
	struct tunnels *tunnels = net_generic(net, tunnels_id);
	struct tunnel *tunnel;
	struct tunnel *next;

	list_for_each_entry_safe(tunnel, next, &tunnels->all, list)
		kfree(tunnel);
}

static struct pernet_operations tunnels_net_ops = {
	.init = tunnels_open,
	.exit = tunnels_close,
	.id = &tunnels_id,
	.size = sizeof(struct tunnels),
};

static int __init tunnels_init(void)
{
	int err = register_pernet_subsys(&tunnels_net_ops);

	if (err)
		return err;
	err = genl_register_family(&tunnels_family);
	if (err)
		unregister_pernet_subsys(&tunnels_net_ops);
	return err;
}

static void __exit tunnels_exit(void)
{
	genl_unregister_family(&tunnels_family);
	unregister_pernet_subsys(&tunnels_net_ops);
}

module_init(tunnels_init);
module_exit(tunnels_exit);

MODULE_DESCRIPTION("Tunnels of each network namespace, and the values that they carry");
MODULE_LICENSE("GPL");
