// SPDX-License-Identifier: GPL-2.0-only
/* answers - answers each text with the same text in capitals, on a netlink protocol of its own */
#include <linux/ctype.h>
#include <linux/module.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

#define ANSWERS_PROTOCOL 28
#define ANSWERS_TEXT NLMSG_MIN_TYPE	/* a string attribute of type 1 */
#define ANSWERS_MAX 64

enum {
	ANSWERS_ATTR_UNSPEC,
	ANSWERS_ATTR_TEXT,
};

static struct sock *answers_sock;

static const struct nla_policy answers_policy[ANSWERS_ATTR_TEXT + 1] = {
	[ANSWERS_ATTR_TEXT] = { .type = NLA_NUL_STRING, .len = ANSWERS_MAX },
};

static int answers_receive(struct sk_buff *skb, struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[ANSWERS_ATTR_TEXT + 1];
	u32 portid = NETLINK_CB(skb).portid;
	struct nlmsghdr *answer;
	struct sk_buff *msg;
	struct nlattr *attr;
	int error, i;
	char *text;

	if (nlh->nlmsg_type != ANSWERS_TEXT)
		return -EOPNOTSUPP;
	error = nlmsg_parse(nlh, 0, attrs, ANSWERS_ATTR_TEXT, answers_policy, extack);
	if (error)
		return error;
	attr = attrs[ANSWERS_ATTR_TEXT];
	if (!attr) {
		NL_SET_ERR_MSG(extack, "a text is missing");
		return -EINVAL;
	}
	msg = nlmsg_new(nla_total_size(nla_len(attr)), GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	answer = nlmsg_put(msg, portid, nlh->nlmsg_seq, ANSWERS_TEXT, 0, 0);
	attr = answer ? nla_reserve(msg, ANSWERS_ATTR_TEXT, nla_len(attr)) : NULL;
	if (!attr) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	text = nla_data(attr);
	memcpy(text, nla_data(attrs[ANSWERS_ATTR_TEXT]), nla_len(attr));
	for (i = 0; i < nla_len(attr); i++)
		text[i] = toupper(text[i]);
	nlmsg_end(msg, answer);
	return nlmsg_unicast(answers_sock, msg, portid);
}

static void answers_input(struct sk_buff *skb)
{
	netlink_rcv_skb(skb, answers_receive);
}

static int __init answers_init(void)
{
	struct netlink_kernel_cfg config = { .input = answers_input };

	answers_sock = netlink_kernel_create(&init_net, ANSWERS_PROTOCOL, &config);
	return answers_sock ? 0 : -ENOMEM;
}

static void __exit answers_exit(void)
{
	netlink_kernel_release(answers_sock);
}

module_init(answers_init);
module_exit(answers_exit);

MODULE_DESCRIPTION("Answers texts in capitals, on a netlink protocol of its own");
MODULE_LICENSE("GPL");
