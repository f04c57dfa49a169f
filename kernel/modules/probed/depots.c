// SPDX-License-Identifier: GPL-2.0-only
/* Depots of goods at places of a few sites, as many as a limit allows; all that changes is told. */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "probed.h"

enum {
	DEPOTS_CMD_UNSPEC, DEPOTS_CMD_OPEN, DEPOTS_CMD_CLOSE, DEPOTS_CMD_GET, DEPOTS_CMD_LIMIT, DEPOTS_CMD_MARK
};
enum {
	DEPOTS_A_UNSPEC, DEPOTS_A_SITE, DEPOTS_A_PLACE, DEPOTS_A_OWNER, DEPOTS_A_GOODS, DEPOTS_A_WEIGHT,
	DEPOTS_A_LIMIT, DEPOTS_A_END
};
enum { GOODS_A_UNSPEC, GOODS_A_KIND, GOODS_A_AMOUNT, GOODS_A_CODE, GOODS_A_END };
/* Only bulk goods have an amount. */
enum { KIND_EMPTY, KIND_PIECE, KIND_BULK, KIND_END };
#define OWNER_SIZE 16
#define MOST_GOODS 4
#define MOST_DEPOTS 4096

struct goods {
	u8 kind;
	u32 amount;
	u16 code;
};

struct depot {
	struct list_head list;
	/* Where a dump goes on. */
	unsigned long number;
	u8 site;
	u16 place;
	u8 weight;
	char owner[OWNER_SIZE];
	unsigned int count;
	struct goods goods[MOST_GOODS];
};

/* Of all below, and of the order of what is told. */
static DEFINE_MUTEX(depots_lock);
static LIST_HEAD(depots);
static u32 count, limit = 200;
static unsigned long last_number;
static struct genl_family depots_family;

static const struct nla_policy goods_policy[GOODS_A_END] = {
	[GOODS_A_KIND] = NLA_POLICY_MAX(NLA_U8, KIND_END - 1),
	[GOODS_A_AMOUNT] = { .type = NLA_U32 },
	[GOODS_A_CODE] = { .type = NLA_U16 },
};

static const struct nla_policy open_policy[DEPOTS_A_GOODS + 1] = {
	[DEPOTS_A_SITE] = NLA_POLICY_MAX(NLA_U8, 2),
	[DEPOTS_A_PLACE] = NLA_POLICY_MIN(NLA_U16, 1),
	[DEPOTS_A_OWNER] = { .type = NLA_NUL_STRING, .len = OWNER_SIZE - 1 },
	[DEPOTS_A_GOODS] = NLA_POLICY_NESTED_ARRAY(goods_policy),
};

static const struct nla_policy name_policy[DEPOTS_A_PLACE + 1] = {
	[DEPOTS_A_SITE] = NLA_POLICY_MAX(NLA_U8, 2),
	[DEPOTS_A_PLACE] = NLA_POLICY_MIN(NLA_U16, 1),
};

static const struct nla_policy mark_policy[DEPOTS_A_WEIGHT + 1] = {
	[DEPOTS_A_SITE] = NLA_POLICY_MAX(NLA_U8, 2),
	[DEPOTS_A_PLACE] = NLA_POLICY_MIN(NLA_U16, 1),
	[DEPOTS_A_OWNER] = { .type = NLA_NUL_STRING, .len = OWNER_SIZE - 1 },
	[DEPOTS_A_WEIGHT] = NLA_POLICY_MAX(NLA_U8, 100),
};

static const struct nla_policy limit_policy[DEPOTS_A_LIMIT + 1] = {
	[DEPOTS_A_LIMIT] = NLA_POLICY_MAX(NLA_U32, MOST_DEPOTS),
};

