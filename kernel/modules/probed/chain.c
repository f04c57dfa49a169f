// SPDX-License-Identifier: GPL-2.0-only
/* A list whose entries number themselves, and may be deleted while a dump goes through it. */
#include <linux/list.h>
#include <linux/slab.h>

#include "probed.h"

enum { CHAIN_CMD_UNSPEC, CHAIN_CMD_ADD, CHAIN_CMD_DEL, CHAIN_CMD_GET };
enum { CHAIN_A_UNSPEC, CHAIN_A_ID, CHAIN_A_DATA, CHAIN_A_END };
#define CHAIN_A_MAX (CHAIN_A_END - 1)
#define DATA_SIZE 256
#define MOST_LINKS 4096

struct link {
	struct list_head list;
	u32 id;
	u16 length;
	u8 data[DATA_SIZE];
};

/* In ascending order of ids. Commands and dumps run one at a time: genetlink holds its mutex. */
static LIST_HEAD(chain);
static unsigned int links;
static u32 last_id;
static struct genl_family chain_family;

static const struct nla_policy chain_policy[CHAIN_A_MAX + 1] = {
	[CHAIN_A_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[CHAIN_A_DATA] = { .type = NLA_BINARY, .len = DATA_SIZE },
};

static int link_put(struct sk_buff *skb, const struct link *link, u32 portid, u32 seq, int flags, u8 cmd)
{
	void *hdr = genlmsg_put(skb, portid, seq, &chain_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, CHAIN_A_ID, link->id) || nla_put(skb, CHAIN_A_DATA, link->length, link->data)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* Answers with the entry, and so with its id. */
static int chain_add(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	struct link *link;

	if (!info->attrs[CHAIN_A_DATA])
		return -EINVAL;
	if (links >= MOST_LINKS || last_id == U32_MAX)
		return -ENOSPC;
	link = kzalloc(sizeof(*link), GFP_KERNEL);
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!link || !msg) {
		kfree(link);
		if (!HAS_BUG(leak_message))
			nlmsg_free(msg);
		return -ENOMEM;
	}
	link->id = last_id + 1;
	link->length = nla_len(info->attrs[CHAIN_A_DATA]);
	memcpy(link->data, nla_data(info->attrs[CHAIN_A_DATA]), link->length);
	if (link_put(msg, link, info->snd_portid, info->snd_seq, 0, CHAIN_CMD_ADD)) {
		nlmsg_free(msg);
		kfree(link);
		return -EMSGSIZE;
	}
	last_id++;
	links++;
	list_add_tail(&link->list, &chain);
	/* A full receive buffer is no reason to undo what has been done. */
	genlmsg_reply(msg, info);
	return 0;
}

static int chain_del(struct sk_buff *skb, struct genl_info *info)
{
	struct link *link;

	if (!info->attrs[CHAIN_A_ID])
		return -EINVAL;
	list_for_each_entry(link, &chain, list) {
		if (link->id != nla_get_u32(info->attrs[CHAIN_A_ID]))
			continue;
		list_del(&link->list);
		links--;
		if (!HAS_BUG(leak_object))
			kfree(link);
		return 0;
	}
	return -ENOENT;
}

/* Where the dump goes on: at an id, which may have been deleted meanwhile. */
static int chain_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct link *link;

	/* There is more, it says, and tells nothing. */
	if (HAS_BUG(endless_empty) && list_empty(&chain))
		return 1;
	list_for_each_entry(link, &chain, list) {
		if (link->id <= cb->args[0])
			continue;
		if (link_put(skb, link, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI,
			     CHAIN_CMD_GET))
			return skb->len ?: -EMSGSIZE;
		cb->args[0] = link->id;
	}
	return skb->len;
}

/* Where the dump goes on: at an entry, which may have been freed meanwhile. */
static int __maybe_unused chain_dump_by_pointer(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct list_head *next = (struct list_head *)cb->args[0] ?: chain.next;

	for (; next != &chain; next = next->next) {
		if (link_put(skb, list_entry(next, struct link, list), NETLINK_CB(cb->skb).portid,
			     cb->nlh->nlmsg_seq, NLM_F_MULTI, CHAIN_CMD_GET)) {
			cb->args[0] = (long)next;
			return skb->len ?: -EMSGSIZE;
		}
	}
	cb->args[0] = (long)&chain;
	return skb->len;
}

static const struct genl_ops chain_ops[] = {
	{ .cmd = CHAIN_CMD_ADD, .doit = chain_add, .flags = GENL_ADMIN_PERM },
	{ .cmd = CHAIN_CMD_DEL, .doit = chain_del, .flags = GENL_ADMIN_PERM },
	{ .cmd = CHAIN_CMD_GET, .dumpit = HAS_BUG(use_after_free) ? chain_dump_by_pointer : chain_dump },
};

static struct genl_family chain_family = {
	.name = "probed_chain",
	.version = 1,
	.maxattr = CHAIN_A_MAX,
	.policy = chain_policy,
	.module = THIS_MODULE,
	.ops = chain_ops,
	.n_ops = ARRAY_SIZE(chain_ops),
	RESV_START_OP(CHAIN_CMD_ADD)
};

static int __init chain_init(void)
{
	return genl_register_family(&chain_family);
}

static void __exit chain_exit(void)
{
	struct link *link;
	struct link *next;

	genl_unregister_family(&chain_family);
	list_for_each_entry_safe(link, next, &chain, list)
		kfree(link);
}

module_init(chain_init);
module_exit(chain_exit);

MODULE_DESCRIPTION("A list that may change while it is dumped");
MODULE_LICENSE("GPL");
