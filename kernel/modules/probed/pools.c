// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools, and leases that belong to one of them. Anybody may draw units from a pool. A pool that is reserved holds the
 * module until it is released, or its time is over.
 */
#include <linux/etherdevice.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "probed.h"

enum {
	POOLS_CMD_UNSPEC,
	POOLS_CMD_ADD,
	POOLS_CMD_REMOVE,
	POOLS_CMD_GET,
	POOLS_CMD_LEASE,
	POOLS_CMD_RETURN,
	POOLS_CMD_LEASES,
	POOLS_CMD_DRAW,
	POOLS_CMD_RESERVE,
	POOLS_CMD_RELEASE,
};
enum {
	POOLS_A_UNSPEC,
	POOLS_A_POOL,
	POOLS_A_UNITS,
	POOLS_A_USED,
	POOLS_A_ADDRESS,
	POOLS_A_TIME,
	POOLS_A_MILLISECONDS,
	POOLS_A_END
};
#define POOLS_A_MAX (POOLS_A_END - 1)
#define MOST_POOLS 4000
#define MOST_LEASES 4000
#define LONGEST 60000
#define DRAWN 10

struct pool {
	struct list_head node;
	u32 id;
	u32 units;
	u32 used;
	bool is_reserved;
	struct delayed_work over;
};

struct lease {
	struct list_head node;
	u8 address[ETH_ALEN];
	u32 pool;
	u32 time;
};

static LIST_HEAD(pools);
static LIST_HEAD(leases);
static unsigned int pool_count;
static unsigned int lease_count;
static DEFINE_MUTEX(pools_mutex);
static struct workqueue_struct *pools_queue;

static struct genl_family pools_family;

static const struct nla_policy pools_policy[POOLS_A_MAX + 1] = {
	[POOLS_A_POOL] = NLA_POLICY_MIN(NLA_U32, 1),
	[POOLS_A_UNITS] = { .type = NLA_U32 },
	[POOLS_A_ADDRESS] = NLA_POLICY_EXACT_LEN(ETH_ALEN),
	[POOLS_A_TIME] = { .type = NLA_U32 },
	[POOLS_A_MILLISECONDS] = { .type = NLA_U32 },
};

static struct pool *pool_find(const struct genl_info *info)
{
	struct nlattr *id = info->attrs[POOLS_A_POOL];
	struct pool *pool;

	list_for_each_entry(pool, &pools, node)
		if (id && pool->id == nla_get_u32(id))
			return pool;
	return NULL;
}

static struct pool *pool_of(const struct lease *lease)
{
	struct pool *pool;

	list_for_each_entry(pool, &pools, node)
		if (pool->id == lease->pool)
			return pool;
	return NULL;
}

static struct lease *lease_find(const struct genl_info *info)
{
	struct nlattr *address = info->attrs[POOLS_A_ADDRESS];
	struct lease *lease;

	list_for_each_entry(lease, &leases, node)
		if (address && !memcmp(lease->address, nla_data(address), ETH_ALEN))
			return lease;
	return NULL;
}

static int pool_put(struct sk_buff *skb, const struct pool *pool, u32 portid, u32 seq, int flags,
		    u8 command)
{
	void *hdr = genlmsg_put(skb, portid, seq, &pools_family, flags, command);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, POOLS_A_POOL, pool->id) || nla_put_u32(skb, POOLS_A_UNITS, pool->units) ||
	    nla_put_u32(skb, POOLS_A_USED, pool->used)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static void pool_release(struct pool *pool)
{
	pool->is_reserved = false;
	if (!HAS_BUG(kept_by_release))
		module_put(THIS_MODULE);
}

/* The queue is flushed before the module goes, so its code stays until this returns. */
static void pool_over(struct work_struct *work)
{
	struct pool *pool = container_of(to_delayed_work(work), struct pool, over);

	mutex_lock(&pools_mutex);
	if (pool->is_reserved) {
		pool->is_reserved = false;
		module_put(THIS_MODULE);
	}
	mutex_unlock(&pools_mutex);
}

static int pools_add(struct sk_buff *skb, struct genl_info *info)
{
	struct pool *pool;
	int err = 0;

	if (!info->attrs[POOLS_A_POOL] || !info->attrs[POOLS_A_UNITS])
		return -EINVAL;
	mutex_lock(&pools_mutex);
	if (pool_find(info)) {
		err = -EEXIST;
		goto unlock;
	}
	if (pool_count >= MOST_POOLS) {
		err = -ENOSPC;
		goto unlock;
	}
	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool) {
		err = -ENOMEM;
		goto unlock;
	}
	pool->id = nla_get_u32(info->attrs[POOLS_A_POOL]);
	pool->units = nla_get_u32(info->attrs[POOLS_A_UNITS]);
	INIT_DELAYED_WORK(&pool->over, pool_over);
	list_add_tail(&pool->node, &pools);
	pool_count++;