static int goods_put(struct sk_buff *skb, int number, const struct goods *goods)
{
	u16 code = HAS_BUG(code_order) ? swab16(goods->code) : goods->code;
	struct nlattr *nest = nla_nest_start(skb, number);

	if (!nest || nla_put_u8(skb, GOODS_A_KIND, goods->kind) || nla_put_u16(skb, GOODS_A_CODE, code) ||
	    (goods->kind == KIND_BULK && nla_put_u32(skb, GOODS_A_AMOUNT, goods->amount)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int depot_put(struct sk_buff *skb, u32 port, u32 seq, int flags, u8 cmd, const struct depot *depot)
{
	void *hdr = genlmsg_put(skb, port, seq, &depots_family, flags, cmd);
	struct nlattr *list;
	unsigned int i;

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u8(skb, DEPOTS_A_SITE, depot->site) || nla_put_u16(skb, DEPOTS_A_PLACE, depot->place) ||
	    nla_put_string(skb, DEPOTS_A_OWNER, depot->owner) || nla_put_u8(skb, DEPOTS_A_WEIGHT, depot->weight))
		goto cancel;
	list = nla_nest_start(skb, DEPOTS_A_GOODS);
	if (!list)
		goto cancel;
	for (i = 0; i < depot->count; i++)
		if (goods_put(skb, i + 1, &depot->goods[i]))
			goto cancel;
	nla_nest_end(skb, list);
	genlmsg_end(skb, hdr);
	return 0;
cancel:
	genlmsg_cancel(skb, hdr);
	return -EMSGSIZE;
}

static void tell_depot(u8 cmd, const struct depot *depot)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (msg && depot_put(msg, 0, 0, 0, cmd, depot)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	tell(&depots_family, &init_net, msg);
}

static struct depot *depot_find(u8 site, u16 place, bool any_site)
{
	struct depot *depot;

	list_for_each_entry(depot, &depots, list)
		if ((any_site || depot->site == site) && depot->place == place)
			return depot;
	return NULL;
}

/* The depot that a request names. */
static struct depot *depot_named(struct genl_info *info, bool any_site)
{
	struct depot *depot;

	if (!info->attrs[DEPOTS_A_SITE] || !info->attrs[DEPOTS_A_PLACE]) {
		GENL_SET_ERR_MSG(info, "a depot has a site and a place");
		return ERR_PTR(-EINVAL);
	}
	depot = depot_find(nla_get_u8(info->attrs[DEPOTS_A_SITE]), nla_get_u16(info->attrs[DEPOTS_A_PLACE]), any_site);
	if (!depot)
		GENL_SET_ERR_MSG(info, "there is no such depot");
	return depot ?: ERR_PTR(-ENOENT);
}

static int goods_parse(struct depot *depot, struct nlattr *list, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[GOODS_A_END];
	struct nlattr *nest;
	int left, err;

	nla_for_each_nested(nest, list, left) {
		struct goods *goods = &depot->goods[depot->count];

		if (depot->count == MOST_GOODS)
			return -E2BIG;
		err = nla_parse_nested(tb, GOODS_A_END - 1, nest, goods_policy, extack);
		if (err)
			return err;
		if (!tb[GOODS_A_KIND] || !tb[GOODS_A_CODE])
			return -EINVAL;
		goods->kind = nla_get_u8(tb[GOODS_A_KIND]);
		goods->code = nla_get_u16(tb[GOODS_A_CODE]);
		if ((goods->kind == KIND_BULK) != !!tb[GOODS_A_AMOUNT]) {
			NL_SET_ERR_MSG_ATTR(extack, nest, "bulk goods have an amount, and no others");
			return -EINVAL;
		}
		if (tb[GOODS_A_AMOUNT])
			goods->amount = nla_get_u32(tb[GOODS_A_AMOUNT]);
		depot->count++;
	}
	return 0;
}

static int depots_open(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct depot *depot;
	int err = -EINVAL;

	if (!attrs[DEPOTS_A_SITE] || !attrs[DEPOTS_A_PLACE] || !attrs[DEPOTS_A_GOODS])
		return -EINVAL;
	depot = kzalloc(sizeof(*depot), GFP_KERNEL);
	if (!depot)
		return -ENOMEM;
	depot->site = nla_get_u8(attrs[DEPOTS_A_SITE]);
	depot->place = nla_get_u16(attrs[DEPOTS_A_PLACE]);
	if (attrs[DEPOTS_A_OWNER])
		nla_strscpy(depot->owner, attrs[DEPOTS_A_OWNER], sizeof(depot->owner));
	err = goods_parse(depot, attrs[DEPOTS_A_GOODS], info->extack);
	if (err) {
		kfree(depot);
		return err;
	}
	mutex_lock(&depots_lock);
	if (depot_find(depot->site, depot->place, false))
		err = -EEXIST;
	else if (count >= limit)
		err = -ENOSPC;
	if (err) {
		kfree(depot);
	} else {
		depot->number = ++last_number;
		list_add_tail(&depot->list, &depots);
		count++;
		tell_depot(DEPOTS_CMD_OPEN, depot);
	}
	mutex_unlock(&depots_lock);
	return err;
}

static int depots_close(struct sk_buff *skb, struct genl_info *info)
{
	struct depot *depot;
	int err = 0;

	mutex_lock(&depots_lock);
	depot = depot_named(info, false);
	if (IS_ERR(depot)) {
		err = PTR_ERR(depot);
		if (HAS_BUG(close_nothing) && err == -ENOENT)
			err = 0;
	} else {
		list_del(&depot->list);
		if (!HAS_BUG(stays_full))
			count--;
		if (!HAS_BUG(silent_close))
			tell_depot(DEPOTS_CMD_CLOSE, depot);
		kfree(depot);
	}
	mutex_unlock(&depots_lock);
	return err;
}

static int depots_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	struct depot *depot;
	int err;

	if (!msg)
		return -ENOMEM;
	mutex_lock(&depots_lock);
	depot = depot_named(info, HAS_BUG(any_site));
	err = PTR_ERR_OR_ZERO(depot);
	if (HAS_BUG(not_supported) && err == -ENOENT)
		err = -ENOTSUPP;
	if (!err)
		err = depot_put(msg, info->snd_portid, info->snd_seq, 0, DEPOTS_CMD_GET, depot);
	mutex_unlock(&depots_lock);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static int depots_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct depot *depot;

	mutex_lock(&depots_lock);
	list_for_each_entry(depot, &depots, list) {
		if (depot->number <= cb->args[0])
			continue;
		if (depot_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI, DEPOTS_CMD_GET, depot))
			break;
		cb->args[0] = depot->number;
	}
	mutex_unlock(&depots_lock);
	return skb->len;
}

