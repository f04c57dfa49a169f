// SPDX-License-Identifier: GPL-2.0-only
/* A tree of numbers, whose policy refers to itself, and its sum. */
#include "probed.h"

enum { TREE_CMD_UNSPEC, TREE_CMD_SUM };
enum { TREE_A_UNSPEC, TREE_A_NUMBER, TREE_A_LEFT, TREE_A_RIGHT, TREE_A_SUM, TREE_A_PAD, TREE_A_END };
#define TREE_A_MAX (TREE_A_END - 1)

static struct genl_family tree_family;

/* The kernel follows it ten levels deep (MAX_POLICY_RECURSION_DEPTH of lib/nlattr.c). */
static const struct nla_policy tree_policy[TREE_A_MAX + 1] = {
	[TREE_A_NUMBER] = { .type = NLA_U32 },
#if HAS_BUG(recursion)
	[TREE_A_LEFT] = { .type = NLA_NESTED },
	[TREE_A_RIGHT] = { .type = NLA_NESTED },
#else
	[TREE_A_LEFT] = NLA_POLICY_NESTED(tree_policy),
	[TREE_A_RIGHT] = NLA_POLICY_NESTED(tree_policy),
#endif
	[TREE_A_SUM] = { .type = NLA_REJECT },
	[TREE_A_PAD] = { .type = NLA_REJECT },
};

/* Adds what is in a node that the policy has passed. */
static void tree_add(const struct nlattr *node, u64 *sum)
{
	const struct nlattr *each;
	int rest;

	nla_for_each_nested(each, node, rest) {
		if (nla_type(each) == TREE_A_NUMBER && nla_len(each) >= sizeof(u32))
			*sum += nla_get_u32(each);
		else
			tree_add(each, sum);
	}
}

static int tree_sum(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	u64 sum = 0;
	void *hdr;

	if (!info->attrs[TREE_A_NUMBER])
		return -EINVAL;
	sum = nla_get_u32(info->attrs[TREE_A_NUMBER]);
	if (info->attrs[TREE_A_LEFT])
		tree_add(info->attrs[TREE_A_LEFT], &sum);
	if (info->attrs[TREE_A_RIGHT])
		tree_add(info->attrs[TREE_A_RIGHT], &sum);

	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &tree_family, 0, TREE_CMD_SUM);
	if (!hdr || nla_put_u64_64bit(msg, TREE_A_SUM, sum, TREE_A_PAD)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static const struct genl_ops tree_ops[] = {
	{ .cmd = TREE_CMD_SUM, .doit = tree_sum },
};

static struct genl_family tree_family = {
	.name = "probed_tree",
	.version = 1,
	.maxattr = TREE_A_MAX,
	.policy = tree_policy,
	.module = THIS_MODULE,
	.ops = tree_ops,
	.n_ops = ARRAY_SIZE(tree_ops),
	RESV_START_OP(TREE_CMD_SUM)
};

static int __init tree_init(void)
{
	return genl_register_family(&tree_family);
}

static void __exit tree_exit(void)
{
	genl_unregister_family(&tree_family);
}

module_init(tree_init);
module_exit(tree_exit);

MODULE_DESCRIPTION("A tree, whose policy refers to itself");
MODULE_LICENSE("GPL");
