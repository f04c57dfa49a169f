// SPDX-License-Identifier: GPL-2.0-only
/* A command whose answer has many messages, of the kernel's making and not a dump: NLM_F_MULTI up to NLMSG_DONE. */
#include "probed.h"

enum { BATCH_CMD_UNSPEC, BATCH_CMD_COUNT };
enum { BATCH_A_UNSPEC, BATCH_A_UP_TO, BATCH_A_NUMBER, BATCH_A_END };
#define BATCH_A_MAX (BATCH_A_END - 1)

static struct genl_family batch_family;

static const struct nla_policy batch_policy[BATCH_A_MAX + 1] = {
	[BATCH_A_UP_TO] = NLA_POLICY_RANGE(NLA_U32, 1, 500),
	[BATCH_A_NUMBER] = { .type = NLA_REJECT },
};

static int batch_put(struct sk_buff *skb, struct genl_info *info, u32 number)
{
	void *hdr = genlmsg_put_reply(skb, info, &batch_family, NLM_F_MULTI, BATCH_CMD_COUNT);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, BATCH_A_NUMBER, number)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int batch_count(struct sk_buff *skb, struct genl_info *info)
{
	size_t each = NLMSG_ALIGN(GENL_HDRLEN + NLMSG_HDRLEN) + nla_total_size(sizeof(u32));
	struct sk_buff *msg;
	u32 number;
	u32 up_to;

	if (!info->attrs[BATCH_A_UP_TO])
		return -EINVAL;
	up_to = nla_get_u32(info->attrs[BATCH_A_UP_TO]);
	msg = nlmsg_new(up_to * each + nlmsg_total_size(sizeof(int)), GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	for (number = 1; number <= up_to; number++) {
		if (HAS_BUG(lossy) && number % 100 == 0)
			continue;
		if (batch_put(msg, info, number))
			goto too_long;
	}
	if (!HAS_BUG(unterminated) &&
	    !nlmsg_put(msg, info->snd_portid, info->snd_seq, NLMSG_DONE, sizeof(int), NLM_F_MULTI))
		goto too_long;
	if (!HAS_BUG(unterminated))
		memset(skb_tail_pointer(msg) - sizeof(int), 0, sizeof(int));
	if (HAS_BUG(failed_reply)) {
		/* The requester hears both, an answer and an error. */
		genlmsg_reply(msg, info);
		return -EAGAIN;
	}
	return genlmsg_reply(msg, info);

too_long:
	nlmsg_free(msg);
	return -EMSGSIZE;
}

static const struct genl_ops batch_ops[] = {
	{ .cmd = BATCH_CMD_COUNT, .doit = batch_count },
};

static struct genl_family batch_family = {
	.name = "probed_batch",
	.version = 1,
	.maxattr = BATCH_A_MAX,
	.policy = batch_policy,
	.module = THIS_MODULE,
	.ops = batch_ops,
	.n_ops = ARRAY_SIZE(batch_ops),
	RESV_START_OP(BATCH_CMD_COUNT)
};

static int __init batch_init(void)
{
	return genl_register_family(&batch_family);
}

static void __exit batch_exit(void)
{
	genl_unregister_family(&batch_family);
}

module_init(batch_init);
module_exit(batch_exit);

MODULE_DESCRIPTION("An answer of many messages");
MODULE_LICENSE("GPL");
