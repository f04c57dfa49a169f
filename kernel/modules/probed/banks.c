// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memory that is read and written by place and number of bytes, and banks of it that have labels. A bank's slot is
 * used again when it is closed.
 */
#include <linux/mutex.h>
#include <linux/string.h>

#include "probed.h"

enum {
	BANKS_CMD_UNSPEC,
	BANKS_CMD_READ,
	BANKS_CMD_WRITE,
	BANKS_CMD_OPEN,
	BANKS_CMD_LABEL,
	BANKS_CMD_CLOSE,
	BANKS_CMD_LIST,
};
enum {
	BANKS_A_UNSPEC,
	BANKS_A_PLACE,
	BANKS_A_COUNT,
	BANKS_A_BYTES,
	BANKS_A_NAME,
	BANKS_A_LABEL,
	BANKS_A_END
};
#define BANKS_A_MAX (BANKS_A_END - 1)
#define CELLS 2048
#define SLOTS 1000
#define LONGEST_NAME 15
#define LONGEST_LABEL 23

struct bank {
	bool is_open;
	char name[LONGEST_NAME + 1];
	char label[LONGEST_LABEL + 1];
};

/* What is behind the cells must not be told. */
static struct {
	u8 cells[CELLS];
	struct bank banks[SLOTS];
} memory;
static DEFINE_MUTEX(memory_mutex);

static struct genl_family banks_family;

static const struct nla_policy cells_policy[BANKS_A_MAX + 1] = {
	[BANKS_A_PLACE] = { .type = NLA_U32 },
	[BANKS_A_COUNT] = { .type = NLA_U16 },
	[BANKS_A_BYTES] = { .type = NLA_BINARY, .len = CELLS },
};

static const struct nla_policy name_policy[BANKS_A_MAX + 1] = {
	[BANKS_A_NAME] = { .type = NLA_NUL_STRING, .len = LONGEST_NAME },
};

static const struct nla_policy label_policy[BANKS_A_MAX + 1] = {
	[BANKS_A_NAME] = { .type = NLA_NUL_STRING, .len = LONGEST_NAME },
	[BANKS_A_LABEL] = { .type = NLA_NUL_STRING, .len = LONGEST_LABEL },
};

