// SPDX-License-Identifier: GPL-2.0-only
/*
 * genlexample as listings 10 to 13 of Neira Ayuso's source reference have it,
 * but for their mistakes, and with commands that run at the same time: the
 * variable is read when a message is made. See ../../genlexample for why the
 * rest differs from the listings.
 */
#include <linux/delay.h>
#include <linux/genetlink.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <net/genetlink.h>

#include "genlexample.h"

/* Whoever sets it, no lock is held until it is read: .parallel_ops. */
static u32 myvar;

static const struct nla_policy genl_ex_policy[NLE_MAX + 1] = {
	[NLE_MYVAR] = { .type = NLA_U32 },
};

static struct genl_family genl_ex_family;

enum { GENL_EX_MC_EXAMPLE };

static const struct genl_multicast_group genl_ex_mc[] = {
	[GENL_EX_MC_EXAMPLE] = { .name = NLEX_GRP_MYVAR_NAME },
};

static struct sk_buff *genl_ex_build(const struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return NULL;

	hdr = genlmsg_put(msg, info->snd_portid, info->snd_seq,
			  &genl_ex_family, 0, NLEX_CMD_UPD);
	if (!hdr || nla_put_u32(msg, NLE_MYVAR, READ_ONCE(myvar))) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
}

/* Listing 12 */
static int genl_get_myvar(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;

	msg = genl_ex_build(info);
	if (!msg)
		return -ENOMEM;

	genlmsg_unicast(genl_info_net(info), msg, info->snd_portid);
	return 0;
}

/* Listing 13 */
static int genl_upd_myvar(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;

	if (!info->attrs[NLE_MYVAR])
		return -EINVAL;

	WRITE_ONCE(myvar, nla_get_u32(info->attrs[NLE_MYVAR]));
	/* As long as the allocation may sleep, in which others set the variable. */
	usleep_range(20, 50);

	msg = genl_ex_build(info);
	if (!msg)
		return -ENOMEM;

	genlmsg_multicast(&genl_ex_family, msg, 0, GENL_EX_MC_EXAMPLE,
			  GFP_KERNEL);
	return 0;
}

static const struct genl_ops genl_ex_ops[] = {
	{
		.cmd = NLEX_CMD_GET,
		.doit = genl_get_myvar,
	},
	{
		.cmd = NLEX_CMD_UPD,
		.doit = genl_upd_myvar,
	},
};

static struct genl_family genl_ex_family = {
	.name = NLEX_FAMILY_NAME,
	.version = NLEX_FAMILY_VERSION,
	.hdrsize = 0,
	.maxattr = NLE_MAX,
	.policy = genl_ex_policy,
	.module = THIS_MODULE,
	.parallel_ops = true,
	.ops = genl_ex_ops,
	.n_ops = ARRAY_SIZE(genl_ex_ops),
	.mcgrps = genl_ex_mc,
	.n_mcgrps = ARRAY_SIZE(genl_ex_mc),
};

static int __init genlexample_init(void)
{
	return genl_register_family(&genl_ex_family);
}

static void __exit genlexample_exit(void)
{
	genl_unregister_family(&genl_ex_family);
}

module_init(genlexample_init);
module_exit(genlexample_exit);

MODULE_DESCRIPTION("Listings 10-13: the variable is read when it is told");
MODULE_LICENSE("GPL");
