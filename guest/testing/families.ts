// SPDX-License-Identifier: MIT
import {
  type Attribute,
  GENL_HDRLEN,
  GENL_ID_CTRL,
  parseAttributes,
  parseMessages,
} from '../netlink/index.ts'

/** The names of generic netlink families that messages of nlctrl tell, by number; without nlctrl itself. */
export function familiesIn(datagrams: readonly Uint8Array[]): Map<number, string> {
  const families = new Map<number, string>()
  for (const attributes of messagesIn(datagrams)) {
    // CTRL_ATTR_FAMILY_ID of include/uapi/linux/genetlink.h
    const id = attributes.find(({ type }) => type === 1)?.payload
    const name = nameOf(attributes)
    if (id?.length === 2 && name !== undefined && id.readUInt16LE() !== GENL_ID_CTRL)
      families.set(id.readUInt16LE(), name)
  }
  return families
}

/** The names of these families' multicast groups, as FAMILY/GROUP, by number. */
export function groupsIn(datagrams: readonly Uint8Array[]): Map<number, string> {
  const groups = new Map<number, string>()
  for (const attributes of messagesIn(datagrams)) {
    const family = nameOf(attributes)
    try {
      // CTRL_ATTR_MCAST_GROUPS, in it CTRL_ATTR_MCAST_GRP_NAME and _ID
      for (const group of attributes.find(({ type }) => type === 7)?.attributes() ?? []) {
        const [name, id] = [1, 2].map(
          wanted => group.attributes().find(({ type }) => type === wanted)?.payload,
        )
        if (name && id?.length === 4) groups.set(id.readUInt32LE(), `${family}/${textOf(name)}`)
      }
    } catch {
      // malformed
    }
  }
  return groups
}

/** The attributes of messages that nlctrl has sent. */
function messagesIn(datagrams: readonly Uint8Array[]): Attribute[][] {
  return datagrams.flatMap(bytes => {
    try {
      return parseMessages(Buffer.from(bytes)).map(({ payload }) => parseAttributes(payload, GENL_HDRLEN))
    } catch {
      return [] // malformed, or an error
    }
  })
}

/** CTRL_ATTR_FAMILY_NAME */
function nameOf(attributes: readonly Attribute[]): string | undefined {
  const name = attributes.find(({ type }) => type === 2)?.payload
  return name && textOf(name)
}

function textOf(payload: Buffer): string {
  return payload.toString().replace(/\0.*$/s, '')
}
