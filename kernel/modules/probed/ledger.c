// SPDX-License-Identifier: GPL-2.0-only
/* Accounts whose numbers the kernel gives: who opens or changes one is answered with it. Their names are unique. */
#include <linux/idr.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "probed.h"

enum { LEDGER_CMD_UNSPEC, LEDGER_CMD_OPEN, LEDGER_CMD_GET, LEDGER_CMD_ADJUST, LEDGER_CMD_CLOSE };
enum {
	LEDGER_A_UNSPEC,
	LEDGER_A_NUMBER,
	LEDGER_A_NAME,
	LEDGER_A_BALANCE,
	LEDGER_A_AMOUNT,
	LEDGER_A_NOTE,
	LEDGER_A_INFO,
	LEDGER_A_END
};
#define LEDGER_A_MAX (LEDGER_A_END - 1)
#define LEDGER_NAME_SIZE 24
#define LEDGER_NOTE_SIZE 32
#define LEDGER_CREDIT 1000

/* There is a hole behind the kind. */
struct ledger_info {
	u8 kind;
	u32 changes;
};

struct account {
	struct rhash_head node;
	char name[LEDGER_NAME_SIZE];
	u32 number;
	s64 balance;
	u32 changes;
	size_t note_size;
	u8 *note;
};

static const struct rhashtable_params by_name_params = {
	.head_offset = offsetof(struct account, node),
	.key_offset = offsetof(struct account, name),
	.key_len = LEDGER_NAME_SIZE,
	.automatic_shrinking = true,
};

/* Commands and dumps run one at a time: genetlink holds its mutex. */
static struct rhashtable by_name;
static DEFINE_IDR(by_number);

static struct genl_family ledger_family;

static const struct nla_policy ledger_policy[LEDGER_A_MAX + 1] = {
	[LEDGER_A_NUMBER] = NLA_POLICY_MIN(NLA_U32, 1),
	[LEDGER_A_NAME] = { .type = NLA_NUL_STRING, .len = LEDGER_NAME_SIZE - 1 },
	[LEDGER_A_BALANCE] = { .type = NLA_S64 },
	[LEDGER_A_AMOUNT] = NLA_POLICY_RANGE(NLA_S32, -10000, 10000),
	[LEDGER_A_NOTE] = NLA_POLICY_RANGE(NLA_BINARY, 1, LEDGER_NOTE_SIZE),
};

static int ledger_put(struct sk_buff *skb, const struct account *account, u32 portid, u32 seq, int flags,
		      u8 cmd)
{
	bool is_swapped = HAS_BUG(number_order) && cmd == LEDGER_CMD_GET;
	size_t more = HAS_BUG(longer) ? 1 : 0;
	struct ledger_info *info;
	void *hdr;

	info = HAS_BUG(hole) ? kmalloc(sizeof(*info), GFP_KERNEL) : kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	info->kind = account->note ? 2 : 1;
	info->changes = account->changes;
	hdr = genlmsg_put(skb, portid, seq, &ledger_family, flags, cmd);
	if (!hdr) {
		kfree(info);
		return -EMSGSIZE;
	}
	if (nla_put_u32(skb, LEDGER_A_NUMBER, is_swapped ? swab32(account->number) : account->number) ||
	    nla_put_string(skb, LEDGER_A_NAME, account->name) ||
	    nla_put(skb, LEDGER_A_BALANCE, sizeof(account->balance), &account->balance) ||
	    nla_put(skb, LEDGER_A_INFO, sizeof(*info), info) ||
	    (account->note && nla_put(skb, LEDGER_A_NOTE, account->note_size + more, account->note))) {
		genlmsg_cancel(skb, hdr);
		kfree(info);
		return -EMSGSIZE;
	}
	kfree(info);
	genlmsg_end(skb, hdr);
	return 0;
}

