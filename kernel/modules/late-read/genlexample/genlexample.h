/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * User-space API of the genlexample module: listing 9 of Pablo Neira Ayuso,
 * "Communication between the kernel and user-space in Linux using Netlink
 * Sockets: Source code reference". The family's and the group's numbers are
 * given out at run time: ask nlctrl for them by these names.
 */
#ifndef GENLEXAMPLE_H
#define GENLEXAMPLE_H

#define NLEX_FAMILY_NAME "nlex"
#define NLEX_FAMILY_VERSION 1
#define NLEX_GRP_MYVAR_NAME "example"

enum genlexample_cmds {
	/* Set myvar; also what replies and notifications are. 0, as printed, though most families avoid it. */
	NLEX_CMD_UPD = 0,
	NLEX_CMD_GET,			/* ask for myvar */
	NLEX_CMD_MAX
};

enum genlexample_attr {
	NLE_UNSPEC,
	NLE_MYVAR,			/* u32 */
	__NLE_MAX,
};
#define NLE_MAX (__NLE_MAX - 1)

#endif /* GENLEXAMPLE_H */