static int depots_limit(struct sk_buff *skb, struct genl_info *info)
{
	if (!info->attrs[DEPOTS_A_LIMIT])
		return -EINVAL;
	mutex_lock(&depots_lock);
	limit = nla_get_u32(info->attrs[DEPOTS_A_LIMIT]);
	mutex_unlock(&depots_lock);
	return 0;
}

static int depots_mark(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct depot *depot;
	int err;

	mutex_lock(&depots_lock);
	depot = depot_named(info, false);
	err = PTR_ERR_OR_ZERO(depot);
	if (!err) {
		if (attrs[DEPOTS_A_OWNER])
			nla_strscpy(depot->owner, attrs[DEPOTS_A_OWNER], sizeof(depot->owner));
		if (attrs[DEPOTS_A_WEIGHT] && !HAS_BUG(weight_ignored))
			depot->weight = nla_get_u8(attrs[DEPOTS_A_WEIGHT]);
		tell_depot(DEPOTS_CMD_MARK, depot);
	}
	mutex_unlock(&depots_lock);
	return err;
}

#define TAKES(its_policy) .policy = its_policy, .maxattr = ARRAY_SIZE(its_policy) - 1

static const struct genl_ops depots_ops[] = {
	{ .cmd = DEPOTS_CMD_OPEN, .flags = GENL_ADMIN_PERM, .doit = depots_open, TAKES(open_policy) },
	{ .cmd = DEPOTS_CMD_CLOSE, .flags = GENL_ADMIN_PERM, .doit = depots_close, TAKES(name_policy) },
	{ .cmd = DEPOTS_CMD_GET, .doit = depots_get, .dumpit = depots_dump, TAKES(name_policy) },
	{ .cmd = DEPOTS_CMD_LIMIT, .flags = GENL_ADMIN_PERM, .doit = depots_limit, TAKES(limit_policy) },
	{ .cmd = DEPOTS_CMD_MARK, .flags = GENL_ADMIN_PERM, .doit = depots_mark, TAKES(mark_policy) },
};

static const struct genl_multicast_group depots_groups[] = {
	{ .name = "depots" },
};

static struct genl_family depots_family = {
	.name = "probed_depots",
	.version = 1,
	.module = THIS_MODULE,
	.ops = depots_ops,
	.n_ops = ARRAY_SIZE(depots_ops),
	.mcgrps = depots_groups,
	.n_mcgrps = ARRAY_SIZE(depots_groups),
	RESV_START_OP(DEPOTS_CMD_OPEN)
};

static int __init depots_init(void)
{
	return genl_register_family(&depots_family);
}

static void __exit depots_exit(void)
{
	struct depot *depot;
	struct depot *next;

	genl_unregister_family(&depots_family);
	list_for_each_entry_safe(depot, next, &depots, list) {
		list_del(&depot->list);
		kfree(depot);
	}
}

module_init(depots_init);
module_exit(depots_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Depots of goods, as many as a limit allows");
