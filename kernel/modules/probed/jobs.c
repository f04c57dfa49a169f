// SPDX-License-Identifier: GPL-2.0-only
/* Jobs that the kernel numbers, written and told in a nest that tells more than was written. */
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "probed.h"

enum { JOBS_CMD_UNSPEC, JOBS_CMD_SUBMIT, JOBS_CMD_GET, JOBS_CMD_START, JOBS_CMD_CANCEL };
enum { JOBS_A_UNSPEC, JOBS_A_JOB, JOBS_A_NUMBER, JOBS_A_STATE, JOBS_A_END };
#define JOBS_A_MAX (JOBS_A_END - 1)
enum { JOB_A_UNSPEC, JOB_A_NAME, JOB_A_INPUT, JOB_A_SIZE, JOB_A_END };
#define JOB_A_MAX (JOB_A_END - 1)
#define NAME_SIZE 32
#define INPUT_SIZE 128
#define NUMBERS 200

struct job {
	struct list_head node;
	int number;
	u8 state;
	char name[NAME_SIZE];
	u32 length;
	u8 *input;
};

/* Commands and dumps run one at a time: genetlink holds its mutex around them. */
static LIST_HEAD(jobs);
static DEFINE_IDA(job_numbers);
static struct genl_family jobs_family;

static const struct nla_policy job_policy[JOB_A_MAX + 1] = {
	[JOB_A_NAME] = { .type = NLA_NUL_STRING, .len = NAME_SIZE - 1 },
	[JOB_A_INPUT] = { .type = NLA_BINARY, .len = INPUT_SIZE },
	[JOB_A_SIZE] = { .type = NLA_REJECT },
};

static const struct nla_policy jobs_policy[JOBS_A_MAX + 1] = {
	[JOBS_A_JOB] = NLA_POLICY_NESTED(job_policy),
	[JOBS_A_NUMBER] = NLA_POLICY_RANGE(NLA_U32, 1, NUMBERS),
};

static int jobs_fill(struct sk_buff *skb, const struct job *j, u32 portid, u32 seq, int flags, u8 cmd)
{
	void *hdr = genlmsg_put(skb, portid, seq, &jobs_family, flags, cmd);
	struct nlattr *nest = hdr ? nla_nest_start(skb, JOBS_A_JOB) : NULL;

	if (!hdr)
		return -EMSGSIZE;
	if (!nest || nla_put_string(skb, JOB_A_NAME, j->name) ||
	    nla_put(skb, JOB_A_INPUT, HAS_BUG(behind) ? INPUT_SIZE : j->length, j->input) ||
	    nla_put_u32(skb, JOB_A_SIZE, j->length)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	if (nla_put_u32(skb, JOBS_A_NUMBER, j->number) || nla_put_u8(skb, JOBS_A_STATE, j->state)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int jobs_reply(struct genl_info *info, const struct job *j)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		return -ENOMEM;
	if (jobs_fill(msg, j, info->snd_portid, info->snd_seq, 0, info->genlhdr->cmd)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg, info);
}

static struct job *jobs_find(struct genl_info *info)
{
	struct job *j;

	if (!info->attrs[JOBS_A_NUMBER])
		return ERR_PTR(-EINVAL);
	list_for_each_entry(j, &jobs, node)
		if (j->number == nla_get_u32(info->attrs[JOBS_A_NUMBER]))
			return j;
	return ERR_PTR(-ENOENT);
}

static int jobs_submit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[JOB_A_MAX + 1];
	struct job *j;
	int err;

	if (!info->attrs[JOBS_A_JOB])
		return -EINVAL;
	err = nla_parse_nested(tb, JOB_A_MAX, info->attrs[JOBS_A_JOB], job_policy, info->extack);
	if (err)
		return err;
	j = kzalloc(sizeof(*j), GFP_KERNEL);
	if (!j)
		return -ENOMEM;
	if (!tb[JOB_A_NAME] || !tb[JOB_A_INPUT]) {
		if (!HAS_BUG(leak_object))
			kfree(j);
		return -EINVAL;
	}
	nla_strscpy(j->name, tb[JOB_A_NAME], NAME_SIZE);
	j->length = nla_len(tb[JOB_A_INPUT]);
	j->input = kmemdup(nla_data(tb[JOB_A_INPUT]), j->length, GFP_KERNEL);
	j->number = j->input ? ida_alloc_range(&job_numbers, 1, NUMBERS, GFP_KERNEL) : -ENOMEM;
	if (j->number < 0) {
		err = j->number;
		kfree(j->input);
		kfree(j);
		return err;
	}
	list_add_tail(&j->node, &jobs);
	return jobs_reply(info, j);
}

static int jobs_get(struct sk_buff *skb, struct genl_info *info)
{
	struct job *j = jobs_find(info);

	return IS_ERR(j) ? PTR_ERR(j) : jobs_reply(info, j);
}

static int jobs_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct job *j;
	int at = 0;

	list_for_each_entry(j, &jobs, node) {
		if (at++ < cb->args[0])
			continue;
		if (jobs_fill(skb, j, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI, JOBS_CMD_GET)) {
			at -= HAS_BUG(lossy) ? 0 : 1;
			break;
		}
	}
	cb->args[0] = at;
	return skb->len;
}

static int jobs_start(struct sk_buff *skb, struct genl_info *info)
{
	struct job *j = jobs_find(info);

	if (IS_ERR(j))
		return PTR_ERR(j);
	if (j->state)
		return -EALREADY;
	j->state = 1;
	return 0;
}

static void jobs_free(struct job *j)
{
	list_del(&j->node);
	kfree(j->input);
	kfree(j);
}

static int jobs_cancel(struct sk_buff *skb, struct genl_info *info)
{
	struct job *j = jobs_find(info);

	if (IS_ERR(j))
		return PTR_ERR(j);
	if (!HAS_BUG(leak_number))
		ida_free(&job_numbers, j->number);
	jobs_free(j);
	return 0;
}

static const struct genl_ops jobs_ops[] = {
	{ .cmd = JOBS_CMD_SUBMIT, .doit = jobs_submit, .flags = GENL_ADMIN_PERM },
	{ .cmd = JOBS_CMD_GET, .doit = jobs_get, .dumpit = jobs_dump },
	{ .cmd = JOBS_CMD_START, .doit = jobs_start, .flags = HAS_BUG(no_privilege) ? 0 : GENL_ADMIN_PERM },
	{ .cmd = JOBS_CMD_CANCEL, .doit = jobs_cancel, .flags = GENL_ADMIN_PERM },
};

static struct genl_family jobs_family = {
	.name = "probed_jobs",
	.version = 1,
	.maxattr = JOBS_A_MAX,
	.policy = jobs_policy,
	.module = THIS_MODULE,
	.ops = jobs_ops,
	.n_ops = ARRAY_SIZE(jobs_ops),
	RESV_START_OP(JOBS_CMD_SUBMIT)
};

static int __init jobs_init(void)
{
	return genl_register_family(&jobs_family);
}

static void __exit jobs_exit(void)
{
	struct job *j, *next;

	genl_unregister_family(&jobs_family);
	list_for_each_entry_safe(j, next, &jobs, node)
		jobs_free(j);
	ida_destroy(&job_numbers);
}

module_init(jobs_init);
module_exit(jobs_exit);
MODULE_DESCRIPTION("Probed family: numbered jobs in nests");
MODULE_LICENSE("GPL");
