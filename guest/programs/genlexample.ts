/** The user-space API of the genlexample module: listing 9 of Neira Ayuso's source reference. */

/** The family's name, by which nlctrl tells its number. */
export const NLEX_FAMILY_NAME = 'nlex'
/** What genlmsghdr's `version` is in its messages. */
export const NLEX_FAMILY_VERSION = 1
/** The group's name, by which nlctrl tells its number. */
export const NLEX_GRP_MYVAR_NAME = 'example'
/** Sets the variable; also what replies and notifications are. */
export const NLEX_CMD_UPD = 0
/** Asks for the variable. */
export const NLEX_CMD_GET = 1
/** The variable's value, u32: the same number as nlexample's. */
export { NLE_MYVAR } from './nlexample.ts'