unlock:
	mutex_unlock(&pools_mutex);
	return err;
}

static int pools_remove(struct sk_buff *skb, struct genl_info *info)
{
	struct pool *pool;
	int err = 0;

	mutex_lock(&pools_mutex);
	pool = pool_find(info);
	if (!pool) {
		err = -ENOENT;
	} else if (pool->is_reserved || (pool->used && !HAS_BUG(removed_in_use))) {
		err = -EBUSY;
	} else {
		list_del(&pool->node);
		kfree(pool);
		pool_count--;
	}
	mutex_unlock(&pools_mutex);
	return err;
}

static int pools_get(struct sk_buff *skb, struct genl_info *info)
{
	u8 command = HAS_BUG(other_number) ? POOLS_CMD_GET : POOLS_CMD_ADD;
	struct sk_buff *msg;
	struct pool *pool;
	int err = -ENOENT;

	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&pools_mutex);
	pool = pool_find(info);
	if (pool)
		err = pool_put(msg, pool, info->snd_portid, info->snd_seq, 0, command);
	mutex_unlock(&pools_mutex);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

static int pools_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct pool *pool;
	long at = 0;

	mutex_lock(&pools_mutex);
	list_for_each_entry(pool, &pools, node) {
		if (at >= cb->args[0] && pool_put(skb, pool, NETLINK_CB(cb->skb).portid,
						  cb->nlh->nlmsg_seq, NLM_F_MULTI, POOLS_CMD_ADD))
			break;
		at++;
	}
	mutex_unlock(&pools_mutex);
	cb->args[0] = at;
	return skb->len;
}

static int pools_lease(struct sk_buff *skb, struct genl_info *info)
{
	struct lease *lease;
	struct pool *pool;
	int err = 0;

	if (!info->attrs[POOLS_A_ADDRESS] || !info->attrs[POOLS_A_POOL])
		return -EINVAL;
	if (!is_valid_ether_addr(nla_data(info->attrs[POOLS_A_ADDRESS])))
		return -EADDRNOTAVAIL;
	mutex_lock(&pools_mutex);
	pool = pool_find(info);
	if (!pool) {
		err = -ENOENT;
		goto unlock;
	}
	lease = lease_find(info);
	if (!lease) {
		err = -ENOSPC;
		if (lease_count >= MOST_LEASES)
			goto unlock;
		err = -ENOMEM;
		lease = kzalloc(sizeof(*lease), GFP_KERNEL);
		if (!lease)
			goto unlock;
		err = 0;
		memcpy(lease->address, nla_data(info->attrs[POOLS_A_ADDRESS]), ETH_ALEN);
		list_add_tail(&lease->node, &leases);
		lease_count++;
	} else {
		struct pool *before = pool_of(lease);

		if (before)
			before->used--;
	}
	lease->pool = pool->id;
	pool->used++;
	if (info->attrs[POOLS_A_TIME])
		lease->time = nla_get_u32(info->attrs[POOLS_A_TIME]);
unlock:
	mutex_unlock(&pools_mutex);
	return err;
}

static int pools_return(struct sk_buff *skb, struct genl_info *info)
{
	struct lease *lease;
	struct pool *pool;
	int err = -ENOENT;

	mutex_lock(&pools_mutex);
	lease = lease_find(info);
	if (lease) {
		pool = pool_of(lease);
		if (pool && !HAS_BUG(still_counted))
			pool->used--;
		list_del(&lease->node);
		kfree(lease);
		lease_count--;
		err = 0;
	}
	mutex_unlock(&pools_mutex);
	return err;
}

static int pools_leases(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lease *lease;
	long at = 0;
	void *hdr;

	mutex_lock(&pools_mutex);
	list_for_each_entry(lease, &leases, node) {
		if (at++ < cb->args[0])
			continue;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &pools_family, NLM_F_MULTI, POOLS_CMD_LEASE);
		if (hdr && !nla_put(skb, POOLS_A_ADDRESS, ETH_ALEN, lease->address) &&
		    !nla_put_u32(skb, POOLS_A_POOL, lease->pool) &&
		    !nla_put_u32(skb, POOLS_A_TIME, lease->time)) {
			genlmsg_end(skb, hdr);
			continue;
		}
		if (hdr)
			genlmsg_cancel(skb, hdr);
		at--;
		break;
	}
	mutex_unlock(&pools_mutex);
	cb->args[0] = at;
	return skb->len;
}

