// SPDX-License-Identifier: GPL-2.0-only
/* Buses with ports: two kinds of objects with a dump each, of which the ports' goes over all buses. */
#include <linux/list.h>
#include <linux/slab.h>

#include "probed.h"

enum {
	BUSES_CMD_UNSPEC,
	BUSES_CMD_BUS_NEW,
	BUSES_CMD_BUS_DEL,
	BUSES_CMD_BUS_GET,
	BUSES_CMD_PORT_NEW,
	BUSES_CMD_PORT_DEL,
	BUSES_CMD_PORT_GET,
	BUSES_CMD_PORT_RENAME
};
enum { BUSES_A_UNSPEC, BUSES_A_BUS, BUSES_A_PORT, BUSES_A_NAME, BUSES_A_PORTS, BUSES_A_END };
#define BUSES_A_MAX (BUSES_A_END - 1)

struct port {
	struct list_head list;
	u16 nr;
	char name[20];
};

struct bus {
	struct list_head list;
	u8 nr;
	u16 nports;
	struct list_head ports;
};

/* Commands and dumps run one at a time: genetlink holds its mutex. */
static LIST_HEAD(buses);

static struct genl_family buses_family;

static const struct nla_policy buses_policy[BUSES_A_MAX + 1] = {
	[BUSES_A_BUS] = { .type = NLA_U8 },
	[BUSES_A_PORT] = NLA_POLICY_MAX(NLA_U16, 999),
	[BUSES_A_NAME] = { .type = NLA_NUL_STRING, .len = 19 },
	[BUSES_A_PORTS] = { .type = NLA_REJECT },
};

static struct bus *bus_find(struct genl_info *info)
{
	struct bus *b;

	if (!info->attrs[BUSES_A_BUS]) {
		NL_SET_ERR_MSG(info->extack, "which bus?");
		return ERR_PTR(-EINVAL);
	}
	list_for_each_entry(b, &buses, list)
		if (b->nr == nla_get_u8(info->attrs[BUSES_A_BUS]))
			return b;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[BUSES_A_BUS], "no such bus");
	return ERR_PTR(-ENODEV);
}

static struct port *port_find(struct bus *b, struct genl_info *info)
{
	struct port *p;

	if (!info->attrs[BUSES_A_PORT])
		return ERR_PTR(-EINVAL);
	list_for_each_entry(p, &b->ports, list)
		if (p->nr == nla_get_u16(info->attrs[BUSES_A_PORT]))
			return p;
	return ERR_PTR(-ENOENT);
}

