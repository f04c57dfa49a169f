// SPDX-License-Identifier: GPL-2.0-only
/* A family without attributes and policies: one command answers, one does not, one always fails. */
#include "probed.h"

enum { QUIET_CMD_UNSPEC, QUIET_CMD_PING, QUIET_CMD_NOTHING, QUIET_CMD_FAIL };

static struct genl_family quiet_family;

static int quiet_ping(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(0, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &quiet_family, 0, QUIET_CMD_PING);
	if (!hdr) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int quiet_nothing(struct sk_buff *skb, struct genl_info *info)
{
	return 0;
}

static int quiet_fail(struct sk_buff *skb, struct genl_info *info)
{
	NL_SET_ERR_MSG(info->extack, "always");
	return -EOPNOTSUPP;
}

static const struct genl_small_ops quiet_ops[] = {
	{ .cmd = QUIET_CMD_PING, .doit = quiet_ping },
	{ .cmd = QUIET_CMD_NOTHING, .doit = quiet_nothing },
	{ .cmd = QUIET_CMD_FAIL, .doit = quiet_fail },
};

static struct genl_family quiet_family = {
	.name = "probed_quiet",
	.version = 1,
	.module = THIS_MODULE,
	.small_ops = quiet_ops,
	.n_small_ops = ARRAY_SIZE(quiet_ops),
	RESV_START_OP(QUIET_CMD_PING)
};

static int __init quiet_init(void)
{
	return genl_register_family(&quiet_family);
}

static void __exit quiet_exit(void)
{
	genl_unregister_family(&quiet_family);
}

module_init(quiet_init);
module_exit(quiet_exit);

MODULE_DESCRIPTION("A family without attributes");
MODULE_LICENSE("GPL");
