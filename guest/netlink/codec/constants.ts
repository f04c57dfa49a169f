// SPDX-License-Identifier: MIT
/** Numbers of include/uapi/linux/netlink.h and linux/genetlink.h, under their own names. */

// Protocols, the third argument of socket(2)
/** Links, addresses, routes, neighbours, rules: rtnetlink(7). */
export const NETLINK_ROUTE = 0
/** Between processes, without a kernel side: nobody answers requests. */
export const NETLINK_USERSOCK = 2
/** Information about sockets: sock_diag(7). */
export const NETLINK_SOCK_DIAG = 4
/** IPsec: policies and states. */
export const NETLINK_XFRM = 6
/** Events of SELinux. */
export const NETLINK_SELINUX = 7
/** Audit. */
export const NETLINK_AUDIT = 9
/** nfnetlink: nftables, conntrack, queues; changes come in batches. */
export const NETLINK_NETFILTER = 12
/** Devices that come and go: text, not messages. */
export const NETLINK_KOBJECT_UEVENT = 15
/** Families with names in place of protocol numbers: linux/genetlink.h. */
export const NETLINK_GENERIC = 16
/** Algorithms of the kernel's crypto API. */
export const NETLINK_CRYPTO = 21

// nlmsg_flags
/** A request to the kernel: it ignores messages without this flag. */
export const NLM_F_REQUEST = 0x01
/** One of several messages that answer a request; NLMSG_DONE is the last. */
export const NLM_F_MULTI = 0x02
/** Asks for an NLMSG_ERROR also when the request succeeds. */
export const NLM_F_ACK = 0x04
/** Asks for a copy of the notification of the change. */
export const NLM_F_ECHO = 0x08
/** The table has changed during the dump: messages may be missing or doubled. */
export const NLM_F_DUMP_INTR = 0x10
/** The dump has been filtered as the request asked for. */
export const NLM_F_DUMP_FILTERED = 0x20

// ... of a GET
/** All of the table, not one entry. */
export const NLM_F_ROOT = 0x100
/** All that match. */
export const NLM_F_MATCH = 0x200
/** An atomic snapshot of the table; no present family heeds it. */
export const NLM_F_ATOMIC = 0x400
/** All entries, as a dump. */
export const NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH

// ... of a NEW
/** Replaces what exists. */
export const NLM_F_REPLACE = 0x100
/** Fails with EEXIST if it exists. */
export const NLM_F_EXCL = 0x200
/** Creates what does not exist. */
export const NLM_F_CREATE = 0x400
/** Adds it at the end of a list. */
export const NLM_F_APPEND = 0x800

// ... of a DELETE
/** Not recursively. */
export const NLM_F_NONREC = 0x100
/** All that match, at once (kernels from 5.19 on). */
export const NLM_F_BULK = 0x200

// ... of an acknowledgement or error
/** The request's payload has been left out of the answer. */
export const NLM_F_CAPPED = 0x100
/** An extended acknowledgement follows: enum nlmsgerr_attrs. */
export const NLM_F_ACK_TLVS = 0x200

// nlmsg_type below a family's own
/** Does nothing; acknowledged with NLM_F_ACK. */
export const NLMSG_NOOP = 1
/** An error, or with error 0 an acknowledgement: struct nlmsgerr. */
export const NLMSG_ERROR = 2
/** The end of a dump. */
export const NLMSG_DONE = 3
/** Messages were lost: not in use, sockets have ENOBUFS. */
export const NLMSG_OVERRUN = 4
/** The first type of a family; those below are netlink's own. */
export const NLMSG_MIN_TYPE = 16

/** Bytes of a struct nlmsghdr. */
export const NLMSG_HDRLEN = 16
/** Bytes of a struct nlattr. */
export const NLA_HDRLEN = 4
/** Bytes of a struct genlmsghdr. */
export const GENL_HDRLEN = 4

// The two high bits of nla_type
/** In nla_type: the payload is attributes. */
export const NLA_F_NESTED = 0x8000
/** In nla_type: the payload is big-endian. */
export const NLA_F_NET_BYTEORDER = 0x4000
/** The bits of nla_type that are the type. */
export const NLA_TYPE_MASK = 0x3fff

/** The family nlctrl, which names all families of generic netlink. */
export const GENL_ID_CTRL = 16
