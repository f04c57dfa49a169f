// SPDX-License-Identifier: GPL-2.0-only
/*
 * nlexample - a variable exposed over a netlink bus of its own
 *
 * A port to Linux 5.10 and later of listings 3 to 6 (and the module frame of
 * listing 1) of Pablo Neira Ayuso, "Communication between the kernel and
 * user-space in Linux using Netlink Sockets: Source code reference". Where it
 * differs from what is printed there, a comment says why.
 */
#include <linux/capability.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "nlexample.h"

static struct sock *nlsk;

/*
 * Requests run in their senders' contexts with no lock held, so that two may
 * meet here: one word, read and written whole, needs none.
 */
static u32 myvar;

static const struct nla_policy nlex_policy[NLE_MAX + 1] = {
	[NLE_MYVAR] = { .type = NLA_U32 },
};

/*
 * A message that carries the value. The listings leave out nlmsg_end(), so
 * that nlmsg_len stays 16 and readers see no attribute, and lose the skb when
 * the attribute does not fit. They also put the echo flag, or 0, where the
 * sequence number of the request belongs.
 */
static struct sk_buff *nlex_build(u32 portid, u32 seq, u32 value)
{
	struct nlmsghdr *nlh;
	struct sk_buff *skb;

	skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return NULL;

	nlh = nlmsg_put(skb, portid, seq, NLEX_MSG_UPD, 0, 0);
	if (!nlh || nla_put_u32(skb, NLE_MYVAR, value)) {
		nlmsg_free(skb);
		return NULL;
	}
	nlmsg_end(skb, nlh);
	return skb;
}

/*
 * Listing 5: tells the group, and with NLM_F_ECHO the sender. nlmsg_notify()
 * leaves a subscribed sender out of the multicast when it gets the echo.
 */
static int nlex_notify(u32 portid, const struct nlmsghdr *nlh, u32 value)
{
	struct sk_buff *skb;

	skb = nlex_build(portid, nlh->nlmsg_seq, value);
	if (!skb)
		return -ENOMEM;

	/* That nobody listens is no error of the update. */
	nlmsg_notify(nlsk, skb, portid, NLEX_GRP_MYVAR,
		     nlmsg_report(nlh), GFP_KERNEL);
	return 0;
}

/* Listing 6: the reply to a GET. That its type is UPD is as printed. */
static int nlex_unicast(u32 portid, const struct nlmsghdr *nlh, u32 value)
{
	struct sk_buff *skb;

	skb = nlex_build(portid, nlh->nlmsg_seq, value);
	if (!skb)
		return -ENOMEM;

	/* A full receive buffer is the requester's to hear of, as ENOBUFS. */
	nlmsg_unicast(nlsk, skb, portid);
	return 0;
}

/* Listing 4 */
static int nl_step2(struct sk_buff *skb, const struct nlmsghdr *nlh,
		    struct nlattr *cda[])
{
	/*
	 * Not nlh->nlmsg_pid, as printed: that is what the sender claims to
	 * be, and libmnl sends 0 there.
	 */
	u32 portid = NETLINK_CB(skb).portid;
	u32 value;

	switch (nlh->nlmsg_type) {
	case NLEX_MSG_UPD:
		if (!cda[NLE_MYVAR])
			return -EINVAL;

		value = nla_get_u32(cda[NLE_MYVAR]);
		WRITE_ONCE(myvar, value);
		return nlex_notify(portid, nlh, value);
	case NLEX_MSG_GET:
		return nlex_unicast(portid, nlh, READ_ONCE(myvar));
	default:
		/* As printed, a type nobody knows would be acknowledged. */
		return -EOPNOTSUPP;
	}
}

/* Listing 3. netlink_rcv_skb() has checked the header. */
static int nl_step(struct sk_buff *skb, struct nlmsghdr *nlh,
		   struct netlink_ext_ack *extack)
{
	struct nlattr *cda[NLE_MAX + 1];
	int err;

	/* security_netlink_rcv() went away in Linux 3.5. */
	if (!netlink_capable(skb, CAP_NET_ADMIN))
		return -EPERM;

	/* nlmsg_parse() is nla_parse() after the header; strict since 5.2. */
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
	/* The six arguments of listing 1 became this structure in Linux 3.6. */
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

MODULE_DESCRIPTION("A variable exposed over netlink, after Neira Ayuso's listings 2-6");
/* Not in the listings; from 6.1 modpost refuses a module without. */
MODULE_LICENSE("GPL");
