// SPDX-License-Identifier: GPL-2.0-only
/* Plugs with settings in nests, of which none may come twice; one that is taken cannot be removed. */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "probed.h"

enum { PLUGS_CMD_UNSPEC, PLUGS_CMD_MAKE, PLUGS_CMD_REMOVE, PLUGS_CMD_GET, PLUGS_CMD_TAKE, PLUGS_CMD_GIVE };
enum { PLUGS_A_UNSPEC, PLUGS_A_NAME, PLUGS_A_SETTINGS, PLUGS_A_TAKEN, PLUGS_A_END };
#define PLUGS_A_MAX (PLUGS_A_END - 1)
enum { SETTINGS_A_UNSPEC, SETTINGS_A_SETTING, SETTINGS_A_END };
#define SETTINGS_A_MAX (SETTINGS_A_END - 1)
enum { SETTING_A_UNSPEC, SETTING_A_KEY, SETTING_A_VALUE, SETTING_A_END };
#define SETTING_A_MAX (SETTING_A_END - 1)
#define NAME_SIZE 24
#define KEYS 16
#define MOST_PLUGS 2000

struct plug {
	struct list_head list;
	refcount_t references;
	bool is_taken;
	char name[NAME_SIZE];
	u16 keys;
	u32 values[KEYS];
};

static LIST_HEAD(plugs);
static unsigned int count;
static DEFINE_MUTEX(plugs_mutex);

static struct genl_family plugs_family;

static const struct nla_policy setting_policy[SETTING_A_MAX + 1] = {
	[SETTING_A_KEY] = NLA_POLICY_MAX(NLA_U8, KEYS - 1),
	[SETTING_A_VALUE] = { .type = NLA_U32 },
};

static const struct nla_policy settings_policy[SETTINGS_A_MAX + 1] = {
	[SETTINGS_A_SETTING] = NLA_POLICY_NESTED(setting_policy),
};

static const struct nla_policy plugs_policy[PLUGS_A_MAX + 1] = {
	[PLUGS_A_NAME] = { .type = NLA_NUL_STRING, .len = NAME_SIZE - 1 },
	[PLUGS_A_SETTINGS] = NLA_POLICY_NESTED(settings_policy),
};

static struct plug *plug_find(const struct genl_info *info)
{
	struct nlattr *name = info->attrs[PLUGS_A_NAME];
	struct plug *plug;

	if (!name)
		return NULL;
	list_for_each_entry(plug, &plugs, list)
		if (!nla_strcmp(name, plug->name))
			return plug;
	return NULL;
}

static int plug_put(struct sk_buff *skb, const struct plug *plug, u32 portid, u32 seq, int flags)
{
	void *hdr = genlmsg_put(skb, portid, seq, &plugs_family, flags, PLUGS_CMD_GET);
	struct nlattr *settings;
	struct nlattr *setting;
	int key;

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(skb, PLUGS_A_NAME, plug->name) ||
	    (plug->is_taken && nla_put_flag(skb, PLUGS_A_TAKEN)))
		goto cancel;
	settings = nla_nest_start(skb, PLUGS_A_SETTINGS);
	if (!settings)
		goto cancel;
	for (key = 0; key < KEYS; key++) {
		if (!(plug->keys & BIT(key)))
			continue;
		setting = nla_nest_start(skb, SETTINGS_A_SETTING);
		if (!setting || nla_put_u8(skb, SETTING_A_KEY, key) ||
		    nla_put_u32(skb, SETTING_A_VALUE, plug->values[key]))
			goto cancel;
		nla_nest_end(skb, setting);
	}
	nla_nest_end(skb, settings);
	genlmsg_end(skb, hdr);
	return 0;

cancel:
	genlmsg_cancel(skb, hdr);
	return -EMSGSIZE;
}

static int plug_set(struct plug *plug, const struct nlattr *settings, struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[SETTING_A_MAX + 1];
	const struct nlattr *setting;
	int rest;
	int err;
	u8 key;

	nla_for_each_nested(setting, settings, rest) {
		err = nla_parse_nested(attrs, SETTING_A_MAX, setting, setting_policy, extack);
		if (err)
			return err;
		if (!attrs[SETTING_A_KEY] || !attrs[SETTING_A_VALUE]) {
			NL_SET_ERR_MSG_ATTR(extack, setting, "a setting has a key and a value");
			return -EINVAL;
		}
		key = nla_get_u8(attrs[SETTING_A_KEY]);
		if (plug->keys & BIT(key)) {
			NL_SET_ERR_MSG_ATTR(extack, setting, "a key comes twice");
			return -EINVAL;
		}
		plug->keys |= BIT(key);
		plug->values[key] = nla_get_u32(attrs[SETTING_A_VALUE]);
	}
	return 0;
}

static void plug_drop(struct plug *plug)
{
	if (refcount_dec_and_test(&plug->references))
		kfree(plug);
}

static void plug_link(struct plug *plug)
{
	list_add_tail(&plug->list, &plugs);
	count++;
}

