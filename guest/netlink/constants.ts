/** Numbers of include/uapi/linux/netlink.h and linux/genetlink.h, under their own names. */

// Protocols, the third argument of socket(2)
export const NETLINK_ROUTE = 0
export const NETLINK_USERSOCK = 2
export const NETLINK_SOCK_DIAG = 4
export const NETLINK_GENERIC = 16

// nlmsg_flags
export const NLM_F_REQUEST = 0x01
export const NLM_F_MULTI = 0x02
export const NLM_F_ACK = 0x04
export const NLM_F_ECHO = 0x08
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP_FILTERED = 0x20

// ... of a GET
export const NLM_F_ROOT = 0x100
export const NLM_F_MATCH = 0x200
export const NLM_F_ATOMIC = 0x400
export const NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH

// ... of a NEW
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

// ... of a DELETE
export const NLM_F_NONREC = 0x100
export const NLM_F_BULK = 0x200

// ... of an acknowledgement or error
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

// nlmsg_type below a family's own
export const NLMSG_NOOP = 1
export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
export const NLMSG_OVERRUN = 4
/** Types below this are netlink's own; a family's begin here. */
export const NLMSG_MIN_TYPE = 16

/** Bytes of a struct nlmsghdr. */
export const NLMSG_HDRLEN = 16
/** Bytes of a struct nlattr. */
export const NLA_HDRLEN = 4
/** Bytes of a struct genlmsghdr. */
export const GENL_HDRLEN = 4

// The two high bits of nla_type
export const NLA_F_NESTED = 0x8000
export const NLA_F_NET_BYTEORDER = 0x4000
export const NLA_TYPE_MASK = 0x3fff

/** The family of nlctrl itself, by which generic netlink families are found. */
export const GENL_ID_CTRL = 16
