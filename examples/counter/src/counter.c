// SPDX-License-Identifier: GPL-2.0-only
/*
 * counter - a netlink protocol of its own: each network namespace has a number
 *
 * Messages (nlmsg_type): 16 adds a u32, 17 asks for the number. Both have an answer of type 17.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <net/netlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#define COUNTER_PROTOCOL 29

enum {
	COUNTER_ADD = NLMSG_MIN_TYPE,
	COUNTER_GET,
};

struct counter {
	struct sock *sk;
	atomic_t number;
};

static unsigned int counter_id;

static int counter_answer(struct counter *counter, u32 number, const struct sk_buff *request,
			  const struct nlmsghdr *nlh)
{
	u32 portid = NETLINK_CB(request).portid;
	struct nlmsghdr *answer;
	struct sk_buff *msg;

	msg = nlmsg_new(sizeof(number), GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	answer = nlmsg_put(msg, portid, nlh->nlmsg_seq, COUNTER_GET, sizeof(number), 0);
	if (!answer) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	memcpy(nlmsg_data(answer), &number, sizeof(number));
	return nlmsg_unicast(counter->sk, msg, portid);
}

static int counter_receive(struct sk_buff *skb, struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	struct counter *counter = net_generic(sock_net(skb->sk), counter_id);
	u32 added;

	switch (nlh->nlmsg_type) {
	case COUNTER_ADD:
		if (nlmsg_len(nlh) != sizeof(added)) {
			NL_SET_ERR_MSG(extack, "the number to add has four bytes");
			return -EINVAL;
		}
		memcpy(&added, nlmsg_data(nlh), sizeof(added));
		return counter_answer(counter, atomic_add_return(added, &counter->number), skb, nlh);
	case COUNTER_GET:
		return counter_answer(counter, atomic_read(&counter->number), skb, nlh);
	default:
		return -EOPNOTSUPP;
	}
}

static void counter_input(struct sk_buff *skb)
{
	netlink_rcv_skb(skb, counter_receive);
}

static int __net_init counter_net_init(struct net *net)
{
	struct counter *counter = net_generic(net, counter_id);
	struct netlink_kernel_cfg config = { .input = counter_input };

	counter->sk = netlink_kernel_create(net, COUNTER_PROTOCOL, &config);
	return counter->sk ? 0 : -ENOMEM;
}

static void __net_exit counter_net_exit(struct net *net)
{
	struct counter *counter = net_generic(net, counter_id);

	netlink_kernel_release(counter->sk);
}

static struct pernet_operations counter_net_ops = {
	.init = counter_net_init,
	.exit = counter_net_exit,
	.id = &counter_id,
	.size = sizeof(struct counter),
};

static int __init counter_init(void)
{
	return register_pernet_subsys(&counter_net_ops);
}

static void __exit counter_exit(void)
{
	unregister_pernet_subsys(&counter_net_ops);
}

module_init(counter_init);
module_exit(counter_exit);

MODULE_DESCRIPTION("A netlink protocol with a number in each network namespace");
MODULE_LICENSE("GPL");
