// SPDX-License-Identifier: GPL-2.0-only
/*
 * nlexample as listings 3 to 6 of Neira Ayuso's source reference have it, but
 * for their mistakes (../../as-printed): the variable is read when a message
 * is made. See ../../nlexample for why the rest differs from the listings.
 */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "nlexample.h"

static struct sock *nlsk;

/* Whoever sets it, no lock is held until it is read. */
static u32 myvar;

static struct sk_buff *nlex_build(u32 portid, u32 seq)
{
	struct nlmsghdr *nlh;
	struct sk_buff *skb;

	skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return NULL;

	nlh = nlmsg_put(skb, portid, seq, NLEX_MSG_UPD, 0, 0);
	if (!nlh || nla_put_u32(skb, NLE_MYVAR, READ_ONCE(myvar))) {
		nlmsg_free(skb);
		return NULL;
	}
	nlmsg_end(skb, nlh);
	return skb;
}

/* Listing 5 */
static int nlex_notify(u32 portid, const struct nlmsghdr *nlh)
{
	struct sk_buff *skb;

	/* As long as the allocation may sleep, in which others set the variable. */
	usleep_range(20, 50);
	skb = nlex_build(portid, nlh->nlmsg_seq);
	if (!skb)
		return -ENOMEM;

	nlmsg_notify(nlsk, skb, portid, NLEX_GRP_MYVAR,
		     nlmsg_report(nlh), GFP_KERNEL);
	return 0;
}

/* Listing 6 */
static int nlex_unicast(u32 portid, const struct nlmsghdr *nlh)
{
	struct sk_buff *skb;

	skb = nlex_build(portid, nlh->nlmsg_seq);
	if (!skb)
		return -ENOMEM;

	nlmsg_unicast(nlsk, skb, portid);
	return 0;
}

/* Listing 4 */
static int nl_step2(struct sk_buff *skb, const struct nlmsghdr *nlh,
		    struct nlattr *cda[])
{
	u32 portid = NETLINK_CB(skb).portid;

	switch (nlh->nlmsg_type) {
	case NLEX_MSG_UPD:
		if (!cda[NLE_MYVAR])
			return -EINVAL;

		WRITE_ONCE(myvar, nla_get_u32(cda[NLE_MYVAR]));
		return nlex_notify(portid, nlh);
	case NLEX_MSG_GET:
		return nlex_unicast(portid, nlh);
	default:
		return -EOPNOTSUPP;
	}
}

/* Listing 3 */
static const struct nla_policy nlex_policy[NLE_MAX + 1] = {
	[NLE_MYVAR] = { .type = NLA_U32 },
};

static int nl_step(struct sk_buff *skb, struct nlmsghdr *nlh,
		   struct netlink_ext_ack *extack)
{
	struct nlattr *cda[NLE_MAX + 1];
	int err;

	if (!netlink_capable(skb, CAP_NET_ADMIN))
		return -EPERM;

	err = nlmsg_parse(nlh, 0, cda, NLE_MAX, nlex_policy, extack);
	if (err < 0)
		return err;

	return nl_step2(skb, nlh, cda);
}

static void nl_callback(struct sk_buff *skb)
{
	netlink_rcv_skb(skb, nl_step);
}

static int __init nlexample_init(void)
{
	struct netlink_kernel_cfg cfg = {
		.groups = NLEX_GRP_MYVAR,
		.input = nl_callback,
	};

	nlsk = netlink_kernel_create(&init_net, NETLINK_EXAMPLE, &cfg);
	if (!nlsk) {
		pr_err("Can't create netlink\n");
		return -ENOMEM;
	}
	return 0;
}

static void __exit nlexample_exit(void)
{
	netlink_kernel_release(nlsk);
}

module_init(nlexample_init);
module_exit(nlexample_exit);

MODULE_DESCRIPTION("Listings 3-6: the variable is read when it is told");
MODULE_LICENSE("GPL");
