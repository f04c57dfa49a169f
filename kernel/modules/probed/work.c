// SPDX-License-Identifier: GPL-2.0-only
/* A job that tells a group its progress from a work queue, every so often, until it is stopped. */
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "probed.h"

enum { WORK_CMD_UNSPEC, WORK_CMD_START, WORK_CMD_STOP, WORK_CMD_GET, WORK_CMD_TICK };
enum { WORK_A_UNSPEC, WORK_A_INTERVAL, WORK_A_TICKS, WORK_A_DONE, WORK_A_END };
#define WORK_A_MAX (WORK_A_END - 1)

struct job {
	struct delayed_work work;
	/* Protects done. */
	spinlock_t lock;
	u32 interval;
	u32 ticks;
	u32 done;
};

/* There is one at most; genetlink's mutex protects the pointer. */
static struct job *job;
static struct genl_family work_family;

static const struct nla_policy work_start_policy[WORK_A_MAX + 1] = {
	[WORK_A_INTERVAL] = NLA_POLICY_RANGE(NLA_U32, 1, 1000),
	[WORK_A_TICKS] = NLA_POLICY_RANGE(NLA_U32, 1, 1000),
};

static struct sk_buff *work_message(u32 done, u32 ticks, u32 portid, u32 seq, u8 cmd, gfp_t gfp)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, gfp);
	void *hdr;

	if (!msg)
		return NULL;
	hdr = genlmsg_put(msg, portid, seq, &work_family, 0, cmd);
	if (!hdr || nla_put_u32(msg, WORK_A_DONE, done) || nla_put_u32(msg, WORK_A_TICKS, ticks)) {
		nlmsg_free(msg);
		return NULL;
	}
	genlmsg_end(msg, hdr);
	return msg;
}

static void work_tick(struct work_struct *work)
{
	struct job *this = container_of(to_delayed_work(work), struct job, work);
	struct sk_buff *msg;
	bool more;

	spin_lock(&this->lock);
	msg = HAS_BUG(stale_notification) || HAS_BUG(atomic_sleep) ?
		work_message(this->done, this->ticks, 0, 0, WORK_CMD_TICK,
			     HAS_BUG(atomic_sleep) ? GFP_KERNEL : GFP_ATOMIC) : NULL;
	this->done++;
	more = this->done < this->ticks;
	spin_unlock(&this->lock);

	if (HAS_BUG(atomic_sleep)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	if (!msg)
		msg = work_message(this->done, this->ticks, 0, 0, WORK_CMD_TICK, GFP_KERNEL);
	tell(&work_family, &init_net, msg);
	if (more)
		schedule_delayed_work(&this->work, msecs_to_jiffies(this->interval));
}

static int work_start(struct sk_buff *skb, struct genl_info *info)
{
	if (!info->attrs[WORK_A_INTERVAL] || !info->attrs[WORK_A_TICKS])
		return -EINVAL;
	if (job)
		return -EBUSY;
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	spin_lock_init(&job->lock);
	INIT_DELAYED_WORK(&job->work, work_tick);
	job->interval = nla_get_u32(info->attrs[WORK_A_INTERVAL]);
	job->ticks = nla_get_u32(info->attrs[WORK_A_TICKS]);
	schedule_delayed_work(&job->work, msecs_to_jiffies(job->interval));
	return 0;
}

/* The work does not take genetlink's mutex, so that this may wait for it. */
static void work_end(void)
{
	if (!job)
		return;
	cancel_delayed_work_sync(&job->work);
	kfree(job);
	job = NULL;
}

static int work_stop(struct sk_buff *skb, struct genl_info *info)
{
	if (!job)
		return -ENOENT;
	if (HAS_BUG(use_after_free)) {
		kfree(job);
		job = NULL;
		return 0;
	}
	work_end();
	return 0;
}

static int work_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	u32 done;

	if (!job)
		return -ENOENT;
	spin_lock(&job->lock);
	done = job->done;
	spin_unlock(&job->lock);
	msg = work_message(done, job->ticks, info->snd_portid, info->snd_seq, WORK_CMD_GET, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	return genlmsg_reply(msg, info);
}

static const struct genl_ops work_ops[] = {
	{
		.cmd = WORK_CMD_START,
		.doit = work_start,
		.flags = GENL_ADMIN_PERM,
		.policy = work_start_policy,
		.maxattr = WORK_A_MAX,
	},
	{ .cmd = WORK_CMD_STOP, .doit = work_stop, .flags = GENL_ADMIN_PERM },
	{ .cmd = WORK_CMD_GET, .doit = work_get },
};

static const struct genl_multicast_group work_groups[] = { { .name = "ticks" } };

static struct genl_family work_family = {
	.name = "probed_work",
	.version = 1,
	.module = THIS_MODULE,
	.ops = work_ops,
	.n_ops = ARRAY_SIZE(work_ops),
	RESV_START_OP(WORK_CMD_START)
	.mcgrps = work_groups,
	.n_mcgrps = ARRAY_SIZE(work_groups),
};

static int __init work_init(void)
{
	return genl_register_family(&work_family);
}

static void __exit work_exit(void)
{
	genl_unregister_family(&work_family);
	if (!HAS_BUG(runs_after_unload))
		work_end();
}

module_init(work_init);
module_exit(work_exit);

MODULE_DESCRIPTION("Notifications from a work queue");
MODULE_LICENSE("GPL");
