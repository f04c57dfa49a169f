// SPDX-License-Identifier: GPL-2.0-only
/* Keys and values of bytes: NLM_F_CREATE, NLM_F_EXCL and NLM_F_REPLACE as routes have them, and NLM_F_ECHO. */
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/slab.h>

#include "probed.h"

enum { PAIRS_CMD_UNSPEC, PAIRS_CMD_PUT, PAIRS_CMD_GET, PAIRS_CMD_DEL };
enum { PAIRS_A_UNSPEC, PAIRS_A_KEY, PAIRS_A_VALUE, PAIRS_A_PREFIX, PAIRS_A_SERIAL, PAIRS_A_END };
#define PAIRS_A_MAX (PAIRS_A_END - 1)

struct pair {
	struct rb_node node;
	u32 serial;
	u16 klen, vlen;
	u8 key[16];
	u8 *value;
};

static struct rb_root tree = RB_ROOT;
static DEFINE_MUTEX(pairs_mutex);
static u32 serial;
static unsigned int nkeys;
static struct genl_family pairs_family;

static const struct nla_policy pairs_policy[PAIRS_A_MAX + 1] = {
	[PAIRS_A_KEY] = NLA_POLICY_RANGE(NLA_BINARY, 1, 16),
	[PAIRS_A_VALUE] = { .type = NLA_BINARY, .len = 1024 },
	[PAIRS_A_PREFIX] = { .type = NLA_BINARY, .len = 16 },
};

static int key_cmp(const u8 *a, int alen, const u8 *b, int blen)
{
	return memcmp(a, b, min(alen, blen)) ?: alen - blen;
}

static struct pair *pairs_find(const struct nlattr *key)
{
	struct rb_node *n = tree.rb_node;

	while (n) {
		struct pair *e = rb_entry(n, struct pair, node);
		int d = key_cmp(nla_data(key), nla_len(key), e->key, e->klen);

		if (!d)
			return e;
		n = d < 0 ? n->rb_left : n->rb_right;
	}
	return NULL;
}

static void pairs_insert(struct pair *e)
{
	struct rb_node **p = &tree.rb_node, *parent = NULL;

	while (*p) {
		struct pair *o = rb_entry(*p, struct pair, node);

		parent = *p;
		p = key_cmp(e->key, e->klen, o->key, o->klen) < 0 ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&e->node, parent, p);
	rb_insert_color(&e->node, &tree);
}

