// SPDX-License-Identifier: GPL-2.0-only
/* Prefixes and what is next to them: an address must fit to its length, and a table and a prefix are the key. */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "probed.h"

enum { ROUTES_CMD_UNSPEC, ROUTES_CMD_NEW, ROUTES_CMD_DEL, ROUTES_CMD_LOOKUP };
enum { ROUTES_A_UNSPEC, ROUTES_A_TABLE, ROUTES_A_PREFIX, ROUTES_A_LENGTH, ROUTES_A_METRIC, ROUTES_A_END };
#define ROUTES_A_MAX (ROUTES_A_END - 1)
#define MOST 512

struct route {
	struct list_head node;
	u32 prefix, metric;
	u8 table, length;
};

static LIST_HEAD(routes);
static DEFINE_MUTEX(routes_lock);
static unsigned int routes_count;
static struct genl_family routes_family;

static const struct nla_policy routes_policy[ROUTES_A_MAX + 1] = {
	[ROUTES_A_TABLE] = NLA_POLICY_RANGE(NLA_U8, 1, 3),
	[ROUTES_A_PREFIX] = { .type = NLA_U32 },
	[ROUTES_A_LENGTH] = NLA_POLICY_RANGE(NLA_U8, 0, 32),
	[ROUTES_A_METRIC] = { .type = NLA_U32 },
};

static u32 routes_mask(u8 length)
{
	return length ? ~0U << (32 - length) : 0;
}

