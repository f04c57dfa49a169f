// SPDX-License-Identifier: GPL-2.0-only
/*
 * frames - checksums of frames, over a generic netlink family
 *
 * Needs two modules: crc-itu-t, which is the kernel's, and tally, which is built before it.
 */
#include <linux/crc-itu-t.h>
#include <linux/module.h>
#include <net/genetlink.h>

#include "tally.h"

enum {
	FRAMES_CMD_UNSPEC,
	FRAMES_CMD_SUM,
};

enum {
	FRAMES_ATTR_UNSPEC,
	FRAMES_ATTR_BYTES,	/* binary */
	FRAMES_ATTR_SUM,	/* u16 */
	FRAMES_ATTR_COUNT,	/* u32: sums since the module was loaded */
	FRAMES_ATTR_LAST = FRAMES_ATTR_COUNT,
};

static ushort seed = 0xffff;
module_param(seed, ushort, 0444);
MODULE_PARM_DESC(seed, "What a checksum begins with");

static uint limit = 1024;
module_param(limit, uint, 0644);
MODULE_PARM_DESC(limit, "Bytes of the longest frame");

static struct genl_family frames_family;

static const struct nla_policy frames_policy[FRAMES_ATTR_LAST + 1] = {
	[FRAMES_ATTR_BYTES] = { .type = NLA_BINARY },
};

static int frames_sum(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *bytes = info->attrs[FRAMES_ATTR_BYTES];
	struct sk_buff *msg;
	void *hdr;

	if (!bytes) {
		NL_SET_ERR_MSG(info->extack, "a frame is missing");
		return -EINVAL;
	}
	if (nla_len(bytes) > READ_ONCE(limit)) {
		NL_SET_ERR_MSG_ATTR(info->extack, bytes, "the frame is longer than the limit");
		return -EMSGSIZE;
	}
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &frames_family, 0, FRAMES_CMD_SUM);
	if (!hdr ||
	    nla_put_u16(msg, FRAMES_ATTR_SUM, crc_itu_t(seed, nla_data(bytes), nla_len(bytes))) ||
	    nla_put_u32(msg, FRAMES_ATTR_COUNT, tally_add())) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static const struct genl_ops frames_ops[] = {
	{ .cmd = FRAMES_CMD_SUM, .doit = frames_sum },
};

static struct genl_family frames_family = {
	.name = "frames",
	.version = 1,
	.maxattr = FRAMES_ATTR_LAST,
	.policy = frames_policy,
	.module = THIS_MODULE,
	.ops = frames_ops,
	.n_ops = ARRAY_SIZE(frames_ops),
};

static int __init frames_init(void)
{
	if (!limit) {
		pr_err("frames: a limit of 0 leaves no frame\n");
		return -EINVAL;
	}
	return genl_register_family(&frames_family);
}

static void __exit frames_exit(void)
{
	genl_unregister_family(&frames_family);
}

module_init(frames_init);
module_exit(frames_exit);

MODULE_DESCRIPTION("Checksums of frames over generic netlink");
MODULE_LICENSE("GPL");
