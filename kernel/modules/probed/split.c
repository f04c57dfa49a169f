// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports that are looked up before a command and let go after it, with different policies for one command's do
 * and dump (split operations, 6.2).
 */
#include "probed.h"

enum { SPLIT_CMD_UNSPEC, SPLIT_CMD_GET, SPLIT_CMD_SET, SPLIT_CMD_RESET };
enum { SPLIT_A_UNSPEC, SPLIT_A_PORT, SPLIT_A_SPEED, SPLIT_A_AT_LEAST, SPLIT_A_END };
#define SPLIT_A_MAX (SPLIT_A_END - 1)
#define PORTS 2000

struct port {
	unsigned int users;
	u32 speed;
};

/* Commands and dumps run one at a time: genetlink holds its mutex. */
static struct port ports[PORTS];
static struct genl_family split_family;

static const struct nla_policy split_get_policy[SPLIT_A_PORT + 1] = {
	[SPLIT_A_PORT] = NLA_POLICY_MAX(NLA_U32, PORTS - 1),
};

static const struct nla_policy split_dump_policy[SPLIT_A_MAX + 1] = {
	[SPLIT_A_AT_LEAST] = { .type = NLA_U32 },
};

static const struct nla_policy split_set_policy[SPLIT_A_SPEED + 1] = {
	[SPLIT_A_PORT] = NLA_POLICY_MAX(NLA_U32, PORTS - 1),
	[SPLIT_A_SPEED] = NLA_POLICY_MIN(NLA_U32, 1),
};

static int split_before(hook_ops *ops, struct sk_buff *skb, struct genl_info *info)
{
	struct port *port;

	if (!info->attrs[SPLIT_A_PORT])
		return -EINVAL;
	port = &ports[nla_get_u32(info->attrs[SPLIT_A_PORT])];
	port->users++;
	info->user_ptr[0] = port;
	return 0;
}

static void split_after(hook_ops *ops, struct sk_buff *skb, struct genl_info *info)
{
	struct port *port = info->user_ptr[0];

	if (HAS_BUG(reference_imbalance) && !port->speed)
		return;
	port->users--;
}

static int port_put(struct sk_buff *skb, const struct port *port, u32 portid, u32 seq, int flags)
{
	void *hdr = genlmsg_put(skb, portid, seq, &split_family, flags, SPLIT_CMD_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, SPLIT_A_PORT, port - ports) || nla_put_u32(skb, SPLIT_A_SPEED, port->speed)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int split_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		return -ENOMEM;
	if (port_put(msg, info->user_ptr[0], info->snd_portid, info->snd_seq, 0)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static int split_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct nlattr *least = HAS_SPLIT_OPS ? dump_attrs(cb)[SPLIT_A_AT_LEAST] : NULL;
	long index;

	for (index = cb->args[0]; index < PORTS; index++) {
		if (least && ports[index].speed < nla_get_u32(least))
			continue;
		if (port_put(skb, &ports[index], NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI)) {
			cb->args[0] = HAS_BUG(lossy) ? index + 1 : index;
			return skb->len ?: -EMSGSIZE;
		}
	}
	cb->args[0] = PORTS;
	return skb->len;
}

static int split_set(struct sk_buff *skb, struct genl_info *info)
{
	struct port *port = info->user_ptr[0];

	if (!info->attrs[SPLIT_A_SPEED])
		return -EINVAL;
	if (HAS_BUG(other_errno) && port->speed)
		return -512; /* ERESTARTSYS, which nobody outside of the kernel knows */
	port->speed = nla_get_u32(info->attrs[SPLIT_A_SPEED]);
	return 0;
}

static int split_reset(struct sk_buff *skb, struct genl_info *info)
{
	struct port *port = info->user_ptr[0];

	if (port->users > 1)
		return -EBUSY;
	port->speed = 0;
	return 0;
}

#if HAS_SPLIT_OPS
static const struct genl_split_ops split_ops[] = {
	{
		.cmd = SPLIT_CMD_GET,
		.flags = GENL_CMD_CAP_DO,
		.pre_doit = split_before,
		.doit = split_get,
		.post_doit = split_after,
		.policy = split_get_policy,
		.maxattr = SPLIT_A_PORT,
	},
	{
		.cmd = SPLIT_CMD_GET,
		.flags = GENL_CMD_CAP_DUMP,
		.dumpit = split_dump,
		.policy = split_dump_policy,
		.maxattr = SPLIT_A_MAX,
	},
	{
		.cmd = SPLIT_CMD_SET,
		.flags = GENL_CMD_CAP_DO | GENL_ADMIN_PERM,
		.pre_doit = split_before,
		.doit = split_set,
		.post_doit = split_after,
		.policy = split_set_policy,
		.maxattr = SPLIT_A_SPEED,
	},
	{
		.cmd = SPLIT_CMD_RESET,
		.flags = GENL_CMD_CAP_DO | GENL_ADMIN_PERM,
		.pre_doit = split_before,
		.doit = split_reset,
		.post_doit = split_after,
		.policy = split_get_policy,
		.maxattr = SPLIT_A_PORT,
	},
};
#else
static const struct genl_ops split_ops[] = {
	{
		.cmd = SPLIT_CMD_GET,
		.doit = split_get,
		.dumpit = split_dump,
		.policy = split_get_policy,
		.maxattr = SPLIT_A_PORT,
	},
	{
		.cmd = SPLIT_CMD_SET,
		.doit = split_set,
		.flags = GENL_ADMIN_PERM,
		.policy = split_set_policy,
		.maxattr = SPLIT_A_SPEED,
	},
	{
		.cmd = SPLIT_CMD_RESET,
		.doit = split_reset,
		.flags = GENL_ADMIN_PERM,
		.policy = split_get_policy,
		.maxattr = SPLIT_A_PORT,
	},
};
#endif

static struct genl_family split_family = {
	.name = "probed_split",
	.version = 1,
	.module = THIS_MODULE,
#if HAS_SPLIT_OPS
	.split_ops = split_ops,
	.n_split_ops = ARRAY_SIZE(split_ops),
#else
	.pre_doit = split_before,
	.post_doit = split_after,
	.ops = split_ops,
	.n_ops = ARRAY_SIZE(split_ops),
#endif
	RESV_START_OP(SPLIT_CMD_GET)
};

static int __init split_init(void)
{
	return genl_register_family(&split_family);
}

static void __exit split_exit(void)
{
	genl_unregister_family(&split_family);
}

module_init(split_init);
module_exit(split_exit);

MODULE_DESCRIPTION("Ports with hooks around their commands");
MODULE_LICENSE("GPL");
