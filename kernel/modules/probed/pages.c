// SPDX-License-Identifier: GPL-2.0-only
/* A dump over many datagrams, whose cursor is allocated at its start and freed when it is done. */
#include <linux/slab.h>

#include "probed.h"

enum { PAGES_CMD_UNSPEC, PAGES_CMD_GET, PAGES_CMD_RESIZE };
enum { PAGES_A_UNSPEC, PAGES_A_INDEX, PAGES_A_SQUARE, PAGES_A_COUNT, PAGES_A_PAD, PAGES_A_END };
#define PAGES_A_MAX (PAGES_A_END - 1)
#define PAGES_MOST 30000

static unsigned int count = 3000;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "how many items there are at first");

struct pages_cursor {
	u32 next;
	u32 end;
};

static struct genl_family pages_family;

static const struct nla_policy pages_get_policy[PAGES_A_MAX + 1] = {
	[PAGES_A_INDEX] = { .type = NLA_U32 },
};

static const struct nla_policy pages_resize_policy[PAGES_A_MAX + 1] = {
	[PAGES_A_COUNT] = NLA_POLICY_MAX(NLA_U32, PAGES_MOST),
};

static int pages_put(struct sk_buff *skb, u32 index, u32 portid, u32 seq, int flags)
{
	void *hdr = genlmsg_put(skb, portid, seq, &pages_family, flags, PAGES_CMD_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, PAGES_A_INDEX, index) ||
	    nla_put_u64_64bit(skb, PAGES_A_SQUARE, (u64)index * index, PAGES_A_PAD)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int pages_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	u32 index;

	if (!info->attrs[PAGES_A_INDEX])
		return -EINVAL;
	index = nla_get_u32(info->attrs[PAGES_A_INDEX]);
	if (index >= count) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[PAGES_A_INDEX], "no such item");
		return -ENOENT;
	}

	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	if (pages_put(msg, index, info->snd_portid, info->snd_seq, 0)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static int pages_resize(struct sk_buff *skb, struct genl_info *info)
{
	if (!info->attrs[PAGES_A_COUNT])
		return -EINVAL;
	count = nla_get_u32(info->attrs[PAGES_A_COUNT]);
	return 0;
}

static int pages_start(struct netlink_callback *cb)
{
	struct pages_cursor *cursor = kzalloc(sizeof(*cursor), GFP_KERNEL);

	if (!cursor)
		return -ENOMEM;
	cursor->end = count;
	cb->args[0] = (long)cursor;
	return 0;
}

static int pages_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct pages_cursor *cursor = (struct pages_cursor *)cb->args[0];
	int flags = HAS_BUG(single_part) ? 0 : NLM_F_MULTI;

	if (HAS_BUG(endless) && cursor->next == cursor->end)
		cursor->next = 0;
	while (cursor->next < cursor->end) {
		if (pages_put(skb, cursor->next, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, flags)) {
			if (HAS_BUG(lossy))
				cursor->next++;
			if (HAS_BUG(duplicate) && cursor->next)
				cursor->next--;
			return skb->len ?: -EMSGSIZE;
		}
		cursor->next++;
	}
	return skb->len;
}

static int pages_done(struct netlink_callback *cb)
{
	if (!HAS_BUG(leak_cursor))
		kfree((void *)cb->args[0]);
	return 0;
}

static const struct genl_ops pages_ops[] = {
	{
		.cmd = PAGES_CMD_GET,
		.doit = pages_get,
		.start = pages_start,
		.dumpit = pages_dump,
		.done = pages_done,
		.policy = pages_get_policy,
		.maxattr = PAGES_A_INDEX,
	},
	{
		.cmd = PAGES_CMD_RESIZE,
		.doit = pages_resize,
		.flags = GENL_ADMIN_PERM,
		.policy = pages_resize_policy,
		.maxattr = PAGES_A_MAX,
	},
};

static struct genl_family pages_family = {
	.name = "probed_pages",
	.version = 1,
	.module = THIS_MODULE,
	.ops = pages_ops,
	.n_ops = ARRAY_SIZE(pages_ops),
	RESV_START_OP(PAGES_CMD_GET)
};

static int __init pages_init(void)
{
	if (count > PAGES_MOST)
		return -EINVAL;
	return genl_register_family(&pages_family);
}

static void __exit pages_exit(void)
{
	genl_unregister_family(&pages_family);
}

module_init(pages_init);
module_exit(pages_exit);

MODULE_DESCRIPTION("A dump over many datagrams");
MODULE_LICENSE("GPL");
