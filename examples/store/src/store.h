/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic netlink family "store": numbers by name. */
#ifndef STORE_H
#define STORE_H

#define STORE_FAMILY_NAME "store"
#define STORE_FAMILY_VERSION 1
#define STORE_GROUP_NAME "changes"

/* Bytes of a name, without its NUL. */
#define STORE_NAME_MAX 15

enum {
	STORE_CMD_UNSPEC,
	/* Sets a name's value, of a new name or one that is there. Needs CAP_NET_ADMIN. */
	STORE_CMD_SET,
	/* Asks for a name's value, or by NLM_F_DUMP for all. Answers are of this command too. */
	STORE_CMD_GET,
	/* Removes a name. Needs CAP_NET_ADMIN. */
	STORE_CMD_DELETE,
	/* As SET, for a new name only: generic netlink refuses NLM_F_EXCL since Linux 6.1. */
	STORE_CMD_ADD,
};

enum {
	STORE_ATTR_UNSPEC,
	STORE_ATTR_NAME,	/* string */
	STORE_ATTR_VALUE,	/* u32 */
	STORE_ATTR_LAST = STORE_ATTR_VALUE,
};

#endif
