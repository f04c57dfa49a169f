// SPDX-License-Identifier: GPL-2.0-only
/* Listings 1 and 3 to 6 of Neira Ayuso's source reference, as printed but for the lines marked "Changed". */
#include <linux/kernel.h>
#include <linux/module.h>
#include <net/sock.h>		/* Changed: net/socket.h never existed */
#include <net/netlink.h>	/* Changed: added, for nlmsg_new() and the like */
#include <linux/skbuff.h>
#include <linux/netlink.h>

#include "nlexample.h"

#define NLEX_GRP_MAX 0

static struct sock *nlsk;

static int myvar;

/* Changed: the macro went away in Linux 3.5; this is what it was */
#define NLA_PUT_U32(skb, type, value) \
	do { if (nla_put_u32(skb, type, value)) goto nla_put_failure; } while (0)

/* Listing 5 */
static int
nlex_notify(int rep, int pid)
{
	struct sk_buff *skb;

	skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (skb == NULL)
		return -ENOMEM;

	nlmsg_put(skb, pid, rep, NLEX_MSG_UPD, 0, 0);
	NLA_PUT_U32(skb, NLE_MYVAR, myvar);

	nlmsg_notify(nlsk, skb, pid,
		     NLEX_GRP_MYVAR,
		     rep, GFP_KERNEL);
	return 0;

nla_put_failure:
	return -1;
}

/* Listing 6 */
static int
nlex_unicast(int pid)
{
	struct sk_buff *skb;

	skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (skb == NULL)
		return -ENOMEM;

	nlmsg_put(skb, pid, 0, NLEX_MSG_UPD, 0, 0);
	NLA_PUT_U32(skb, NLE_MYVAR, myvar);

	nlmsg_unicast(nlsk, skb, pid);
	return 0;

nla_put_failure:
	return -1;
}

/* Listing 4. Changed: struct nlattr and nlmsghdr, NLM_F_ECHO, which are misprinted */
static int
nl_step2(struct nlattr *cda[],
	 struct nlmsghdr *nlh)
{
	int echo = nlh->nlmsg_flags & NLM_F_ECHO;
	int pid = nlh->nlmsg_pid;

	switch (nlh->nlmsg_type) {
	case NLEX_MSG_UPD:
		if (!cda[NLE_MYVAR])
			return -EINVAL;

		myvar = nla_get_u32(cda[NLE_MYVAR]);
		nlex_notify(echo, pid);
		break;
	case NLEX_MSG_GET:
		nlex_unicast(pid);
		break;
	};
	return 0;
}

/* Listing 3 */
static const
struct nla_policy nlex_policy[NLE_MAX + 1] = {
	[NLE_MYVAR] = { .type = NLA_U32 },
};

/* Changed: netlink_rcv_skb() passes a third argument since 4.12 */
static int
nl_step(struct sk_buff *skb,
	struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	int err;
	struct nlattr *cda[NLE_MAX + 1];
	struct nlattr *attr = NLMSG_DATA(nlh);
	int attrlen = nlh->nlmsg_len - NLMSG_SPACE(0);

	/* Changed: security_netlink_rcv() went away in Linux 3.5 */
	if (!netlink_capable(skb, CAP_NET_ADMIN))
		return -EPERM;

	if (nlh->nlmsg_len < NLMSG_SPACE(0))
		return -EINVAL;

	/* Changed: a sixth argument since 4.12 */
	err = nla_parse(cda, NLE_MAX,
			attr, attrlen, nlex_policy, NULL);
	if (err < 0)
		return err;

	/* Changed: printed with one argument */
	return nl_step2(cda, nlh);
}

static void
nl_callback(struct sk_buff *skb)
{
	netlink_rcv_skb(skb, &nl_step);
}

static int __init nlexample_init(void)
{
	/* Changed: the arguments of netlink_kernel_create() became a structure in Linux 3.6 */
	struct netlink_kernel_cfg cfg = {
		.groups = NLEX_GRP_MAX,
		.input = nl_callback,
	};

	nlsk = netlink_kernel_create(&init_net, NETLINK_EXAMPLE, &cfg);

	if (nlsk == NULL) {
		printk(KERN_ERR "Can't create netlink\n");
		return -ENOMEM;
	}
	return 0;
}

static void __exit nlexample_exit(void)	/* Changed: static, or kernels warn */
{
	netlink_kernel_release(nlsk);
}

module_init(nlexample_init);
module_exit(nlexample_exit);

/* Changed: added, for from 6.1 modpost refuses a module without */
MODULE_DESCRIPTION("Listings 1 and 3-6 as printed");
MODULE_LICENSE("GPL");
