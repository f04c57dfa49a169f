// SPDX-License-Identifier: GPL-2.0-only
/* Listings 10 to 13 of Neira Ayuso's source reference, as printed but for the lines marked "Changed". */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/genetlink.h>
#include <net/genetlink.h>

#include "genlexample.h"

static int myvar;

/* Changed: the macro went away in Linux 3.5; this is what it was */
#define NLA_PUT_U32(skb, type, value) \
	do { if (nla_put_u32(skb, type, value)) goto nla_put_failure; } while (0)

static struct genl_family genl_ex_family;	/* Changed: declared before its use */

/* Listing 12 */
static int
genl_get_myvar(struct sk_buff *skb,
	       struct genl_info *info)
{
	struct sk_buff *msg;

	msg = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (msg == NULL)
		return -ENOMEM;

	/* Changed: snd_pid became snd_portid in Linux 3.7 */
	genlmsg_put(msg, info->snd_portid, info->snd_seq,
		    &genl_ex_family, 0, NLEX_CMD_UPD);

	NLA_PUT_U32(msg, NLE_MYVAR, myvar);

	/* Changed: the network namespace comes first since 2.6.32 */
	genlmsg_unicast(genl_info_net(info), msg, info->snd_portid);

	return 0;

nla_put_failure:
	return -ENOBUFS;
}

/* Listing 13 */
static int
genl_upd_myvar(struct sk_buff *skb,
	       struct genl_info *info)
{
	struct sk_buff *msg;

	if (!info->attrs[NLE_MYVAR])
		return -EINVAL;

	myvar = nla_get_u32(info->attrs[NLE_MYVAR]);

	msg = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (msg == NULL)
		return -ENOMEM;

	/* Changed: snd_portid */
	genlmsg_put(msg, info->snd_portid, info->snd_seq,
		    &genl_ex_family, 0, NLEX_CMD_UPD);

	NLA_PUT_U32(msg, NLE_MYVAR, myvar);

	/* Changed: the family and the group's index in it since 3.13 */
	genlmsg_multicast(&genl_ex_family, msg, 0, 0,
			  GFP_KERNEL);
	return 0;

nla_put_failure:
	return -ENOBUFS;
}

/* Listing 10. Changed: const, and an array, for they are part of the family now */
static const struct genl_multicast_group genl_ex_mc[] = {
	{ .name = "example", },
};

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

/* Changed: no GENL_ID_GENERATE since 4.10; NLE_MAX is misprinted; what listing 11 registers one by one is in it */
static struct genl_family genl_ex_family = {
	.name = "nlex",
	.hdrsize = 0,
	.version = 1,
	.maxattr = NLE_MAX,
	.module = THIS_MODULE,
	.ops = genl_ex_ops,
	.n_ops = ARRAY_SIZE(genl_ex_ops),
	.mcgrps = genl_ex_mc,
	.n_mcgrps = ARRAY_SIZE(genl_ex_mc),
};

/* Listing 11 */
static int __init nlexample_init(void)
{
	return genl_register_family(&genl_ex_family);
}

static void __exit nlexample_exit(void)	/* Changed: static, or kernels warn */
{
	genl_unregister_family(&genl_ex_family);
}

module_init(nlexample_init);
module_exit(nlexample_exit);

/* Changed: added, for from 6.1 modpost refuses a module without */
MODULE_DESCRIPTION("Listings 9-13 as printed");
MODULE_LICENSE("GPL");
