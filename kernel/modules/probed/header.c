// SPDX-License-Identifier: GPL-2.0-only
/* An old family: a header of its own after genetlink's, version 2, and lenient validation as before 5.2. */
#include "probed.h"

enum { HEADER_CMD_UNSPEC, HEADER_CMD_SET, HEADER_CMD_GET };
enum { HEADER_A_UNSPEC, HEADER_A_VALUE, HEADER_A_LABEL, HEADER_A_RAW, HEADER_A_END };
#define HEADER_A_MAX (HEADER_A_END - 1)
#define SLOTS 8
#define LABEL_SIZE 16

struct header {
	u32 slot;
	u32 reserved;
};

struct slot {
	u32 value;
	char label[LABEL_SIZE];
	u8 raw[LABEL_SIZE];
};

/* Commands and dumps run one at a time: genetlink holds its mutex. */
static struct slot slots[SLOTS];
static struct genl_family header_family;

static const struct nla_policy header_policy[HEADER_A_MAX + 1] = {
#if !HAS_BUG(short_value)
	[HEADER_A_VALUE] = { .type = NLA_U32 },
#endif
	[HEADER_A_LABEL] = { .type = NLA_NUL_STRING, .len = LABEL_SIZE - 1 },
};

static int slot_number(struct genl_info *info)
{
	const struct header *header = request_header(info);

	if (!HAS_BUG(no_range) && header->slot >= SLOTS) {
		NL_SET_ERR_MSG(info->extack, "no such slot");
		return -ERANGE;
	}
	return header->slot & INT_MAX;
}

static int slot_put(struct sk_buff *skb, int number, u32 portid, u32 seq, int flags)
{
	struct header *header = genlmsg_put(skb, portid, seq, &header_family, flags, HEADER_CMD_GET);

	if (!header)
		return -EMSGSIZE;
	header->slot = number;
	header->reserved = 0;
	if (nla_put_u32(skb, HEADER_A_VALUE, slots[number].value) ||
	    nla_put_string(skb, HEADER_A_LABEL, slots[number].label) ||
	    nla_put(skb, HEADER_A_RAW, LABEL_SIZE, slots[number].raw)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

static int header_set(struct sk_buff *skb, struct genl_info *info)
{
	int number = slot_number(info);
	struct slot *slot;

	if (number < 0)
		return number;
	slot = &slots[number];
	if (info->attrs[HEADER_A_VALUE])
		slot->value = nla_get_u32(info->attrs[HEADER_A_VALUE]);
	if (info->attrs[HEADER_A_LABEL])
		strscpy(slot->label, nla_data(info->attrs[HEADER_A_LABEL]), LABEL_SIZE);
	/* Of any length: the policy has nothing about it. */
	if (info->attrs[HEADER_A_RAW]) {
		memset(slot->raw, 0, LABEL_SIZE);
		nla_memcpy(slot->raw, info->attrs[HEADER_A_RAW], LABEL_SIZE);
	}
	return 0;
}

static int header_get(struct sk_buff *skb, struct genl_info *info)
{
	int number = slot_number(info);
	struct sk_buff *msg;

	if (number < 0)
		return number;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	if (slot_put(msg, number, info->snd_portid, info->snd_seq, 0)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static int header_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	for (; cb->args[0] < SLOTS; cb->args[0]++) {
		if (slot_put(skb, cb->args[0], NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI))
			return skb->len ?: -EMSGSIZE;
	}
	return skb->len;
}

static const struct genl_ops header_ops[] = {
	{
		.cmd = HEADER_CMD_SET,
		.doit = header_set,
		.flags = GENL_ADMIN_PERM,
		.validate = GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
	},
	{
		.cmd = HEADER_CMD_GET,
		.doit = header_get,
		.dumpit = header_dump,
		.validate = GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP,
	},
};

static struct genl_family header_family = {
	.name = "probed_header",
	.version = 2,
	.hdrsize = sizeof(struct header),
	.maxattr = HEADER_A_MAX,
	.policy = header_policy,
	.module = THIS_MODULE,
	.ops = header_ops,
	.n_ops = ARRAY_SIZE(header_ops),
	RESV_START_OP(HEADER_CMD_GET + 1)
};

static int __init header_init(void)
{
	return genl_register_family(&header_family);
}

static void __exit header_exit(void)
{
	genl_unregister_family(&header_family);
}

module_init(header_init);
module_exit(header_exit);

MODULE_DESCRIPTION("An old family with a header of its own");
MODULE_LICENSE("GPL");
