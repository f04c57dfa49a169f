// SPDX-License-Identifier: GPL-2.0-only
/* Channels that are always there: policies by command, two limits that must fit to each other, a bitfield, flags. */
#include <linux/spinlock.h>

#include "probed.h"

enum { SLOTS_CMD_UNSPEC, SLOTS_CMD_GET, SLOTS_CMD_SET, SLOTS_CMD_CLEAR };
enum {
	SLOTS_A_UNSPEC,
	SLOTS_A_CHANNEL,
	SLOTS_A_LOW,
	SLOTS_A_HIGH,
	SLOTS_A_OPTIONS,
	SLOTS_A_ENABLE,
	SLOTS_A_DISABLE,
	SLOTS_A_PAD,
	SLOTS_A_LABEL,
	SLOTS_A_END
};
#define SLOTS_A_MAX (SLOTS_A_END - 1)
#define SLOTS 8
#define SLOTS_OPTIONS 0xf
#define SLOTS_LABEL_SIZE 16

struct slot {
	u64 low;
	u64 high;
	u32 options;
	bool enabled;
	char label[SLOTS_LABEL_SIZE];
};

static struct slot slots[SLOTS];
static DEFINE_SPINLOCK(slots_lock);

static struct genl_family slots_family;

static const struct nla_policy slot_policy[SLOTS_A_CHANNEL + 1] = {
	[SLOTS_A_CHANNEL] = NLA_POLICY_MAX(NLA_U8, SLOTS - 1),
};

static const struct nla_policy set_policy[SLOTS_A_MAX + 1] = {
	[SLOTS_A_CHANNEL] = NLA_POLICY_MAX(NLA_U8, SLOTS - 1),
	[SLOTS_A_LOW] = { .type = NLA_U64 },
	[SLOTS_A_HIGH] = { .type = NLA_U64 },
	[SLOTS_A_OPTIONS] = NLA_POLICY_BITFIELD32(SLOTS_OPTIONS),
	[SLOTS_A_ENABLE] = { .type = NLA_FLAG },
	[SLOTS_A_DISABLE] = { .type = NLA_FLAG },
	[SLOTS_A_LABEL] = { .type = NLA_STRING, .len = SLOTS_LABEL_SIZE },
};

static int slots_put(struct sk_buff *skb, int channel, u32 portid, u32 seq, int flags)
{
	struct slot slot;
	void *hdr;

	spin_lock(&slots_lock);
	slot = slots[channel];
	spin_unlock(&slots_lock);
	hdr = genlmsg_put(skb, portid, seq, &slots_family, flags, SLOTS_CMD_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u8(skb, SLOTS_A_CHANNEL, channel) ||
	    nla_put_u64_64bit(skb, SLOTS_A_LOW, slot.low, SLOTS_A_PAD) ||
	    nla_put_u64_64bit(skb, SLOTS_A_HIGH, slot.high, SLOTS_A_PAD) ||
	    nla_put_bitfield32(skb, SLOTS_A_OPTIONS, slot.options, SLOTS_OPTIONS) ||
	    (slot.enabled && nla_put_flag(skb, SLOTS_A_ENABLE)) ||
	    (slot.label[0] &&
	     nla_put(skb, SLOTS_A_LABEL, strnlen(slot.label, sizeof(slot.label)), slot.label))) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int slots_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;

	if (!info->attrs[SLOTS_A_CHANNEL])
		return -EINVAL;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	if (slots_put(msg, nla_get_u8(info->attrs[SLOTS_A_CHANNEL]), info->snd_portid, info->snd_seq, 0)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static int slots_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	int channel;

	for (channel = cb->args[0]; channel < SLOTS - HAS_BUG(last_slot); channel++)
		if (slots_put(skb, channel, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI))
			break;
	cb->args[0] = channel;
	return skb->len;
}

static int slots_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct nla_bitfield32 options;
	struct slot *slot;
	struct slot next;
	int err = 0;

	if (!attrs[SLOTS_A_CHANNEL])
		return -EINVAL;
	if (attrs[SLOTS_A_ENABLE] && attrs[SLOTS_A_DISABLE]) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[SLOTS_A_DISABLE], "enabled as well");
		return -EINVAL;
	}
	slot = &slots[nla_get_u8(attrs[SLOTS_A_CHANNEL])];
	spin_lock(&slots_lock);
	next = *slot;
	if (attrs[SLOTS_A_LOW])
		next.low = nla_get_u64(attrs[SLOTS_A_LOW]);
	if (attrs[SLOTS_A_HIGH])
		next.high = nla_get_u64(attrs[SLOTS_A_HIGH]);
	if (attrs[SLOTS_A_OPTIONS]) {
		options = nla_get_bitfield32(attrs[SLOTS_A_OPTIONS]);
		next.options = HAS_BUG(selector) ? options.value :
			       (next.options & ~options.selector) | (options.value & options.selector);
	}
	if (attrs[SLOTS_A_LABEL]) {
		memset(next.label, 0, sizeof(next.label));
		memcpy(next.label, nla_data(attrs[SLOTS_A_LABEL]),
		       min_t(size_t, nla_len(attrs[SLOTS_A_LABEL]), sizeof(next.label)));
	}
	if (attrs[SLOTS_A_ENABLE])
		next.enabled = true;
	if (attrs[SLOTS_A_DISABLE])
		next.enabled = false;
	if (HAS_BUG(refused_change))
		*slot = next;
	if (next.low > next.high) {
		NL_SET_ERR_MSG(info->extack, "low is above high");
		err = -ERANGE;
	} else {
		*slot = next;
	}
	spin_unlock(&slots_lock);
	return err;
}

static int slots_clear(struct sk_buff *skb, struct genl_info *info)
{
	if (!info->attrs[SLOTS_A_CHANNEL])
		return -EINVAL;
	spin_lock(&slots_lock);
	memset(&slots[nla_get_u8(info->attrs[SLOTS_A_CHANNEL])], 0, sizeof(slots[0]));
	spin_unlock(&slots_lock);
	return 0;
}

static const struct genl_ops slots_ops[] = {
	{
		.cmd = SLOTS_CMD_GET,
		.doit = slots_get,
		.dumpit = slots_dump,
		.policy = slot_policy,
		.maxattr = SLOTS_A_CHANNEL,
	},
	{
		.cmd = SLOTS_CMD_SET,
		.doit = slots_set,
		.policy = set_policy,
		.maxattr = SLOTS_A_MAX,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = SLOTS_CMD_CLEAR,
		.doit = slots_clear,
		.policy = slot_policy,
		.maxattr = SLOTS_A_CHANNEL,
		.flags = GENL_ADMIN_PERM,
	},
};

static struct genl_family slots_family = {
	.name = "probed_slots",
	.version = 2,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = slots_ops,
	.n_ops = ARRAY_SIZE(slots_ops),
	RESV_START_OP(SLOTS_CMD_GET)
};

static int __init slots_init(void)
{
	return genl_register_family(&slots_family);
}

static void __exit slots_exit(void)
{
	genl_unregister_family(&slots_family);
}

module_init(slots_init);
module_exit(slots_exit);

MODULE_DESCRIPTION("Channels that are always there");
MODULE_LICENSE("GPL");
