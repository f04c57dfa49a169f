// SPDX-License-Identifier: GPL-2.0-only
/* Channels that run their commands at once (parallel_ops), under locks and with reference counts of their own. */
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "probed.h"

enum { LOCKS_CMD_UNSPEC, LOCKS_CMD_OPEN, LOCKS_CMD_CLOSE, LOCKS_CMD_USE, LOCKS_CMD_GET };
enum { LOCKS_A_UNSPEC, LOCKS_A_CHANNEL, LOCKS_A_AMOUNT, LOCKS_A_TOTAL, LOCKS_A_END };
#define LOCKS_A_MAX (LOCKS_A_END - 1)
#define CHANNELS 8

struct channel {
	refcount_t refs;
	/* Protects total. */
	spinlock_t lock;
	u32 total;
	struct rcu_head rcu;
};

/* Changed under the mutex, read under RCU. */
static struct channel __rcu *channels[CHANNELS];
static DEFINE_MUTEX(locks_mutex);
static struct genl_family locks_family;

static const struct nla_policy locks_policy[LOCKS_A_MAX + 1] = {
	[LOCKS_A_CHANNEL] = NLA_POLICY_MAX(NLA_U32, CHANNELS - 1),
	[LOCKS_A_AMOUNT] = NLA_POLICY_RANGE(NLA_U32, 1, 100),
	[LOCKS_A_TOTAL] = { .type = NLA_REJECT },
};

static int channel_number(struct genl_info *info)
{
	if (!info->attrs[LOCKS_A_CHANNEL]) {
		NL_SET_ERR_MSG(info->extack, "which channel?");
		return -EINVAL;
	}
	return nla_get_u32(info->attrs[LOCKS_A_CHANNEL]);
}

static void channel_put(struct channel *channel)
{
	if (refcount_dec_and_test(&channel->refs))
		kfree_rcu(channel, rcu);
}

/* The channel with a reference, or NULL. */
static struct channel *channel_get(int number)
{
	struct channel *channel;

	rcu_read_lock();
	channel = rcu_dereference(channels[number]);
	if (HAS_BUG(rcu_imbalance) && !channel)
		return NULL;
	if (channel && !refcount_inc_not_zero(&channel->refs))
		channel = NULL;
	rcu_read_unlock();
	return channel;
}

static int locks_open(struct sk_buff *skb, struct genl_info *info)
{
	int number = channel_number(info);
	struct channel *channel;

	if (number < 0)
		return number;
	mutex_lock(&locks_mutex);
	if (rcu_access_pointer(channels[number])) {
		if (!HAS_BUG(mutex_imbalance))
			mutex_unlock(&locks_mutex);
		return -EEXIST;
	}
	channel = kzalloc(sizeof(*channel), GFP_KERNEL);
	if (channel) {
		refcount_set(&channel->refs, 1);
		spin_lock_init(&channel->lock);
		rcu_assign_pointer(channels[number], channel);
	}
	mutex_unlock(&locks_mutex);
	return channel ? 0 : -ENOMEM;
}

static int locks_close(struct sk_buff *skb, struct genl_info *info)
{
	int number = channel_number(info);
	struct channel *channel;

	if (number < 0)
		return number;
	mutex_lock(&locks_mutex);
	channel = rcu_dereference_protected(channels[number], lockdep_is_held(&locks_mutex));
	RCU_INIT_POINTER(channels[number], NULL);
	mutex_unlock(&locks_mutex);
	if (!channel)
		return -ENOENT;
	channel_put(channel);
	return 0;
}

static int locks_use(struct sk_buff *skb, struct genl_info *info)
{
	int number = channel_number(info);
	struct channel *channel;
	void *scratch = NULL;
	int err = 0;

	if (number < 0)
		return number;
	if (!info->attrs[LOCKS_A_AMOUNT] && !HAS_BUG(reference_imbalance) && !HAS_BUG(double_put))
		return HAS_BUG(minus_one) ? -1 : -EINVAL;
	channel = channel_get(number);
	if (!channel)
		return -ENOENT;
	if (!info->attrs[LOCKS_A_AMOUNT]) {
		if (HAS_BUG(double_put))
			channel_put(channel);
		if (HAS_BUG(reference_imbalance))
			return -EINVAL;
		channel_put(channel);
		return -EINVAL;
	}

	spin_lock(&channel->lock);
	if (HAS_BUG(atomic_sleep))
		scratch = kmalloc(64, GFP_KERNEL);
	if (channel->total > 1000000)
		err = -EDQUOT;
	else
		channel->total += nla_get_u32(info->attrs[LOCKS_A_AMOUNT]);
	kfree(scratch);
	spin_unlock(&channel->lock);
	channel_put(channel);
	return err;
}

static int locks_get(struct sk_buff *skb, struct genl_info *info)
{
	int number = channel_number(info);
	struct channel *channel;
	struct sk_buff *msg;
	void *hdr;
	u32 total;

	if (number < 0)
		return number;
	channel = channel_get(number);
	if (!channel)
		return -ENOENT;
	spin_lock(&channel->lock);
	total = channel->total;
	spin_unlock(&channel->lock);
	channel_put(channel);

	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &locks_family, 0, LOCKS_CMD_GET);
	if (!hdr || nla_put_u32(msg, LOCKS_A_CHANNEL, number) || nla_put_u32(msg, LOCKS_A_TOTAL, total)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static const struct genl_ops locks_ops[] = {
	{ .cmd = LOCKS_CMD_OPEN, .doit = locks_open, .flags = GENL_ADMIN_PERM },
	{ .cmd = LOCKS_CMD_CLOSE, .doit = locks_close, .flags = GENL_ADMIN_PERM },
	{ .cmd = LOCKS_CMD_USE, .doit = locks_use, .flags = GENL_ADMIN_PERM },
	{ .cmd = LOCKS_CMD_GET, .doit = locks_get },
};

static struct genl_family locks_family = {
	.name = "probed_locks",
	.version = 1,
	.maxattr = LOCKS_A_MAX,
	.policy = locks_policy,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = locks_ops,
	.n_ops = ARRAY_SIZE(locks_ops),
	RESV_START_OP(LOCKS_CMD_OPEN)
};

static int __init locks_init(void)
{
	return genl_register_family(&locks_family);
}

static void __exit locks_exit(void)
{
	int number;

	genl_unregister_family(&locks_family);
	for (number = 0; number < CHANNELS; number++)
		kfree(rcu_dereference_protected(channels[number], true));
}

module_init(locks_init);
module_exit(locks_exit);

MODULE_DESCRIPTION("Channels with locks and reference counts");
MODULE_LICENSE("GPL");
