// SPDX-License-Identifier: MIT
/** The user-space API of the nlexample module: listing 2 of Neira Ayuso's source reference. */

/** The protocol number ("bus"). */
export const NETLINK_EXAMPLE = 21
/** Sets the variable; also the type of replies and notifications. */
export const NLEX_MSG_UPD = 16
/** Asks for the variable. */
export const NLEX_MSG_GET = 17
/** The variable's value, u32. */
export const NLE_MYVAR = 1
/** The group that is notified of updates, as a number; its mask is 1 as well. */
export const NLEX_GRP_MYVAR = 1
