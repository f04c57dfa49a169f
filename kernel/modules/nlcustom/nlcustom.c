// SPDX-License-Identifier: GPL-2.0-only
/*
 * nlcustom - logs what it is sent, answers the sender and tells a group
 *
 * A port to Linux 5.10 and later of the kernel module in "Implementing a New
 * Custom Netlink Family Protocol". Where it differs from what is printed
 * there, a comment says why.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "nlcustom.h"

static struct sock *nlsk;

static const char unicast_text[] = "HELLO USER UNICAST FROM KERNEL";
static const char multicast_text[] = "HELLO USER GROUP MULTICAST FROM KERNEL";

/* A message of type DONE that holds a text and the NUL after it. */
static struct sk_buff *custom_nl_build(u32 seq, const char *text, size_t size)
{
	struct nlmsghdr *nlh;
	struct sk_buff *skb;

	skb = nlmsg_new(size, GFP_KERNEL);
	if (!skb) {
		pr_err("Failed to allocate a new skb..\n");
		return NULL;
	}
	nlh = nlmsg_put(skb, 0, seq, NLMSG_DONE, size, 0);
	if (!nlh) {
		nlmsg_free(skb);
		return NULL;
	}
	/* Not strncpy(), as printed: the size is known, and 7.2 has none. */
	memcpy(nlmsg_data(nlh), text, size);
	return skb;
}

static void custom_nl_send_sender(u32 portid)
{
	struct sk_buff *skb;

	skb = custom_nl_build(0, unicast_text, sizeof(unicast_text));
	if (!skb)
		return;
	NETLINK_CB(skb).dst_group = 0;
	nlmsg_unicast(nlsk, skb, portid);
}

static void custom_nl_send_user(void)
{
	struct sk_buff *skb;

	skb = custom_nl_build(1, multicast_text, sizeof(multicast_text));
	if (!skb)
		return;
	/* -ESRCH when nobody listens */
	nlmsg_multicast(nlsk, skb, 0, NETLINK_MYGROUP, GFP_KERNEL);
}

static void custom_nl_receive_message(struct sk_buff *skb)
{
	const struct nlmsghdr *nlh = nlmsg_hdr(skb);

	pr_info("Entering: %s\n", __func__);

	/* As printed, the header is believed: reads past the datagram. */
	if (!nlmsg_ok(nlh, skb->len))
		return;

	/* As printed, "%s": but nobody promised a NUL. */
	pr_info("Received message: %.*s\n", nlmsg_len(nlh),
		(const char *)nlmsg_data(nlh));

	/*
	 * Not nlh->nlmsg_pid, as printed: with 0 there, the kernel's socket
	 * sends to itself, receives that, and so on until the stack is full:
	 * any unprivileged user could panic the machine.
	 */
	custom_nl_send_sender(NETLINK_CB(skb).portid);

	/* Printed, but never called there. */
	custom_nl_send_user();
}

static int __init custom_init(void)
{
	struct netlink_kernel_cfg config = {
		.input = custom_nl_receive_message,
	};

	nlsk = netlink_kernel_create(&init_net, NETLINK_CUSTOMFAMILY, &config);
	if (!nlsk) {
		/* Not -1, as printed, which would be EPERM. */
		pr_err("Can't create netlink\n");
		return -ENOMEM;
	}
	return 0;
}

static void __exit custom_exit(void)
{
	netlink_kernel_release(nlsk);
}

module_init(custom_init);
module_exit(custom_exit);

MODULE_DESCRIPTION("A custom netlink family that answers and tells a group");
MODULE_LICENSE("GPL");
