// SPDX-License-Identifier: GPL-2.0-only
/* A store of named values: add, get, set, delete, a dump that resumes by id, and a group that is told. */
#include <linux/slab.h>
#include <linux/xarray.h>

#include "probed.h"

enum { STORE_CMD_UNSPEC, STORE_CMD_ADD, STORE_CMD_GET, STORE_CMD_SET, STORE_CMD_DEL, STORE_CMD_NEXT };
enum { STORE_A_UNSPEC, STORE_A_ID, STORE_A_VALUE, STORE_A_NAME, STORE_A_END };
#define STORE_A_MAX (STORE_A_END - 1)
#define STORE_NAME_SIZE 32

struct store_entry {
	bool is_gone;
	u32 id;
	u32 value;
	char name[STORE_NAME_SIZE];
};

static unsigned int limit = 1024;
module_param(limit, uint, 0444);
MODULE_PARM_DESC(limit, "how many entries there may be");

/* Commands and dumps run one at a time: genetlink holds its mutex. */
static DEFINE_XARRAY(store);
static unsigned int entries;

static struct genl_family store_family;

static const struct nla_policy store_policy[STORE_A_MAX + 1] = {
	[STORE_A_ID] = { .type = NLA_U32 },
	[STORE_A_VALUE] = { .type = NLA_U32 },
	[STORE_A_NAME] = { .type = NLA_NUL_STRING, .len = STORE_NAME_SIZE - 1 },
};

