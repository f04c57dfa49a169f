// SPDX-License-Identifier: GPL-2.0-only
/* A few numbered zones of each network namespace, whose lookups, dumps and events are its own. */
#include <linux/etherdevice.h>
#include <linux/idr.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include "probed.h"

enum { ZONES_CMD_UNSPEC, ZONES_CMD_NEW, ZONES_CMD_DEL, ZONES_CMD_GET, ZONES_CMD_SET };
enum {
	ZONES_A_UNSPEC, ZONES_A_ID, ZONES_A_NAME, ZONES_A_RATE, ZONES_A_PORT, ZONES_A_MAC, ZONES_A_NOTE, ZONES_A_END
};
#define ZONES_A_MAX (ZONES_A_END - 1)
#define MOST_ZONES 128
#define NAME_SIZE 24
#define NOTE_SIZE 32

struct area {
	u32 id;
	u32 rate;
	u16 port;
	u8 mac[ETH_ALEN];
	char name[NAME_SIZE];
	u8 note_length;
	/* With room for its length rounded up. */
	u8 note[NOTE_SIZE];
};

struct areas {
	struct mutex lock;
	struct idr all;
};

static unsigned int zones_id;
static struct genl_family zones_family;

static const struct nla_policy zones_policy[ZONES_A_MAX + 1] = {
	[ZONES_A_ID] = NLA_POLICY_RANGE(NLA_U32, 1, MOST_ZONES),
	[ZONES_A_NAME] = { .type = NLA_NUL_STRING, .len = NAME_SIZE - 1 },
	[ZONES_A_RATE] = NLA_POLICY_MIN(NLA_U32, 1),
	[ZONES_A_PORT] = { .type = NLA_U16 },
	[ZONES_A_MAC] = NLA_POLICY_EXACT_LEN(ETH_ALEN),
	[ZONES_A_NOTE] = { .type = NLA_BINARY, .len = NOTE_SIZE },
};

static int zone_put(struct sk_buff *skb, const struct area *zone, u32 portid, u32 seq, int flags, u8 cmd)
{
	void *hdr = genlmsg_put(skb, portid, seq, &zones_family, flags, cmd);
	u16 port = HAS_BUG(port_order) ? swab16(zone->port) : zone->port;
	int length = HAS_BUG(note_rounded) ? ALIGN(zone->note_length, 16) : zone->note_length;

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, ZONES_A_ID, zone->id) || nla_put_string(skb, ZONES_A_NAME, zone->name) ||
	    nla_put_u32(skb, ZONES_A_RATE, zone->rate) || nla_put_u16(skb, ZONES_A_PORT, port) ||
	    nla_put(skb, ZONES_A_MAC, ETH_ALEN, zone->mac) || nla_put(skb, ZONES_A_NOTE, length, zone->note)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	if (!HAS_BUG(no_end) || portid)
		genlmsg_end(skb, hdr);
	return 0;
}

