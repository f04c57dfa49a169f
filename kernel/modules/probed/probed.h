/* SPDX-License-Identifier: GPL-2.0-only */
/* What the probed modules share: how a bug is switched on, and what differs between kernels. */
#ifndef PROBED_H
#define PROBED_H

#include <linux/kconfig.h>
#include <linux/module.h>
#include <linux/version.h>
#include <net/genetlink.h>

/* Whether this build has the bug of that name: Kbuild defines BUG_name for the module FAMILY_name. */
#define HAS_BUG(name) IS_ENABLED(BUG_##name)

/*
 * From this command on, 6.1 and later refuse requests whose reserved header bytes are not zero, and operations
 * with lenient validation.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
#define RESV_START_OP(command) .resv_start_op = (command),
#else
#define RESV_START_OP(command)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define nla_strscpy nla_strlcpy
#endif

/* The attributes of a dump's request. */
static inline struct nlattr **dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* The family's own header of a request. */
static inline void *request_header(struct genl_info *info)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return genl_info_userhdr(info);
#else
	return info->userhdr;
#endif
}

/* What pre_doit and post_doit get. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define HAS_SPLIT_OPS 1
typedef const struct genl_split_ops hook_ops;
#else
#define HAS_SPLIT_OPS 0
typedef const struct genl_ops hook_ops;
#endif

/* Tells a group of a namespace, or that it has missed something: those who listen need not have asked. */
static inline void tell(const struct genl_family *family, struct net *net, struct sk_buff *msg)
{
	if (msg)
		genlmsg_multicast_netns(family, net, msg, 0, 0, GFP_KERNEL);
	else
		genl_set_err((struct genl_family *)family, net, 0, 0, -ENOBUFS);
}

#endif