static int banks_read(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	u32 place, count;
	void *hdr;
	int err;

	if (!info->attrs[BANKS_A_PLACE] || !info->attrs[BANKS_A_COUNT])
		return -EINVAL;
	place = nla_get_u32(info->attrs[BANKS_A_PLACE]);
	count = nla_get_u16(info->attrs[BANKS_A_COUNT]);
	if (place >= CELLS || count > CELLS || (!HAS_BUG(read_beyond) && count > CELLS - place))
		return -ERANGE;
	msg = genlmsg_new(nla_total_size(sizeof(u32)) + nla_total_size(count), GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &banks_family, 0, BANKS_CMD_READ);
	if (!hdr) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	mutex_lock(&memory_mutex);
	err = nla_put_u32(msg, BANKS_A_PLACE, place) ?:
	      nla_put(msg, BANKS_A_BYTES, count, (u8 *)&memory + place);
	mutex_unlock(&memory_mutex);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* The first COUNT of the bytes, or all. */
static int banks_write(struct sk_buff *skb, struct genl_info *info)
{
	u32 place, count;

	if (!info->attrs[BANKS_A_PLACE] || !info->attrs[BANKS_A_BYTES])
		return -EINVAL;
	place = nla_get_u32(info->attrs[BANKS_A_PLACE]);
	count = nla_len(info->attrs[BANKS_A_BYTES]);
	if (info->attrs[BANKS_A_COUNT]) {
		u32 wanted = nla_get_u16(info->attrs[BANKS_A_COUNT]);

		if (!HAS_BUG(write_longer) && wanted > count)
			return -EINVAL;
		count = wanted;
	}
	if (place >= CELLS || count > CELLS - place)
		return -ERANGE;
	mutex_lock(&memory_mutex);
	memcpy(memory.cells + place, nla_data(info->attrs[BANKS_A_BYTES]), count);
	mutex_unlock(&memory_mutex);
	return 0;
}

static struct bank *bank_find(const struct genl_info *info)
{
	struct nlattr *name = info->attrs[BANKS_A_NAME];
	unsigned int slot;

	for (slot = 0; name && slot < SLOTS; slot++)
		if (memory.banks[slot].is_open && !nla_strcmp(name, memory.banks[slot].name))
			return &memory.banks[slot];
	return NULL;
}

static struct bank *bank_free(void)
{
	unsigned int slot;

	for (slot = 0; slot < SLOTS; slot++)
		if (!memory.banks[slot].is_open)
			return &memory.banks[slot];
	return NULL;
}

static int banks_open(struct sk_buff *skb, struct genl_info *info)
{
	struct bank *bank;
	int err = 0;

	if (!info->attrs[BANKS_A_NAME])
		return -EINVAL;
	mutex_lock(&memory_mutex);
	bank = bank_free();
	if (bank_find(info)) {
		err = -EEXIST;
	} else if (!bank) {
		err = -ENOSPC;
	} else {
		bank->is_open = true;
		nla_strscpy(bank->name, info->attrs[BANKS_A_NAME], sizeof(bank->name));
		if (!HAS_BUG(label_left))
			bank->label[0] = '\0';
	}
	mutex_unlock(&memory_mutex);
	return err;
}

static int banks_label(struct sk_buff *skb, struct genl_info *info)
{
	struct bank *bank;

	if (!info->attrs[BANKS_A_NAME] || !info->attrs[BANKS_A_LABEL])
		return -EINVAL;
	mutex_lock(&memory_mutex);
	bank = bank_find(info);
	if (bank)
		nla_strscpy(bank->label, info->attrs[BANKS_A_LABEL], sizeof(bank->label));
	mutex_unlock(&memory_mutex);
	return bank ? 0 : -ENOENT;
}

static int banks_close(struct sk_buff *skb, struct genl_info *info)
{
	struct bank *bank;

	if (!info->attrs[BANKS_A_NAME])
		return -EINVAL;
	mutex_lock(&memory_mutex);
	bank = bank_find(info);
	if (bank)
		bank->is_open = false;
	mutex_unlock(&memory_mutex);
	return bank ? 0 : -ENOENT;
}

static int bank_put(struct sk_buff *skb, struct netlink_callback *cb, const struct bank *bank)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &banks_family,
				NLM_F_MULTI, BANKS_CMD_LIST);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(skb, BANKS_A_NAME, bank->name) ||
	    nla_put_string(skb, BANKS_A_LABEL, bank->label)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int banks_list(struct sk_buff *skb, struct netlink_callback *cb)
{
	long slot;

	mutex_lock(&memory_mutex);
	for (slot = cb->args[0]; slot < SLOTS; slot++)
		if (memory.banks[slot].is_open && bank_put(skb, cb, &memory.banks[slot]))
			break;
	mutex_unlock(&memory_mutex);
	cb->args[0] = slot;
	return skb->len;
}

static const struct genl_ops banks_ops[] = {
	{
		.cmd = BANKS_CMD_READ,
		.doit = banks_read,
		.policy = cells_policy,
		.maxattr = BANKS_A_MAX,
	},
	{
		.cmd = BANKS_CMD_WRITE,
		.doit = banks_write,
		.policy = cells_policy,
		.maxattr = BANKS_A_MAX,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = BANKS_CMD_OPEN,
		.doit = banks_open,
		.policy = name_policy,
		.maxattr = BANKS_A_MAX,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = BANKS_CMD_LABEL,
		.doit = banks_label,
		.policy = label_policy,
		.maxattr = BANKS_A_MAX,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = BANKS_CMD_CLOSE,
		.doit = banks_close,
		.policy = name_policy,
		.maxattr = BANKS_A_MAX,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = BANKS_CMD_LIST,
		.dumpit = banks_list,
		.policy = name_policy,
		.maxattr = BANKS_A_MAX,
	},
};

static struct genl_family banks_family = {
	.name = "probed_banks",
	.version = 1,
	.ops = banks_ops,
	.n_ops = ARRAY_SIZE(banks_ops),
	.module = THIS_MODULE,
	RESV_START_OP(BANKS_CMD_LIST + 1)
};

static int __init banks_init(void)
{
	return genl_register_family(&banks_family);
}

static void __exit banks_exit(void)
{
	genl_unregister_family(&banks_family);
}

module_init(banks_init);
module_exit(banks_exit);
MODULE_DESCRIPTION("a memory by place and number of bytes, and banks with labels");
MODULE_LICENSE("GPL");