static int pools_draw(struct sk_buff *skb, struct genl_info *info)
{
	struct pool *pool;
	int err = 0;

	mutex_lock(&pools_mutex);
	pool = pool_find(info);
	if (!pool)
		err = -ENOENT;
	else if (pool->units < DRAWN)
		err = -EAGAIN;
	else
		pool->units -= DRAWN;
	mutex_unlock(&pools_mutex);
	return err;
}

static int pools_reserve(struct sk_buff *skb, struct genl_info *info)
{
	struct pool *pool;
	int err = 0;

	if (!info->attrs[POOLS_A_MILLISECONDS])
		return -EINVAL;
	if (nla_get_u32(info->attrs[POOLS_A_MILLISECONDS]) > LONGEST)
		return -ERANGE;
	mutex_lock(&pools_mutex);
	pool = pool_find(info);
	if (!pool) {
		err = -ENOENT;
	} else if (pool->is_reserved) {
		err = -EALREADY;
	} else {
		__module_get(THIS_MODULE);
		pool->is_reserved = true;
		queue_delayed_work(pools_queue, &pool->over,
				   msecs_to_jiffies(nla_get_u32(info->attrs[POOLS_A_MILLISECONDS])));
	}
	mutex_unlock(&pools_mutex);
	return err;
}

static int pools_release(struct sk_buff *skb, struct genl_info *info)
{
	struct pool *pool;
	int err = 0;

	mutex_lock(&pools_mutex);
	pool = pool_find(info);
	if (!pool)
		err = -ENOENT;
	/* Work that waits for the mutex ends it by itself. */
	else if (!pool->is_reserved || !cancel_delayed_work(&pool->over))
		err = -EBUSY;
	else
		pool_release(pool);
	mutex_unlock(&pools_mutex);
	return err;
}

static const struct genl_ops pools_ops[] = {
	{ .cmd = POOLS_CMD_ADD, .doit = pools_add, .flags = GENL_ADMIN_PERM },
	{ .cmd = POOLS_CMD_REMOVE, .doit = pools_remove, .flags = GENL_ADMIN_PERM },
	{ .cmd = POOLS_CMD_GET, .doit = pools_get, .dumpit = pools_dump },
	{ .cmd = POOLS_CMD_LEASE, .doit = pools_lease, .flags = GENL_ADMIN_PERM },
	{ .cmd = POOLS_CMD_RETURN, .doit = pools_return, .flags = GENL_ADMIN_PERM },
	{ .cmd = POOLS_CMD_LEASES, .dumpit = pools_leases },
	{ .cmd = POOLS_CMD_DRAW, .doit = pools_draw },
	{ .cmd = POOLS_CMD_RESERVE, .doit = pools_reserve, .flags = GENL_ADMIN_PERM },
	{ .cmd = POOLS_CMD_RELEASE, .doit = pools_release, .flags = GENL_ADMIN_PERM },
};

static struct genl_family pools_family = {
	.name = "probed_pools",
	.version = 1,
	.maxattr = POOLS_A_MAX,
	.policy = pools_policy,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = pools_ops,
	.n_ops = ARRAY_SIZE(pools_ops),
	RESV_START_OP(POOLS_CMD_RELEASE + 1)
};

static int __init pools_init(void)
{
	int err;

	pools_queue = alloc_workqueue("probed_pools", 0, 0);
	if (!pools_queue)
		return -ENOMEM;
	err = genl_register_family(&pools_family);
	if (err)
		destroy_workqueue(pools_queue);
	return err;
}
module_init(pools_init);

static void __exit pools_exit(void)
{
	struct lease *lease, *next_lease;
	struct pool *pool, *next;

	genl_unregister_family(&pools_family);
	/* Nothing is reserved, or the module would be held; work may be about to return. */
	destroy_workqueue(pools_queue);
	list_for_each_entry_safe(lease, next_lease, &leases, node)
		kfree(lease);
	list_for_each_entry_safe(pool, next, &pools, node)
		kfree(pool);
}
module_exit(pools_exit);

MODULE_DESCRIPTION("Pools, and leases that belong to one of them");
MODULE_LICENSE("GPL");
