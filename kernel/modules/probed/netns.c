// SPDX-License-Identifier: GPL-2.0-only
/* A text and a number for each network namespace, with a group there. */
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "probed.h"

enum { NETNS_CMD_UNSPEC, NETNS_CMD_SET, NETNS_CMD_GET };
enum { NETNS_A_UNSPEC, NETNS_A_NUMBER, NETNS_A_TEXT, NETNS_A_END };
#define NETNS_A_MAX (NETNS_A_END - 1)
#define TEXT_SIZE 64

struct netns_state {
	struct net *net;
	u32 number;
	char *text;
	/* Whether somebody got the text since it was set. */
	bool is_read;
	struct delayed_work late;
};

static unsigned int netns_id;
static struct genl_family netns_family;

static const struct nla_policy netns_policy[NETNS_A_MAX + 1] = {
	[NETNS_A_NUMBER] = { .type = NLA_U32 },
	[NETNS_A_TEXT] = { .type = NLA_NUL_STRING, .len = TEXT_SIZE - 1 },
};

static struct netns_state *state_of(struct net *net)
{
	return net_generic(HAS_BUG(shared) ? &init_net : net, netns_id);
}

static struct sk_buff *netns_message(struct net *net, u32 portid, u32 seq, u8 cmd)
{
	struct netns_state *state = state_of(net);
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return NULL;
	hdr = genlmsg_put(msg, portid, seq, &netns_family, 0, cmd);
	if (!hdr || nla_put_u32(msg, NETNS_A_NUMBER, state->number) ||
	    nla_put_string(msg, NETNS_A_TEXT, state->text)) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
}

static void netns_tell_late(struct work_struct *work)
{
	struct netns_state *state = container_of(to_delayed_work(work), struct netns_state, late);

	tell(&netns_family, &init_net, netns_message(state->net, 0, 0, NETNS_CMD_SET));
}

static int netns_set(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct netns_state *state = state_of(net);

	if (!info->attrs[NETNS_A_NUMBER] && !info->attrs[NETNS_A_TEXT])
		return -EINVAL;
	if (info->attrs[NETNS_A_NUMBER])
		state->number = nla_get_u32(info->attrs[NETNS_A_NUMBER]);
	if (info->attrs[NETNS_A_TEXT])
		strscpy(state->text, nla_data(info->attrs[NETNS_A_TEXT]), TEXT_SIZE);
	state->is_read = false;
	if (HAS_BUG(late_wrong_namespace)) {
		schedule_delayed_work(&state->late, msecs_to_jiffies(50));
		return 0;
	}
	tell(&netns_family, HAS_BUG(wrong_namespace) ? &init_net : net,
	     netns_message(net, 0, 0, NETNS_CMD_SET));
	return 0;
}

static int netns_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;

	msg = netns_message(genl_info_net(info), info->snd_portid, info->snd_seq, NETNS_CMD_GET);
	if (!msg)
		return -ENOMEM;
	state_of(genl_info_net(info))->is_read = true;
	return genlmsg_reply(msg, info);
}

static const struct genl_ops netns_ops[] = {
	{ .cmd = NETNS_CMD_SET, .doit = netns_set, .flags = HAS_BUG(no_privilege) ? 0 : GENL_UNS_ADMIN_PERM },
	{ .cmd = NETNS_CMD_GET, .doit = netns_get },
};

static const struct genl_multicast_group netns_groups[] = { { .name = "values" } };

static struct genl_family netns_family = {
	.name = "probed_netns",
	.version = 1,
	.netnsok = true,
	.maxattr = NETNS_A_MAX,
	.policy = netns_policy,
	.module = THIS_MODULE,
	.ops = netns_ops,
	.n_ops = ARRAY_SIZE(netns_ops),
	RESV_START_OP(NETNS_CMD_SET)
	.mcgrps = netns_groups,
	.n_mcgrps = ARRAY_SIZE(netns_groups),
};

static int __net_init netns_new(struct net *net)
{
	struct netns_state *state = net_generic(net, netns_id);

	state->net = net;
	state->is_read = true;
	INIT_DELAYED_WORK(&state->late, netns_tell_late);
	state->text = kzalloc(TEXT_SIZE, GFP_KERNEL);
	return state->text ? 0 : -ENOMEM;
}

static void __net_exit netns_gone(struct net *net)
{
	struct netns_state *state = net_generic(net, netns_id);

	cancel_delayed_work_sync(&state->late);
	if (!HAS_BUG(leak_namespace) && (!HAS_BUG(leak_unread) || state->is_read))
		kfree(state->text);
}

static struct pernet_operations netns_pernet = {
	.init = netns_new,
	.exit = netns_gone,
	.id = &netns_id,
	.size = sizeof(struct netns_state),
};

static int __init netns_init(void)
{
	int err = register_pernet_subsys(&netns_pernet);

	if (err)
		return err;
	err = genl_register_family(&netns_family);
	if (err)
		unregister_pernet_subsys(&netns_pernet);
	return err;
}

static void __exit netns_exit(void)
{
	genl_unregister_family(&netns_family);
	unregister_pernet_subsys(&netns_pernet);
}

module_init(netns_init);
module_exit(netns_exit);

MODULE_DESCRIPTION("State of each network namespace");
MODULE_LICENSE("GPL");
