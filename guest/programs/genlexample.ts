// SPDX-License-Identifier: MIT
/** The user-space API of the genlexample module: listing 9 of Neira Ayuso's source reference. */

/** The family's name, for nlctrl. */
export const NLEX_FAMILY_NAME = 'nlex'
/** The `version` in the genlmsghdr of its messages. */
export const NLEX_FAMILY_VERSION = 1
/** The group's name. */
export const NLEX_GRP_MYVAR_NAME = 'example'
/** Sets the variable; also the command of replies and notifications. */
export const NLEX_CMD_UPD = 0
/** Asks for the variable. */
export const NLEX_CMD_GET = 1
/** The variable's value, u32: the same number as nlexample's. */
export { NLE_MYVAR } from './nlexample.ts'
