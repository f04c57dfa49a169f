/** The family that knows all generic netlink families, as far as it is used here: include/uapi/linux/genetlink.h. */

export const CTRL_CMD_NEWFAMILY = 1
export const CTRL_CMD_DELFAMILY = 2
export const CTRL_CMD_GETFAMILY = 3
export const CTRL_CMD_NEWMCAST_GRP = 7
export const CTRL_CMD_DELMCAST_GRP = 8
export const CTRL_CMD_GETPOLICY = 10

export const CTRL_ATTR_FAMILY_ID = 1
export const CTRL_ATTR_FAMILY_NAME = 2
export const CTRL_ATTR_VERSION = 3
export const CTRL_ATTR_HDRSIZE = 4
export const CTRL_ATTR_MAXATTR = 5
export const CTRL_ATTR_OPS = 6
export const CTRL_ATTR_MCAST_GROUPS = 7
export const CTRL_ATTR_POLICY = 8
export const CTRL_ATTR_OP_POLICY = 9

export const CTRL_ATTR_OP_ID = 1
export const CTRL_ATTR_OP_FLAGS = 2

export const CTRL_ATTR_MCAST_GRP_NAME = 1
export const CTRL_ATTR_MCAST_GRP_ID = 2
