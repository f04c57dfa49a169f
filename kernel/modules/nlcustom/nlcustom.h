/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* User-space API of the nlcustom module. */
#ifndef NLCUSTOM_H
#define NLCUSTOM_H

#define NETLINK_CUSTOMFAMILY 30

/* A group's number, for NETLINK_ADD_MEMBERSHIP; its bit in a bind mask is 1 << 1. */
#define NETLINK_MYGROUP 2

#endif /* NLCUSTOM_H */
