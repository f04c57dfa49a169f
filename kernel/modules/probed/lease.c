// SPDX-License-Identifier: GPL-2.0-only
/* Leases that belong to the socket that took them, and end with it. */
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "probed.h"

enum { LEASE_CMD_UNSPEC, LEASE_CMD_ACQUIRE, LEASE_CMD_RENEW, LEASE_CMD_RELEASE, LEASE_CMD_QUERY };
enum { LEASE_A_UNSPEC, LEASE_A_RESOURCE, LEASE_A_HANDLE, LEASE_A_TTL, LEASE_A_OWNER, LEASE_A_END };
#define LEASE_A_MAX (LEASE_A_END - 1)

struct lease {
	struct hlist_node node;
	u32 resource, owner, ttl;
	int handle;
};

static DEFINE_HASHTABLE(leases, 4);
static DEFINE_SPINLOCK(lease_lock);
static DEFINE_IDA(handles);
static struct genl_family lease_family;

static const struct nla_policy lease_policy[LEASE_A_MAX + 1] = {
	[LEASE_A_RESOURCE] = { .type = NLA_U32 },
	[LEASE_A_HANDLE] = NLA_POLICY_RANGE(NLA_U32, 1, 255),
	[LEASE_A_TTL] = NLA_POLICY_RANGE(NLA_U32, 1, 3600),
};

static int lease_fill(struct sk_buff *skb, const struct lease *l, u32 portid, u32 seq, int flags, u8 cmd)
{
	void *hdr = genlmsg_put(skb, portid, seq, &lease_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, LEASE_A_RESOURCE, l->resource) || nla_put_u32(skb, LEASE_A_HANDLE, l->handle) ||
	    nla_put_u32(skb, LEASE_A_TTL, l->ttl) || nla_put_u32(skb, LEASE_A_OWNER, l->owner)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int lease_reply(struct genl_info *info, const struct lease *l)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		return -ENOMEM;
	if (lease_fill(msg, l, info->snd_portid, info->snd_seq, 0, info->genlhdr->cmd)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static int lease_acquire(struct sk_buff *skb, struct genl_info *info)
{
	struct lease *l, *o, copy;
	int err = 0;

	if (!info->attrs[LEASE_A_RESOURCE])
		return -EINVAL;
	l = kzalloc(sizeof(*l), GFP_KERNEL);
	if (!l)
		return -ENOMEM;
	l->resource = nla_get_u32(info->attrs[LEASE_A_RESOURCE]);
	l->ttl = info->attrs[LEASE_A_TTL] ? nla_get_u32(info->attrs[LEASE_A_TTL]) : 60;
	l->owner = info->snd_portid;
	l->handle = ida_alloc_range(&handles, 1, 255, GFP_KERNEL);
	if (l->handle < 0) {
		err = l->handle;
		kfree(l);
		return err;
	}
	spin_lock(&lease_lock);
	hash_for_each_possible(leases, o, node, l->resource)
		if (o->resource == l->resource)
			err = -EBUSY;
	if (err) {
		spin_unlock(&lease_lock);
		ida_free(&handles, l->handle);
		kfree(l);
		return err;
	}
	hash_add(leases, &l->node, l->resource);
	copy = *l;
	spin_unlock(&lease_lock);
	return lease_reply(info, &copy);
}

static struct lease *lease_find(struct genl_info *info)
{
	u32 resource = nla_get_u32(info->attrs[LEASE_A_RESOURCE]);
	struct lease *l;

	hash_for_each_possible(leases, l, node, resource)
		if (l->resource == resource)
			return l;
	return NULL;
}

static int lease_renew(struct sk_buff *skb, struct genl_info *info)
{
	struct lease *l;
	int err = 0;

	if (!info->attrs[LEASE_A_RESOURCE] || !info->attrs[LEASE_A_TTL])
		return -EINVAL;
	spin_lock(&lease_lock);
	l = lease_find(info);
	if (!l)
		err = -ENOENT;
	else if (l->owner != info->snd_portid)
		err = -EACCES;
	else
		l->ttl = nla_get_u32(info->attrs[LEASE_A_TTL]);
	spin_unlock(&lease_lock);
	return err;
}

static int lease_release(struct sk_buff *skb, struct genl_info *info)
{
	struct lease *l;
	int err = 0;

	if (!info->attrs[LEASE_A_RESOURCE])
		return -EINVAL;
	spin_lock(&lease_lock);
	l = lease_find(info);
	if (!l)
		err = -ENOENT;
	else if (l->owner != info->snd_portid)
		err = -EACCES;
	else
		hash_del(&l->node);
	spin_unlock(&lease_lock);
	if (err)
		return err;
	if (!HAS_BUG(leak_handle))
		ida_free(&handles, l->handle);
	kfree(l);
	return 0;
}

static int lease_query(struct sk_buff *skb, struct genl_info *info)
{
	struct lease *l, copy = {};

	if (!info->attrs[LEASE_A_RESOURCE])
		return -EINVAL;
	spin_lock(&lease_lock);
	l = lease_find(info);
	if (l)
		copy = *l;
	spin_unlock(&lease_lock);
	if (!l)
		return -ENOENT;
	return lease_reply(info, &copy);
}

static int lease_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	long bucket = cb->args[0], skip = cb->args[1], n = 0;
	struct lease *l;

	spin_lock(&lease_lock);
	for (; bucket < HASH_SIZE(leases); bucket++, skip = 0) {
		n = 0;
		hlist_for_each_entry(l, &leases[bucket], node) {
			if (n++ < skip)
				continue;
			if (lease_fill(skb, l, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI, LEASE_CMD_QUERY)) {
				n--;
				goto out;
			}
		}
	}
	n = 0;
out:
	spin_unlock(&lease_lock);
	cb->args[0] = bucket;
	cb->args[1] = n;
	return skb->len;
}

static int lease_gone(struct notifier_block *nb, unsigned long event, void *data)
{
	struct netlink_notify *n = data;
	struct hlist_node *t;
	struct lease *l;
	int bkt;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC || n->net != &init_net)
		return NOTIFY_DONE;
	spin_lock(&lease_lock);
	hash_for_each_safe(leases, bkt, t, l, node)
		if (l->owner == n->portid) {
			hash_del(&l->node);
			ida_free(&handles, l->handle);
			kfree(l);
		}
	spin_unlock(&lease_lock);
	return NOTIFY_DONE;
}

