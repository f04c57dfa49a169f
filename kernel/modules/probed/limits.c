// SPDX-License-Identifier: GPL-2.0-only
/* Every kind of limit that a policy may have; what passes is answered as it came. */
#include "probed.h"

enum { LIMITS_CMD_UNSPEC, LIMITS_CMD_ECHO, LIMITS_CMD_LOOKUP };
enum {
	LIMITS_A_UNSPEC,
	LIMITS_A_U8,
	LIMITS_A_U16,
	LIMITS_A_U32,
	LIMITS_A_U64,
	LIMITS_A_S8,
	LIMITS_A_S16,
	LIMITS_A_S32,
	LIMITS_A_S64,
	LIMITS_A_MASK,
	LIMITS_A_BITS,
	LIMITS_A_STRING,
	LIMITS_A_TERMINATED,
	LIMITS_A_BINARY,
	LIMITS_A_EXACT,
	LIMITS_A_AT_LEAST,
	LIMITS_A_FLAG,
	LIMITS_A_NEVER,
	LIMITS_A_BE16,
	LIMITS_A_BE32,
	LIMITS_A_ECHO_END,
};
enum { LOOKUP_A_UNSPEC, LOOKUP_A_INDEX, LOOKUP_A_TEXT, LOOKUP_A_END };
#define LIMITS_A_MAX (LIMITS_A_ECHO_END - 1)
#define LOOKUP_A_MAX (LOOKUP_A_END - 1)

static const char *const texts[] = { "north", "east", "south", "west" };

static struct genl_family limits_family;

static struct netlink_range_validation u64_range = { .min = 1ULL << 32, .max = 1ULL << 48 };
static struct netlink_range_validation_signed s64_range = { .min = -(1LL << 40), .max = 1LL << 40 };

static const struct nla_policy echo_policy[LIMITS_A_MAX + 1] = {
	[LIMITS_A_U8] = NLA_POLICY_RANGE(NLA_U8, 1, 10),
	[LIMITS_A_U16] = NLA_POLICY_MIN(NLA_U16, 100),
	[LIMITS_A_U32] = NLA_POLICY_MAX(NLA_U32, 1000),
	[LIMITS_A_U64] = NLA_POLICY_FULL_RANGE(NLA_U64, &u64_range),
	[LIMITS_A_S8] = NLA_POLICY_RANGE(NLA_S8, -5, 5),
	[LIMITS_A_S16] = { .type = NLA_S16 },
	[LIMITS_A_S32] = NLA_POLICY_RANGE(NLA_S32, -1000, 1000),
	[LIMITS_A_S64] = NLA_POLICY_FULL_RANGE_SIGNED(NLA_S64, &s64_range),
	[LIMITS_A_MASK] = NLA_POLICY_MASK(NLA_U32, 0xf0),
	[LIMITS_A_BITS] = NLA_POLICY_BITFIELD32(7),
	[LIMITS_A_STRING] = { .type = NLA_STRING, .len = 8 },
	[LIMITS_A_TERMINATED] = { .type = NLA_NUL_STRING, .len = 8 },
	[LIMITS_A_BINARY] = { .type = NLA_BINARY, .len = 16 },
	[LIMITS_A_EXACT] = NLA_POLICY_EXACT_LEN(6),
	[LIMITS_A_AT_LEAST] = NLA_POLICY_MIN_LEN(4),
	[LIMITS_A_FLAG] = { .type = NLA_FLAG },
	[LIMITS_A_NEVER] = { .type = NLA_REJECT },
	[LIMITS_A_BE16] = { .type = NLA_BE16 },
	[LIMITS_A_BE32] = { .type = NLA_BE32 },
};

static const struct nla_policy lookup_policy[LOOKUP_A_MAX + 1] = {
#if HAS_BUG(no_range)
	[LOOKUP_A_INDEX] = { .type = NLA_U32 },
#else
	[LOOKUP_A_INDEX] = NLA_POLICY_MAX(NLA_U32, ARRAY_SIZE(texts) - 1),
#endif
};

static int echo_put(struct sk_buff *msg, const struct nlattr *attr)
{
	int length = nla_len(attr);

	if (HAS_BUG(truncated) && nla_type(attr) == LIMITS_A_U64)
		return nla_put_u64_64bit(msg, LIMITS_A_U64, (u32)nla_get_u64(attr), LIMITS_A_UNSPEC);
	if (HAS_BUG(byte_order) && nla_type(attr) == LIMITS_A_BE32)
		return nla_put_u32(msg, LIMITS_A_BE32, ntohl(nla_get_be32(attr)));
	if (HAS_BUG(string_cut) && nla_type(attr) == LIMITS_A_STRING && length)
		length--;
	return nla_put(msg, nla_type(attr), length, nla_data(attr));
}

static int limits_echo(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	size_t length = 0;
	void *hdr;
	int type;

	for (type = 1; type <= LIMITS_A_MAX; type++)
		if (info->attrs[type])
			length += nla_total_size_64bit(nla_len(info->attrs[type]));
	msg = genlmsg_new(length, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &limits_family, 0, LIMITS_CMD_ECHO);
	if (!hdr)
		goto too_long;
	for (type = 1; type <= LIMITS_A_MAX; type++)
		if (info->attrs[type] && echo_put(msg, info->attrs[type]))
			goto too_long;
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);

too_long:
	nlmsg_free(msg);
	return -EMSGSIZE;
}

static int limits_lookup(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	u32 index;

	if (!info->attrs[LOOKUP_A_INDEX])
		return -EINVAL;
	index = nla_get_u32(info->attrs[LOOKUP_A_INDEX]);
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &limits_family, 0, LIMITS_CMD_LOOKUP);
	if (!hdr || nla_put_string(msg, LOOKUP_A_TEXT, texts[index])) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static const struct genl_ops limits_ops[] = {
	{
		.cmd = LIMITS_CMD_ECHO,
		.doit = limits_echo,
		.policy = echo_policy,
		.maxattr = LIMITS_A_MAX,
	},
	{
		.cmd = LIMITS_CMD_LOOKUP,
		.doit = limits_lookup,
		.policy = lookup_policy,
		.maxattr = LOOKUP_A_MAX,
	},
};

static struct genl_family limits_family = {
	.name = "probed_limits",
	.version = 1,
	.module = THIS_MODULE,
	.ops = limits_ops,
	.n_ops = ARRAY_SIZE(limits_ops),
	RESV_START_OP(LIMITS_CMD_ECHO)
};

static int __init limits_init(void)
{
	return genl_register_family(&limits_family);
}

static void __exit limits_exit(void)
{
	genl_unregister_family(&limits_family);
}

module_init(limits_init);
module_exit(limits_exit);

MODULE_DESCRIPTION("The limits of policies");
MODULE_LICENSE("GPL");
