// SPDX-License-Identifier: GPL-2.0-only
/*
 * Boxes of sockets, which hold notes until they are taken. A box keeps the module until it is shut, or its socket
 * closes; only that socket may shut it, and gets a RING for each note.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "probed.h"

enum {
	POSTS_CMD_UNSPEC,
	POSTS_CMD_OPEN,
	POSTS_CMD_SHUT,
	POSTS_CMD_PUT,
	POSTS_CMD_TAKE,
	POSTS_CMD_COUNT,
	POSTS_CMD_SET,
	POSTS_CMD_RING,
};
enum {
	POSTS_A_UNSPEC,
	POSTS_A_BOX,
	POSTS_A_LABEL,
	POSTS_A_NOTE,
	POSTS_A_LIMIT,
	POSTS_A_NOTES,
	POSTS_A_LOOKS,
	POSTS_A_END
};
#define POSTS_A_MAX (POSTS_A_END - 1)
#define LABEL_SIZE 12
#define NOTE_SIZE 48
#define MOST_NOTES 20

struct note {
	struct list_head node;
	int length;
	u8 bytes[];
};

struct box {
	struct list_head node, notes;
	u32 number, owner, count, looks;
	u8 limit;
	char label[LABEL_SIZE];
};

static LIST_HEAD(boxes);
static DEFINE_MUTEX(posts_lock);
static struct genl_family posts_family;

static const struct nla_policy posts_policy[POSTS_A_MAX + 1] = {
	[POSTS_A_BOX] = NLA_POLICY_RANGE(NLA_U32, 1, 30000),
	[POSTS_A_LABEL] = { .type = NLA_NUL_STRING, .len = LABEL_SIZE - 1 },
	[POSTS_A_NOTE] = NLA_POLICY_RANGE(NLA_BINARY, 1, NOTE_SIZE),
	[POSTS_A_LIMIT] = NLA_POLICY_RANGE(NLA_U8, 1, MOST_NOTES),
};

static struct box *box_find(u32 number)
{
	struct box *b;

	list_for_each_entry(b, &boxes, node)
		if (b->number == number)
			return b;
	return NULL;
}

static struct box *box_of(struct genl_info *info)
{
	if (!info->attrs[POSTS_A_BOX])
		return ERR_PTR(-EINVAL);
	return box_find(nla_get_u32(info->attrs[POSTS_A_BOX])) ?: ERR_PTR(-ENOENT);
}

static void box_free(struct box *b)
{
	struct note *n, *next;

	list_del(&b->node);
	if (!HAS_BUG(leak_notes))
		list_for_each_entry_safe(n, next, &b->notes, node)
			kfree(n);
	kfree(b);
	module_put(THIS_MODULE);
}

static int posts_open(struct sk_buff *skb, struct genl_info *info)
{
	struct box *b, *other;
	int err = 0;

	if (!info->attrs[POSTS_A_BOX] || !info->attrs[POSTS_A_LABEL])
		return -EINVAL;
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	INIT_LIST_HEAD(&b->notes);
	b->number = nla_get_u32(info->attrs[POSTS_A_BOX]);
	b->owner = info->snd_portid;
	b->limit = MOST_NOTES;
	nla_strscpy(b->label, info->attrs[POSTS_A_LABEL], LABEL_SIZE);
	mutex_lock(&posts_lock);
	list_for_each_entry(other, &boxes, node)
		if (other->number == b->number || !strcmp(other->label, b->label))
			err = -EEXIST;
	if (!err && !try_module_get(THIS_MODULE))
		err = -ENODEV;
	if (!err)
		list_add_tail(&b->node, &boxes);
	mutex_unlock(&posts_lock);
	if (err)
		kfree(b);
	return err;
}

static int posts_shut(struct sk_buff *skb, struct genl_info *info)
{
	struct box *b;
	int err;

	mutex_lock(&posts_lock);
	b = box_of(info);
	err = IS_ERR(b) ? PTR_ERR(b) : b->owner == info->snd_portid ? 0 : -EACCES;
	if (!err)
		box_free(b);
	mutex_unlock(&posts_lock);
	return err;
}

/* Another label, which no other box may have, and another limit. */
static int posts_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *label = info->attrs[POSTS_A_LABEL], *limit = info->attrs[POSTS_A_LIMIT];
	struct box *b, *other;
	int err;

	mutex_lock(&posts_lock);
	b = box_of(info);
	err = PTR_ERR_OR_ZERO(b);
	if (!err && limit && HAS_BUG(refused_change))
		b->limit = nla_get_u8(limit);
	if (!err && label)
		list_for_each_entry(other, &boxes, node)
			if (other != b && !nla_strcmp(label, other->label))
				err = -EEXIST;
	if (!err && label)
		nla_strscpy(b->label, label, LABEL_SIZE);
	if (!err && limit)
		b->limit = nla_get_u8(limit);
	mutex_unlock(&posts_lock);
	return err;
}

static void posts_ring(struct sk_buff *msg, u32 to, u32 number)
{
	void *hdr = genlmsg_put(msg, 0, 0, &posts_family, 0, POSTS_CMD_RING);

	nla_put_u32(msg, POSTS_A_BOX, number);
	genlmsg_end(msg, hdr);
	genlmsg_unicast(&init_net, msg, to);
}