static int bus_fill(struct sk_buff *skb, struct bus *b, u32 portid, u32 seq, int flags)
{
	void *hdr = genlmsg_put(skb, portid, seq, &buses_family, flags, BUSES_CMD_BUS_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u8(skb, BUSES_A_BUS, b->nr) || nla_put_u16(skb, BUSES_A_PORTS, b->nports)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int port_fill(struct sk_buff *skb, struct bus *b, struct port *p, u32 portid, u32 seq, int flags)
{
	void *hdr = genlmsg_put(skb, portid, seq, &buses_family, flags, BUSES_CMD_PORT_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u8(skb, BUSES_A_BUS, b->nr) || nla_put_u16(skb, BUSES_A_PORT, p->nr) ||
	    nla_put_string(skb, BUSES_A_NAME, p->name)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int bus_new(struct sk_buff *skb, struct genl_info *info)
{
	struct bus *b;

	b = bus_find(info);
	if (!IS_ERR(b))
		return -EEXIST;
	if (PTR_ERR(b) == -EINVAL)
		return -EINVAL;
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	b->nr = nla_get_u8(info->attrs[BUSES_A_BUS]);
	INIT_LIST_HEAD(&b->ports);
	list_add_tail(&b->list, &buses);
	return 0;
}

static void bus_free(struct bus *b)
{
	struct port *p, *t;

	list_for_each_entry_safe(p, t, &b->ports, list)
		if (!HAS_BUG(leak_ports))
			kfree(p);
	kfree(b);
}

static int bus_del(struct sk_buff *skb, struct genl_info *info)
{
	struct bus *b = bus_find(info);

	if (IS_ERR(b))
		return PTR_ERR(b);
	list_del(&b->list);
	bus_free(b);
	return 0;
}

static int bus_get(struct sk_buff *skb, struct genl_info *info)
{
	struct bus *b = bus_find(info);
	struct sk_buff *msg;

	if (IS_ERR(b))
		return PTR_ERR(b);
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	if (bus_fill(msg, b, info->snd_portid, info->snd_seq, 0)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static int bus_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	int i = 0, s = cb->args[0];
	struct bus *b;

	list_for_each_entry(b, &buses, list) {
		if (i < s)
			goto next;
		if (bus_fill(skb, b, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI) < 0)
			break;
next:
		i++;
	}
	cb->args[0] = i;
	return skb->len;
}

static int port_new(struct sk_buff *skb, struct genl_info *info)
{
	struct bus *b = bus_find(info);
	struct port *p;

	if (IS_ERR(b))
		return PTR_ERR(b);
	if (!info->attrs[BUSES_A_NAME])
		return -EINVAL;
	p = port_find(b, info);
	if (!IS_ERR(p))
		return -EEXIST;
	if (PTR_ERR(p) == -EINVAL)
		return -EINVAL;
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	p->nr = nla_get_u16(info->attrs[BUSES_A_PORT]);
	nla_strscpy(p->name, info->attrs[BUSES_A_NAME], sizeof(p->name));
	list_add_tail(&p->list, &b->ports);
	b->nports++;
	return 0;
}

static int port_del(struct sk_buff *skb, struct genl_info *info)
{
	struct bus *b = bus_find(info);
	struct port *p;

	if (IS_ERR(b))
		return PTR_ERR(b);
	p = port_find(b, info);
	if (IS_ERR(p))
		return PTR_ERR(p);
	b->nports--;
	list_del(&p->list);
	kfree(p);
	return 0;
}

static int port_rename(struct sk_buff *skb, struct genl_info *info)
{
	struct bus *b = bus_find(info);
	struct port *p;

	if (IS_ERR(b))
		return PTR_ERR(b);
	p = port_find(b, info);
	if (IS_ERR(p))
		return PTR_ERR(p);
	if (!info->attrs[BUSES_A_NAME])
		return -EINVAL;
	nla_strscpy(p->name, info->attrs[BUSES_A_NAME], sizeof(p->name));
	return 0;
}

static int port_get(struct sk_buff *skb, struct genl_info *info)
{
	struct bus *b = bus_find(info);
	struct sk_buff *msg;
	struct port *p;

	if (IS_ERR(b))
		return PTR_ERR(b);
	p = port_find(b, info);
	if (IS_ERR(p))
		return PTR_ERR(p);
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	if (port_fill(msg, b, p, info->snd_portid, info->snd_seq, 0)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static int port_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	int i = 0, j = 0, si = cb->args[0], sj = cb->args[1];
	struct bus *b;
	struct port *p;

	list_for_each_entry(b, &buses, list) {
		if (i < si) {
			i++;
			continue;
		}
		j = 0;
		list_for_each_entry(p, &b->ports, list) {
			if (j < sj) {
				j++;
				continue;
			}
			if (port_fill(skb, b, p, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				      NLM_F_MULTI) < 0)
				goto out;
			j++;
		}
		if (!HAS_BUG(lossy))
			sj = 0;
		i++;
	}
	j = 0;
out:
	cb->args[0] = i;
	cb->args[1] = j;
	return skb->len;
}

static const struct genl_small_ops buses_ops[] = {
	{ .cmd = BUSES_CMD_BUS_NEW, .doit = bus_new, .flags = GENL_ADMIN_PERM },
	{ .cmd = BUSES_CMD_BUS_DEL, .doit = bus_del, .flags = GENL_ADMIN_PERM },
	{ .cmd = BUSES_CMD_BUS_GET, .doit = bus_get, .dumpit = bus_dump },
	{ .cmd = BUSES_CMD_PORT_NEW, .doit = port_new, .flags = GENL_ADMIN_PERM },
	{ .cmd = BUSES_CMD_PORT_DEL, .doit = port_del, .flags = GENL_ADMIN_PERM },
	{ .cmd = BUSES_CMD_PORT_GET, .doit = port_get, .dumpit = port_dump },
	{ .cmd = BUSES_CMD_PORT_RENAME, .doit = port_rename, .flags = GENL_ADMIN_PERM },
};

static struct genl_family buses_family = {
	.name = "probed_buses",
	.version = 1,
	.maxattr = BUSES_A_MAX,
	.policy = buses_policy,
	.netnsok = false,
	.module = THIS_MODULE,
	.small_ops = buses_ops,
	.n_small_ops = ARRAY_SIZE(buses_ops),
	RESV_START_OP(BUSES_CMD_BUS_NEW)
};

static int __init buses_init(void)
{
	return genl_register_family(&buses_family);
}

static void __exit buses_exit(void)
{
	struct bus *b, *t;

	genl_unregister_family(&buses_family);
	list_for_each_entry_safe(b, t, &buses, list)
		bus_free(b);
}

module_init(buses_init);
module_exit(buses_exit);

MODULE_DESCRIPTION("Buses with ports");
MODULE_LICENSE("GPL");
