// SPDX-License-Identifier: GPL-2.0-only
/* Sirens that sound from a work queue once they are armed; those who listen hear of both. */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "probed.h"

enum {
	SIRENS_CMD_UNSPEC, SIRENS_CMD_ARM, SIRENS_CMD_DISARM, SIRENS_CMD_STATUS, SIRENS_CMD_RING, SIRENS_CMD_SOUND
};
enum {
	SIRENS_A_UNSPEC, SIRENS_A_ARMED, SIRENS_A_DELAY, SIRENS_A_COUNT, SIRENS_A_LEVEL, SIRENS_A_TEXT, SIRENS_A_END
};
#define TEXT_SIZE 48
#define MOST_SIRENS 64

enum { SIRENS_GRP_SOUNDS, SIRENS_GRP_STATE };

struct siren {
	struct list_head list;
	u8 level;
	char text[TEXT_SIZE];
	/* What nobody is told. */
	u8 key[TEXT_SIZE];
};

static void sirens_work(struct work_struct *work);

/* Of all below, and of the order of what is told. */
static DEFINE_MUTEX(sirens_lock);
static LIST_HEAD(sirens);
static DECLARE_DELAYED_WORK(sirens_later, sirens_work);
static bool armed, leaving;
static u32 delay = 10, sounded;
static unsigned int waiting;
static struct genl_family sirens_family;

static const struct nla_policy arm_policy[SIRENS_A_DELAY + 1] = {
	[SIRENS_A_DELAY] = NLA_POLICY_RANGE(NLA_U32, 1, 1000),
};

static const struct nla_policy ring_policy[SIRENS_A_TEXT + 1] = {
	[SIRENS_A_LEVEL] = NLA_POLICY_RANGE(NLA_U8, 1, 5),
	[SIRENS_A_TEXT] = { .type = NLA_NUL_STRING, .len = TEXT_SIZE - 1 },
};

static int status_put(struct sk_buff *skb, struct genl_info *info)
{
	void *hdr = genlmsg_put(skb, info->snd_portid, info->snd_seq, &sirens_family, 0, SIRENS_CMD_STATUS);

	if (!hdr || nla_put_u8(skb, SIRENS_A_ARMED, armed) || nla_put_u32(skb, SIRENS_A_DELAY, delay) ||
	    nla_put_u32(skb, SIRENS_A_COUNT, sounded))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

static void tell_state(struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		return;
	if (status_put(msg, info))
		nlmsg_free(msg);
	else
		genl_notify(&sirens_family, msg, info, SIRENS_GRP_STATE, GFP_KERNEL);
}

static void sound(const struct siren *siren)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	int length = HAS_BUG(text_behind) ? TEXT_SIZE + 16 : strlen(siren->text) + 1;
	void *hdr;

	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &sirens_family, 0, SIRENS_CMD_SOUND);
	if (!hdr || nla_put_u8(msg, SIRENS_A_LEVEL, siren->level) ||
	    nla_put(msg, SIRENS_A_TEXT, length, siren->text)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast(&sirens_family, msg, 0, SIRENS_GRP_SOUNDS, GFP_KERNEL);
}

static void sirens_work(struct work_struct *work)
{
	struct siren *siren;
	struct siren *next;

	mutex_lock(&sirens_lock);
	list_for_each_entry_safe(siren, next, &sirens, list) {
		sound(siren);
		if (HAS_BUG(told_twice) && list_is_last(&siren->list, &sirens))
			sound(siren);
		list_del(&siren->list);
		kfree(siren);
		waiting--;
		sounded++;
	}
	mutex_unlock(&sirens_lock);
}

static void drop_all(void)
{
	struct siren *siren;
	struct siren *next;

	list_for_each_entry_safe(siren, next, &sirens, list) {
		list_del(&siren->list);
		kfree(siren);
	}
	waiting = 0;
}

