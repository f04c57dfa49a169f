/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * User-space API of the nlexample module: listing 2 of Pablo Neira Ayuso,
 * "Communication between the kernel and user-space in Linux using Netlink
 * Sockets: Source code reference".
 */
#ifndef NLEXAMPLE_H
#define NLEXAMPLE_H

#include <linux/netlink.h>

#ifndef NETLINK_EXAMPLE
#define NETLINK_EXAMPLE 21
#endif

enum nlexample_msg_types {
	NLEX_MSG_BASE = NLMSG_MIN_TYPE,
	NLEX_MSG_UPD = NLEX_MSG_BASE,	/* set myvar; also what replies and notifications are */
	NLEX_MSG_GET,			/* ask for myvar */
	NLEX_MSG_MAX
};

enum nlexample_attr {
	NLE_UNSPEC,
	NLE_MYVAR,			/* u32 */
	/* add your new attributes here */
	__NLE_MAX,
};
#define NLE_MAX (__NLE_MAX - 1)

/* The group's number, and its bit in sockaddr_nl.nl_groups: for the first group they are the same. */
#define NLEX_GRP_MYVAR 1

#endif /* NLEXAMPLE_H */
