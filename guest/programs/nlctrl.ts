// SPDX-License-Identifier: MIT
/** The parts of nlctrl that are used here: include/uapi/linux/genetlink.h. */

/** A family was registered; also the answer to a GETFAMILY. */
export const CTRL_CMD_NEWFAMILY = 1
/** A family was unregistered. */
export const CTRL_CMD_DELFAMILY = 2
/** Asks for a family by name or number, or with NLM_F_DUMP for all. */
export const CTRL_CMD_GETFAMILY = 3
/** A family got a group. */
export const CTRL_CMD_NEWMCAST_GRP = 7
/** A family lost a group. */
export const CTRL_CMD_DELMCAST_GRP = 8
/** Dumps the policies of a family, or of one command (kernels from 5.7 on, of one command from 5.10 on). */
export const CTRL_CMD_GETPOLICY = 10

/** The family's number, which is the type of its messages: u16. */
export const CTRL_ATTR_FAMILY_ID = 1
/** The family's name: a string. */
export const CTRL_ATTR_FAMILY_NAME = 2
/** The family's version: u32. */
export const CTRL_ATTR_VERSION = 3
/** Bytes of a header of its own after the genlmsghdr: u32. */
export const CTRL_ATTR_HDRSIZE = 4
/** The highest type of its attributes: u32. */
export const CTRL_ATTR_MAXATTR = 5
/** Its commands: a nest of nests of CTRL_ATTR_OP_*. */
export const CTRL_ATTR_OPS = 6
/** Its groups: a nest of nests of CTRL_ATTR_MCAST_GRP_*. */
export const CTRL_ATTR_MCAST_GROUPS = 7
/** Policies by their numbers: nests of nests of NL_POLICY_TYPE_ATTR_*. */
export const CTRL_ATTR_POLICY = 8
/** The number of the policy of each command, by CTRL_ATTR_POLICY_DO and _DUMP: nests of u32. */
export const CTRL_ATTR_OP_POLICY = 9

/** A command's number: u32. */
export const CTRL_ATTR_OP_ID = 1
/** Its flags (GENL_ADMIN_PERM, GENL_CMD_CAP_*): u32. */
export const CTRL_ATTR_OP_FLAGS = 2

/** A group's name: a string. */
export const CTRL_ATTR_MCAST_GRP_NAME = 1
/** A group's number, by which it is joined: u32. */
export const CTRL_ATTR_MCAST_GRP_ID = 2