static struct notifier_block lease_nb = { .notifier_call = lease_gone };

static const struct genl_ops lease_ops[] = {
	{ .cmd = LEASE_CMD_ACQUIRE, .doit = lease_acquire, .flags = GENL_ADMIN_PERM },
	{ .cmd = LEASE_CMD_RENEW, .doit = lease_renew, .flags = GENL_ADMIN_PERM },
	{ .cmd = LEASE_CMD_RELEASE, .doit = lease_release, .flags = GENL_ADMIN_PERM },
	{ .cmd = LEASE_CMD_QUERY, .doit = lease_query, .dumpit = lease_dump },
};

static struct genl_family lease_family = {
	.name = "probed_lease",
	.version = 1,
	.maxattr = LEASE_A_MAX,
	.policy = lease_policy,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = lease_ops,
	.n_ops = ARRAY_SIZE(lease_ops),
	RESV_START_OP(LEASE_CMD_ACQUIRE)
};

static int __init lease_init(void)
{
	int err = netlink_register_notifier(&lease_nb);

	if (err)
		return err;
	err = genl_register_family(&lease_family);
	if (err)
		netlink_unregister_notifier(&lease_nb);
	return err;
}

static void __exit lease_exit(void)
{
	struct hlist_node *t;
	struct lease *l;
	int bkt;

	genl_unregister_family(&lease_family);
	netlink_unregister_notifier(&lease_nb);
	hash_for_each_safe(leases, bkt, t, l, node)
		kfree(l);
	ida_destroy(&handles);
}

module_init(lease_init);
module_exit(lease_exit);

MODULE_DESCRIPTION("Leases of sockets");
MODULE_LICENSE("GPL");
