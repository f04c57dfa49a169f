// SPDX-License-Identifier: GPL-2.0-only
/* A shape in nested attributes: a label, a tag of eight bytes, an array of points. */
#include <linux/slab.h>

#include "probed.h"

enum { NESTED_CMD_UNSPEC, NESTED_CMD_SET, NESTED_CMD_GET };
enum { NESTED_A_UNSPEC, NESTED_A_SHAPE, NESTED_A_END };
enum { SHAPE_A_UNSPEC, SHAPE_A_LABEL, SHAPE_A_TAG, SHAPE_A_POINTS, SHAPE_A_END };
enum { POINT_A_UNSPEC, POINT_A_X, POINT_A_Y, POINT_A_END };
#define NESTED_A_MAX (NESTED_A_END - 1)
#define SHAPE_A_MAX (SHAPE_A_END - 1)
#define POINT_A_MAX (POINT_A_END - 1)
#define LABEL_SIZE 16
#define TAG_SIZE 8
#define MOST_POINTS 16

struct point {
	s32 x;
	s32 y;
};

struct shape {
	char label[LABEL_SIZE];
	u8 tag[TAG_SIZE];
	u32 n_points;
	struct point points[];
};

static struct shape *shape;
static struct genl_family nested_family;

static const struct nla_policy point_policy[POINT_A_MAX + 1] = {
	[POINT_A_X] = { .type = NLA_S32 },
	[POINT_A_Y] = { .type = NLA_S32 },
};

static const struct nla_policy shape_policy[SHAPE_A_MAX + 1] = {
	[SHAPE_A_LABEL] = { .type = HAS_BUG(unterminated) ? NLA_STRING : NLA_NUL_STRING,
			    .len = LABEL_SIZE - 1 },
#if HAS_BUG(over_read)
	[SHAPE_A_TAG] = { .type = NLA_BINARY, .len = TAG_SIZE },
#else
	[SHAPE_A_TAG] = NLA_POLICY_EXACT_LEN(TAG_SIZE),
#endif
	[SHAPE_A_POINTS] = NLA_POLICY_NESTED_ARRAY(point_policy),
};

static const struct nla_policy nested_policy[NESTED_A_MAX + 1] = {
	[NESTED_A_SHAPE] = NLA_POLICY_NESTED(shape_policy),
};

static int point_read(struct point *point, const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[POINT_A_MAX + 1];
	int err = nla_parse_nested(attrs, POINT_A_MAX, nest, point_policy, extack);

	if (err)
		return err;
	if (!HAS_BUG(missing_check) && (!attrs[POINT_A_X] || !attrs[POINT_A_Y])) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a point has x and y");
		return -EINVAL;
	}
	point->x = nla_get_s32(attrs[POINT_A_X]);
	point->y = nla_get_s32(attrs[POINT_A_Y]);
	return 0;
}

static int points_read(struct shape *new, const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *each;
	int rest;
	int err;

	nla_for_each_nested(each, nest, rest) {
		if (!HAS_BUG(out_of_bounds) && new->n_points == MOST_POINTS) {
			NL_SET_ERR_MSG_ATTR(extack, each, "too many points");
			return -E2BIG;
		}
		err = point_read(&new->points[new->n_points++], each, extack);
		if (err)
			return err;
	}
	return 0;
}

static int nested_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attrs[SHAPE_A_MAX + 1];
	struct shape *new;
	int err;

	if (!info->attrs[NESTED_A_SHAPE])
		return -EINVAL;
	err = nla_parse_nested(attrs, SHAPE_A_MAX, info->attrs[NESTED_A_SHAPE], shape_policy, info->extack);
	if (err)
		return err;
	if (!attrs[SHAPE_A_LABEL])
		return -EINVAL;

	new = kzalloc(sizeof(*new) + MOST_POINTS * sizeof(new->points[0]), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	if (HAS_BUG(unterminated))
		strcpy(new->label, nla_data(attrs[SHAPE_A_LABEL]));
	else
		strscpy(new->label, nla_data(attrs[SHAPE_A_LABEL]), sizeof(new->label));
	if (attrs[SHAPE_A_TAG])
		memcpy(new->tag, nla_data(attrs[SHAPE_A_TAG]), TAG_SIZE);
	if (attrs[SHAPE_A_POINTS])
		err = points_read(new, attrs[SHAPE_A_POINTS], info->extack);
	if (err) {
		if (!HAS_BUG(leak_object))
			kfree(new);
		return err;
	}
	kfree(shape);
	shape = new;
	return 0;
}

static int point_put(struct sk_buff *skb, const struct point *point, int type)
{
	struct nlattr *nest = nla_nest_start(skb, type);

	if (!nest || nla_put_s32(skb, POINT_A_X, point->x) || nla_put_s32(skb, POINT_A_Y, point->y))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int shape_put(struct sk_buff *skb)
{
	struct nlattr *nest = nla_nest_start(skb, NESTED_A_SHAPE);
	struct nlattr *points;
	u32 index;

	if (!nest || nla_put_string(skb, SHAPE_A_LABEL, shape->label) ||
	    nla_put(skb, SHAPE_A_TAG, TAG_SIZE, shape->tag))
		return -EMSGSIZE;
	points = nla_nest_start(skb, SHAPE_A_POINTS);
	if (!points)
		return -EMSGSIZE;
	for (index = 0; index < shape->n_points; index++) {
		if (point_put(skb, &shape->points[index], index + 1))
			return -EMSGSIZE;
	}
	if (!HAS_BUG(no_nest_end))
		nla_nest_end(skb, points);
	nla_nest_end(skb, nest);
	return 0;
}

static int nested_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	if (!shape)
		return -ENODATA;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &nested_family, 0, NESTED_CMD_GET);
	if (!hdr || shape_put(msg)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static const struct genl_ops nested_ops[] = {
	{ .cmd = NESTED_CMD_SET, .doit = nested_set, .flags = GENL_ADMIN_PERM },
	{ .cmd = NESTED_CMD_GET, .doit = nested_get },
};

static struct genl_family nested_family = {
	.name = "probed_nested",
	.version = 1,
	.maxattr = NESTED_A_MAX,
	.policy = nested_policy,
	.module = THIS_MODULE,
	.ops = nested_ops,
	.n_ops = ARRAY_SIZE(nested_ops),
	RESV_START_OP(NESTED_CMD_SET)
};

static int __init nested_init(void)
{
	return genl_register_family(&nested_family);
}

static void __exit nested_exit(void)
{
	genl_unregister_family(&nested_family);
	kfree(shape);
}

module_init(nested_init);
module_exit(nested_exit);

MODULE_DESCRIPTION("A shape in nested attributes");
MODULE_LICENSE("GPL");