static int plugs_make(struct sk_buff *skb, struct genl_info *info)
{
	struct plug *plug;
	int err = 0;

	if (!info->attrs[PLUGS_A_NAME] || nla_len(info->attrs[PLUGS_A_NAME]) < 2)
		return -EINVAL;
	mutex_lock(&plugs_mutex);
	if (plug_find(info)) {
		err = -EEXIST;
		goto unlock;
	}
	if (count >= MOST_PLUGS) {
		err = -ENOSPC;
		goto unlock;
	}
	plug = kzalloc(sizeof(*plug), GFP_KERNEL);
	if (!plug) {
		err = -ENOMEM;
		goto unlock;
	}
	refcount_set(&plug->references, 1);
	nla_strscpy(plug->name, info->attrs[PLUGS_A_NAME], NAME_SIZE);
	if (HAS_BUG(half_made))
		plug_link(plug);
	if (info->attrs[PLUGS_A_SETTINGS])
		err = plug_set(plug, info->attrs[PLUGS_A_SETTINGS], info->extack);
	if (err && !HAS_BUG(half_made))
		plug_drop(plug);
	else if (!HAS_BUG(half_made))
		plug_link(plug);
unlock:
	mutex_unlock(&plugs_mutex);
	return err;
}

static int plugs_remove(struct sk_buff *skb, struct genl_info *info)
{
	struct plug *plug;
	int err = 0;

	mutex_lock(&plugs_mutex);
	plug = plug_find(info);
	if (!plug) {
		err = -ENOENT;
	} else if (refcount_read(&plug->references) > 1) {
		err = -EBUSY;
	} else {
		list_del(&plug->list);
		count--;
		plug_drop(plug);
	}
	mutex_unlock(&plugs_mutex);
	return err;
}

static int plugs_take(struct sk_buff *skb, struct genl_info *info)
{
	struct plug *plug;
	int err = 0;

	mutex_lock(&plugs_mutex);
	plug = plug_find(info);
	if (!plug) {
		err = -ENOENT;
	} else if (plug->is_taken) {
		err = -EBUSY;
		if (HAS_BUG(busy_reference))
			refcount_inc(&plug->references);
	} else {
		refcount_inc(&plug->references);
		plug->is_taken = true;
	}
	mutex_unlock(&plugs_mutex);
	return err;
}

static int plugs_give(struct sk_buff *skb, struct genl_info *info)
{
	struct plug *plug;
	int err = 0;

	mutex_lock(&plugs_mutex);
	plug = plug_find(info);
	if (!plug) {
		err = -ENOENT;
	} else if (!plug->is_taken) {
		err = -ENOTCONN;
	} else {
		plug->is_taken = false;
		plug_drop(plug);
	}
	mutex_unlock(&plugs_mutex);
	return err;
}

static int plugs_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	struct plug *plug;
	int err = -ENOENT;

	if (!msg)
		return -ENOMEM;
	mutex_lock(&plugs_mutex);
	plug = plug_find(info);
	if (plug)
		err = plug_put(msg, plug, info->snd_portid, info->snd_seq, 0);
	mutex_unlock(&plugs_mutex);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

/* Where the dump goes on: behind so many. */
static int plugs_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct plug *plug;
	long index = 0;

	mutex_lock(&plugs_mutex);
	list_for_each_entry(plug, &plugs, list) {
		if (index++ < cb->args[0])
			continue;
		if (plug_put(skb, plug, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI))
			break;
		cb->args[0] = index;
	}
	mutex_unlock(&plugs_mutex);
	return skb->len;
}

static const struct genl_ops plugs_ops[] = {
	{ .cmd = PLUGS_CMD_MAKE, .doit = plugs_make, .flags = GENL_ADMIN_PERM },
	{ .cmd = PLUGS_CMD_REMOVE, .doit = plugs_remove, .flags = GENL_ADMIN_PERM },
	{ .cmd = PLUGS_CMD_GET, .doit = plugs_get, .dumpit = plugs_dump },
	{ .cmd = PLUGS_CMD_TAKE, .doit = plugs_take, .flags = GENL_ADMIN_PERM },
	{ .cmd = PLUGS_CMD_GIVE, .doit = plugs_give, .flags = GENL_ADMIN_PERM },
};

static struct genl_family plugs_family = {
	.name = "probed_plugs",
	.version = 1,
	.maxattr = PLUGS_A_MAX,
	.policy = plugs_policy,
	.module = THIS_MODULE,
	.ops = plugs_ops,
	.n_ops = ARRAY_SIZE(plugs_ops),
	RESV_START_OP(PLUGS_CMD_MAKE)
};

static int __init plugs_init(void)
{
	return genl_register_family(&plugs_family);
}

static void __exit plugs_exit(void)
{
	struct plug *plug;
	struct plug *next;

	genl_unregister_family(&plugs_family);
	list_for_each_entry_safe(plug, next, &plugs, list)
		kfree(plug);
}

module_init(plugs_init);
module_exit(plugs_exit);

MODULE_DESCRIPTION("Plugs with settings, which may be taken");
MODULE_LICENSE("GPL");
