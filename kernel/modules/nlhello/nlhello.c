// SPDX-License-Identifier: GPL-2.0-only
/*
 * nlhello - says hello in the log for every datagram it is sent
 *
 * A port to Linux 5.10 and later of listing 1 of Pablo Neira Ayuso,
 * "Communication between the kernel and user-space in Linux using Netlink
 * Sockets: Source code reference". Where it differs from what is printed
 * there, a comment says why.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/net_namespace.h>
#include <net/sock.h>	/* the listing's net/socket.h never existed */

#ifndef NETLINK_EXAMPLE
#define NETLINK_EXAMPLE 21
#endif

#define NLEX_GRP_MAX 0

static struct sock *nlsk;

/*
 * Once a datagram, whatever is in it: the listing does not look. Nothing is
 * answered either, so that a client that waits for an ack waits for ever.
 */
static void nl_callback(struct sk_buff *skb)
{
	pr_info("Hello world\n");
}

static int __init nlhello_init(void)
{
	/* Six arguments in the listing; this structure since Linux 3.6. */
	struct netlink_kernel_cfg cfg = {
		.groups = NLEX_GRP_MAX,
		.input = nl_callback,
	};

	nlsk = netlink_kernel_create(&init_net, NETLINK_EXAMPLE, &cfg);
	if (!nlsk) {
		pr_err("Can't create netlink\n");
		return -ENOMEM;
	}
	return 0;
}

static void __exit nlhello_exit(void)
{
	netlink_kernel_release(nlsk);
}

module_init(nlhello_init);
module_exit(nlhello_exit);

MODULE_DESCRIPTION("Hello world over netlink, after Neira Ayuso's listing 1");
/* Not in the listing; from 6.1 modpost refuses a module without. */
MODULE_LICENSE("GPL");
