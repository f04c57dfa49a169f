// SPDX-License-Identifier: GPL-2.0-only
/*
 * genlexample - a variable exposed over a generic netlink family
 *
 * A port to Linux 5.10 and later of listings 10 to 13 of Pablo Neira Ayuso,
 * "Communication between the kernel and user-space in Linux using Netlink
 * Sockets: Source code reference". Where it differs from what is printed
 * there, a comment says why.
 */
#include <linux/genetlink.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <net/genetlink.h>

#include "genlexample.h"

/* Commands run one at a time: genetlink holds its mutex around doit. */
static u32 myvar;

/* The listing has none; without, 6.1 and 6.12 refuse every attribute, and 7.x takes only one of a byte. */
static const struct nla_policy genl_ex_policy[NLE_MAX + 1] = {
	[NLE_MYVAR] = { .type = NLA_U32 },
};

static struct genl_family genl_ex_family;

/* In the order of genl_ex_mc[]: genlmsg_multicast() takes the index, and the listing's .id is gone. */
enum { GENL_EX_MC_EXAMPLE };

static const struct genl_multicast_group genl_ex_mc[] = {
	[GENL_EX_MC_EXAMPLE] = { .name = NLEX_GRP_MYVAR_NAME },
};

/*
 * A message that carries the value. The listings leave out genlmsg_end(), so
 * that nlmsg_len stays that of the header and readers see no attribute, and
 * lose the skb when the attribute does not fit.
 */
static struct sk_buff *genl_ex_build(const struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return NULL;

	hdr = genlmsg_put(msg, info->snd_portid, info->snd_seq,
			  &genl_ex_family, 0, NLEX_CMD_UPD);
	if (!hdr || nla_put_u32(msg, NLE_MYVAR, myvar)) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
}

/* Listing 12. That the reply to a GET is an UPD is as printed. */
static int genl_get_myvar(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;

	msg = genl_ex_build(info);
	if (!msg)
		return -ENOMEM;

	/* A full receive buffer is the requester's to hear of, as ENOBUFS. */
	genlmsg_unicast(genl_info_net(info), msg, info->snd_portid);
	return 0;
}

/* Listing 13. It does not use genl_notify(), and so NLM_F_ECHO is ignored. */
static int genl_upd_myvar(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;

	if (!info->attrs[NLE_MYVAR])
		return -EINVAL;

	myvar = nla_get_u32(info->attrs[NLE_MYVAR]);

	msg = genl_ex_build(info);
	if (!msg)
		return -ENOMEM;

	/* Its result is -ESRCH when nobody listens: no error of the update. */
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

/*
 * What listing 11 registers one by one is part of the family since 3.13 and
 * 4.10, as is the generated id.
 */
static struct genl_family genl_ex_family = {
	.name = NLEX_FAMILY_NAME,
	.version = NLEX_FAMILY_VERSION,
	.hdrsize = 0,
	.maxattr = NLE_MAX,
	.policy = genl_ex_policy,
	.module = THIS_MODULE,
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

MODULE_DESCRIPTION("A variable exposed over generic netlink, after Neira Ayuso's listings 9-13");
MODULE_LICENSE("GPL");