static void tell_zone(struct net *net, const struct area *zone, u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (msg && zone_put(msg, zone, 0, 0, 0, cmd)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	tell(&zones_family, net, msg);
}

static void assign(struct area *zone, struct nlattr **attrs)
{
	if (attrs[ZONES_A_RATE])
		zone->rate = nla_get_u32(attrs[ZONES_A_RATE]);
	if (attrs[ZONES_A_PORT])
		zone->port = nla_get_u16(attrs[ZONES_A_PORT]);
	if (attrs[ZONES_A_MAC])
		memcpy(zone->mac, nla_data(attrs[ZONES_A_MAC]), ETH_ALEN);
	if (attrs[ZONES_A_NOTE]) {
		zone->note_length = nla_len(attrs[ZONES_A_NOTE]);
		memset(zone->note, 0, NOTE_SIZE);
		memcpy(zone->note, nla_data(attrs[ZONES_A_NOTE]), zone->note_length);
	}
}

/* Only a station has such an address. */
static bool is_good(struct nlattr **attrs)
{
	return !attrs[ZONES_A_MAC] || is_valid_ether_addr(nla_data(attrs[ZONES_A_MAC]));
}

static int zones_new(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct areas *zones = net_generic(net, zones_id);
	struct area *zone, *other;
	int id;

	if (!info->attrs[ZONES_A_ID] || !info->attrs[ZONES_A_NAME])
		return -EINVAL;
	if (!is_good(info->attrs))
		return -EADDRNOTAVAIL;
	zone = kzalloc(sizeof(*zone), GFP_KERNEL);
	if (!zone)
		return -ENOMEM;
	zone->id = nla_get_u32(info->attrs[ZONES_A_ID]);
	zone->rate = 1000;
	nla_strscpy(zone->name, info->attrs[ZONES_A_NAME], NAME_SIZE);
	assign(zone, info->attrs);
	mutex_lock(&zones->lock);
	idr_for_each_entry(&zones->all, other, id)
		if (!strcmp(other->name, zone->name)) {
			id = -EEXIST;
			goto out;
		}
	id = idr_alloc(&zones->all, zone, zone->id, zone->id + 1, GFP_KERNEL);
	if (id == -ENOSPC)
		id = -EEXIST;
	if (id >= 0)
		tell_zone(net, zone, ZONES_CMD_NEW);
out:
	mutex_unlock(&zones->lock);
	if (id < 0)
		kfree(zone);
	return id < 0 ? id : 0;
}

static int zones_del(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct areas *zones = net_generic(net, zones_id);
	struct area *zone;

	if (!info->attrs[ZONES_A_ID])
		return -EINVAL;
	mutex_lock(&zones->lock);
	zone = idr_remove(&zones->all, nla_get_u32(info->attrs[ZONES_A_ID]));
	if (zone)
		tell_zone(net, zone, ZONES_CMD_DEL);
	mutex_unlock(&zones->lock);
	kfree(zone);
	return zone ? 0 : -ENOENT;
}

/* A zone keeps its name. */
static int zones_set(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct areas *zones = net_generic(net, zones_id);
	struct area *zone;

	if (!info->attrs[ZONES_A_ID])
		return -EINVAL;
	if (info->attrs[ZONES_A_NAME])
		return -EOPNOTSUPP;
	if (!is_good(info->attrs))
		return -EADDRNOTAVAIL;
	mutex_lock(&zones->lock);
	zone = idr_find(&zones->all, nla_get_u32(info->attrs[ZONES_A_ID]));
	if (zone) {
		assign(zone, info->attrs);
		tell_zone(net, zone, ZONES_CMD_SET);
		if (HAS_BUG(told_twice))
			tell_zone(net, zone, ZONES_CMD_SET);
	}
	mutex_unlock(&zones->lock);
	return zone ? 0 : -ENOENT;
}

static int zones_get(struct sk_buff *skb, struct genl_info *info)
{
	struct areas *zones = net_generic(HAS_BUG(first_namespace) ? &init_net : genl_info_net(info), zones_id);
	u8 cmd = HAS_BUG(answers_as_removal) ? ZONES_CMD_DEL : ZONES_CMD_GET;
	struct sk_buff *msg;
	struct area *zone;
	int err = -ENOENT;

	if (!info->attrs[ZONES_A_ID])
		return -EINVAL;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&zones->lock);
	zone = idr_find(&zones->all, nla_get_u32(info->attrs[ZONES_A_ID]));
	if (zone)
		err = zone_put(msg, zone, info->snd_portid, info->snd_seq, 0, cmd);
	mutex_unlock(&zones->lock);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static int zones_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct areas *zones = net_generic(sock_net(skb->sk), zones_id);
	int id = cb->args[0];
	struct area *zone;

	mutex_lock(&zones->lock);
	idr_for_each_entry_continue(&zones->all, zone, id)
		if (zone_put(skb, zone, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI,
			     ZONES_CMD_GET))
			break;
	mutex_unlock(&zones->lock);
	if (!zone)
		id = MOST_ZONES + 1;
	else if (HAS_BUG(twice_at_border) && id > 1)
		id--;
	cb->args[0] = id;
	return skb->len;
}

static const struct genl_ops zones_ops[] = {
	{ .cmd = ZONES_CMD_NEW, .doit = zones_new, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = ZONES_CMD_DEL, .doit = zones_del, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = ZONES_CMD_GET, .doit = zones_get, .dumpit = zones_dump },
	{ .cmd = ZONES_CMD_SET, .doit = zones_set, .flags = GENL_UNS_ADMIN_PERM },
};

static const struct genl_multicast_group zones_groups[] = { { .name = "zones" } };

static struct genl_family zones_family = {
	.name = "probed_zones",
	.version = 1,
	.maxattr = ZONES_A_MAX,
	.policy = zones_policy,
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = zones_ops,
	.n_ops = ARRAY_SIZE(zones_ops),
	RESV_START_OP(ZONES_CMD_NEW)
	.mcgrps = zones_groups,
	.n_mcgrps = ARRAY_SIZE(zones_groups),
};

static int __net_init zones_open(struct net *net)
{
	struct areas *zones = net_generic(net, zones_id);

	mutex_init(&zones->lock);
	idr_init(&zones->all);
	return 0;
}

static void __net_exit zones_close(struct net *net)
{
	struct areas *zones = net_generic(net, zones_id);
	struct area *zone;
	int id;

	idr_for_each_entry(&zones->all, zone, id)
		kfree(zone);
	idr_destroy(&zones->all);
}

static struct pernet_operations zones_net_ops = {
	.init = zones_open,
	.exit = zones_close,
	.id = &zones_id,
	.size = sizeof(struct areas),
};

static int __init zones_init(void)
{
	int err = register_pernet_subsys(&zones_net_ops);

	if (err)
		return err;
	err = genl_register_family(&zones_family);
	if (err)
		unregister_pernet_subsys(&zones_net_ops);
	return err;
}

static void __exit zones_exit(void)
{
	genl_unregister_family(&zones_family);
	unregister_pernet_subsys(&zones_net_ops);
}

module_init(zones_init);
module_exit(zones_exit);

MODULE_DESCRIPTION("Zones of each network namespace");
MODULE_LICENSE("GPL");