static int pairs_fill(struct sk_buff *skb, struct pair *e, u32 portid, u32 seq, int flags, u8 cmd)
{
	void *hdr = genlmsg_put(skb, portid, seq, &pairs_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put(skb, PAIRS_A_KEY, e->klen, e->key) ||
	    nla_put(skb, PAIRS_A_VALUE, e->vlen, e->value) ||
	    nla_put_u32(skb, PAIRS_A_SERIAL, e->serial)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* Tells the group, and with NLM_F_ECHO who asked. */
static void pairs_notify(struct pair *e, struct genl_info *info, u8 cmd)
{
	struct sk_buff *skb = genlmsg_new(2048, GFP_KERNEL);

	if (!skb)
		return;
	if (pairs_fill(skb, e, info->snd_portid, info->snd_seq, 0, cmd)) {
		nlmsg_free(skb);
		return;
	}
	genl_notify(&pairs_family, skb, info, 0, GFP_KERNEL);
}

static int pairs_put(struct sk_buff *skb, struct genl_info *info)
{
	u16 flags = info->nlhdr->nlmsg_flags;
	struct nlattr *value = info->attrs[PAIRS_A_VALUE];
	struct pair *e;
	u8 *bytes;
	int err = 0;

	if (!info->attrs[PAIRS_A_KEY] || !value)
		return -EINVAL;
	bytes = kmalloc(max(nla_len(value), 1), GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, nla_data(value), nla_len(value));
	mutex_lock(&pairs_mutex);
	e = pairs_find(info->attrs[PAIRS_A_KEY]);
	if (e) {
		if (flags & NLM_F_EXCL || !(flags & NLM_F_REPLACE)) {
			err = -EEXIST;
			kfree(bytes);
			if (HAS_BUG(lock_kept))
				return err;
			goto unlock;
		}
		if (!HAS_BUG(leak_old))
			kfree(e->value);
	} else {
		err = !(flags & NLM_F_CREATE) ? -ENOENT : nkeys >= 1000 ? -ENOSPC : 0;
		if (!err) {
			e = kzalloc(sizeof(*e), GFP_KERNEL);
			if (!e)
				err = -ENOMEM;
		}
		if (err) {
			kfree(bytes);
			goto unlock;
		}
		e->klen = nla_len(info->attrs[PAIRS_A_KEY]);
		memcpy(e->key, nla_data(info->attrs[PAIRS_A_KEY]), e->klen);
		pairs_insert(e);
		nkeys++;
	}
	e->value = bytes;
	e->vlen = nla_len(value);
	e->serial = ++serial;
	pairs_notify(e, info, PAIRS_CMD_PUT);
unlock:
	mutex_unlock(&pairs_mutex);
	return err;
}

static int pairs_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	struct pair *e;
	int err;

	if (!info->attrs[PAIRS_A_KEY])
		return -EINVAL;
	msg = genlmsg_new(HAS_BUG(small_message) ? 512 : 2048, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&pairs_mutex);
	e = pairs_find(info->attrs[PAIRS_A_KEY]);
	err = e ? pairs_fill(msg, e, info->snd_portid, info->snd_seq, 0, PAIRS_CMD_GET) : -ENOENT;
	mutex_unlock(&pairs_mutex);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static int pairs_del(struct sk_buff *skb, struct genl_info *info)
{
	struct pair *e;

	if (!info->attrs[PAIRS_A_KEY])
		return -EINVAL;
	mutex_lock(&pairs_mutex);
	e = pairs_find(info->attrs[PAIRS_A_KEY]);
	if (e) {
		rb_erase(&e->node, &tree);
		nkeys--;
		pairs_notify(e, info, PAIRS_CMD_DEL);
		kfree(e->value);
		kfree(e);
	}
	mutex_unlock(&pairs_mutex);
	return e ? 0 : -ENOENT;
}

struct pairs_cursor {
	u16 klen;
	u8 key[16];
};

static int pairs_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct pairs_cursor *ctx = (void *)cb->ctx;
	struct nlattr *prefix = dump_attrs(cb)[PAIRS_A_PREFIX];
	bool any = false;
	struct rb_node *n;

	BUILD_BUG_ON(sizeof(*ctx) > sizeof(cb->ctx));
	mutex_lock(&pairs_mutex);
	for (n = rb_first(&tree); n; n = rb_next(n)) {
		struct pair *e = rb_entry(n, struct pair, node);

		if (ctx->klen && key_cmp(e->key, e->klen, ctx->key, ctx->klen) <= 0)
			continue;
		if (prefix && (e->klen < nla_len(prefix) || memcmp(e->key, nla_data(prefix), nla_len(prefix)))) {
			any = true;
			continue;
		}
		if (pairs_fill(skb, e, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI,
			       PAIRS_CMD_GET))
			break;
		ctx->klen = e->klen;
		memcpy(ctx->key, e->key, e->klen);
	}
	mutex_unlock(&pairs_mutex);
	if (HAS_BUG(endless_filter) && any && !skb->len)
		return 1;
	return skb->len;
}

static const struct genl_ops pairs_ops[] = {
	{ .cmd = PAIRS_CMD_PUT, .doit = pairs_put, .flags = GENL_ADMIN_PERM },
	{ .cmd = PAIRS_CMD_GET, .doit = pairs_get, .dumpit = pairs_dump },
	{ .cmd = PAIRS_CMD_DEL, .doit = pairs_del, .flags = GENL_ADMIN_PERM },
};

static const struct genl_multicast_group pairs_groups[] = { { .name = "changes" } };

static struct genl_family pairs_family = {
	.name = "probed_pairs",
	.version = 1,
	.maxattr = PAIRS_A_MAX,
	.policy = pairs_policy,
	.parallel_ops = true,
	/* All namespaces have the same pairs. */
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = pairs_ops,
	.n_ops = ARRAY_SIZE(pairs_ops),
	.mcgrps = pairs_groups,
	.n_mcgrps = ARRAY_SIZE(pairs_groups),
	/* From there on, 6.1 and later refuse NLM_F_CREATE. */
	RESV_START_OP(PAIRS_CMD_DEL + 1)
};

static int __init pairs_init(void)
{
	return genl_register_family(&pairs_family);
}

static void __exit pairs_exit(void)
{
	struct pair *e, *t;

	genl_unregister_family(&pairs_family);
	rbtree_postorder_for_each_entry_safe(e, t, &tree, node) {
		kfree(e->value);
		kfree(e);
	}
}

module_init(pairs_init);
module_exit(pairs_exit);

MODULE_DESCRIPTION("Keys and values");
MODULE_LICENSE("GPL");