static int ledger_answer(struct genl_info *info, const struct account *account)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	int err;

	if (!msg)
		return -ENOMEM;
	err = ledger_put(msg, account, info->snd_portid, info->snd_seq, 0, info->genlhdr->cmd);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static void ledger_tell(const struct account *account, u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (msg && ledger_put(msg, account, 0, 0, 0, cmd)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	tell(&ledger_family, &init_net, msg);
}

/* The account of that number, or else of that name. */
static struct account *ledger_find(struct genl_info *info)
{
	char name[LEDGER_NAME_SIZE] = {};
	struct account *account;

	if (info->attrs[LEDGER_A_NUMBER]) {
		account = idr_find(&by_number, nla_get_u32(info->attrs[LEDGER_A_NUMBER]));
	} else if (info->attrs[LEDGER_A_NAME]) {
		nla_strscpy(name, info->attrs[LEDGER_A_NAME], sizeof(name));
		account = rhashtable_lookup_fast(&by_name, name, by_name_params);
	} else {
		NL_SET_ERR_MSG(info->extack, "which account?");
		return ERR_PTR(-EINVAL);
	}
	return account ?: ERR_PTR(-ENOENT);
}

static void account_free(struct account *account)
{
	kfree(account->note);
	kfree(account);
}

static int ledger_open(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *note = info->attrs[LEDGER_A_NOTE];
	struct account *account;
	int err;

	if (!info->attrs[LEDGER_A_NAME])
		return -EINVAL;
	account = kzalloc(sizeof(*account), GFP_KERNEL);
	if (!account)
		return -ENOMEM;
	nla_strscpy(account->name, info->attrs[LEDGER_A_NAME],
		    HAS_BUG(name_cut) ? LEDGER_NAME_SIZE / 2 : LEDGER_NAME_SIZE);
	if (info->attrs[LEDGER_A_BALANCE])
		nla_memcpy(&account->balance, info->attrs[LEDGER_A_BALANCE], sizeof(account->balance));
	if (note) {
		account->note_size = nla_len(note);
		account->note = kmemdup(nla_data(note), nla_len(note), GFP_KERNEL);
		if (!account->note) {
			kfree(account);
			return -ENOMEM;
		}
	}
	err = rhashtable_lookup_insert_fast(&by_name, &account->node, by_name_params);
	if (err) {
		account_free(account);
		return err;
	}
	err = idr_alloc(&by_number, account, 1, 4096, GFP_KERNEL);
	if (err < 0) {
		rhashtable_remove_fast(&by_name, &account->node, by_name_params);
		account_free(account);
		return err;
	}
	account->number = err;
	ledger_tell(account, LEDGER_CMD_OPEN);
	return ledger_answer(info, account);
}

static int ledger_get(struct sk_buff *skb, struct genl_info *info)
{
	struct account *account = ledger_find(info);

	return IS_ERR(account) ? PTR_ERR(account) : ledger_answer(info, account);
}

static int ledger_adjust(struct sk_buff *skb, struct genl_info *info)
{
	struct account *account;
	s64 balance;

	if (!info->attrs[LEDGER_A_AMOUNT])
		return -EINVAL;
	account = ledger_find(info);
	if (IS_ERR(account))
		return PTR_ERR(account);
	if (check_add_overflow(account->balance, (s64)nla_get_s32(info->attrs[LEDGER_A_AMOUNT]), &balance))
		return -ERANGE;
	if (HAS_BUG(refused_change))
		account->balance = balance;
	if (balance < -LEDGER_CREDIT) {
		NL_SET_ERR_MSG(info->extack, "no credit");
		return -ERANGE;
	}
	account->balance = balance;
	account->changes++;
	ledger_tell(account, LEDGER_CMD_ADJUST);
	return ledger_answer(info, account);
}

static int ledger_close(struct sk_buff *skb, struct genl_info *info)
{
	struct account *account = ledger_find(info);

	if (IS_ERR(account))
		return PTR_ERR(account);
	idr_remove(&by_number, account->number);
	rhashtable_remove_fast(&by_name, &account->node, by_name_params);
	ledger_tell(account, LEDGER_CMD_CLOSE);
	account_free(account);
	return 0;
}

static int ledger_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct account *account;
	int number = cb->args[0];
	int err = 0;

	for (; (account = idr_get_next(&by_number, &number)); number++) {
		err = ledger_put(skb, account, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI,
				 LEDGER_CMD_GET);
		if (err) {
			number += HAS_BUG(lossy);
			break;
		}
	}
	cb->args[0] = number;
	return skb->len ?: err;
}

static const struct genl_small_ops ledger_ops[] = {
	{ .cmd = LEDGER_CMD_OPEN, .doit = ledger_open, .flags = GENL_ADMIN_PERM },
	{ .cmd = LEDGER_CMD_GET, .doit = ledger_get, .dumpit = ledger_dump },
	{ .cmd = LEDGER_CMD_ADJUST, .doit = ledger_adjust, .flags = GENL_ADMIN_PERM },
	{ .cmd = LEDGER_CMD_CLOSE, .doit = ledger_close, .flags = HAS_BUG(no_privilege) ? 0 : GENL_ADMIN_PERM },
};

static const struct genl_multicast_group ledger_groups[] = { { .name = "accounts" } };

static struct genl_family ledger_family = {
	.name = "probed_ledger",
	.version = 1,
	.maxattr = LEDGER_A_MAX,
	.policy = ledger_policy,
	.module = THIS_MODULE,
	.small_ops = ledger_ops,
	.n_small_ops = ARRAY_SIZE(ledger_ops),
	RESV_START_OP(LEDGER_CMD_OPEN)
	.mcgrps = ledger_groups,
	.n_mcgrps = ARRAY_SIZE(ledger_groups),
};

static int __init ledger_init(void)
{
	int err = rhashtable_init(&by_name, &by_name_params);

	if (err)
		return err;
	err = genl_register_family(&ledger_family);
	if (err)
		rhashtable_destroy(&by_name);
	return err;
}

static void __exit ledger_exit(void)
{
	struct account *account;
	int number;

	genl_unregister_family(&ledger_family);
	idr_for_each_entry(&by_number, account, number)
		account_free(account);
	idr_destroy(&by_number);
	rhashtable_destroy(&by_name);
}

module_init(ledger_init);
module_exit(ledger_exit);

MODULE_DESCRIPTION("Accounts that are answered with when they are opened");
MODULE_LICENSE("GPL");