static int routes_fill(struct sk_buff *skb, const struct route *r, u32 portid, u32 seq, int flags, u8 cmd)
{
	void *hdr = genlmsg_put(skb, portid, seq, &routes_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u8(skb, ROUTES_A_TABLE, r->table) || nla_put_u32(skb, ROUTES_A_PREFIX, r->prefix) ||
	    nla_put_u8(skb, ROUTES_A_LENGTH, r->length) || nla_put_u32(skb, ROUTES_A_METRIC, r->metric)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static struct sk_buff *routes_message(const struct route *r, u32 portid, u32 seq, u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (msg && routes_fill(msg, r, portid, seq, 0, cmd)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static struct route *routes_find(struct nlattr **attrs, bool anywhere)
{
	u8 table = nla_get_u8(attrs[ROUTES_A_TABLE]), length = nla_get_u8(attrs[ROUTES_A_LENGTH]);
	u32 prefix = nla_get_u32(attrs[ROUTES_A_PREFIX]);
	struct route *r;

	list_for_each_entry(r, &routes, node)
		if ((anywhere || r->table == table) && r->prefix == prefix && r->length == length)
			return r;
	return NULL;
}

static bool routes_is_key(struct nlattr **attrs)
{
	return attrs[ROUTES_A_TABLE] && attrs[ROUTES_A_PREFIX] && attrs[ROUTES_A_LENGTH] &&
	       !(nla_get_u32(attrs[ROUTES_A_PREFIX]) & ~routes_mask(nla_get_u8(attrs[ROUTES_A_LENGTH])));
}

static int routes_new(struct sk_buff *skb, struct genl_info *info)
{
	u16 flags = info->nlhdr->nlmsg_flags;
	struct nlattr **attrs = info->attrs;
	struct sk_buff *early = NULL;
	struct route *r;
	int err = 0;

	if (!routes_is_key(attrs) || !attrs[ROUTES_A_METRIC])
		return -EINVAL;
	mutex_lock(&routes_lock);
	r = routes_find(attrs, false);
	if (r && (flags & NLM_F_EXCL)) {
		if (HAS_BUG(lock_kept))
			return -EEXIST;
		err = -EEXIST;
		goto out;
	}
	if (r && !(flags & NLM_F_REPLACE)) {
		if (!HAS_BUG(twice)) {
			err = -EEXIST;
			goto out;
		}
		r = NULL;
	}
	if (!r) {
		err = !(flags & NLM_F_CREATE) ? -ENOENT : routes_count == MOST ? -ENOSPC : 0;
		r = err ? NULL : kzalloc(sizeof(*r), GFP_KERNEL);
		if (!r) {
			err = err ?: -ENOMEM;
			goto out;
		}
		r->table = nla_get_u8(attrs[ROUTES_A_TABLE]);
		r->prefix = nla_get_u32(attrs[ROUTES_A_PREFIX]);
		r->length = nla_get_u8(attrs[ROUTES_A_LENGTH]);
		list_add_tail(&r->node, &routes);
		routes_count++;
	} else if (HAS_BUG(stale_notification)) {
		early = routes_message(r, 0, 0, ROUTES_CMD_NEW);
	}
	r->metric = nla_get_u32(attrs[ROUTES_A_METRIC]);
	tell(&routes_family, &init_net, early ?: routes_message(r, 0, 0, ROUTES_CMD_NEW));
out:
	mutex_unlock(&routes_lock);
	return err;
}

static int routes_del(struct sk_buff *skb, struct genl_info *info)
{
	struct route *r;

	if (!routes_is_key(info->attrs))
		return -EINVAL;
	mutex_lock(&routes_lock);
	r = routes_find(info->attrs, HAS_BUG(other_table));
	if (r) {
		list_del(&r->node);
		routes_count--;
		tell(&routes_family, &init_net, routes_message(r, 0, 0, ROUTES_CMD_DEL));
		kfree(r);
	}
	mutex_unlock(&routes_lock);
	return r ? 0 : -ESRCH;
}

/* The longest prefix of a table that an address has. */
static int routes_lookup(struct sk_buff *skb, struct genl_info *info)
{
	struct route *r, *best = NULL;
	struct sk_buff *msg = NULL;
	u32 address;

	if (!info->attrs[ROUTES_A_TABLE] || !info->attrs[ROUTES_A_PREFIX])
		return -EINVAL;
	address = nla_get_u32(info->attrs[ROUTES_A_PREFIX]);
	mutex_lock(&routes_lock);
	list_for_each_entry(r, &routes, node)
		if (r->table == nla_get_u8(info->attrs[ROUTES_A_TABLE]) &&
		    (address & routes_mask(r->length)) == r->prefix && (!best || best->length < r->length))
			best = r;
	if (best)
		msg = routes_message(best, info->snd_portid, info->snd_seq, ROUTES_CMD_LOOKUP);
	mutex_unlock(&routes_lock);
	if (!best)
		return HAS_BUG(silent_lookup) ? 0 : -ENETUNREACH;
	return msg ? genlmsg_reply(msg, info) : -ENOMEM;
}

static int routes_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct route *r;
	int at = 0;

	mutex_lock(&routes_lock);
	list_for_each_entry(r, &routes, node) {
		if (at >= cb->args[0] && routes_fill(skb, r, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
						     NLM_F_MULTI, ROUTES_CMD_LOOKUP))
			break;
		at++;
	}
	cb->args[0] = at;
	mutex_unlock(&routes_lock);
	return skb->len;
}

static const struct genl_ops routes_ops[] = {
	{ .cmd = ROUTES_CMD_NEW, .doit = routes_new, .flags = GENL_ADMIN_PERM },
	{ .cmd = ROUTES_CMD_DEL, .doit = routes_del, .flags = GENL_ADMIN_PERM },
	{ .cmd = ROUTES_CMD_LOOKUP, .doit = routes_lookup, .dumpit = routes_dump },
};

static const struct genl_multicast_group routes_groups[] = { { .name = "routes" } };

static struct genl_family routes_family = {
	.name = "probed_routes",
	.version = 1,
	.maxattr = ROUTES_A_MAX,
	.policy = routes_policy,
	.module = THIS_MODULE,
	.ops = routes_ops,
	.n_ops = ARRAY_SIZE(routes_ops),
	/* NLM_F_CREATE is refused to those from there on. */
	RESV_START_OP(ROUTES_CMD_LOOKUP + 1)
	.mcgrps = routes_groups,
	.n_mcgrps = ARRAY_SIZE(routes_groups),
};

static int __init routes_init(void)
{
	return genl_register_family(&routes_family);
}

static void __exit routes_exit(void)
{
	struct route *r, *next;

	genl_unregister_family(&routes_family);
	list_for_each_entry_safe(r, next, &routes, node)
		kfree(r);
}

module_init(routes_init);
module_exit(routes_exit);
MODULE_DESCRIPTION("Probed family: prefixes that are found by what fits to them");
MODULE_LICENSE("GPL");
