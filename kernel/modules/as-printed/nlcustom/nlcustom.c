// SPDX-License-Identifier: GPL-2.0-only
/* "Implementing a New Custom Netlink Family Protocol", as printed but for the lines marked "Changed". */
#include <linux/kernel.h>
#include <linux/netlink.h>
#include <linux/module.h>
#include <net/netlink.h>
#include <net/net_namespace.h>

#define NETLINK_CUSTOMFAMILY 30
#define NETLINK_MYGROUP 2

static struct sock *socket;	/* Changed: static, or kernels warn */

static void custom_nl_receive_message(struct sk_buff *skb)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)skb->data;
	pid_t pid = nlh->nlmsg_pid; // pid of the sending process

	char *message = "HELLO USER UNICAST FROM KERNEL";
	size_t message_size = strlen(message) + 1;
	struct sk_buff *skb_out;

	/* Changed: these two are in the first version only, and the second is of no use without */
	printk(KERN_INFO "Entering: %s\n", __func__);
	printk(KERN_INFO "Received message: %s\n", (char *)nlmsg_data(nlh));

	skb_out = nlmsg_new(message_size, GFP_KERNEL);
	if (!skb_out) {
		printk(KERN_ERR "Failed to allocate a new skb..\n");
		return;
	}

	nlh = nlmsg_put(skb_out, 0, 0, NLMSG_DONE, message_size, 0);
	NETLINK_CB(skb_out).dst_group = 0;
	/* Changed: strncpy() is gone in 7.2 */
	memcpy(nlmsg_data(nlh), message, message_size);

	nlmsg_unicast(socket, skb_out, pid);
}

/* Changed: __maybe_unused, for it is printed and never called */
static void __maybe_unused custom_nl_send_user(void)
{
	char *message = "HELLO USER GROUP MULTICAST FROM KERNEL";
	size_t message_size = strlen(message) + 1;
	struct nlmsghdr *nlh;

	/* Changed: struct sk_buffer, and "ksb" for skb, are misprinted */
	struct sk_buff *skb = nlmsg_new(NLMSG_ALIGN(message_size), GFP_KERNEL);

	if (!skb) {
		printk(KERN_ERR "Failed to allocate a new skb..\n");
		return;
	}

	nlh = nlmsg_put(skb, 0, 1, NLMSG_DONE, message_size, 0);
	memcpy(nlmsg_data(nlh), message, message_size);	/* Changed: as above */

	nlmsg_multicast(socket, skb, 0, NETLINK_MYGROUP, GFP_KERNEL);
}

static int __init custom_init(void)
{
	struct netlink_kernel_cfg config = {
		.input = custom_nl_receive_message,
	};

	socket = netlink_kernel_create(&init_net, NETLINK_CUSTOMFAMILY, &config);
	if (socket == NULL)
		return -1;

	return 0;
}

static void __exit custom_exit(void)
{
	if (socket)
		netlink_kernel_release(socket);
}

module_init(custom_init);
module_exit(custom_exit);

/* Changed: added, for from 6.1 modpost refuses a module without */
MODULE_DESCRIPTION("The custom netlink family as printed");
MODULE_LICENSE("GPL");