static int store_put(struct sk_buff *skb, const struct store_entry *entry, u32 portid, u32 seq, int flags,
		     u8 cmd)
{
	void *hdr = genlmsg_put(skb, portid, seq, &store_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, STORE_A_ID, entry->id) ||
	    nla_put_u32(skb, STORE_A_VALUE + HAS_BUG(attribute_number), entry->value) ||
	    nla_put_string(skb, STORE_A_NAME, entry->name)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static struct sk_buff *store_message(const struct store_entry *entry, u32 portid, u32 seq, u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (msg && store_put(msg, entry, portid, seq, 0, cmd)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static void store_tell(const struct store_entry *entry, u8 cmd)
{
	tell(&store_family, &init_net, store_message(entry, 0, 0, cmd));
}

/* The entry of the last GET. */
static struct store_entry *recent;

static struct store_entry *store_find(struct genl_info *info)
{
	struct store_entry *entry;

	if (!HAS_BUG(missing_check) && !info->attrs[STORE_A_ID]) {
		NL_SET_ERR_MSG(info->extack, "which entry?");
		return ERR_PTR(-EINVAL);
	}
	entry = xa_load(&store, nla_get_u32(info->attrs[STORE_A_ID]));
	return entry && !entry->is_gone ? entry : ERR_PTR(-ENOENT);
}

static int store_add(struct sk_buff *skb, struct genl_info *info)
{
	struct store_entry *entry;
	int err;

	if (!info->attrs[STORE_A_ID] || !info->attrs[STORE_A_VALUE])
		return -EINVAL;
	if (entries >= limit)
		return -ENOSPC;

	entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	entry->id = nla_get_u32(info->attrs[STORE_A_ID]);
	entry->value = nla_get_u32(info->attrs[STORE_A_VALUE]);
	if (HAS_BUG(truncated))
		entry->value = (u16)entry->value;
	if (info->attrs[STORE_A_NAME])
		strscpy(entry->name, nla_data(info->attrs[STORE_A_NAME]), sizeof(entry->name));

	if (HAS_BUG(notify_before))
		store_tell(entry, STORE_CMD_ADD);
	err = xa_insert(&store, entry->id, entry, GFP_KERNEL);
	if (err) {
		if (!HAS_BUG(leak_object))
			kfree(entry);
		return err == -EBUSY ? -EEXIST : err;
	}
	entries++;
	if (!HAS_BUG(notify_before))
		store_tell(entry, STORE_CMD_ADD);
	return 0;
}

static int store_get(struct sk_buff *skb, struct genl_info *info)
{
	u32 seq = HAS_BUG(wrong_sequence) ? 0 : info->snd_seq;
	u32 portid = HAS_BUG(wrong_portid) ? 0 : info->snd_portid;
	struct store_entry *entry;
	struct sk_buff *msg;

	if (HAS_BUG(leak_message) && !genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL))
		return -ENOMEM;
	entry = store_find(info);
	if (HAS_BUG(use_after_free) && entry == ERR_PTR(-ENOENT) && recent &&
	    recent->id == nla_get_u32(info->attrs[STORE_A_ID]))
		entry = recent;
	if (HAS_BUG(minus_one) && entry == ERR_PTR(-ENOENT))
		return -1;
	if (IS_ERR(entry))
		return HAS_BUG(positive_errno) ? -PTR_ERR(entry) : PTR_ERR(entry);
	recent = entry;

	msg = store_message(entry, portid, seq, STORE_CMD_GET);
	if (!msg)
		return -ENOMEM;
	return genlmsg_reply(msg, info);
}

static int store_set(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *stale = NULL;
	struct store_entry *entry;

	if (!info->attrs[STORE_A_VALUE])
		return -EINVAL;
	if (HAS_BUG(module_reference) && !try_module_get(THIS_MODULE))
		return -ENOENT;
	entry = store_find(info);
	if (IS_ERR(entry))
		return PTR_ERR(entry);

	if (HAS_BUG(stale_notification))
		stale = store_message(entry, 0, 0, STORE_CMD_SET);
	entry->value = nla_get_u32(info->attrs[STORE_A_VALUE]);
	if (info->attrs[STORE_A_NAME])
		strscpy(entry->name, nla_data(info->attrs[STORE_A_NAME]), sizeof(entry->name));
	if (stale)
		tell(&store_family, &init_net, stale);
	else
		store_tell(entry, STORE_CMD_SET);
	if (HAS_BUG(module_reference))
		module_put(THIS_MODULE);
	return 0;
}

static int store_del(struct sk_buff *skb, struct genl_info *info)
{
	struct store_entry *entry = store_find(info);

	if (IS_ERR(entry))
		return HAS_BUG(silent_delete) && PTR_ERR(entry) == -ENOENT ? 0 : PTR_ERR(entry);
	if (HAS_BUG(left_behind)) {
		entry->is_gone = true;
		store_tell(entry, STORE_CMD_DEL);
		return 0;
	}
	xa_erase(&store, entry->id);
	entries--;
	store_tell(entry, STORE_CMD_DEL);
	if (recent == entry && !HAS_BUG(use_after_free))
		recent = NULL;
	kfree(entry);
	return 0;
}

/* The smallest id above the given one: NEXT without an id has the first, as SNMP's GETNEXT. */
static int store_next(struct sk_buff *skb, struct genl_info *info)
{
	unsigned long id = info->attrs[STORE_A_ID] ? nla_get_u32(info->attrs[STORE_A_ID]) + 1UL : 0;
	struct store_entry *entry = xa_find(&store, &id, U32_MAX, XA_PRESENT);
	struct sk_buff *msg;

	if (!entry)
		return -ENOENT;
	msg = store_message(entry, info->snd_portid, info->snd_seq, STORE_CMD_NEXT);
	if (!msg)
		return -ENOMEM;
	return genlmsg_reply(msg, info);
}

static int store_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned long id;
	struct store_entry *entry;

	xa_for_each_start(&store, id, entry, cb->args[0]) {
		if (store_put(skb, entry, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI,
			      STORE_CMD_GET)) {
			cb->args[0] = id;
			return skb->len ?: -EMSGSIZE;
		}
	}
	cb->args[0] = U32_MAX + 1L;
	return skb->len;
}

static const struct genl_ops store_ops[] = {
	{ .cmd = STORE_CMD_ADD, .doit = store_add, .flags = GENL_ADMIN_PERM },
	{ .cmd = STORE_CMD_GET, .doit = store_get, .dumpit = store_dump },
	{ .cmd = STORE_CMD_SET, .doit = store_set, .flags = GENL_ADMIN_PERM },
	{ .cmd = STORE_CMD_DEL, .doit = store_del, .flags = HAS_BUG(no_privilege) ? 0 : GENL_ADMIN_PERM },
	{ .cmd = STORE_CMD_NEXT, .doit = store_next },
};

static const struct genl_multicast_group store_groups[] = { { .name = "changes" } };

static struct genl_family store_family = {
	.name = "probed_store",
	.version = 1,
	.maxattr = STORE_A_MAX,
	.policy = store_policy,
	.module = THIS_MODULE,
	.ops = store_ops,
	.n_ops = ARRAY_SIZE(store_ops),
	RESV_START_OP(STORE_CMD_ADD)
	.mcgrps = store_groups,
	.n_mcgrps = ARRAY_SIZE(store_groups),
};

static int __init store_init(void)
{
	return genl_register_family(&store_family);
}

static void __exit store_exit(void)
{
	struct store_entry *entry;
	unsigned long id;

	genl_unregister_family(&store_family);
	xa_for_each(&store, id, entry)
		if (!HAS_BUG(leak_at_exit))
			kfree(entry);
	xa_destroy(&store);
}

module_init(store_init);
module_exit(store_exit);

MODULE_DESCRIPTION("A store of named values");
MODULE_LICENSE("GPL");
