// SPDX-License-Identifier: GPL-2.0-only
/*
 * store - numbers by name, over a generic netlink family with a dump and notifications
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/genetlink.h>

#include "store.h"

struct store_entry {
	struct list_head list;
	u32 value;
	char name[STORE_NAME_MAX + 1];
};

/* genetlink holds its mutex around doit and dumpit, for the family has no parallel_ops. */
static LIST_HEAD(store_entries);
static unsigned int store_generation;

static struct genl_family store_family;

static const struct nla_policy store_policy[STORE_ATTR_LAST + 1] = {
	[STORE_ATTR_NAME] = { .type = NLA_NUL_STRING, .len = STORE_NAME_MAX },
	[STORE_ATTR_VALUE] = { .type = NLA_U32 },
};

static struct store_entry *store_find(const char *name)
{
	struct store_entry *entry;

	list_for_each_entry(entry, &store_entries, list)
		if (!strcmp(entry->name, name))
			return entry;
	return NULL;
}

static int store_put(struct sk_buff *skb, const struct store_entry *entry,
		     u32 portid, u32 seq, int flags, u8 cmd,
		     struct netlink_callback *cb)
{
	void *hdr = genlmsg_put(skb, portid, seq, &store_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, hdr);
	if (nla_put_string(skb, STORE_ATTR_NAME, entry->name) ||
	    nla_put_u32(skb, STORE_ATTR_VALUE, entry->value)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static struct sk_buff *store_message(const struct store_entry *entry,
				     const struct genl_info *info, u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		return NULL;
	if (store_put(msg, entry, info->snd_portid, info->snd_seq, 0, cmd, NULL)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Tells the group, and by NLM_F_ECHO the requester. A notification that cannot be made undoes nothing. */
static void store_notify(const struct store_entry *entry, struct genl_info *info, u8 cmd)
{
	struct sk_buff *msg = store_message(entry, info, cmd);

	store_generation++;
	if (msg)
		genl_notify(&store_family, msg, info, 0, GFP_KERNEL);
}

static const char *store_name(struct genl_info *info)
{
	if (info->attrs[STORE_ATTR_NAME])
		return nla_data(info->attrs[STORE_ATTR_NAME]);
	NL_SET_ERR_MSG(info->extack, "a name is missing");
	return NULL;
}

/* The entry that a request names, or an error with the attribute that is at fault. */
static struct store_entry *store_named(struct genl_info *info)
{
	const char *name = store_name(info);
	struct store_entry *entry;

	if (!name)
		return ERR_PTR(-EINVAL);
	entry = store_find(name);
	if (entry)
		return entry;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[STORE_ATTR_NAME], "no such name");
	return ERR_PTR(-ENOENT);
}

static int store_set(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = store_name(info);
	struct store_entry *entry;

	if (!name)
		return -EINVAL;
	if (!info->attrs[STORE_ATTR_VALUE]) {
		NL_SET_ERR_MSG(info->extack, "a value is missing");
		return -EINVAL;
	}
	entry = store_find(name);
	if (entry && info->genlhdr->cmd == STORE_CMD_ADD) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[STORE_ATTR_NAME], "the name is there");
		return -EEXIST;
	}
	if (!entry) {
		entry = kzalloc(sizeof(*entry), GFP_KERNEL);
		if (!entry)
			return -ENOMEM;
		strscpy(entry->name, name, sizeof(entry->name));
		list_add_tail(&entry->list, &store_entries);
	}
	entry->value = nla_get_u32(info->attrs[STORE_ATTR_VALUE]);
	store_notify(entry, info, STORE_CMD_SET);
	return 0;
}

static int store_get(struct sk_buff *skb, struct genl_info *info)
{
	struct store_entry *entry = store_named(info);
	struct sk_buff *msg;

	if (IS_ERR(entry))
		return PTR_ERR(entry);
	msg = store_message(entry, info, STORE_CMD_GET);
	return msg ? genlmsg_reply(msg, info) : -ENOMEM;
}

static int store_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct store_entry *entry;
	long index = 0;

	cb->seq = store_generation;
	list_for_each_entry(entry, &store_entries, list) {
		if (index >= cb->args[0] &&
		    store_put(skb, entry, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			      NLM_F_MULTI, STORE_CMD_GET, cb))
			break;
		index++;
	}
	cb->args[0] = index;
	return skb->len;
}

static int store_delete(struct sk_buff *skb, struct genl_info *info)
{
	struct store_entry *entry = store_named(info);

	if (IS_ERR(entry))
		return PTR_ERR(entry);
	list_del(&entry->list);
	store_notify(entry, info, STORE_CMD_DELETE);
	kfree(entry);
	return 0;
}

static const struct genl_ops store_ops[] = {
	{ .cmd = STORE_CMD_SET, .flags = GENL_ADMIN_PERM, .doit = store_set },
	{ .cmd = STORE_CMD_GET, .doit = store_get, .dumpit = store_dump },
	{ .cmd = STORE_CMD_DELETE, .flags = GENL_ADMIN_PERM, .doit = store_delete },
	{ .cmd = STORE_CMD_ADD, .flags = GENL_ADMIN_PERM, .doit = store_set },
};

static const struct genl_multicast_group store_groups[] = {
	{ .name = STORE_GROUP_NAME },
};

static struct genl_family store_family = {
	.name = STORE_FAMILY_NAME,
	.version = STORE_FAMILY_VERSION,
	.maxattr = STORE_ATTR_LAST,
	.policy = store_policy,
	.module = THIS_MODULE,
	.ops = store_ops,
	.n_ops = ARRAY_SIZE(store_ops),
	.mcgrps = store_groups,
	.n_mcgrps = ARRAY_SIZE(store_groups),
};

static int __init store_init(void)
{
	return genl_register_family(&store_family);
}

static void __exit store_exit(void)
{
	struct store_entry *entry, *next;

	genl_unregister_family(&store_family);
	list_for_each_entry_safe(entry, next, &store_entries, list)
		kfree(entry);
}

module_init(store_init);
module_exit(store_exit);

MODULE_DESCRIPTION("Numbers by name over generic netlink, with a dump and notifications");
MODULE_LICENSE("GPL");