static int posts_put(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *note = info->attrs[POSTS_A_NOTE];
	struct sk_buff *msg;
	struct note *n;
	struct box *b;
	int err = 0;

	if (!note)
		return -EINVAL;
	n = kmalloc(struct_size(n, bytes, nla_len(note) + NLA_HDRLEN), GFP_KERNEL);
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!n || !msg) {
		kfree(n);
		nlmsg_free(msg);
		return -ENOMEM;
	}
	n->length = HAS_BUG(behind) ? note->nla_len : nla_len(note);
	memcpy(n->bytes, nla_data(note), n->length);
	mutex_lock(&posts_lock);
	b = box_of(info);
	if (IS_ERR(b))
		err = PTR_ERR(b);
	else if (b->count >= b->limit)
		err = -ENOSPC;
	if (!err) {
		list_add_tail(&n->node, &b->notes);
		b->count++;
		posts_ring(msg, HAS_BUG(rings_sender) ? info->snd_portid : b->owner, b->number);
	}
	mutex_unlock(&posts_lock);
	if (err) {
		kfree(n);
		nlmsg_free(msg);
	}
	return err;
}

static int box_put(struct sk_buff *skb, u32 portid, u32 seq, int flags, u8 cmd, struct box *b, struct note *n)
{
	void *hdr = genlmsg_put(skb, portid, seq, &posts_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, POSTS_A_BOX, b->number) || nla_put_string(skb, POSTS_A_LABEL, b->label) ||
	    nla_put_u8(skb, POSTS_A_LIMIT, b->limit) || nla_put_u32(skb, POSTS_A_NOTES, b->count) ||
	    nla_put_u32(skb, POSTS_A_LOOKS, b->looks) ||
	    (n && nla_put(skb, POSTS_A_NOTE, n->length, n->bytes))) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* TAKE, and COUNT, which anybody may do, and which counts itself. */
static int posts_tell(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	bool takes = info->genlhdr->cmd == POSTS_CMD_TAKE;
	struct note *n = NULL;
	struct box *b;
	int err;

	if (!msg)
		return -ENOMEM;
	mutex_lock(&posts_lock);
	b = box_of(info);
	err = PTR_ERR_OR_ZERO(b);
	if (!err && takes) {
		n = list_first_entry_or_null(&b->notes, struct note, node);
		if (n) {
			list_del(&n->node);
			b->count--;
		} else {
			err = -ENODATA;
		}
	}
	if (!err) {
		b->looks += !takes;
		err = box_put(msg, info->snd_portid, info->snd_seq, 0, info->genlhdr->cmd, b, n);
	}
	mutex_unlock(&posts_lock);
	kfree(n);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static int posts_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct box *b;
	long at = 0;

	mutex_lock(&posts_lock);
	list_for_each_entry(b, &boxes, node) {
		if (at++ < cb->args[0])
			continue;
		if (box_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI, POSTS_CMD_COUNT, b, NULL))
			break;
		cb->args[0] = at;
	}
	mutex_unlock(&posts_lock);
	return skb->len;
}

static int posts_gone(struct notifier_block *nb, unsigned long event, void *data)
{
	struct netlink_notify *n = data;
	struct box *b, *next;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC || n->net != &init_net)
		return NOTIFY_DONE;
	mutex_lock(&posts_lock);
	list_for_each_entry_safe(b, next, &boxes, node)
		if (b->owner == n->portid)
			box_free(b);
	mutex_unlock(&posts_lock);
	return NOTIFY_DONE;
}

static struct notifier_block posts_nb = { .notifier_call = posts_gone };

static const struct genl_ops posts_ops[] = {
	{ .cmd = POSTS_CMD_OPEN, .doit = posts_open, .flags = GENL_ADMIN_PERM },
	{ .cmd = POSTS_CMD_SHUT, .doit = posts_shut },
	{ .cmd = POSTS_CMD_PUT, .doit = posts_put, .flags = GENL_ADMIN_PERM },
	{ .cmd = POSTS_CMD_TAKE, .doit = posts_tell, .flags = GENL_ADMIN_PERM },
	{ .cmd = POSTS_CMD_COUNT, .doit = posts_tell, .dumpit = posts_dump },
	{ .cmd = POSTS_CMD_SET, .doit = posts_set, .flags = GENL_ADMIN_PERM },
};

static struct genl_family posts_family = {
	.name = "probed_posts",
	.version = 1,
	.maxattr = POSTS_A_MAX,
	.policy = posts_policy,
	.module = THIS_MODULE,
	.ops = posts_ops,
	.n_ops = ARRAY_SIZE(posts_ops),
	RESV_START_OP(POSTS_CMD_OPEN)
};

static int __init posts_init(void)
{
	int err = netlink_register_notifier(&posts_nb);

	if (err)
		return err;
	err = genl_register_family(&posts_family);
	if (err)
		netlink_unregister_notifier(&posts_nb);
	return err;
}

/* No box is left: each has kept the module. */
static void __exit posts_exit(void)
{
	genl_unregister_family(&posts_family);
	netlink_unregister_notifier(&posts_nb);
}

module_init(posts_init);
module_exit(posts_exit);

MODULE_DESCRIPTION("Boxes of sockets, and notes in them");
MODULE_LICENSE("GPL");
