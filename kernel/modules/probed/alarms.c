// SPDX-License-Identifier: GPL-2.0-only
/* Alarms that a work queue tells a moment later, in the network namespace that asked; nothing of them is kept. */
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "probed.h"

enum { ALARMS_CMD_UNSPEC, ALARMS_CMD_SET, ALARMS_CMD_ALARM };
enum { ALARMS_A_UNSPEC, ALARMS_A_NUMBER, ALARMS_A_TEXT, ALARMS_A_END };
#define ALARMS_A_MAX (ALARMS_A_END - 1)
#define TEXT_SIZE 16

struct probed_alarm {
	struct list_head node;
	struct net *net;
	char text[TEXT_SIZE];
	/* Who takes it for the end of the text reads on. */
	u32 number;
};

static LIST_HEAD(alarms);
static DEFINE_SPINLOCK(alarms_lock);
static struct genl_family alarms_family;
static void alarms_ring(struct work_struct *work);
static DECLARE_DELAYED_WORK(alarms_work, alarms_ring);

static const struct nla_policy alarms_policy[ALARMS_A_MAX + 1] = {
	[ALARMS_A_NUMBER] = { .type = NLA_U32 },
	[ALARMS_A_TEXT] = { .type = NLA_STRING, .len = TEXT_SIZE },
};

static struct probed_alarm *alarms_next(void)
{
	struct probed_alarm *a;

	spin_lock(&alarms_lock);
	a = list_first_entry_or_null(&alarms, struct probed_alarm, node);
	if (a)
		list_del(&a->node);
	spin_unlock(&alarms_lock);
	return a;
}

static void alarms_free(struct probed_alarm *a)
{
	put_net(a->net);
	kfree(a);
}

static struct sk_buff *alarms_message(const struct probed_alarm *a)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	/* By its address alone the compiler does not know where the text ends. */
	const char *text = (const char *)a + offsetof(struct probed_alarm, text);
	void *hdr;

	if (!msg)
		return NULL;
	hdr = genlmsg_put(msg, 0, 0, &alarms_family, 0, ALARMS_CMD_ALARM);
	if (!hdr || nla_put_u32(msg, ALARMS_A_NUMBER, a->number) ||
	    nla_put(msg, ALARMS_A_TEXT, HAS_BUG(unterminated) ? strlen(text) : strnlen(text, TEXT_SIZE), text)) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
}

static void alarms_ring(struct work_struct *work)
{
	struct probed_alarm *a;

	while ((a = alarms_next())) {
		tell(&alarms_family, HAS_BUG(wrong_namespace) ? &init_net : a->net, alarms_message(a));
		alarms_free(a);
	}
}

static int alarms_set(struct sk_buff *skb, struct genl_info *info)
{
	struct probed_alarm *a;

	if (!info->attrs[ALARMS_A_TEXT])
		return -EINVAL;
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	memcpy(a->text, nla_data(info->attrs[ALARMS_A_TEXT]), min(nla_len(info->attrs[ALARMS_A_TEXT]), TEXT_SIZE));
	a->number = info->attrs[ALARMS_A_NUMBER] ? nla_get_u32(info->attrs[ALARMS_A_NUMBER]) : 1;
	a->net = get_net(genl_info_net(info));
	spin_lock(&alarms_lock);
	list_add_tail(&a->node, &alarms);
	spin_unlock(&alarms_lock);
	schedule_delayed_work(&alarms_work, msecs_to_jiffies(20));
	return 0;
}

static const struct genl_ops alarms_ops[] = {
	{ .cmd = ALARMS_CMD_SET, .doit = alarms_set, .flags = GENL_UNS_ADMIN_PERM },
};

static const struct genl_multicast_group alarms_groups[] = { { .name = "alarms" } };

static struct genl_family alarms_family = {
	.name = "probed_alarms",
	.version = 1,
	.netnsok = true,
	.maxattr = ALARMS_A_MAX,
	.policy = alarms_policy,
	.module = THIS_MODULE,
	.ops = alarms_ops,
	.n_ops = ARRAY_SIZE(alarms_ops),
	RESV_START_OP(ALARMS_CMD_SET)
	.mcgrps = alarms_groups,
	.n_mcgrps = ARRAY_SIZE(alarms_groups),
};

static int __init alarms_init(void)
{
	return genl_register_family(&alarms_family);
}

static void __exit alarms_exit(void)
{
	struct probed_alarm *a;

	genl_unregister_family(&alarms_family);
	cancel_delayed_work_sync(&alarms_work);
	while ((a = alarms_next()))
		alarms_free(a);
}

module_init(alarms_init);
module_exit(alarms_exit);
MODULE_DESCRIPTION("Probed family: alarms without a state");
MODULE_LICENSE("GPL");