static int sirens_arm(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *wanted = info->attrs[SIRENS_A_DELAY];
	int err = 0;

	mutex_lock(&sirens_lock);
	if (leaving)
		err = -ENODEV;
	else if (armed)
		err = -EALREADY;
	if (wanted && (!err || HAS_BUG(refused_delay)))
		delay = nla_get_u32(wanted);
	if (!err) {
		armed = true;
		tell_state(info);
	}
	mutex_unlock(&sirens_lock);
	return err;
}

/* What has not sounded yet does not sound any more. */
static int sirens_disarm(struct sk_buff *skb, struct genl_info *info)
{
	int err = 0;

	mutex_lock(&sirens_lock);
	if (!armed) {
		err = -EALREADY;
	} else {
		if (HAS_BUG(stale_state))
			tell_state(info);
		armed = false;
		drop_all();
		if (!HAS_BUG(stale_state) && !HAS_BUG(silent))
			tell_state(info);
	}
	mutex_unlock(&sirens_lock);
	return err;
}

static int sirens_status(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	int err;

	if (!msg)
		return -ENOMEM;
	mutex_lock(&sirens_lock);
	err = status_put(msg, info);
	mutex_unlock(&sirens_lock);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static int sirens_ring(struct sk_buff *skb, struct genl_info *info)
{
	struct siren *siren;
	int err = 0;

	if (!info->attrs[SIRENS_A_LEVEL])
		return -EINVAL;
	siren = kzalloc(sizeof(*siren), GFP_KERNEL);
	if (!siren)
		return -ENOMEM;
	siren->level = nla_get_u8(info->attrs[SIRENS_A_LEVEL]);
	memset(siren->key, 0xa5, sizeof(siren->key));
	if (info->attrs[SIRENS_A_TEXT])
		nla_strscpy(siren->text, info->attrs[SIRENS_A_TEXT], TEXT_SIZE);
	mutex_lock(&sirens_lock);
	if (!armed) {
		err = -ENETDOWN;
	} else if (waiting >= MOST_SIRENS) {
		err = -ENOBUFS;
	} else {
		list_add_tail(&siren->list, &sirens);
		waiting++;
		queue_delayed_work(system_wq, &sirens_later, msecs_to_jiffies(delay));
	}
	mutex_unlock(&sirens_lock);
	if (err)
		kfree(siren);
	return err;
}

static const struct genl_ops sirens_ops[] = {
	{ .cmd = SIRENS_CMD_ARM, .doit = sirens_arm, .flags = GENL_ADMIN_PERM,
	  .policy = arm_policy, .maxattr = SIRENS_A_DELAY },
	{ .cmd = SIRENS_CMD_DISARM, .doit = sirens_disarm, .flags = GENL_ADMIN_PERM },
	{ .cmd = SIRENS_CMD_STATUS, .doit = sirens_status },
	{ .cmd = SIRENS_CMD_RING, .doit = sirens_ring, .flags = GENL_ADMIN_PERM,
	  .policy = ring_policy, .maxattr = SIRENS_A_TEXT },
};

static const struct genl_multicast_group sirens_groups[] = {
	[SIRENS_GRP_SOUNDS] = { .name = "sounds" },
	[SIRENS_GRP_STATE] = { .name = "state" },
};

static struct genl_family sirens_family = {
	.name = "probed_sirens",
	.version = 1,
	.module = THIS_MODULE,
	.ops = sirens_ops,
	.n_ops = ARRAY_SIZE(sirens_ops),
	RESV_START_OP(SIRENS_CMD_ARM)
	.mcgrps = sirens_groups,
	.n_mcgrps = ARRAY_SIZE(sirens_groups),
};

static int __init sirens_init(void)
{
	return genl_register_family(&sirens_family);
}

static void __exit sirens_exit(void)
{
	/* The work uses the family's groups: it has ended before they go, and none comes anew. */
	mutex_lock(&sirens_lock);
	leaving = true;
	armed = false;
	mutex_unlock(&sirens_lock);
	cancel_delayed_work_sync(&sirens_later);
	genl_unregister_family(&sirens_family);
	drop_all();
}

module_init(sirens_init);
module_exit(sirens_exit);

MODULE_DESCRIPTION("Events of a state that is switched, from a work queue");
MODULE_LICENSE("GPL");
