// SPDX-License-Identifier: GPL-2.0-only
/* Listing 1 of Neira Ayuso's source reference, as printed but for the lines marked "Changed". */
#include <linux/kernel.h>
#include <linux/module.h>
#include <net/sock.h>		/* Changed: net/socket.h never existed */
#include <linux/skbuff.h>
#include <linux/netlink.h>

#ifndef NETLINK_EXAMPLE		/* Changed: no number after the name */
#define NETLINK_EXAMPLE 21
#endif

#define NLEX_GRP_MAX 0

static struct sock *nlsk;

static void
nl_callback(struct sk_buff *skb)
{
	printk("Hello world\n");
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
MODULE_DESCRIPTION("Listing 1 as printed");
MODULE_LICENSE("GPL");
