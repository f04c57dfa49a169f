// SPDX-License-Identifier: MIT
/** The user-space API of the nlcustom module, after "Implementing a New Custom Netlink Family Protocol". */

/** The protocol number. */
export const NETLINK_CUSTOMFAMILY = 30
/** The group, as a number; its mask is 2 as well. */
export const NETLINK_MYGROUP = 2
